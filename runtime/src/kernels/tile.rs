//! The inner product of convolutions: a few rows of weights times a panel of places, in 32-bit lanes.
//!
//! A *word* of 32 bits holds two operands of 16 bits that stand for neighbouring channels, or one of 32 bits. Weights come in words of the same
//! kind, so that a lane adds up products of two pairs or of one; which of both is the type parameter.

use super::Isa;

/// Rows of weights of a tile.
pub(super) const ROWS: usize = 8;
/// Places of a tile.
pub(super) const PLACES: usize = 32;

/// Sums of a tile: rows of places.
pub(super) type Sums = [[i32; PLACES]; ROWS];

/// What a word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Two numbers of 16 bits.
    Pair,
    /// One of 32 bits.
    Single,
}

impl Word {
    /// Channels of a word.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Pair => 2,
            Self::Single => 1,
        }
    }
}

/// The word of two numbers, which have 16 bits.
#[inline(always)]
pub(super) fn pair(low: i32, high: i32) -> u32 {
    (low as u32 & 0xFFFF) | (high as u32) << 16
}

/// Lanes of 32 bits.
trait Lanes: Copy {
    const LEN: usize;
    fn zero() -> Self;
    /// # Safety
    /// The processor has the instructions, and `LEN` words can be read.
    unsafe fn load(from: *const u32) -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn splat(word: u32) -> Self;
    /// `self + a · b`, of pairs or of singles.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn add_product<const PAIRS: bool>(self, a: Self, b: Self) -> Self;
    /// # Safety
    /// The processor has the instructions, and `LEN` numbers can be written.
    unsafe fn store(self, to: *mut i32);
}

#[derive(Clone, Copy)]
struct Portable([u32; 8]);

impl Lanes for Portable {
    const LEN: usize = 8;

    #[inline(always)]
    fn zero() -> Self {
        Self([0; 8])
    }

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
    unsafe fn add_product<const PAIRS: bool>(self, a: Self, b: Self) -> Self {
        let half = |word: u32, high: bool| i32::from((if high { word >> 16 } else { word }) as i16);
        Self(std::array::from_fn(|lane| {
            let (a, b) = (a.0[lane], b.0[lane]);
            let product = if PAIRS {
                (half(a, false) * half(b, false)).wrapping_add(half(a, true) * half(b, true)) as u32
            } else {
                a.wrapping_mul(b)
            };
            self.0[lane].wrapping_add(product)
        }))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        // SAFETY: the caller lets eight numbers be written.
        unsafe { to.cast::<[u32; 8]>().write_unaligned(self.0) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    impl Lanes for __m256i {
        const LEN: usize = 8;

        #[inline(always)]
        fn zero() -> Self {
            // SAFETY: all bits of a vector of integers may be 0.
            unsafe { std::mem::zeroed() }
        }

        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn splat(word: u32) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm256_set1_epi32(word as i32) }
        }

        #[inline(always)]
        unsafe fn add_product<const PAIRS: bool>(self, a: Self, b: Self) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm256_add_epi32(self, if PAIRS { _mm256_madd_epi16(a, b) } else { _mm256_mullo_epi32(a, b) }) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut i32) {
            // SAFETY: as the caller promises.
            unsafe { _mm256_storeu_si256(to.cast(), self) }
        }
    }

    impl Lanes for __m512i {
        const LEN: usize = 16;

        #[inline(always)]
        fn zero() -> Self {
            // SAFETY: all bits of a vector of integers may be 0.
            unsafe { std::mem::zeroed() }
        }

        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        unsafe fn splat(word: u32) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm512_set1_epi32(word as i32) }
        }

        #[inline(always)]
        unsafe fn add_product<const PAIRS: bool>(self, a: Self, b: Self) -> Self {
            // SAFETY: as the caller promises.
            unsafe { _mm512_add_epi32(self, if PAIRS { _mm512_madd_epi16(a, b) } else { _mm512_mullo_epi32(a, b) }) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut i32) {
            // SAFETY: as the caller promises.
            unsafe { _mm512_storeu_si512(to.cast(), self) }
        }
    }
}

/// A tile of `rows` rows and `vectors` vectors of places, from `row` and `place` on.
///
/// # Safety
/// The processor has the instructions of `L`; the tile lies within `sums`.
#[inline(always)]
unsafe fn block<L: Lanes, const PAIRS: bool, const R: usize, const V: usize>(
    weights: &[[u32; ROWS]],
    panel: &[[u32; PLACES]],
    row: usize,
    place: usize,
    sums: &mut Sums,
) {
    debug_assert!(row + R <= ROWS && place + V * L::LEN <= PLACES, "the tile lies within the sums");
    let mut lanes = [[L::zero(); V]; R];
    for (weights, words) in weights.iter().zip(panel) {
        // SAFETY: the places lie within the panel's line, by the promise of the caller.
        let x: [L; V] = std::array::from_fn(|v| unsafe { L::load(words.as_ptr().add(place + v * L::LEN)) });
        for (r, lanes) in lanes.iter_mut().enumerate() {
            // SAFETY: the instructions are there.
            let w = unsafe { L::splat(weights[row + r]) };
            for (lanes, &x) in lanes.iter_mut().zip(&x) {
                // SAFETY: the instructions are there.
                *lanes = unsafe { lanes.add_product::<PAIRS>(w, x) };
            }
        }
    }
    for (r, lanes) in lanes.iter().enumerate() {
        for (v, lanes) in lanes.iter().enumerate() {
            // SAFETY: the places lie within the row of sums.
            unsafe { lanes.store(sums[row + r].as_mut_ptr().add(place + v * L::LEN)) };
        }
    }
}

/// `sums[r][p] = Σ_k weights[k][r] · panel[k][p]`.
pub(super) fn product(isa: Isa, word: Word, weights: &[[u32; ROWS]], panel: &[[u32; PLACES]], sums: &mut Sums) {
    match word {
        Word::Pair => of_words::<true>(isa, weights, panel, sums),
        Word::Single => of_words::<false>(isa, weights, panel, sums),
    }
}

fn of_words<const PAIRS: bool>(isa: Isa, weights: &[[u32; ROWS]], panel: &[[u32; PLACES]], sums: &mut Sums) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m256i, __m512i};

        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn avx512<const PAIRS: bool>(weights: &[[u32; ROWS]], panel: &[[u32; PLACES]], sums: &mut Sums) {
            // SAFETY: the instructions are those of this function.
            unsafe { block::<__m512i, PAIRS, ROWS, 2>(weights, panel, 0, 0, sums) }
        }
        #[target_feature(enable = "avx2")]
        fn avx2<const PAIRS: bool>(weights: &[[u32; ROWS]], panel: &[[u32; PLACES]], sums: &mut Sums) {
            for row in [0, 4] {
                for place in [0, 16] {
                    // SAFETY: the instructions are those of this function.
                    unsafe { block::<__m256i, PAIRS, 4, 2>(weights, panel, row, place, sums) }
                }
            }
        }
        assert!(isa.is_available(), "instructions that this processor lacks");
        match isa {
            // SAFETY: the processor has it, by the assertion.
            Isa::Avx512 => return unsafe { avx512::<PAIRS>(weights, panel, sums) },
            // SAFETY: the processor has it, by the assertion.
            Isa::Avx2 => return unsafe { avx2::<PAIRS>(weights, panel, sums) },
            Isa::Portable => {}
        }
    }
    let _ = isa;
    for row in (0..ROWS).step_by(2) {
        for place in (0..PLACES).step_by(8) {
            // SAFETY: portable lanes need no instructions of their own.
            unsafe { block::<Portable, PAIRS, 2, 1>(weights, panel, row, place, sums) }
        }
    }
}
