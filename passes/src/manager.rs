//! Everything around a pass: phase check, timing, verification.

use crate::{Changed, Pass, PassCx, PassError};
use snnc_ir::{Diagnostic, Graph, ParamId, Phase, verify, verify::verify_between};
use std::time::{Duration, Instant};

/// Hears of every pass that has run: name, whether it changed anything, how long it took, the verified graph.
pub type Listener<'a> = dyn FnMut(&'static str, Changed, Duration, &Graph) + 'a;

/// Runs one pass and verifies the graph after it, in release builds too. Inside a stage the graph may hold operators of its
/// phase and of the one that the stage leads to.
///
/// # Errors
/// What the pass says; [`PassError::Bug`] if the graph is in a phase that the pass does not accept, or is broken after it.
pub fn run(pass: &dyn Pass, graph: &mut Graph, cx: &mut PassCx<'_>, listener: &mut Listener<'_>) -> Result<Changed, PassError> {
    if !pass.about().accepts.contains(&graph.phase) {
        return Err(PassError::Bug(format!("pass `{}` does not accept a graph that is {}", pass.name(), graph.phase)));
    }
    let start = Instant::now();
    let changed = pass.run(graph, cx)?;
    graph.prune();
    if let Some(problem) = overflow(pass.name(), graph) {
        return Err(PassError::User(problem));
    }
    verify_between(graph).map_err(|violations| PassError::Bug(format!("after pass `{}`:\n{violations}", pass.name())))?;
    listener(pass.name(), changed, start.elapsed(), graph);
    Ok(changed)
}

/// Parameters come in finite. One that is not after a pass has grown beyond what 32-bit floats hold, which is up to the weights.
fn overflow(pass: &str, graph: &Graph) -> Option<Diagnostic> {
    let is_finite = |id: &ParamId| graph.get_param(*id).is_none_or(|param| param.tensor.data.iter().all(|v| v.is_finite()));
    let (node, role, param) = graph
        .topological()
        .into_iter()
        .flat_map(|node| graph[node].op.params().into_iter().map(move |(role, param)| (node, role, param)))
        .find(|(_, _, param)| !is_finite(param))?;
    let name = &graph.param(param).name;
    Some(
        Diagnostic::error("E0110", format!("the {role} of `{}` is more than 32-bit floats hold", graph[node].op.name()))
            .at(graph[node].origin.to_string())
            .note(format!("pass `{pass}` computes `{name}` from finite weights, and the result is infinite or no number"))
            .help("the file is damaged or the training diverged: look for absurdly large weights or tiny variances in this layer and the ones around it"),
    )
}

/// Runs the passes of a stage, then moves the graph to `phase` and verifies that it belongs there.
///
/// # Errors
/// As [`run`].
pub fn run_stage(
    passes: &[&'static dyn Pass],
    phase: Phase,
    graph: &mut Graph,
    cx: &mut PassCx<'_>,
    listener: &mut Listener<'_>,
) -> Result<(), PassError> {
    for pass in passes {
        run(*pass, graph, cx, listener)?;
    }
    phase.enter(graph);
    verify(graph).map_err(|violations| PassError::Bug(format!("entering phase `{phase}`:\n{violations}")))?;
    Ok(())
}
