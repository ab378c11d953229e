//! Whether there are tiles: in the processor, in the system, and for this process.

use super::super::Isa;
use core::arch::{
    asm,
    x86_64::{__cpuid, __cpuid_count},
};
use std::sync::OnceLock;

/// Whether the processor and the system have AMX-INT8, besides AVX-512 VNNI for all that is no product of bytes. Asks the system for the registers,
/// once a process; it refuses where a thread has a stack for signals that is too small for them.
pub(crate) fn is_available() -> bool {
    static IS_AVAILABLE: OnceLock<bool> = OnceLock::new();
    *IS_AVAILABLE.get_or_init(|| Isa::Avx512Vnni.is_available() && (has_tiles() && is_permitted() || is_emulated()))
}

/// Whether the processor has the instructions and the system keeps the registers.
fn has_tiles() -> bool {
    const TILE_AND_INT8: u32 = 0b11 << 24;
    const CONFIGURATION_AND_DATA: u32 = 0b11 << 17;
    const LEAF: u32 = 0x1D;
    if __cpuid(0).eax < LEAF || __cpuid_count(7, 0).edx & TILE_AND_INT8 != TILE_AND_INT8 {
        return false;
    }
    let enabled: u32;
    // SAFETY: AVX-512 is only there where the system says what it keeps.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") enabled, out("edx") _, options(nomem, nostack, preserves_flags)) };
    // Palette 1, which the configuration wants: 8 registers of 16 rows, 64 bytes each.
    let palette = __cpuid_count(LEAF, 1);
    enabled & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA
        && palette.ebx >> 16 >= 8
        && palette.ebx & 0xFFFF == 64
        && palette.ecx & 0xFFFF == 16
}

/// Asks Linux for the registers, for all threads of the process: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
fn is_permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: the call touches no memory of the process; a system that does not know it says so.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result == 0
}

/// Unit tests carry the instructions out themselves where the processor does not.
#[cfg(test)]
fn is_emulated() -> bool {
    super::emulator::install();
    true
}

/// Nothing else does.
#[cfg(not(test))]
fn is_emulated() -> bool {
    false
}
