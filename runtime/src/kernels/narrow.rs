//! Products of numbers that fit in 16 bits, one in each lane of 32. An instruction that multiplies pairs of halves makes them, in less time than one
//! that multiplies lanes: the second half of a pair meets a 0.

use super::Block;

/// How they are made.
pub(crate) trait Narrow: Copy {
    /// `sum + x · w` for numbers of 16 bits with a sign, of which those of `w` are given by [`half`].
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn add_products(sum: Block, x: Block, w: &Block) -> Block;
}

/// A weight of 16 bits in the lower half of a lane, and 0 above it.
pub(crate) fn half(weight: i32) -> i32 {
    weight & 0xFFFF
}

/// In plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Narrow for Plain {
    #[inline(always)]
    unsafe fn add_products(sum: Block, x: Block, w: &Block) -> Block {
        core::array::from_fn(|lane| sum[lane].wrapping_add(x[lane].wrapping_mul(i32::from(w[lane] as i16))))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Block, Narrow};
    use core::{arch::x86_64::*, mem::transmute};

    /// With AVX2.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Narrow for Avx2 {
        #[inline(always)]
        unsafe fn add_products(sum: Block, x: Block, w: &Block) -> Block {
            // SAFETY: a block is as large as its vectors; the caller promises the instructions.
            unsafe {
                let sum = transmute::<Block, [__m256i; 2]>(sum);
                let x = transmute::<Block, [__m256i; 2]>(x);
                let w = transmute::<Block, [__m256i; 2]>(*w);
                let low = _mm256_add_epi32(sum[0], _mm256_madd_epi16(x[0], w[0]));
                let high = _mm256_add_epi32(sum[1], _mm256_madd_epi16(x[1], w[1]));
                transmute::<[__m256i; 2], Block>([low, high])
            }
        }
    }

    /// With AVX-512 BW.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    impl Narrow for Avx512 {
        #[inline(always)]
        unsafe fn add_products(sum: Block, x: Block, w: &Block) -> Block {
            // SAFETY: as before.
            unsafe {
                let products = _mm512_madd_epi16(transmute::<Block, __m512i>(x), transmute::<Block, __m512i>(*w));
                transmute::<__m512i, Block>(_mm512_add_epi32(transmute::<Block, __m512i>(sum), products))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Isa, Loop};

    struct All<'a>(&'a [[i32; 2]]);

    impl Loop for All<'_> {
        type Output = Vec<i32>;

        #[inline(always)]
        fn run<N: Narrow>(self) -> Vec<i32> {
            // SAFETY: the instructions are those of the version that runs.
            self.0.iter().map(|&[x, w]| unsafe { N::add_products([7; 16], [x; 16], &[half(w); 16])[5] }).collect()
        }
    }

    #[test]
    fn products_of_any_halves_are_exact() {
        let ends = [-32768, -32767, -256, -255, -1, 0, 1, 2, 255, 256, 32766, 32767];
        let pairs: Vec<[i32; 2]> = ends.iter().flat_map(|&x| ends.map(|w| [x, w])).collect();
        let expected: Vec<i32> = pairs.iter().map(|[x, w]| 7 + x * w).collect();
        for isa in Isa::available() {
            assert_eq!(isa.run(All(&pairs)), expected, "{isa:?}");
        }
    }
}
