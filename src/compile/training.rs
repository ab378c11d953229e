//! The training that the pass `train-weights` asks for.

use super::{input, job::Job};
use crate::{
    error::{Error, Result},
    observer::Observer,
    options::Coding,
    simulate::{FloatNetwork, Signal},
    train::{self, Lessons, Recipe, Trained, plan::{Op, Plan}},
};
use candle_core::{Device, Tensor};
use snnc_ir::{Graph, NodeId, ParamId};

/// A training of one conversion.
pub struct Course<'a> {
    /// What is converted.
    pub job: &'a Job<'a>,
    /// T.
    pub timesteps: usize,
    /// How to train.
    pub recipe: Recipe,
    /// Hears of it.
    pub observer: &'a mut dyn Observer,
    /// What came of it.
    pub trained: Option<Trained>,
}

impl Course<'_> {
    fn run(&mut self, graph: &Graph) -> Result<Vec<(ParamId, snnc_ir::Tensor)>> {
        let job = self.job;
        let options = job.options;
        let plan = Plan::new(graph, self.timesteps, options.coding == Coding::Direct)?;
        let input = graph.input().ok_or_else(|| Error::Internal("a verified graph has an input".into()))?;
        let dims = graph[input].ty.dims.clone();
        let amplitude = input::amplitude(job.canvas);
        let encode = |images: &[f32], stream: u64| -> Result<Vec<f32>> {
            if options.coding == Coding::Direct {
                return Ok(images.to_vec());
            }
            let shape: Vec<usize> = std::iter::once(images.len() / job.canvas.len()).chain(dims[1..].iter().copied()).collect();
            let options = crate::options::Options { seed: options.seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15), ..options.clone() };
            let signal = input::encode(&Tensor::from_slice(images, shape, &Device::Cpu)?, self.timesteps, &amplitude, job.canvas, &options)?;
            match signal {
                Signal::Static(tensor) | Signal::Temporal(tensor) => Ok(tensor.flatten_all()?.to_vec1::<f32>()?),
            }
        };
        // Nodes of rectifiers pass to their neurons.
        let mut neurons = Vec::new();
        for (at, step) in plan.steps.iter().enumerate() {
            if let (Op::Neuron(slots), Some(node)) = (&step.op, step.node) {
                let (slot, index) = &slots.threshold;
                let theta = &graph.param(plan.parameters[*slot].id).tensor.data;
                neurons.push((at, node, index.iter().map(|&i| theta[i]).collect()));
            }
        }
        let kept: Vec<NodeId> = neurons.iter().map(|(_, node, _)| *node).collect();
        let teacher = FloatNetwork::keeping(job.float, &kept)?;
        let material = job.material;
        let lessons = Lessons {
            teacher: &teacher,
            neurons: &neurons,
            dims: &dims,
            canvas: job.canvas,
            samples: &material.calibration.samples.data,
            held_out: &material.held_out.samples.data,
            held_out_logits: &material.held_out.logits,
            classes: material.held_out.classes,
            encode: &encode,
        };
        let trained = train::train(&plan, plan.values(graph), &lessons, &self.recipe, self.observer)?;
        let moved = trained.best > 0;
        let values = plan.parameters.iter().zip(&trained.values).filter(|(p, _)| moved && !p.is_fixed && !self.recipe.frozen.contains(&p.kind));
        let values = values.map(|(p, v)| (p.id, snnc_ir::Tensor::new(graph.param(p.id).tensor.dims.clone(), v.clone()))).collect();
        self.trained = Some(trained);
        Ok(values)
    }
}

impl snnc_passes::Training for Course<'_> {
    fn train(&mut self, graph: &Graph) -> std::result::Result<Vec<(ParamId, snnc_ir::Tensor)>, String> {
        self.run(graph).map_err(|e| e.to_string())
    }
}
