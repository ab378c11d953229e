//! What a run costs: how long it takes, what is done in it, and the energy of that beside other networks'.

use super::round::round;
use serde_json::{Value, json};
use snnc_runtime::{Cost, Energy, LayerCost};

/// Time steps: digits or steps that a run takes, until the answer is there, and from one image to the next.
#[must_use]
pub fn time(cost: &Cost) -> Value {
    json!({
        "timesteps": cost.timesteps,
        "latency": cost.latency,
        "interval": cost.interval,
        "delay_bits": cost.delay_bits,
    })
}

/// Spikes, accumulations and multiplications.
#[must_use]
pub fn operations(cost: &Cost) -> Value {
    let behind = |of: fn(&LayerCost) -> f64| cost.layers.iter().filter(|layer| !layer.is_input).map(of).sum::<f64>();
    json!({
        "per": "image",
        "ann_macs": cost.ann_macs,
        "neurons": cost.neurons,
        "spikes": round(cost.spikes),
        "corrections": round(cost.corrections),
        "spikes_per_neuron": round(cost.spikes_per_neuron()),
        "synaptic_ops": round(cost.synaptic_ops),
        "synaptic_ops_without_input_layer": round(behind(|layer| layer.synaptic_ops)),
        "input_macs_once": cost.input_macs_once,
        "current_macs_per_step": cost.current_macs_per_step,
        "current_macs": cost.current_macs,
    })
}

/// Energy by what operations are made of. `int8_45nm` is that of the artifact's own numbers.
#[must_use]
pub fn energy(cost: &Cost) -> Value {
    json!({
        "float32_45nm": in_numbers(cost, Energy::FLOAT32_45NM),
        "int32_45nm": in_numbers(cost, Energy::INT32_45NM),
        "int8_45nm": in_numbers(cost, Energy::INT8_45NM),
    })
}

/// Energy of an image in the spiking network and in the float network, if both were of such numbers.
fn in_numbers(cost: &Cost, energy: Energy) -> Value {
    let (ann, snn) = (cost.ann_energy_pj(energy), cost.energy_pj(energy));
    let (ann_behind, snn_behind) = (cost.ann_energy_pj_behind_input(energy), cost.energy_pj_behind_input(energy));
    let every_step = cost.energy_pj_without_reuse(energy);
    let gain = |ann: f64, snn: f64| if snn > 0.0 { json!(round(ann / snn)) } else { json!(null) };
    let per_neuron = |energy: f64| if cost.neurons > 0 { json!(round(energy / cost.neurons as f64)) } else { json!(null) };
    json!({
        "mac_pj": energy.mac,
        "ac_pj": energy.ac,
        "ann_pj": round(ann),
        "ann_pj_without_input_layer": round(ann_behind),
        "ann_pj_per_neuron": per_neuron(ann),
        "snn_pj": round(snn),
        "snn_pj_without_input_layer": round(snn_behind),
        "snn_pj_input_every_step": round(every_step),
        "snn_pj_per_neuron": per_neuron(snn),
        "gain": gain(ann, snn),
        "gain_without_input_layer": gain(ann_behind, snn_behind),
        "gain_input_every_step": gain(ann, every_step),
    })
}
