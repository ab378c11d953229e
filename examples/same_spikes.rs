//! Whether an artifact makes the same spikes in every execution, node by node: in the runtime on each set of instructions that the processor
//! has, in the reference evaluator, which goes digit by digit or step by step, and in the engine. (`fixtures/vectors/reader.py FILE.snn
//! IMAGES.npy` is the one in another language.)
//!
//! ```text
//! cargo run --features onnxruntime --example same_spikes -- FILE.snn IMAGES.npz [IMAGES]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use snnc::{
    artifact::lift,
    data::{Images, Plan as Layouts},
};
use snnc_engine::{Buffers, Network as Engine, Plan, plan::Tail};
use snnc_ir::{
    Tensor,
    eval::{self, Mode},
};
use snnc_runtime::{Artifact, Isa, Network, artifact::Code};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, images) = arguments.next().zip(arguments.next()).ok_or("usage: same_spikes FILE.snn IMAGES.npz [IMAGES]")?;
    let count: usize = arguments.next().map_or(Ok(8), |v| v.parse())?;
    let artifact = Artifact::from_bytes(&std::fs::read(&file)?)?;
    let network = Network::new(artifact.clone())?;
    let (spec, graph) = (&artifact.graph, lift(&artifact)?);
    let images = Images::read(Path::new(&images))?.take(count);
    let layouts = Layouts::new(&images, &spec.input.shape, Some(spec.input.layout), &spec.input.preprocess)?;
    let numbers = network.quantise(&layouts.convert(&images, 0..count))?;
    let steps = spec.timesteps;

    let trace = network.clone().with_isa(Isa::Portable).trace(&numbers, steps, 0)?;
    for isa in Isa::available() {
        let other = network.clone().with_isa(isa).trace(&numbers, steps, 0)?;
        println!(
            "{isa:?}: {}",
            if other == trace { "every spike and every value as in portable code" } else { "DIFFERS from portable code" }
        );
    }
    // What every node said: its count, or the sum of its spikes over all steps.
    let said: Vec<Vec<i64>> = trace
        .values
        .iter()
        .map(|values| {
            let entries = values.len() / if spec.code == Code::Rate { steps } else { 1 };
            (0..entries).map(|k| values.iter().skip(k).step_by(entries).map(|&v| i64::from(v)).sum()).collect()
        })
        .collect();
    let nodes = graph.topological();
    let input: Vec<f32> = numbers.iter().map(|&q| f32::from(q)).collect();
    let mut dims = spec.input.shape.clone();
    dims[0] = count;
    let (mode, scale) = match spec.code {
        Code::Radix => (Mode::Radix, 1.0),
        Code::Rate => (Mode::Spiking { timesteps: steps }, steps as f64),
    };
    let meant = eval::run_all(&graph, &Tensor::new(dims, input.clone()), mode)?;
    let plan = Plan::spiking(&graph, steps, true, Tail::EveryStep)?;
    let engine = Engine::of(plan, &graph);
    let (_, run) = engine.results(&input, count, &nodes, &mut Buffers::default());
    let mut wrong = [0u64; 2];
    let mut entries = [0u64; 2];
    // Nodes of the file are in the order of the graph, which keeps their names as its origins.
    for (place, name) in std::iter::once(&spec.input.name).chain(spec.nodes.iter().map(|node| &node.name)).enumerate() {
        let at = nodes.iter().position(|&id| graph[id].origin.0 == [name.clone()]).ok_or("a node of the file is not in the graph")?;
        let is_stream = graph[nodes[at]].ty.element == snnc_ir::Element::Spike;
        for (kind, values) in [&meant[&nodes[at]].data, &run[at]].into_iter().enumerate() {
            // Beyond 2^24 a float has no whole numbers, but what neurons say of them is compared.
            if kind == 0 || is_stream {
                let differ = said[place]
                    .iter()
                    .zip(values)
                    .filter(|(a, b)| (**a as f64 - f64::from(**b) * scale).abs() > 1e-3 + 1e-7 * (**a as f64).abs());
                wrong[kind] += differ.count() as u64;
                entries[kind] += said[place].len() as u64;
            }
        }
    }
    println!("evaluator: {} of {} entries of all nodes differ", wrong[0], entries[0]);
    println!("engine: {} of {} entries of all streams differ", wrong[1], entries[1]);
    if wrong == [0; 2] { Ok(()) } else { Err("the executions differ".into()) }
}
