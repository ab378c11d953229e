//! What the user sees of a running command: warnings, progress bars, timings, dumps. All of it goes to standard error.

use super::interrupt;
use super::render::Style;
use super::target;
use crate::observer::{Observer, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use snnc_ir::{Diagnostic, Graph};
use snnc_targets::Profile;
use std::{
    collections::BTreeSet,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors alone.
    Quiet,
    /// Warnings and a line about the result too.
    Normal,
    /// Stages and passes too.
    Verbose,
}

impl Verbosity {
    /// As typed: `-q`, `-v`.
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Verbose,
            _ => Self::Normal,
        }
    }
}

/// The observer of the command line.
#[derive(Debug)]
pub(crate) struct Console {
    style: Style,
    verbosity: Verbosity,
    /// What warnings are about, where they do not say so.
    subject: String,
    bar: Option<ProgressBar>,
    /// Stages that have begun and are not over, as indices of `timings`, the innermost last.
    open: Vec<usize>,
    dump_after: BTreeSet<String>,
    /// What the network is held to.
    target: Option<Profile>,
    timings: Vec<Timing>,
    warnings: usize,
    start: Instant,
}

#[derive(Debug)]
struct Timing {
    name: &'static str,
    depth: usize,
    elapsed: Duration,
    note: &'static str,
}

impl Console {
    /// A console for a command about `subject`.
    pub(crate) fn new(style: Style, verbosity: Verbosity, subject: impl Into<String>) -> Self {
        Self {
            style,
            verbosity,
            subject: subject.into(),
            bar: None,
            open: Vec::new(),
            dump_after: BTreeSet::new(),
            target: None,
            timings: Vec::new(),
            warnings: 0,
            start: Instant::now(),
        }
    }

    /// Prints the graph after these passes; `all` stands for every pass.
    pub(crate) fn dump_after(mut self, passes: &[String]) -> Self {
        self.dump_after = passes.iter().cloned().collect();
        self
    }

    /// Stops a compilation whose network will not fit this target, as soon as that can be told.
    pub(crate) fn for_target(mut self, target: Option<Profile>) -> Self {
        self.target = target;
        self
    }

    /// Number of warnings that were given.
    pub(crate) fn warnings(&self) -> usize {
        self.warnings
    }

    /// Prints a line unless the user wants quiet.
    pub(crate) fn say(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.print(text);
        }
    }

    /// Prints a line if the user wants to know more.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.print(text);
        }
    }

    /// Prints a line in any case.
    pub(crate) fn print(&self, text: &str) {
        let write = || {
            // Who closed standard error does not want to hear of it.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// The table of stages and passes.
    pub(crate) fn timing_table(&self) -> String {
        let total = self.start.elapsed();
        let width = self.timings.iter().map(|t| t.name.len() + 2 * t.depth).max().unwrap_or(0).max("stage or pass".len());
        let mut table = format!("{:<width$}  {:>10}  {:>6}\n", "stage or pass", "time", "share");
        for timing in &self.timings {
            let share = 100.0 * timing.elapsed.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            let name = format!("{}{}", "  ".repeat(timing.depth), timing.name);
            table += &format!("{name:<width$}  {:>10}  {share:>5.1}%{}\n", seconds(timing.elapsed), timing.note);
        }
        table += &format!("{:<width$}  {:>10}  {:>5.1}%", "total", seconds(total), 100.0);
        table
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Observer for Console {
    fn objections(&self, float: &Graph) -> Vec<Diagnostic> {
        self.target.as_ref().map_or_else(Vec::new, |profile| target::objections(float, profile))
    }

    fn stage(&mut self, name: &'static str, total: Option<u64>) {
        self.clear();
        interrupt::allow(name == "train");
        self.timings.push(Timing { name, depth: self.open.len(), elapsed: Duration::ZERO, note: "" });
        self.open.push(self.timings.len() - 1);
        self.detail(&format!("{name} ..."));
        if self.verbosity >= Verbosity::Normal && std::io::stderr().is_terminal() {
            let template = if total.is_some() { "{msg} [{bar:30}] {pos}/{len} ({eta})" } else { "{spinner} {msg} ({elapsed})" };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_style(style).with_message(name);
            reveal_later(&bar);
            self.bar = Some(bar);
        }
    }

    fn progress(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    fn trained(&mut self, progress: &Progress) {
        let Progress { epoch, epochs, loss, agreeing: (agreeing, of), samples_per_second } = progress;
        let agrees = 100.0 * *agreeing as f64 / (*of).max(1) as f64;
        let text = format!("loss {loss:.4}, agrees on {agrees:.1} %, {samples_per_second:.0} samples/s");
        if let Some(bar) = &self.bar {
            bar.set_message(format!("train: {text}"));
        }
        self.detail(&format!("  epoch {epoch} of {epochs}: {text}"));
    }

    fn is_interrupted(&self) -> bool {
        interrupt::is_wanted()
    }

    fn stage_done(&mut self, elapsed: Duration) {
        self.clear();
        interrupt::allow(false);
        if let Some(at) = self.open.pop() {
            let stage = &mut self.timings[at];
            stage.elapsed = elapsed;
            let name = stage.name;
            self.detail(&format!("{name} took {}", seconds(elapsed)));
        }
    }

    fn pass_done(&mut self, name: &'static str, changed: bool, elapsed: Duration, graph: &Graph) {
        let note = if changed { "" } else { "  (no change)" };
        self.timings.push(Timing { name, depth: self.open.len(), elapsed, note });
        self.detail(&format!("  {name} took {}{note}", seconds(elapsed)));
        if self.dump_after.contains(name) || self.dump_after.contains("all") {
            self.print(&format!("; after {name}{note}\n{}", snnc_ir::text::print(graph)));
        }
    }

    fn warning(&mut self, diagnostic: &Diagnostic) {
        self.warnings += 1;
        self.say(&format!("{}\n", self.style.diagnostic(diagnostic, Some(&self.subject))));
    }
}

/// Shows a bar once its stage turns out to be long: short ones would only flicker.
fn reveal_later(bar: &ProgressBar) {
    let bar = bar.downgrade();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        if let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            bar.enable_steady_tick(Duration::from_millis(200));
        }
    });
}

/// A duration with three digits or so.
pub(crate) fn seconds(duration: Duration) -> String {
    let s = duration.as_secs_f64();
    match s {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.2} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}
