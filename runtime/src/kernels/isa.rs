//! Instruction sets: which ones there are, and loops that are compiled for each.

use super::{
    Word,
    narrow::{Narrow, Plain},
};
use crate::error::LoadError;
use alloc::{string::String, vec::Vec};

/// Which instructions the loops of a network use. Results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// What every processor of the target has.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX2 and AVX-VNNI.
    AvxVnni,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// x86-64 with these and AVX-512 VNNI.
    Avx512Vnni,
    /// x86-64 with these and the tiles of AMX-INT8, on Linux.
    Amx,
    /// 64-bit ARM with NEON, as all have it.
    Neon,
    /// 64-bit ARM with the dot product of bytes.
    Dotprod,
    /// WebAssembly with 128-bit vectors.
    Simd128,
}

impl Isa {
    /// All of them; those of one target from the narrowest to the widest.
    pub const ALL: [Self; 9] =
        [Self::Portable, Self::Avx2, Self::AvxVnni, Self::Avx512, Self::Avx512Vnni, Self::Amx, Self::Neon, Self::Dotprod, Self::Simd128];

    /// The name that `SNNC_ISA` knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::Dotprod => "dotprod",
            Self::Simd128 => "simd128",
        }
    }

    /// Whether this processor has it. For [`Isa::Amx`] the first call asks Linux to let this process use tiles.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("popcnt"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::AvxVnni => Self::Avx2.is_available() && std::is_x86_feature_detected!("avxvnni"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512Vnni => Self::Avx512.is_available() && std::is_x86_feature_detected!("avx512vnni"),
            Self::Amx => super::amx::is_available(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[cfg(all(target_arch = "aarch64", feature = "std"))]
            Self::Dotprod => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => true,
            _ => false,
        }
    }

    /// All that this processor has, the widest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|isa| isa.is_available()).collect()
    }

    /// The names of those, as `SNNC_ISA` has them.
    pub(crate) fn names() -> String {
        let names: Vec<&str> = Self::available().into_iter().map(Self::name).collect();
        names.join(", ")
    }

    /// The widest that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    /// The one that `SNNC_ISA` names; without it, the widest.
    ///
    /// # Errors
    /// If it names none that this processor has.
    pub(crate) fn choose() -> Result<Self, LoadError> {
        #[cfg(feature = "std")]
        if let Some(wanted) = std::env::var_os("SNNC_ISA") {
            let found = Self::ALL.into_iter().find(|isa| wanted == *isa.name() && isa.is_available());
            return found.ok_or_else(|| LoadError::Isa(wanted.to_string_lossy().into_owned()));
        }
        Ok(Self::best())
    }

    /// What operands of at most `most`, none negative if `is_unsigned`, are best kept and multiplied as, by weights of `weight_bits`.
    pub(crate) fn word(self, most: i32, is_unsigned: bool, weight_bits: u32) -> Word {
        let fits_byte = most <= if is_unsigned { i32::from(u8::MAX) } else { i32::from(i8::MAX) };
        let has_bytes = match self {
            Self::AvxVnni | Self::Avx512Vnni | Self::Amx | Self::Dotprod => true,
            // Pairs of products of small numbers fit in 16 bits.
            Self::Avx2 | Self::Avx512 => is_unsigned && most <= super::MOST_SMALL,
            _ => false,
        };
        match (fits_byte && has_bytes && weight_bits == 8, most <= i32::from(i16::MAX)) {
            (true, _) => Word::Bytes,
            (false, true) => Word::Halves,
            (false, false) => Word::Whole,
        }
    }

    /// What a 0 is among bytes: what is kept is the number and this. The instructions for products of bytes want operands of one kind: on x86-64
    /// without a sign, on ARM with one.
    pub(crate) fn byte_zero(self, is_unsigned: bool) -> u8 {
        if is_unsigned == (self == Self::Dotprod) { 128 } else { 0 }
    }

    /// Events for each entry of an operand, up to which a product by events takes less time than one by words. An entry is read by `readers`
    /// rows, each of which makes `outputs`.
    ///
    /// In cycles for an entry, the one takes `readers · outputs / products`; the other takes `LOOK` to look at it and, if it is an event, `KEEP` to
    /// write it down and `event` for every row and block of outputs. Measured on layers of VGG16 and ResNet20 (`runtime/examples/speed.rs`);
    /// products of AMX are those of its better moments (`docs/decisions/013-tiles.md`).
    pub(crate) fn most_events(self, readers: f32, outputs: usize) -> f32 {
        const LOOK: f32 = 2.0;
        const KEEP: f32 = 12.0;
        let (products, event) = match self {
            Self::Amx => (700.0, 3.0),
            Self::Avx512Vnni => (110.0, 3.0),
            Self::Avx512 => (80.0, 4.0),
            Self::AvxVnni => (45.0, 4.0),
            Self::Dotprod => (30.0, 8.0),
            Self::Avx2 => (35.0, 4.0),
            Self::Neon | Self::Simd128 => (8.0, 8.0),
            Self::Portable => (4.0, 16.0),
        };
        let by_words = readers * outputs as f32 / products;
        let most = (by_words - LOOK) / (KEEP + readers * outputs.div_ceil(super::MOST_SUMS) as f32 * event);
        // Hardly any layer is as silent: to look for its events would be in vain.
        if most < 0.03 { 0.0 } else { most }
    }

    /// Runs the version of a loop that was compiled for this instruction set.
    #[inline]
    pub(crate) fn run<L: Loop>(self, body: L) -> L::Output {
        #[cfg(target_arch = "x86_64")]
        {
            use super::narrow::{Avx2, Avx512};

            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
            fn avx512<L: Loop>(body: L) -> L::Output {
                body.run::<Avx512>()
            }
            #[target_feature(enable = "avx2,popcnt")]
            fn avx2<L: Loop>(body: L) -> L::Output {
                body.run::<Avx2>()
            }
            debug_assert!(self.is_available(), "instructions that this processor lacks");
            match self {
                // SAFETY: a network is only given instructions that the processor has.
                Self::Avx512 | Self::Avx512Vnni | Self::Amx => return unsafe { avx512(body) },
                // SAFETY: as before.
                Self::Avx2 | Self::AvxVnni => return unsafe { avx2(body) },
                _ => {}
            }
        }
        body.run::<Plain>()
    }
}

/// A loop to be compiled for every instruction set. `run` must be `#[inline(always)]`, as must all that it calls, or the inner code keeps
/// the instructions of the target.
pub(crate) trait Loop {
    /// What it returns.
    type Output;
    /// The loop; products of narrow numbers are made by `N`.
    fn run<N: Narrow>(self) -> Self::Output;
}
