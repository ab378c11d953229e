//! Cells that several attacks make alike.

use crate::audit::{
    attack::{Cell, Subject},
    case::{Case, Effort},
    conduct::NOMINAL_SPEED,
};
use snnc_runtime::Code;

/// Steps of a descent on images.
#[must_use]
pub fn steps(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 100,
        Effort::Full => 250,
    }
}

/// Most time steps at which what costs in proportion to them is done where it would take too long at T; a full audit does it at both.
const QUICK_STEPS: usize = 8;

/// Seconds of processor time that a cell of a quick audit may be estimated to take at T.
const AFFORDABLE: f64 = 60.0;

/// Numbers of time steps for what costs in proportion to them, so many multiply-accumulates at T: those that the user chose, if any.
#[must_use]
pub(super) fn timesteps(case: &Case<'_>, effort: Effort, macs_at_t: f64) -> Vec<usize> {
    if !case.given.timesteps.is_empty() {
        return case.given.timesteps.clone();
    }
    let compiled = case.timesteps();
    if case.network.spec().code == Code::Radix {
        // A number is its digits, and no fewer.
        return vec![compiled];
    }
    if compiled <= QUICK_STEPS {
        return vec![compiled];
    }
    match effort {
        // What a network answers after a few of many steps may mean nothing.
        Effort::Quick => vec![if macs_at_t <= AFFORDABLE * NOMINAL_SPEED { compiled } else { QUICK_STEPS }],
        Effort::Full => vec![QUICK_STEPS, compiled],
    }
}

/// Numbers of time steps for what costs the same at any: those that the user chose, or T.
pub(super) fn timesteps_of_twins(case: &Case<'_>) -> Vec<usize> {
    if case.given.timesteps.is_empty() { vec![case.timesteps()] } else { case.given.timesteps.clone() }
}

/// Multiply-accumulates of a descent: forward, and about as much backward, for every step of every image.
pub(super) fn descent_macs(case: &Case<'_>, of_one: f64, steps: usize, restarts: usize) -> f64 {
    2.0 * of_one * (steps * restarts * case.shown.len()) as f64
}

/// The cell of inverting a float network: the same work whichever attack it stands beside.
pub(super) fn float_cell(case: &Case<'_>, variant: &'static str, subject: Subject, way: &str, steps: usize) -> Cell {
    let work = format!("inversion/{way}/{}", subject.name());
    Cell { variant, subject, timesteps: None, work, macs: descent_macs(case, case.float_macs(), steps, 1) }
}

/// A cell for the ANN, for the SNN at each number of steps, and for the control, of an attack that does the same to all; `macs` is what one
/// costs, given T for the SNN.
pub(super) fn cells_of_three(attack: &str, variant: &'static str, steps: &[usize], macs: impl Fn(Option<usize>) -> f64) -> Vec<Cell> {
    let cell = |subject: Subject, timesteps: Option<usize>| Cell {
        variant,
        subject,
        timesteps,
        work: format!("{attack}/{}/{}", subject.name(), timesteps.unwrap_or(0)),
        macs: macs(timesteps),
    };
    let spiking = steps.iter().map(|&t| cell(Subject::Snn, Some(t)));
    std::iter::once(cell(Subject::Ann, None)).chain(spiking).chain([cell(Subject::Control, None)]).collect()
}
