//! Running the program, as tests of the command line do.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

/// What a command printed and how it exited.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("messages are text");
        Self { code: output.status.code().expect("no signal"), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The command did what it should.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// The command exited so; its results.
    #[track_caller]
    pub fn exits(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The command failed with an error that says this.
    #[track_caller]
    pub fn error(self, part: &str) -> Self {
        assert_eq!(self.code, 2, "{}\n{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(part), "`{part}` is not in:\n{}", self.stderr);
        assert!(self.stdout.is_empty(), "{}", self.stdout);
        self
    }
}

/// The program, in a folder and with nothing to read.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snnc"));
    command.current_dir(folder).env_remove("RUST_BACKTRACE").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}
