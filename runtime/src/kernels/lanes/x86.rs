//! Lanes of x86-64: AVX2 and AVX-512, each with and without the instructions for products of bytes (VNNI).

use super::{
    super::{Word, events::Halves},
    Lanes,
};
use core::arch::x86_64::*;

/// Lanes of one vector type, with products as `$products` makes them of `(sum, x, w)`.
macro_rules! lanes {
    ($name:ident, $what:literal, $vector:ty, $len:literal, $load:ident, $splat:ident, $store:ident, $bytes:expr, $halves:expr, $whole:expr $(, $pairs:expr, $sum:expr)?) => {
        #[doc = $what]
        #[derive(Clone, Copy)]
        pub(in super::super) struct $name($vector);

        impl Lanes for $name {
            const LEN: usize = $len;

            #[inline(always)]
            unsafe fn load(from: *const u32) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $load(from.cast()) })
            }

            #[inline(always)]
            unsafe fn splat(word: u32) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $splat(word as i32) })
            }

            #[inline(always)]
            unsafe fn add_products(self, word: Word, x: Self, w: Self) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe {
                    match word {
                        Word::Bytes => $bytes(self.0, x.0, w.0),
                        Word::Halves => $halves(self.0, x.0, w.0),
                        Word::Whole => $whole(self.0, x.0, w.0),
                    }
                })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut i32) {
                // SAFETY: as the caller promises.
                unsafe { $store(to.cast(), self.0) }
            }

            $(
                const HAS_PAIRS: bool = true;

                #[inline(always)]
                unsafe fn add_pairs(self, x: Self, w: Self) -> Self {
                    // SAFETY: as the caller promises.
                    Self(unsafe { $pairs(self.0, x.0, w.0) })
                }

                #[inline(always)]
                unsafe fn add_halves(self, pairs: Self) -> Self {
                    // SAFETY: as the caller promises.
                    Self(unsafe { $sum(self.0, pairs.0) })
                }
            )?
        }
    };
}

/// Products of any bytes without an instruction for them: `vpmaddubsw` would saturate, so bytes become halves first. No network runs on it: values
/// are kept in halves there, or are so small that pairs of products fit. It is here so that every word has a meaning on all lanes.
#[inline(always)]
unsafe fn bytes_256(sum: __m256i, x: __m256i, w: __m256i) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe {
        let even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
        let odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
        _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
    }
}

/// As [`bytes_256`].
#[inline(always)]
unsafe fn bytes_512(sum: __m512i, x: __m512i, w: __m512i) -> __m512i {
    // SAFETY: as the caller promises.
    unsafe {
        let even = _mm512_madd_epi16(_mm512_and_si512(x, _mm512_set1_epi16(0xFF)), _mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8));
        let odd = _mm512_madd_epi16(_mm512_srli_epi16(x, 8), _mm512_srai_epi16(w, 8));
        _mm512_add_epi32(sum, _mm512_add_epi32(even, odd))
    }
}

lanes!(
    Avx2,
    "AVX2.",
    __m256i,
    8,
    _mm256_loadu_si256,
    _mm256_set1_epi32,
    _mm256_storeu_si256,
    bytes_256,
    |sum, x, w| _mm256_add_epi32(sum, _mm256_madd_epi16(x, w)),
    |sum, x, w| _mm256_add_epi32(sum, _mm256_mullo_epi32(x, w)),
    |sum, x, w| _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, w)),
    |sum, pairs| _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
);
lanes!(
    AvxVnni,
    "AVX2 with AVX-VNNI.",
    __m256i,
    8,
    _mm256_loadu_si256,
    _mm256_set1_epi32,
    _mm256_storeu_si256,
    |sum, x, w| _mm256_dpbusd_avx_epi32(sum, x, w),
    |sum, x, w| _mm256_dpwssd_avx_epi32(sum, x, w),
    |sum, x, w| _mm256_add_epi32(sum, _mm256_mullo_epi32(x, w))
);
lanes!(
    Avx512,
    "AVX-512.",
    __m512i,
    16,
    _mm512_loadu_si512,
    _mm512_set1_epi32,
    _mm512_storeu_si512,
    bytes_512,
    |sum, x, w| _mm512_add_epi32(sum, _mm512_madd_epi16(x, w)),
    |sum, x, w| _mm512_add_epi32(sum, _mm512_mullo_epi32(x, w)),
    |sum, x, w| _mm512_add_epi16(sum, _mm512_maddubs_epi16(x, w)),
    |sum, pairs| _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
);
lanes!(
    Avx512Vnni,
    "AVX-512 with VNNI.",
    __m512i,
    16,
    _mm512_loadu_si512,
    _mm512_set1_epi32,
    _mm512_storeu_si512,
    |sum, x, w| _mm512_dpbusd_epi32(sum, x, w),
    |sum, x, w| _mm512_dpwssd_epi32(sum, x, w),
    |sum, x, w| _mm512_add_epi32(sum, _mm512_mullo_epi32(x, w))
);

/// Numbers of 16 bits in a vector.
macro_rules! halves {
    ($name:ident, $what:literal, $vector:ty, $len:literal, $zero:ident, $read:expr, $add:ident, $sub:ident, $low:expr, $high:expr,
     $load:ident, $add32:ident, $store:ident) => {
        #[doc = $what]
        #[derive(Clone, Copy)]
        pub(in super::super) struct $name($vector);

        impl Halves for $name {
            const LEN: usize = $len;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $zero() })
            }

            #[inline(always)]
            unsafe fn add(self, bytes: *const i8) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $add(self.0, $read(bytes)) })
            }

            #[inline(always)]
            unsafe fn subtract(self, bytes: *const i8) -> Self {
                // SAFETY: as the caller promises.
                Self(unsafe { $sub(self.0, $read(bytes)) })
            }

            #[inline(always)]
            unsafe fn add_to(self, sums: *mut i32) {
                // SAFETY: as the caller promises.
                unsafe {
                    let (low, high) = (sums.cast::<$vector>(), sums.add($len / 2).cast::<$vector>());
                    $store(low.cast(), $add32($load(low.cast()), $low(self.0)));
                    $store(high.cast(), $add32($load(high.cast()), $high(self.0)));
                }
            }
        }
    };
}

halves!(
    Halves256,
    "AVX2.",
    __m256i,
    16,
    _mm256_setzero_si256,
    |bytes: *const i8| _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes.cast())),
    _mm256_add_epi16,
    _mm256_sub_epi16,
    |x| _mm256_cvtepi16_epi32(_mm256_castsi256_si128(x)),
    |x| _mm256_cvtepi16_epi32(_mm256_extracti128_si256(x, 1)),
    _mm256_loadu_si256,
    _mm256_add_epi32,
    _mm256_storeu_si256
);
halves!(
    Halves512,
    "AVX-512.",
    __m512i,
    32,
    _mm512_setzero_si512,
    |bytes: *const i8| _mm512_cvtepi8_epi16(_mm256_loadu_si256(bytes.cast())),
    _mm512_add_epi16,
    _mm512_sub_epi16,
    |x| _mm512_cvtepi16_epi32(_mm512_castsi512_si256(x)),
    |x| _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(x, 1)),
    _mm512_loadu_si512,
    _mm512_add_epi32,
    _mm512_storeu_si512
);
