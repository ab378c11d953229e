//! Vectors of 32-bit numbers, and what a *word* of 32 bits in each of their lanes holds.
//!
//! A word is what a lane multiplies at once: four operands of 8 bits, two of 16 or one of 32, which stand together in memory. The products
//! of a word are added up in its lane. No network is loaded whose sums could overflow, so that lanes need not look.

use super::{Word, events::Halves};

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

#[cfg(target_arch = "aarch64")]
pub(super) use neon::{Dotprod, Neon};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use simd128::Simd128;

/// Lanes of 32 bits.
///
/// # Safety
/// Of all functions: the processor has the instructions; what is read or written lies within its object.
pub(super) trait Lanes: Copy {
    /// How many.
    const LEN: usize;
    /// `LEN` words.
    unsafe fn load(from: *const u32) -> Self;
    /// One word in every lane.
    unsafe fn splat(word: u32) -> Self;
    /// Adds to every lane the products of the words in `x`, of the operand, and `w`, of the weights.
    unsafe fn add_products(self, word: Word, x: Self, w: Self) -> Self;
    /// Writes `LEN` numbers.
    unsafe fn store(self, to: *mut i32);

    /// Whether products of bytes are faster if they are first added up in 16 bits, by [`Lanes::add_pairs`].
    const HAS_PAIRS: bool = false;
    /// Adds to both halves of every lane the products of two of its bytes. They must fit.
    unsafe fn add_pairs(self, _x: Self, _w: Self) -> Self {
        unreachable!("asked of lanes that have no pairs")
    }
    /// Adds both halves of every lane of `pairs`.
    unsafe fn add_halves(self, _pairs: Self) -> Self {
        unreachable!("asked of lanes that have no pairs")
    }
}

/// Lanes in plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Portable([u32; 8]);

impl Lanes for Portable {
    const LEN: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: the caller lets eight words be read.
        Self(unsafe { from.cast::<[u32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        Self([word; 8])
    }

    #[inline(always)]
    unsafe fn add_products(self, word: Word, x: Self, w: Self) -> Self {
        let half = |word: u32, high: bool| i32::from((if high { word >> 16 } else { word }) as i16);
        Self(core::array::from_fn(|lane| {
            let (x, w) = (x.0[lane], w.0[lane]);
            let products = match word {
                Word::Bytes => {
                    let product = |place: u32| ((x >> place) as u8 as i32).wrapping_mul(i32::from((w >> place) as i8));
                    (product(0) + product(8) + product(16) + product(24)) as u32
                }
                Word::Halves => (half(x, false) * half(w, false)).wrapping_add(half(x, true) * half(w, true)) as u32,
                Word::Whole => x.wrapping_mul(w),
            };
            self.0[lane].wrapping_add(products)
        }))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        // SAFETY: the caller lets eight numbers be written.
        unsafe { to.cast::<[u32; 8]>().write_unaligned(self.0) }
    }
}

/// Numbers of 16 bits in plain Rust.
#[derive(Clone, Copy)]
pub(super) struct PortableHalves([i16; 16]);

impl Halves for PortableHalves {
    const LEN: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0; 16])
    }

    #[inline(always)]
    unsafe fn add(self, bytes: *const i8) -> Self {
        // SAFETY: the caller lets sixteen bytes be read.
        let bytes = unsafe { bytes.cast::<[i8; 16]>().read() };
        Self(core::array::from_fn(|i| self.0[i].wrapping_add(i16::from(bytes[i]))))
    }

    #[inline(always)]
    unsafe fn subtract(self, bytes: *const i8) -> Self {
        // SAFETY: the caller lets sixteen bytes be read.
        let bytes = unsafe { bytes.cast::<[i8; 16]>().read() };
        Self(core::array::from_fn(|i| self.0[i].wrapping_sub(i16::from(bytes[i]))))
    }

    #[inline(always)]
    unsafe fn add_to(self, sums: *mut i32) {
        // SAFETY: the caller lets sixteen numbers be written.
        let sums = unsafe { &mut *sums.cast::<[i32; 16]>() };
        sums.iter_mut().zip(self.0).for_each(|(sum, number)| *sum = sum.wrapping_add(i32::from(number)));
    }
}
