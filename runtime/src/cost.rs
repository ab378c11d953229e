//! What a run would cost on spiking hardware.

use crate::network::{Drive, Network, Outcome, PopulationKind};
use alloc::{string::String, vec::Vec};

/// Energy of one operation, in picojoules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// A multiplication with accumulation.
    pub mac: f64,
    /// An accumulation.
    pub ac: f64,
}

impl Energy {
    /// 32-bit floating point at 45 nm (Horowitz, ISSCC 2014): 3.7 + 0.9 and 0.9 pJ.
    pub const FLOAT32_45NM: Self = Self { mac: 4.6, ac: 0.9 };
    /// 32-bit integers at 45 nm (Horowitz, ISSCC 2014): 3.1 + 0.1 and 0.1 pJ.
    pub const INT32_45NM: Self = Self { mac: 3.2, ac: 0.1 };
    /// 8-bit products summed in 32 bits at 45 nm (Horowitz, ISSCC 2014): 0.2 + 0.1 and 0.1 pJ.
    pub const INT8_45NM: Self = Self { mac: 0.3, ac: 0.1 };
}

/// How often a population fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The node; the input's name for an input of spikes.
    pub name: String,
    /// What it is.
    pub kind: PopulationKind,
    /// Number of entries.
    pub size: usize,
    /// Spikes per entry and time step, in the radix code per digit of its window; corrections included.
    pub rate: f64,
}

/// What a layer does for an image.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// The node.
    pub name: String,
    /// What its operand carries.
    pub drive: Drive,
    /// Whether the image alone drives it: no neuron lies before it.
    pub is_input: bool,
    /// Whether it is a `conv2d` or `linear`, which the float network has too.
    pub is_weighted: bool,
    /// Connections from operand to result: multiplications of the float network, if it has the layer.
    pub dense_macs: u64,
    /// Multiplications for an image: 0 where spikes drive it.
    pub macs: u64,
    /// Accumulations, averaged over the images.
    pub synaptic_ops: f64,
}

/// Operations of a run, averaged over its images.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Number of images.
    pub images: usize,
    /// Number of time steps; in the radix code, of digits of the longest window.
    pub timesteps: usize,
    /// Time steps until the answer of an image is there: in the radix code the sum of the windows on the longest way through the network.
    pub latency: usize,
    /// Time steps from one image to the next in a pipeline.
    pub interval: usize,
    /// Bits that wait in delay lines; see [`Schedule`](crate::Schedule).
    pub delay_bits: u64,
    /// Number of integrate-and-fire neurons.
    pub neurons: u64,
    /// Spikes of the neurons for an image, corrections included.
    pub spikes: f64,
    /// How many of these were corrections: spikes of -1, which only neurons with [`Reset::Signed`](crate::Reset::Signed) make.
    pub corrections: f64,
    /// Accumulations for an image: the sum over spikes of the connections that each goes to.
    pub synaptic_ops: f64,
    /// Multiplications of the layers that the constant image drives, if they are done once for an image, as this runtime
    /// does. 0 with an input of spikes. Hardware without memory for their result does them at every step.
    pub input_macs_once: u64,
    /// Multiplications, at each step, of layers whose operand is neither the constant image nor spikes.
    pub current_macs_per_step: u64,
    /// The same over all steps of an image, which in the radix code are the digits of the operand.
    pub current_macs: u64,
    /// Multiplications of the float network: all convolutions and linear layers.
    pub ann_macs: u64,
    /// Firing rates, in the order of [`Network::populations`].
    pub rates: Vec<Rate>,
    /// Layers, in the order of [`Network::layers`].
    pub layers: Vec<LayerCost>,
}

/// What images took together. All are whole numbers, so it is the same however the images are grouped into runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of images.
    pub images: usize,
    /// Number of time steps of each.
    pub timesteps: usize,
    /// By population: [`Outcome::spikes`] of all images.
    pub spikes: Vec<u64>,
    /// By population: [`Outcome::corrections`] of all images.
    pub corrections: Vec<u64>,
    /// By layer: [`Outcome::synaptic_ops`] of all images.
    pub synaptic_ops: Vec<u64>,
}

impl Totals {
    /// Adds what the same network made of further images in as many steps.
    pub fn add(&mut self, outcome: &Outcome) {
        let add = |sums: &mut Vec<u64>, table: &[u64]| {
            let columns = table.len() / outcome.images.max(1);
            sums.resize(sums.len().max(columns), 0);
            table.chunks(columns.max(1)).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count));
        };
        add(&mut self.spikes, &outcome.spikes);
        add(&mut self.corrections, &outcome.corrections);
        add(&mut self.synaptic_ops, &outcome.synaptic_ops);
        self.images += outcome.images;
        self.timesteps = outcome.timesteps;
    }
}

impl Network {
    /// Counts what the images of an outcome took.
    #[must_use]
    pub fn cost(&self, outcome: &Outcome) -> Cost {
        let mut totals = Totals::default();
        totals.add(outcome);
        self.cost_of(&totals)
    }

    /// As [`Network::cost`], of the images of several outcomes.
    #[must_use]
    pub fn cost_of(&self, totals: &Totals) -> Cost {
        let images = totals.images.max(1) as f64;
        let steps = totals.timesteps.max(1) as f64;
        let means = |sums: &[u64], count: usize| -> Vec<f64> {
            (0..count).map(|index| sums.get(index).map_or(0.0, |&sum| sum as f64 / images)).collect()
        };
        let spikes = means(&totals.spikes, self.populations().len());
        let operations = means(&totals.synaptic_ops, self.layers().len());
        let neurons = || self.populations().iter().zip(&spikes).filter(|(p, _)| p.kind == PopulationKind::Neurons);
        let connections = |drive: Drive| self.layers().iter().filter(|l| l.drive == drive).map(|l| l.connections).sum();
        let currents = self.layers().iter().filter(|l| l.drive == Drive::Current);
        let schedule = self.schedule_of(totals.timesteps);
        Cost {
            images: totals.images,
            timesteps: totals.timesteps,
            latency: schedule.latency,
            interval: schedule.interval,
            delay_bits: schedule.delay_bits,
            neurons: neurons().map(|(p, _)| p.size as u64).sum(),
            spikes: neurons().map(|(_, spikes)| spikes).sum(),
            corrections: means(&totals.corrections, self.populations().len()).iter().sum(),
            synaptic_ops: operations.iter().sum(),
            input_macs_once: connections(Drive::Analog),
            current_macs_per_step: connections(Drive::Current),
            current_macs: currents.map(|l| l.connections.saturating_mul(l.digits.unwrap_or(totals.timesteps) as u64)).sum(),
            ann_macs: self.layers().iter().filter(|l| l.is_weighted).map(|l| l.connections).sum(),
            rates: self
                .populations()
                .iter()
                .zip(&spikes)
                .map(|(p, spikes)| {
                    let steps = p.digits.map_or(steps, |digits| digits as f64);
                    Rate { name: p.name.clone(), kind: p.kind, size: p.size, rate: spikes / (p.size as f64 * steps) }
                })
                .collect(),
            layers: self
                .layers()
                .iter()
                .zip(&operations)
                .map(|(l, &synaptic_ops)| LayerCost {
                    name: l.name.clone(),
                    drive: l.drive,
                    is_input: l.is_input,
                    is_weighted: l.is_weighted,
                    macs: match l.drive {
                        Drive::Analog => l.connections,
                        Drive::Spikes => 0,
                        Drive::Current => l.connections.saturating_mul(l.digits.unwrap_or(totals.timesteps) as u64),
                    },
                    dense_macs: l.connections,
                    synaptic_ops,
                })
                .collect(),
        }
    }
}

impl Cost {
    /// Spikes of a neuron for an image, on average.
    #[must_use]
    pub fn spikes_per_neuron(&self) -> f64 {
        if self.neurons == 0 { 0.0 } else { self.spikes / self.neurons as f64 }
    }

    /// Multiplications for an image.
    #[must_use]
    pub fn macs(&self) -> f64 {
        self.input_macs_once as f64 + self.current_macs as f64
    }

    /// Energy of an image, in picojoules: of multiplications and accumulations, not of memory.
    #[must_use]
    pub fn energy_pj(&self, energy: Energy) -> f64 {
        self.macs() * energy.mac + self.synaptic_ops * energy.ac
    }

    /// As [`Cost::energy_pj`] for hardware that repeats the input's multiplications at every step.
    #[must_use]
    pub fn energy_pj_without_reuse(&self, energy: Energy) -> f64 {
        let repeated = self.input_macs_once as f64 * self.timesteps.saturating_sub(1) as f64;
        self.energy_pj(energy) + repeated * energy.mac
    }

    /// As [`Cost::energy_pj`], without the layers that the image alone drives: what comes behind the first neurons.
    #[must_use]
    pub fn energy_pj_behind_input(&self, energy: Energy) -> f64 {
        let layers = self.layers.iter().filter(|layer| !layer.is_input);
        layers.map(|layer| layer.macs as f64 * energy.mac + layer.synaptic_ops * energy.ac).sum()
    }

    /// Energy of an image in the float network, in picojoules.
    #[must_use]
    pub fn ann_energy_pj(&self, energy: Energy) -> f64 {
        self.ann_macs as f64 * energy.mac
    }

    /// As [`Cost::ann_energy_pj`], without the layers that the image alone drives.
    #[must_use]
    pub fn ann_energy_pj_behind_input(&self, energy: Energy) -> f64 {
        let layers = self.layers.iter().filter(|layer| !layer.is_input && layer.is_weighted);
        layers.map(|layer| layer.dense_macs as f64 * energy.mac).sum()
    }
}
