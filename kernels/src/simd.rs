//! Compiles a loop several times, for wider vector units, and picks the widest at run time.
//!
//! Only the width changes: Rust neither reorders float sums nor fuses multiply and add on its own, so every version
//! returns the same bits. Loops that want them fused say so ([`Fused`]).

/// A loop to be compiled for several vector widths. `run` must be `#[inline(always)]`, as must all that it calls, or
/// the inner code keeps the baseline width.
pub(crate) trait Loop {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs the version of `body` for the widest vectors of this processor.
#[inline]
pub(crate) fn dispatch<L: Loop>(body: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
        fn avx512<L: Loop>(body: L) -> L::Output {
            body.run()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<L: Loop>(body: L) -> L::Output {
            body.run()
        }
        if has_avx512() {
            // SAFETY: the features were just detected.
            return unsafe { avx512(body) };
        }
        if has_avx2() {
            // SAFETY: the features were just detected.
            return unsafe { avx2(body) };
        }
    }
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
}

#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Lanes of a running sum. Fixed, so that the order of summation does not depend on the processor.
pub(crate) const LANES: usize = 16;

/// Sixteen floats for loops that the compiler fails to keep in registers by itself. Every implementation computes the
/// same bits.
pub(crate) trait Lanes: Copy {
    /// Whether this processor has the instructions; otherwise no other method may be called.
    fn available() -> bool;
    fn load(values: &[f32; LANES]) -> Self;
    fn store(self) -> [f32; LANES];
    /// `self + a * b`, rounded twice.
    fn add_product(self, a: Self, b: Self) -> Self;
}

impl Lanes for [f32; LANES] {
    #[inline(always)]
    fn available() -> bool {
        true
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        *values
    }

    #[inline(always)]
    fn store(self) -> [f32; LANES] {
        self
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + a[lane] * b[lane])
    }
}

/// The rest of the arithmetic of a Winograd convolution, for processors that round `a + b * c` once. Every
/// implementation computes the same bits.
pub(crate) trait Fused: Lanes {
    /// Every lane holds `value`.
    fn splat(value: f32) -> Self;
    /// # Safety
    /// Sixteen floats can be read there, and the first lies on a cache line.
    unsafe fn read(values: *const f32) -> Self;
    /// # Safety
    /// Sixteen floats can be written there, and the first lies on a cache line.
    unsafe fn write(self, values: *mut f32);
    /// Asks for a line that is going to be read. Any address will do.
    fn prefetch(values: *const f32);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self + a * b`, rounded once.
    fn add_fused(self, a: Self, b: Self) -> Self;
    /// `max(0, self)` that keeps NaN and minus zero.
    fn rectify(self) -> Self;
    /// The values at even and at odd places of `self` followed by `next`.
    fn unzip(self, next: Self) -> [Self; 2];
    /// The inverse of [`Fused::unzip`].
    fn zip(self, odd: Self) -> [Self; 2];
}

/// Rows become columns. Four rounds of a perfect shuffle of the rows, as cards are shuffled.
#[inline(always)]
pub(crate) fn transpose<V: Fused>(mut rows: [V; LANES]) -> [V; LANES] {
    for _ in 0..4 {
        let before = rows;
        for i in 0..LANES / 2 {
            [rows[2 * i], rows[2 * i + 1]] = before[i].zip(before[i + LANES / 2]);
        }
    }
    rows
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;
    use std::mem::transmute;

    use super::{Fused, LANES, Lanes, has_avx2, has_avx512};

    /// One register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    impl Lanes for Avx512 {
        #[inline(always)]
        fn available() -> bool {
            has_avx512()
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            // SAFETY: any floats are a vector. (`_mm512_loadu_ps` would check its pointer wherever assertions are on.)
            Self(unsafe { transmute::<[f32; LANES], __m512>(*values) })
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            // SAFETY: a vector is its floats.
            unsafe { transmute::<__m512, [f32; LANES]>(self.0) }
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_add_ps(self.0, _mm512_mul_ps(a.0, b.0)) })
        }
    }

    impl Fused for Avx512 {
        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn read(values: *const f32) -> Self {
            // SAFETY: promised by the caller; the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_load_ps(values) })
        }

        #[inline(always)]
        unsafe fn write(self, values: *mut f32) {
            // SAFETY: promised by the caller; the instructions exist by the contract of the trait.
            unsafe { _mm512_store_ps(values, self.0) }
        }

        #[inline(always)]
        fn prefetch(values: *const f32) {
            // SAFETY: the instruction exists by the contract of the trait, and faults nowhere.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(values.cast()) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        fn add_fused(self, a: Self, b: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        fn rectify(self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait. `max` returns its second operand for NaN.
            Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
        }

        #[inline(always)]
        fn unzip(self, next: Self) -> [Self; 2] {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe {
                let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
                [Self(_mm512_permutex2var_ps(self.0, even, next.0)), Self(_mm512_permutex2var_ps(self.0, odd, next.0))]
            }
        }

        #[inline(always)]
        fn zip(self, odd: Self) -> [Self; 2] {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe {
                let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
                [Self(_mm512_permutex2var_ps(self.0, low, odd.0)), Self(_mm512_permutex2var_ps(self.0, high, odd.0))]
            }
        }
    }

    /// Two registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    impl Lanes for Avx2 {
        #[inline(always)]
        fn available() -> bool {
            has_avx2()
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            // SAFETY: any floats are two vectors.
            let [low, high] = unsafe { transmute::<[f32; LANES], [__m256; 2]>(*values) };
            Self(low, high)
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            // SAFETY: two vectors are their floats.
            unsafe { transmute::<[__m256; 2], [f32; LANES]>([self.0, self.1]) }
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe {
                let low = _mm256_add_ps(self.0, _mm256_mul_ps(a.0, b.0));
                let high = _mm256_add_ps(self.1, _mm256_mul_ps(a.1, b.1));
                Self(low, high)
            }
        }
    }

    impl Fused for Avx2 {
        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
        }

        #[inline(always)]
        unsafe fn read(values: *const f32) -> Self {
            // SAFETY: promised by the caller; the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_load_ps(values), _mm256_load_ps(values.wrapping_add(8))) }
        }

        #[inline(always)]
        unsafe fn write(self, values: *mut f32) {
            // SAFETY: promised by the caller; the instructions exist by the contract of the trait.
            unsafe {
                _mm256_store_ps(values, self.0);
                _mm256_store_ps(values.wrapping_add(8), self.1);
            }
        }

        #[inline(always)]
        fn prefetch(values: *const f32) {
            // SAFETY: the instruction exists by the contract of the trait, and faults nowhere.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(values.cast()) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn add_fused(self, a: Self, b: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_fmadd_ps(a.0, b.0, self.0), _mm256_fmadd_ps(a.1, b.1, self.1)) }
        }

        #[inline(always)]
        fn rectify(self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait. `max` returns its second operand for NaN.
            unsafe {
                let zero = _mm256_setzero_ps();
                Self(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
            }
        }

        #[inline(always)]
        fn unzip(self, next: Self) -> [Self; 2] {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe {
                let order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
                // Not closures, which would be compiled without the instructions.
                let even = _mm256_shuffle_ps::<0b10_00_10_00>(self.0, self.1);
                let odd = _mm256_shuffle_ps::<0b11_01_11_01>(self.0, self.1);
                let next_even = _mm256_shuffle_ps::<0b10_00_10_00>(next.0, next.1);
                let next_odd = _mm256_shuffle_ps::<0b11_01_11_01>(next.0, next.1);
                [
                    Self(_mm256_permutevar8x32_ps(even, order), _mm256_permutevar8x32_ps(next_even, order)),
                    Self(_mm256_permutevar8x32_ps(odd, order), _mm256_permutevar8x32_ps(next_odd, order)),
                ]
            }
        }

        #[inline(always)]
        fn zip(self, odd: Self) -> [Self; 2] {
            // SAFETY: the instructions exist by the contract of the trait.
            unsafe {
                let (a, b) = (_mm256_unpacklo_ps(self.0, odd.0), _mm256_unpackhi_ps(self.0, odd.0));
                let (c, d) = (_mm256_unpacklo_ps(self.1, odd.1), _mm256_unpackhi_ps(self.1, odd.1));
                [
                    Self(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
                    Self(_mm256_permute2f128_ps::<0x20>(c, d), _mm256_permute2f128_ps::<0x31>(c, d)),
                ]
            }
        }
    }
}
