//! Lanes of 64-bit ARM, with and without the instructions for products of bytes.

use super::{super::Word, Lanes};
use core::arch::aarch64::*;

/// What both have in common: all but the products.
macro_rules! lanes {
    ($name:ident, $what:literal, $bytes:expr) => {
        #[doc = $what]
        #[derive(Clone, Copy)]
        pub(in super::super) struct $name(int32x4_t);

        impl Lanes for $name {
            const LEN: usize = 4;

            #[inline(always)]
            unsafe fn load(from: *const u32) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { vld1q_s32(from.cast()) })
            }

            #[inline(always)]
            unsafe fn splat(word: u32) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { vdupq_n_s32(word as i32) })
            }

            #[inline(always)]
            unsafe fn add_products(self, word: Word, x: Self, w: Self) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe {
                    match word {
                        Word::Bytes => $bytes(self.0, x.0, w.0),
                        Word::Halves => halves(self.0, vreinterpretq_s16_s32(x.0), vreinterpretq_s16_s32(w.0)),
                        Word::Whole => vmlaq_s32(self.0, x.0, w.0),
                    }
                })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut i32) {
                // SAFETY: as the caller promises.
                unsafe { vst1q_s32(to, self.0) }
            }
        }
    };
}

/// The products of both halves of each lane, added.
#[inline(always)]
unsafe fn halves(sum: int32x4_t, x: int16x8_t, w: int16x8_t) -> int32x4_t {
    // SAFETY: as the caller promises.
    unsafe {
        let low = vmull_s16(vget_low_s16(x), vget_low_s16(w));
        let high = vmull_high_s16(x, w);
        vaddq_s32(sum, vpaddq_s32(low, high))
    }
}

/// The products of the four bytes of each lane. No network runs on it: values are kept in halves there. It is here so that every word has a
/// meaning on all lanes.
#[inline(always)]
unsafe fn bytes(sum: int32x4_t, x: int32x4_t, w: int32x4_t) -> int32x4_t {
    // SAFETY: as the caller promises.
    unsafe {
        let (x, w) = (vreinterpretq_u8_s32(x), vreinterpretq_s8_s32(w));
        // The eight products of two lanes, added in pairs.
        let two = |x: uint8x8_t, w: int8x8_t| {
            let (x, w) = (vreinterpretq_s16_u16(vmovl_u8(x)), vmovl_s8(w));
            vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(w)), vmull_high_s16(x, w))
        };
        let (low, high) = (two(vget_low_u8(x), vget_low_s8(w)), two(vget_high_u8(x), vget_high_s8(w)));
        vaddq_s32(sum, vpaddq_s32(low, high))
    }
}

/// The products of the four bytes of each lane, of which those of the operand have a sign too: see [`super::super::Isa::byte_zero`].
#[inline(always)]
unsafe fn dot(mut sum: int32x4_t, x: int32x4_t, w: int32x4_t) -> int32x4_t {
    // SAFETY: the instruction only writes its first operand; the caller promises that the processor has it.
    unsafe {
        // The intrinsic is not stable.
        core::arch::asm!("sdot {sum:v}.4s, {x:v}.16b, {w:v}.16b", sum = inout(vreg) sum, x = in(vreg) x, w = in(vreg) w,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

lanes!(Neon, "NEON.", bytes);
lanes!(Dotprod, "NEON with the dot product of bytes.", dot);
