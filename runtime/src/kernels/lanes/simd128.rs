//! Lanes of WebAssembly.

use super::{super::Word, Lanes};
use core::arch::wasm32::*;

/// 128-bit vectors.
#[derive(Clone, Copy)]
pub(in super::super) struct Simd128(v128);

impl Lanes for Simd128 {
    const LEN: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { v128_load(from.cast()) })
    }

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        Self(u32x4_splat(word))
    }

    #[inline(always)]
    unsafe fn add_products(self, word: Word, x: Self, w: Self) -> Self {
        let (x, w) = (x.0, w.0);
        let products = match word {
            Word::Bytes => {
                let even = i32x4_dot_i16x8(v128_and(x, u16x8_splat(0xFF)), i16x8_shr(i16x8_shl(w, 8), 8));
                i32x4_add(even, i32x4_dot_i16x8(u16x8_shr(x, 8), i16x8_shr(w, 8)))
            }
            Word::Halves => i32x4_dot_i16x8(x, w),
            Word::Whole => i32x4_mul(x, w),
        };
        Self(i32x4_add(self.0, products))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        // SAFETY: as the caller promises.
        unsafe { v128_store(to.cast(), self.0) }
    }
}
