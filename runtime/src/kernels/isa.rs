//! Instruction sets: which one there is, and loops that are compiled for each.

use crate::error::LoadError;

/// Which instructions the products of a network use. Results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// What every processor of the target has.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Isa {
    const ALL: [(Self, &'static str); 3] = [(Self::Portable, "portable"), (Self::Avx2, "avx2"), (Self::Avx512, "avx512")];

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Portable => true,
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Portable;
    }

    /// All that this processor has, the widest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.iter().map(|(isa, _)| *isa).filter(|isa| isa.is_available()).collect()
    }

    /// The names of those, as `SNNC_ISA` has them.
    pub(crate) fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().filter(|(isa, _)| isa.is_available()).map(|(_, name)| *name).collect();
        names.join(", ")
    }

    /// The one that `SNNC_ISA` names; without it, the widest.
    ///
    /// # Errors
    /// If it names none that this processor has.
    pub(crate) fn choose() -> Result<Self, LoadError> {
        let Some(wanted) = std::env::var_os("SNNC_ISA") else {
            return Ok(Self::available().pop().unwrap_or(Self::Portable));
        };
        let found = Self::ALL.iter().find(|(isa, name)| wanted == *name && isa.is_available());
        found.map(|(isa, _)| *isa).ok_or_else(|| LoadError::Isa(wanted.to_string_lossy().into_owned()))
    }

    /// Runs the version of a loop that was compiled for this instruction set.
    pub(super) fn run<L: Loop>(self, body: L) -> L::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<L: Loop>(body: L) -> L::Output {
                body.run()
            }
            #[target_feature(enable = "avx2")]
            fn avx2<L: Loop>(body: L) -> L::Output {
                body.run()
            }
            assert!(self.is_available(), "instructions that this processor lacks");
            match self {
                // SAFETY: the processor has it, by the assertion.
                Self::Avx512 => return unsafe { avx512(body) },
                // SAFETY: the processor has it, by the assertion.
                Self::Avx2 => return unsafe { avx2(body) },
                Self::Portable => {}
            }
        }
        body.run()
    }
}

/// A loop to be compiled for every instruction set. `run` must be `#[inline(always)]`, as must all that it calls, or the inner code keeps
/// the instructions of the target.
pub(super) trait Loop {
    type Output;
    fn run(self) -> Self::Output;
}
