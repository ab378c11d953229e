//! Number formats that a weight may be written in.

/// A floating-point format, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of binary32.
    Bf16,
    /// IEEE 754 binary64.
    F64,
}

impl Element {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::F64];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F64 => "f64",
        }
    }

    /// Bytes of a number.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Greatest relative error of a normal number that is rounded to the format, and to f32 before.
    pub(crate) fn rounding(self) -> f32 {
        match self {
            Self::F16 => 1.0 / 2048.0,
            Self::Bf16 => 1.0 / 256.0 / 2.0,
            Self::F32 | Self::F64 => 1.2e-7,
        }
    }

    /// Appends the number, rounded to nearest, ties to even.
    pub(crate) fn write(self, value: f32, to: &mut Vec<u8>) {
        match self {
            Self::F32 => to.extend(value.to_le_bytes()),
            Self::F16 => to.extend(to_f16(value).to_le_bytes()),
            Self::Bf16 => to.extend(to_bf16(value).to_le_bytes()),
            Self::F64 => to.extend(f64::from(value).to_le_bytes()),
        }
    }

    /// The numbers as bytes.
    pub(crate) fn bytes(self, values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(values.len() * self.width());
        for &value in values {
            self.write(value, &mut bytes);
        }
        bytes
    }

    /// The number at the start of `bytes`, which are enough.
    #[inline(always)]
    pub(crate) fn read(self, bytes: &[u8]) -> f32 {
        match self {
            Self::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            Self::F16 => from_f16(u16::from_le_bytes([bytes[0], bytes[1]])),
            Self::Bf16 => f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16),
            Self::F64 => f64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]) as f32,
        }
    }
}

fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

fn to_f16(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = value.abs();
    if magnitude.is_nan() {
        return sign | 0x7E00;
    }
    if magnitude >= 65520.0 {
        return sign | 0x7C00;
    }
    if magnitude < 6.103_515_6e-5 {
        // Subnormal: multiples of 2⁻²⁴. Adding 1.5·2²³ rounds to a whole number, ties to even.
        let rounded = magnitude * 16_777_216.0 + 12_582_912.0;
        return sign | (rounded.to_bits() & 0xFFFF) as u16;
    }
    let bits = magnitude.to_bits() - (112 << 23);
    sign | ((bits + 0xFFF + (bits >> 13 & 1)) >> 13) as u16
}

#[inline(always)]
fn from_f16(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let rest = u32::from(half & 0x7FFF);
    if rest >= 0x7C00 {
        return f32::from_bits(sign | 0x7F80_0000 | rest << 13);
    }
    // Without the bias of 112 more, as a number that is too small by 2¹¹²; exact for subnormal ones too.
    let scaled = f32::from_bits(rest << 13) * f32::from_bits((112 + 127) << 23);
    f32::from_bits(scaled.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_the_standard() {
        let known: [(f32, u16); 12] = [
            (1.0, 0x3C00),
            (-2.0, 0xC000),
            (65504.0, 0x7BFF),
            (65519.9, 0x7BFF),
            (65520.0, 0x7C00),
            (5.960_464_5e-8, 0x0001),
            (6.097_555e-5, 0x03FF),
            (6.103_515_6e-5, 0x0400),
            (0.333_251_95, 0x3555),
            (0.0, 0),
            (-0.0, 0x8000),
            (2.980_232_2e-8, 0),
        ];
        for (value, half) in known {
            assert_eq!(to_f16(value), half, "{value}");
        }
        // Every number of the format stands for itself; between two of them the even one, then the nearest.
        for half in (0..0x7BFFu16).step_by(1) {
            let (low, high) = (from_f16(half), from_f16(half + 1));
            let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
            assert_eq!((to_f16(low), to_f16(-low)), (half, half | 0x8000));
            assert_eq!(to_f16(middle), half + (half & 1), "{half:x}");
            assert_eq!(to_f16(f32::from_bits(middle.to_bits() + 1)), half + 1);
        }
        assert!(from_f16(0x7C00).is_infinite() && from_f16(0x7E00).is_nan() && to_f16(f32::NAN) & 0x7FFF == 0x7E00);
    }

    #[test]
    fn upper_halves_round_to_even() {
        let known = [
            (1.0f32, 0x3F80u16),
            (f32::from_bits(0x3F80_8000), 0x3F80),
            (f32::from_bits(0x3F81_8000), 0x3F82),
            (f32::from_bits(0x3F80_8001), 0x3F81),
        ];
        for (value, half) in known {
            assert_eq!(to_bf16(value), half);
        }
        for element in Element::ALL {
            let mut bytes = Vec::new();
            element.write(-0.375, &mut bytes);
            assert_eq!((bytes.len(), element.read(&bytes)), (element.width(), -0.375));
        }
    }
}
