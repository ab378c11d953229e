//! What is measured: a network, a batch, and a step of its training as [`snnc::train`] makes it.

use super::{
    network::{self, Activation, PEER, TINY, VGG16},
    recorder::Recorder,
};
use candle_core::{DType, cuda::set_gemm_reduced_precision_f32};
use serde_json::{Value, json};
use snnc::{
    error::Result,
    train::optimiser::{Descent, Optimiser},
};
use snnc_engine::{
    Buffers, Device, Gradients, Losses, Network, Plan, TensorNetwork, Wanted,
    loss::Distillation,
    parallel,
    plan::{Kind, Tail},
};
use snnc_kernels::neuron::{Derivation, Surrogate};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Images that the processor takes at once, as in a training.
pub const SHARD: usize = 8;
pub const CLASSES: usize = 10;
/// With PyTorch's bounds a current stays far below the threshold; so many times them, spikes reach the last layer.
const GAIN: f32 = 3.0;
/// More steps than are ever made: the learning rate stays what it is.
const STEPS: usize = 1 << 20;

/// How operands of products are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// In 32 bits.
    F32,
    /// In 32 bits, of which a product takes 19.
    Tf32,
    /// In 16 bits.
    Bf16,
}

impl Products {
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Options {
    pub part: String,
    pub layers: &'static [usize],
    pub name: String,
    pub batch: usize,
    pub timesteps: usize,
    pub products: Products,
    pub keep_memory: bool,
    pub rounds: usize,
    /// After which no further round is begun.
    pub seconds: Duration,
}

impl Options {
    /// None where the words cannot be understood.
    pub fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let part = words.next().filter(|part| ["facts", "step", "kinds", "precision", "processor"].contains(&part.as_str()))?;
        let mut options = Self {
            part,
            layers: PEER,
            name: "peer".into(),
            batch: 16,
            timesteps: 8,
            products: Products::F32,
            keep_memory: false,
            rounds: 10,
            seconds: Duration::from_secs(10),
        };
        while let Some(word) = words.next() {
            if word == "--keep-memory" {
                options.keep_memory = true;
                continue;
            }
            let value = words.next()?;
            let number = || value.parse::<usize>().ok().filter(|&n| n > 0);
            match word.as_str() {
                "--network" => {
                    options.layers = match value.as_str() {
                        "tiny" => TINY,
                        "peer" => PEER,
                        "vgg16" => VGG16,
                        _ => return None,
                    };
                    options.name = value;
                }
                "--batch" => options.batch = number()?,
                "--timesteps" => options.timesteps = number()?,
                "--rounds" => options.rounds = number()?,
                "--seconds" => options.seconds = Duration::from_secs(number()? as u64),
                "--products" => options.products = Products::ALL.into_iter().find(|p| p.name() == value)?,
                _ => return None,
            }
        }
        Some(options)
    }

    pub fn json(&self) -> Value {
        json!({
            "backend": "snnc",
            "network": self.name,
            "batch": self.batch,
            "timesteps": self.timesteps,
            "products": self.products.name(),
            "keep_memory": self.keep_memory,
        })
    }
}

/// A network with its batch.
pub struct Setting {
    layers: &'static [usize],
    pub plan: Plan,
    pub values: Vec<Vec<f32>>,
    pub batch: usize,
    pub images: Vec<f32>,
    answers: Vec<f32>,
    wanted: Wanted,
    products: Products,
}

impl Setting {
    pub fn new(options: &Options) -> Self {
        let graph = snnc_ir::text::parse(&network::text(options.layers, Activation::Spikes)).expect("the network is well formed");
        let plan = Plan::spiking(&graph, options.timesteps, true, Tail::OnMean).expect("the network can be planned");
        let mut values = plan.values(&graph);
        for (parameter, values) in plan.parameters.iter().zip(&mut values) {
            if parameter.kind == Kind::Weight {
                values.iter_mut().for_each(|v| *v *= GAIN);
            }
        }
        let batch = options.batch;
        let images = snnc_ir::text::noise(batch * 3 * 32 * 32, 7, 0.5).iter().map(|v| v + 0.5).collect();
        let answers = (0..batch * CLASSES).map(|i| if i % CLASSES == i / CLASSES % CLASSES { 8.0 } else { 0.0 }).collect();
        let wanted = Wanted { parameters: vec![true; values.len()], input: false };
        Self { layers: options.layers, plan, values, batch, images, answers, wanted, products: options.products }
    }

    /// The float network that would teach this one.
    pub fn float_graph(&self) -> snnc_ir::Graph {
        snnc_ir::text::parse(&network::text(self.layers, Activation::Relu)).expect("the network is well formed")
    }

    pub fn optimiser(&self) -> Optimiser {
        let descent = Descent { rate: 1e-3, weight_decay: 0.0, clip: 1.0 };
        Optimiser::new(descent, STEPS, &self.plan.parameters, &self.values, &self.wanted.parameters)
    }

    fn how() -> Derivation {
        Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false }
    }

    /// The loss of the logits of some images and its gradient, as shares of those of the batch.
    fn loss(&self, logits: &[f32], answers: &[f32]) -> (f64, Vec<f32>) {
        let distillation = Distillation { temperature: 1.0, cross_entropy: 1.0 };
        let (loss, mut gradient) = distillation.of(logits, answers, CLASSES);
        gradient.iter_mut().for_each(|g| *g /= self.batch as f32);
        (loss / self.batch as f64, gradient)
    }

    /// Some images at a time, with their answers.
    fn parts(&self, images: usize) -> impl Iterator<Item = (&[f32], &[f32])> {
        self.images.chunks(images * self.images.len() / self.batch).zip(self.answers.chunks(images * CLASSES))
    }

    /// The gradients of the batch at the start, as the processor computes them.
    pub fn gradients_of_processor(&self) -> Gradients {
        let network = Network::new(&self.plan, &self.values);
        let found = parallel::over(self.parts(SHARD).collect(), |_, (images, answers)| {
            let loss = |logits: &[f32]| self.loss(logits, answers);
            let losses = Losses { output: &loss, inside: &[] };
            network.gradients(images, answers.len() / CLASSES, &self.wanted, Self::how(), &losses, &mut Buffers::default())
        });
        let mut sum = Gradients::zeros(&self.values, &self.wanted);
        for part in found {
            sum.logits.extend(&part.logits);
            sum.add(&part);
        }
        sum
    }

    /// A training of it, at its start.
    pub fn trainee<'a>(&'a self, engine: &'a Device) -> Result<Trainee<'a>> {
        let part = engine.images_at_once(&self.plan)?.min(self.batch);
        Ok(Trainee {
            setting: self,
            engine,
            products: self.products,
            part,
            values: self.values.clone(),
            optimiser: self.optimiser(),
            loss: f64::NAN,
        })
    }
}

/// A training under way.
pub struct Trainee<'a> {
    setting: &'a Setting,
    engine: &'a Device,
    pub products: Products,
    /// Images that the card takes at once.
    pub part: usize,
    values: Vec<Vec<f32>>,
    optimiser: Optimiser,
    /// Of the last step.
    pub loss: f64,
}

/// How long the parts of a step took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub wall: Duration,
    /// Until the logits were on the processor.
    pub forward: Duration,
    pub adamw: Duration,
}

impl<'a> Trainee<'a> {
    pub fn device(&self) -> &'a candle_core::Device {
        match self.engine {
            Device::Card(card) => card,
            Device::Cpu => unreachable!("a card was asked for"),
        }
    }

    /// The gradients of the batch, in as many parts as the card's memory asks for, and how long it took to the logits.
    pub fn gradients(&self) -> Result<(Gradients, Duration)> {
        let setting = self.setting;
        set_gemm_reduced_precision_f32(self.products == Products::Tf32);
        let network = TensorNetwork::new(&setting.plan, self.device(), DType::F32, Setting::how())?;
        let network = network.with_products(if self.products == Products::Bf16 { DType::BF16 } else { DType::F32 });
        let part = setting.batch.div_ceil(setting.batch.div_ceil(self.part));
        let mut sum = Gradients::zeros(&self.values, &setting.wanted);
        let mut forward = Duration::ZERO;
        for (images, answers) in setting.parts(part) {
            let start = Instant::now();
            let reached = Cell::new(Duration::ZERO);
            let loss = |logits: &[f32]| {
                reached.set(start.elapsed());
                Recorder::turn(true);
                setting.loss(logits, answers)
            };
            Recorder::turn(false);
            let losses = Losses { output: &loss, inside: &[] };
            let found = network.gradients(&self.values, images, answers.len() / CLASSES, &setting.wanted, &losses)?;
            forward += reached.get();
            sum.logits.extend(&found.logits);
            sum.add(&found);
        }
        Ok((sum, forward))
    }

    /// One step of the descent.
    pub fn step(&mut self) -> Result<Times> {
        let start = Instant::now();
        let (gradients, forward) = self.gradients()?;
        let swept = Instant::now();
        self.optimiser.step(&self.setting.plan.parameters, &mut self.values, &gradients.parameters);
        self.loss = gradients.loss;
        Ok(Times { wall: start.elapsed(), forward, adamw: swept.elapsed() })
    }
}
