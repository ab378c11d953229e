//! Compiles a loop several times, for wider vector units, and picks the widest at run time.
//!
//! Only the width changes: Rust neither reorders float sums nor fuses multiply and add on its own, so every version
//! returns the same bits.

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
        #[target_feature(enable = "avx2")]
        fn avx2<L: Loop>(body: L) -> L::Output {
            body.run()
        }
        if has_avx512() {
            // SAFETY: the features were just detected.
            return unsafe { avx512(body) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was just detected.
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

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Lanes, has_avx512};

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
            // SAFETY: sixteen readable floats; the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            let mut values = [0.0; LANES];
            // SAFETY: sixteen writable floats; the instructions exist by the contract of the trait.
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
            values
        }

        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the instructions exist by the contract of the trait.
            Self(unsafe { _mm512_add_ps(self.0, _mm512_mul_ps(a.0, b.0)) })
        }
    }

    /// Two registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    impl Lanes for Avx2 {
        #[inline(always)]
        fn available() -> bool {
            is_x86_feature_detected!("avx2")
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            // SAFETY: sixteen readable floats; the instructions exist by the contract of the trait.
            unsafe { Self(_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))) }
        }

        #[inline(always)]
        fn store(self) -> [f32; LANES] {
            let mut values = [0.0; LANES];
            // SAFETY: sixteen writable floats; the instructions exist by the contract of the trait.
            unsafe {
                _mm256_storeu_ps(values.as_mut_ptr(), self.0);
                _mm256_storeu_ps(values.as_mut_ptr().add(8), self.1);
            }
            values
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
}
