//! Whether an artifact makes the same spikes in every execution, node by node: in the runtime on each set of instructions that the processor
//! has, in the reference evaluator, which goes digit by digit or step by step, and in the engine with 64 bits; with `READ`, what
//! `fixtures/vectors/reader.py FILE.snn IMAGES.npy` printed of the same images, also in another language. `scripts/same_spikes.py` compiles
//! networks and does all of this.
//!
//! How many entries the engine with 32 bits has otherwise is printed too, and is no failure: its floats hold whole numbers up to 2^24.
//!
//! ```text
//! cargo run --features onnxruntime --example same_spikes -- FILE.snn IMAGES.npz [COUNT [READ]]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use candle_core::{DType, Device};
use snnc::{
    artifact::lift,
    data::{Images, Plan as Layouts},
};
use snnc_engine::{Buffers, Network as Engine, Plan, TensorNetwork, plan::Tail};
use snnc_ir::{
    Tensor,
    eval::{self, Mode},
};
use snnc_kernels::neuron::{Derivation, Surrogate};
use snnc_runtime::{Artifact, Isa, Network, Trace, artifact::Code};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, images) = arguments.next().zip(arguments.next()).ok_or("usage: same_spikes FILE.snn IMAGES.npz [COUNT [READ]]")?;
    let count: usize = arguments.next().map_or(Ok(8), |v| v.parse())?;
    let artifact = Artifact::from_bytes(&std::fs::read(&file)?)?;
    let network = Network::new(artifact.clone())?;
    let (spec, graph) = (&artifact.graph, lift(&artifact)?);
    let images = Images::read(Path::new(&images))?.take(count);
    let layouts = Layouts::new(&images, &spec.input.shape, Some(spec.input.layout), &spec.input.preprocess)?;
    let numbers = network.quantise(&layouts.convert(&images, 0..count))?;
    let steps = spec.timesteps;

    let trace = Network::with_isa(artifact.clone(), Isa::Portable)?.trace(&numbers, steps, 0)?;
    for isa in Isa::available() {
        let other = Network::with_isa(artifact.clone(), isa)?.trace(&numbers, steps, 0)?;
        if other != trace {
            return Err(format!("{isa:?} has other spikes or values than portable code").into());
        }
        println!("{isa:?}: every spike and every value as in portable code");
    }
    if let Some(lines) = arguments.next() {
        let differ = read_otherwise(&std::fs::read_to_string(lines)?, &network, &trace)?;
        println!(
            "reader: {}",
            if differ == 0 { "every spike and every score".to_owned() } else { format!("{differ} streams or scores DIFFER") }
        );
        if differ > 0 {
            return Err("the reader has other spikes".into());
        }
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
    let how = Derivation { surrogate: Surrogate::Triangle { height: 0.5 }, through_reset: false };
    let exact = TensorNetwork::new(&plan, &Device::Cpu, DType::F64, how)?.results(&plan.values(&graph), &input, count, &nodes)?;
    let engine = Engine::of(plan, &graph);
    let (_, run) = engine.results(&input, count, &nodes, &mut Buffers::default());
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let mut wrong = [0u64; 3];
    let mut entries = [0u64; 3];
    // Nodes of the file are in the order of the graph, which keeps their names as its origins.
    for (place, name) in std::iter::once(&spec.input.name).chain(spec.nodes.iter().map(|node| &node.name)).enumerate() {
        let at = nodes.iter().position(|&id| graph[id].origin.0 == [name.clone()]).ok_or("a node of the file is not in the graph")?;
        let is_stream = graph[nodes[at]].ty.element == snnc_ir::Element::Spike;
        for (kind, values) in [wide(&meant[&nodes[at]].data), exact[at].clone(), wide(&run[at])].into_iter().enumerate() {
            // Beyond 2^24 the floats in which results are handed out have no whole numbers, but what neurons say of them is compared.
            if kind == 0 || is_stream {
                let differ =
                    said[place].iter().zip(&values).filter(|(a, b)| (**a as f64 - *b * scale).abs() > 1e-3 + 1e-7 * (**a as f64).abs());
                wrong[kind] += differ.count() as u64;
                entries[kind] += said[place].len() as u64;
            }
        }
    }
    println!("evaluator: {} of {} entries of all nodes differ", wrong[0], entries[0]);
    println!("engine, 64 bits: {} of {} entries of all streams differ", wrong[1], entries[1]);
    println!("engine, 32 bits: {} of {} entries of all streams differ", wrong[2], entries[2]);
    if wrong[..2] == [0; 2] { Ok(()) } else { Err("the executions differ".into()) }
}

/// How many streams, and scores, are not what the reader's lines say, a line of JSON an image.
fn read_otherwise(lines: &str, network: &Network, trace: &Trace) -> Result<usize, Box<dyn std::error::Error>> {
    let images: Vec<serde_json::Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut differ = 0;
    for (population, spikes) in network.populations().iter().zip(&trace.spikes) {
        let entries = population.size;
        for (k, said) in spikes.chunks(entries).enumerate() {
            let (step, image) = (k / images.len(), k % images.len());
            let sign = |spike: &i8| match spike.signum() {
                -1 => '-',
                0 => '0',
                _ => '1',
            };
            let signs: String = said.iter().map(sign).collect();
            differ += usize::from(images[image]["trains"][&population.name][step].as_str() != Some(&signs));
        }
    }
    let scores = images.iter().flat_map(|image| image["logits"].as_array().into_iter().flatten());
    let same = scores.zip(&trace.outcome.logits).filter(|(a, b)| a.as_f64().map(|a| a as f32) == Some(**b)).count();
    Ok(differ + trace.outcome.logits.len() - same)
}
