//! What our float forward, forward plus input gradient, and a whole step of the synthesis (with everything around the gradient,
//! the start images included) cost beside ONNX Runtime: CPU milliseconds of one thread, interleaved in one run so that a noisy
//! machine disturbs all alike.
//!
//! ```text
//! ORT_DYLIB_PATH=libonnxruntime.so cargo run --features onnxruntime --example forward_cost -- MODEL.onnx [BATCH] [ROUNDS]
//! ```

use snnc::{
    data::{judge::Judge, layout},
    float::{canonical, with_batch_norms},
    observer::Silent,
    options::{Layout, Preprocess, Synthesis},
    synthesize::{Canvas, Recipe, Source, synthesize},
};
use snnc_engine::{Buffers, Losses, Network};
use std::{path::Path, time::Duration};

/// CPU time of this thread.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel keeps scheduler statistics");
    Duration::from_nanos(stat.split_whitespace().next().and_then(|v| v.parse().ok()).expect("nanoseconds come first"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: forward_cost MODEL.onnx [BATCH] [ROUNDS]")?;
    let batch: usize = arguments.next().map_or(Ok(16), |v| v.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(8), |v| v.parse())?;
    let library = std::env::var("ORT_DYLIB_PATH").map_err(|_| "set ORT_DYLIB_PATH to libonnxruntime.so")?;
    snnc::cli::process::prepare();
    // One thread that is this thread: the clock above is per thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;

    let mut judge = Judge::open(Path::new(&library), Path::new(&model))?;
    let (imported, graph) = canonical(Path::new(&model), None, &mut Silent)?;
    let normed = with_batch_norms(&imported.graph)?;
    let network = Network::float(&graph, &[])?;
    let mut dims = graph[graph.input().ok_or("no input")?].ty.dims.clone();
    dims[0] = batch;
    let len = dims.iter().product();
    let values: Vec<f32> = (0..len).map(|i| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0).collect();

    const INNER: usize = 16;
    // As many as the default recipes make between them.
    const STEPS: usize = 64;
    let input = graph[graph.input().ok_or("no input")?].ty.clone();
    let layout = layout::of_shape(&input.dims).unwrap_or(Layout::Flat);
    let canvas = Canvas::new(&input, layout, &Preprocess::default());
    let recipe = Recipe { method: Synthesis::Natural, steps: Some(STEPS), budget: None, seed: 0 };
    let source = Source { float: &graph, normed: normed.as_ref(), canvas: &canvas };
    // Those of odd index are inverted.
    let indices: Vec<usize> = (0..batch).map(|k| 2 * k + 1).collect();
    let mut buffers = Buffers::default();
    let mut best = [f64::INFINITY; 4];
    for _ in 0..rounds {
        for (slot, best) in best.iter_mut().enumerate() {
            let start = cpu();
            let count = if slot == 3 { STEPS } else { INNER };
            match slot {
                0 => (0..INNER).try_for_each(|_| judge.outputs(None, &dims, &values).map(drop))?,
                1 => (0..INNER).for_each(|_| drop(network.logits(&values, batch, &mut buffers))),
                2 => (0..INNER).for_each(|_| {
                    let squares = |z: &[f32]| (0.0, z.iter().map(|z| 2.0 * z).collect());
                    drop(network.input_gradient(&values, batch, &Losses { output: &squares, inside: &[] }, &mut buffers));
                }),
                _ => drop(synthesize(source, &recipe, &indices, &mut Silent)?),
            }
            *best = best.min((cpu() - start).as_secs_f64() * 1e3 / count as f64);
        }
    }
    let [judge, forward, both, synthesis] = best;
    #[allow(clippy::print_stdout, reason = "an example prints")]
    {
        println!("{model}, batch {batch}, one thread, least of {rounds} rounds of {INNER}, CPU ms");
        println!("ONNX Runtime forward           {judge:8.1}");
        println!("our forward                    {forward:8.1}   {:.2} times", forward / judge);
        println!("our forward and input gradient {both:8.1}   {:.2} times", both / judge);
        println!("a step of the synthesis        {synthesis:8.1}   {:.2} times", synthesis / judge);
    }
    Ok(())
}
