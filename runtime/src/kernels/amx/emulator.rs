//! The tile instructions in software, for unit tests on processors that lack them.
//!
//! Such an instruction raises `SIGILL`. The handler reads it as the processor's manual says, does to the registers of the thread what it would do, and goes
//! on behind it. Whatever the processor would refuse (a register that is not set up, shapes that do not fit, an instruction that it does not know)
//! ends the process with a message.

use core::cell::{Cell, UnsafeCell};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::sync::OnceLock;

/// Registers of palette 1, rows of each, and bytes of a row.
const REGISTERS: usize = 8;
const ROWS: usize = 16;
const BYTES: usize = 64;

#[derive(Clone, Copy)]
struct Register {
    rows: usize,
    bytes: usize,
    data: [[u8; BYTES]; ROWS],
}

const EMPTY: Register = Register { rows: 0, bytes: 0, data: [[0; BYTES]; ROWS] };

thread_local! {
    /// The registers of this thread; all empty if they are not set up.
    static REGISTERS_OF_THREAD: UnsafeCell<[Register; REGISTERS]> = const { UnsafeCell::new([EMPTY; REGISTERS]) };
    /// Products of tiles so far.
    static PRODUCTS: Cell<usize> = const { Cell::new(0) };
}

/// Whether the process emulates.
static IS_INSTALLED: OnceLock<()> = OnceLock::new();

/// Products of tiles that this thread has emulated so far; none if the processor has tiles, or lacks even what goes with them.
pub(crate) fn products() -> Option<usize> {
    super::is_available();
    IS_INSTALLED.get().map(|()| PRODUCTS.get())
}

/// Makes the process emulate.
pub(super) fn install() {
    // SAFETY: the handler calls nothing that a handler must not call: it works on memory of the thread, writes to stderr and aborts.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = on_illegal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigemptyset(&raw mut action.sa_mask);
        assert_eq!(libc::sigaction(libc::SIGILL, &raw const action, core::ptr::null_mut()), 0, "the handler is installed");
    }
    IS_INSTALLED.get_or_init(|| ());
}

/// Ends the process.
fn refuse(why: &str) -> ! {
    for text in ["emulated tiles: ", why, "\n"] {
        // SAFETY: the text can be read.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: it does not return.
    unsafe { libc::abort() }
}

fn demand(holds: bool, why: &str) {
    if !holds {
        refuse(why);
    }
}

extern "C" fn on_illegal(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the system hands over the context of the interrupted instruction, which is only ours.
    let general = unsafe { &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs };
    let mut code = Code { at: general[libc::REG_RIP as usize] as *const u8, general };
    // SAFETY: they are plain memory of the thread, which only this handler uses.
    let registers = REGISTERS_OF_THREAD.with(|registers| unsafe { &mut *registers.get() });
    execute(&mut code, registers);
    let next = code.at as i64;
    general[libc::REG_RIP as usize] = next;
}

/// The instruction, read byte by byte, and the general registers.
struct Code<'c> {
    at: *const u8,
    general: &'c [i64],
}

/// An address: where it is, and the index times its scale.
struct Address {
    base: usize,
    index: usize,
}

impl Code<'_> {
    fn byte(&mut self) -> u8 {
        // SAFETY: the processor has read the instruction; a prefix that is not a tile's has no more bytes read.
        let byte = unsafe { self.at.read() };
        self.at = self.at.wrapping_add(1);
        byte
    }

    fn displacement(&mut self, bytes: usize) -> usize {
        let mut number = [0; 4];
        number[..bytes].fill_with(|| self.byte());
        match bytes {
            0 => 0,
            1 => number[0] as i8 as usize,
            _ => i32::from_le_bytes(number) as usize,
        }
    }

    /// A general register by its number in instructions.
    fn register(&self, number: u8) -> usize {
        use libc::*;
        const ORDER: [c_int; 16] = [
            REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13,
            REG_R14, REG_R15,
        ];
        self.general[ORDER[usize::from(number)] as usize] as usize
    }

    /// The operand in memory, whose bits 3 of base and index stand in the prefix.
    fn address(&mut self, modrm: u8, base_high: u8, index_high: u8, needs_index: bool) -> Address {
        let (mode, low) = (modrm >> 6, modrm & 7);
        demand(mode != 3, "an operand is not in memory");
        demand(low == 4 || !needs_index, "an address without a stride");
        let wide = match mode {
            0 => 0,
            1 => 1,
            _ => 4,
        };
        if low != 4 {
            if mode == 0 && low == 5 {
                let displacement = self.displacement(4);
                return Address { base: (self.at as usize).wrapping_add(displacement), index: 0 };
            }
            let base = self.register(base_high << 3 | low);
            return Address { base: base.wrapping_add(self.displacement(wide)), index: 0 };
        }
        let sib = self.byte();
        let (scale, index, base) = (sib >> 6, index_high << 3 | sib >> 3 & 7, base_high << 3 | sib & 7);
        let index = if index == 4 { 0 } else { self.register(index) << scale };
        let (base, wide) = if mode == 0 && sib & 7 == 5 { (0, 4) } else { (self.register(base), wide) };
        Address { base: base.wrapping_add(self.displacement(wide)), index }
    }
}

/// Prefixes that are a part of the opcode.
const NONE: u8 = 0;
const X66: u8 = 1;
const XF3: u8 = 2;
const XF2: u8 = 3;

fn execute(code: &mut Code<'_>, registers: &mut [Register; REGISTERS]) {
    const UNKNOWN: &str = "an instruction that is none of tiles";
    demand(code.byte() == 0xC4, UNKNOWN);
    let [first, second] = [code.byte(), code.byte()];
    demand(first & 0x1F == 2 && second & 0x84 == 0, UNKNOWN);
    // These bits are kept inverted.
    let (reg_high, index_high, base_high) = (!first >> 7, !first >> 6 & 1, !first >> 5 & 1);
    let (other, prefix) = (!second >> 3 & 15, second & 3);
    let [opcode, modrm] = [code.byte(), code.byte()];
    let (is_memory, reg, low) = (modrm >> 6 != 3, usize::from(modrm >> 3 & 7), usize::from(modrm & 7));
    demand(reg_high == 0, "a tile register beyond 7");
    demand(opcode == 0x5E || other == 0, UNKNOWN);
    match (opcode, prefix, is_memory) {
        (0x49, NONE, true) if reg == 0 => configure(code.address(modrm, base_high, index_high, false).base as *const [u8; 64], registers),
        (0x49, NONE, false) if (reg, low) == (0, 0) => *registers = [EMPTY; REGISTERS],
        (0x49, XF2, false) if low == 0 => valid(&mut registers[reg]).data = EMPTY.data,
        (0x4B, XF2 | X66, true) => {
            let from = code.address(modrm, base_high, index_high, true);
            let register = valid(&mut registers[reg]);
            register.data = EMPTY.data;
            for row in 0..register.rows {
                let from = from.base.wrapping_add(row.wrapping_mul(from.index)) as *const u8;
                // SAFETY: the processor would read it.
                unsafe { from.copy_to_nonoverlapping(register.data[row].as_mut_ptr(), register.bytes) };
            }
        }
        (0x4B, XF3, true) => {
            let to = code.address(modrm, base_high, index_high, true);
            let register = valid(&mut registers[reg]);
            for row in 0..register.rows {
                let to = to.base.wrapping_add(row.wrapping_mul(to.index)) as *mut u8;
                // SAFETY: the processor would write it.
                unsafe { to.copy_from_nonoverlapping(register.data[row].as_ptr(), register.bytes) };
            }
        }
        (0x5E, _, false) => {
            demand(other < 8 && base_high == 0, "a tile register beyond 7");
            let other = usize::from(other);
            demand(reg != low && reg != other && low != other, "a product of one register with itself");
            let (x, w) = (*valid(&mut registers[low]), *valid(&mut registers[other]));
            let is_signed = match prefix {
                NONE => [false, false],
                X66 => [false, true],
                XF3 => [true, false],
                _ => [true, true],
            };
            multiply(valid(&mut registers[reg]), &x, &w, is_signed);
        }
        _ => refuse(UNKNOWN),
    }
}

/// A register that is set up.
fn valid(register: &mut Register) -> &mut Register {
    demand(register.rows > 0, "a tile register that is not set up");
    register
}

fn configure(from: *const [u8; 64], registers: &mut [Register; REGISTERS]) {
    // SAFETY: the processor would read it.
    let bytes = unsafe { from.read() };
    *registers = [EMPTY; REGISTERS];
    if bytes[0] == 0 {
        return;
    }
    demand(bytes[0] == 1, "a palette that there is not");
    demand(bytes[1] == 0, "a start in the middle of a tile");
    demand(
        bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]).all(|&byte| byte == 0),
        "bytes of a configuration that have no meaning",
    );
    for (index, register) in registers.iter_mut().enumerate() {
        let (rows, len) = (usize::from(bytes[48 + index]), usize::from(bytes[16 + 2 * index]) | usize::from(bytes[17 + 2 * index]) << 8);
        demand(rows <= ROWS && len <= BYTES, "a tile that is too large");
        demand((rows == 0) == (len == 0), "a tile with rows or columns only");
        (register.rows, register.bytes) = (rows, len);
    }
}

/// `sums[m][n] += Σ x[m][k] · w[k / 4][n][k % 4]`, with or without a sign.
fn multiply(sums: &mut Register, x: &Register, w: &Register, is_signed: [bool; 2]) {
    demand([&*sums, x, w].iter().all(|register| register.bytes.is_multiple_of(4)), "a tile of a part of a word");
    demand(x.rows == sums.rows && w.bytes == sums.bytes && w.rows * 4 == x.bytes, "tiles that do not fit");
    PRODUCTS.set(PRODUCTS.get() + 1);
    let number = |byte: u8, is_signed: bool| if is_signed { i32::from(byte as i8) } else { i32::from(byte) };
    for m in 0..sums.rows {
        let mut row = [0i32; BYTES / 4];
        row.iter_mut().zip(sums.data[m].as_chunks().0).for_each(|(sum, bytes)| *sum = i32::from_le_bytes(*bytes));
        for k in 0..x.bytes {
            let x = number(x.data[m][k], is_signed[0]);
            for (n, sum) in row.iter_mut().enumerate().take(sums.bytes / 4) {
                *sum = sum.wrapping_add(x * number(w.data[k / 4][4 * n + k % 4], is_signed[1]));
            }
        }
        // What is behind the columns is made 0, as are the rows behind the last: loading did so already.
        let row = row.map(i32::to_le_bytes);
        sums.data[m][..sums.bytes].copy_from_slice(&row.as_flattened()[..sums.bytes]);
    }
}

mod tests {
    use super::*;
    use crate::kernels::{Isa, Tiles};
    use core::arch::asm;
    use std::{os::unix::process::ExitStatusExt, process::Command};

    /// What ends the process, and what it says.
    const WRONG: [(&str, &str); 8] = [
        ("nothing is set up", "a tile register that is not set up"),
        ("everything was released", "a tile register that is not set up"),
        ("one register twice", "a product of one register with itself"),
        ("rows that do not fit", "tiles that do not fit"),
        ("palette 2", "a palette that there is not"),
        ("17 rows", "a tile that is too large"),
        ("no columns", "a tile with rows or columns only"),
        ("no tile", "an instruction that is none of tiles"),
    ];

    /// Sets registers 0 to 2 up.
    fn configure(palette: u8, shapes: [(u8, u8); 3]) {
        let mut bytes = [0u8; 64];
        bytes[0] = palette;
        for (register, (rows, columns)) in shapes.into_iter().enumerate() {
            (bytes[48 + register], bytes[16 + 2 * register]) = (rows, columns);
        }
        // SAFETY: the emulator carries it out.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const bytes, options(nostack)) };
    }

    fn do_wrong(what: &str) {
        const FULL: (u8, u8) = (16, 64);
        // SAFETY: the emulator ends the process.
        unsafe {
            match what {
                "nothing is set up" => asm!("tilezero tmm3"),
                "everything was released" => {
                    drop(Tiles::new(Isa::Amx));
                    asm!("tdpbusd tmm0, tmm1, tmm2");
                }
                "one register twice" => {
                    configure(1, [FULL; 3]);
                    // The assembler refuses `tdpbusd tmm0, tmm1, tmm1`.
                    asm!(".byte 0xC4, 0xE2, 0x71, 0x5E, 0xC1");
                }
                "rows that do not fit" => {
                    configure(1, [(15, 64), FULL, FULL]);
                    asm!("tdpbusd tmm0, tmm1, tmm2");
                }
                "palette 2" => configure(2, [FULL; 3]),
                "17 rows" => configure(1, [(17, 64), FULL, FULL]),
                "no columns" => configure(1, [(16, 0), FULL, FULL]),
                _ => asm!("ud2"),
            }
        }
    }

    /// The test starts itself again for each, since the process ends.
    #[test]
    fn what_the_processor_refuses_ends_the_process() {
        const WHAT: &str = "SNNC_TEST_WRONG_TILES";
        if products().is_none() {
            return;
        }
        if let Some(what) = std::env::var_os(WHAT) {
            return do_wrong(what.to_str().unwrap());
        }
        let name = std::thread::current().name().unwrap().to_owned();
        for (what, message) in WRONG {
            let run =
                Command::new(std::env::current_exe().unwrap()).args(["--exact", &name, "--nocapture"]).env(WHAT, what).output().unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.signal(), Some(libc::SIGABRT), "{what}: {said}");
            assert!(said.contains(message), "{what}: {said}");
        }
    }

    /// A product small enough to be worked out by hand: two rows of eight bytes, two outputs.
    #[test]
    fn the_first_operand_has_no_sign_and_the_second_has() {
        if products().is_none() {
            return;
        }
        let x: [u8; 16] = [255, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 200];
        // By word of the row, then output.
        let w: [i8; 16] = [-128, 1, 0, 0, 127, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, -1];
        let mut sums = [10i32, 20, 30, 40];
        configure(1, [(2, 8); 3]);
        // SAFETY: each address has two rows of eight bytes.
        unsafe {
            asm!(
                "tileloadd tmm0, [{sums} + {pitch}*1]",
                "tileloadd tmm1, [{x} + {pitch}*1]",
                "tileloadd tmm2, [{w} + {pitch}*1]",
                "tdpbusd tmm0, tmm1, tmm2",
                "tilestored [{sums} + {pitch}*1], tmm0",
                "tilerelease",
                sums = in(reg) sums.as_mut_ptr(),
                x = in(reg) x.as_ptr(),
                w = in(reg) w.as_ptr(),
                pitch = in(reg) 8usize,
                options(nostack)
            );
        }
        assert_eq!(sums, [10 - 255 * 128 + 1 + 4 + 5 + 6 + 7, 20 + 255 * 127 - 7, 30 + 200, 40 - 200]);
    }
}
