//! The neuron kernel on a graphics card, and the network around it, against the processor. Skipped where there is no card.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use candle_core::{Device, Tensor, Var};
use snnc::train::{
    cuda::Layer,
    network::{Buffers, Hints, Network, Wanted},
    plan::Plan,
    tensor::TensorNetwork,
};
use snnc_ir::text::noise;
use snnc_kernels::neuron::{Derivation, NeuronGradients, Neurons, Reset, Surrogate};

fn card() -> Option<Device> {
    let card = Device::new_cuda(0).ok();
    if card.is_none() {
        eprintln!("skipped: there is no graphics card");
    }
    card
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let size = theirs.iter().fold(1.0f32, |size, v| size.max(v.abs()));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, |w: f32, e| if e.is_nan() { f32::NAN } else { w.max(e) });
    assert!(worst <= tolerance * size, "{what}: {worst} of {size}");
}

#[test]
fn neurons_are_those_of_the_processor() {
    let Some(card) = card() else { return };
    let surrogates = [Surrogate::Triangle { height: 0.3 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    for (k, reset) in [Reset::Soft, Reset::Hard, Reset::Signed].into_iter().enumerate() {
        for (surrogate, through_reset) in surrogates.into_iter().flat_map(|s| [(s, false), (s, true)]) {
            // The last has more images than there are parts of a backward pass for so many neurons.
            for (steps, images, len) in [(1, 2, 3), (8, 3, 300), (9, 5, 70), (37, 4, 129), (4, 9, 70_000)] {
                for varies in [false, true] {
                    let what = format!("{reset:?} {surrogate:?} {through_reset} T={steps} N={images} len={len} varies={varies}");
                    let (layer, seed) = (images * len, k as u64);
                    let x: Vec<f32> = noise(if varies { steps * layer } else { layer }, seed, 1.0).iter().map(|x| x + 0.3).collect();
                    let threshold: Vec<f32> = noise(len, seed + 1, 0.4).iter().map(|x| x + 0.9).collect();
                    let initial = noise(len, seed + 2, 0.5);
                    let leak: Vec<f32> = noise(len, seed + 3, 0.3).iter().map(|x| x + 0.7).collect();
                    let gradient = noise(steps * layer, seed + 4, 1.0);

                    let derivation = Derivation { surrogate, through_reset };
                    let neurons = Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset };
                    let mut spikes = vec![0i8; steps * layer];
                    neurons.forward(&x, images, &mut spikes);
                    let mut dx = gradient.clone();
                    let mut sums = [(); 3].map(|()| vec![0.0; len]);
                    let [of_threshold, of_initial, of_leak] = &mut sums;
                    let of = NeuronGradients { threshold: of_threshold, initial: of_initial, leak: of_leak };
                    neurons.backward(&x, images, derivation, &mut dx, of);
                    if !varies {
                        dx = (0..layer).map(|i| (0..steps).map(|t| dx[t * layer + i]).sum()).collect();
                    }

                    let upload = |values: &[f32], dims: &[usize]| Var::from_slice(values, dims, &card).unwrap();
                    let x = upload(&x, &[x.len() / len, len]);
                    let parameters = [&threshold, &initial, &leak].map(|values| upload(values, &[len]));
                    let layer = Layer { reset, derivation, timesteps: steps, images };
                    let found = layer.spikes(&x, &parameters[0], &parameters[1], &parameters[2]).unwrap();
                    assert!(values(&found).iter().zip(&spikes).all(|(a, &b)| *a == f32::from(b)), "spikes: {what}");
                    let gradient = Tensor::from_slice(&gradient, found.shape(), &card).unwrap();
                    let store = (found * gradient).unwrap().sum_all().unwrap().backward().unwrap();
                    assert_close(&format!("current: {what}"), &values(store.get(&x).unwrap()), &dx, 1e-5);
                    for (variable, sum) in parameters.iter().zip(&sums) {
                        assert_close(&format!("parameters: {what}"), &values(store.get(variable).unwrap()), sum, 1e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn a_network_has_the_gradients_of_the_processor() {
    let Some(card) = card() else { return };
    let text = r#"
graph @g calibrated {
  %0 = input : f32[1x2x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x8x8x8] "/conv1"
  %2 = if_neuron %1, @t, @v {reset=soft} : spike[1x8x8x8] "/relu1"
  %3 = average_pool2d %2 {kernel=[2, 2], stride=2} : f32[1x8x4x4] "/pool"
  %4 = conv2d %3, @w2 {pads=1, stride=2} : f32[1x8x2x2] "/conv2"
  %5 = if_neuron %4, @t, @v {reset=soft} : spike[1x8x2x2] "/relu2"
  %6 = reshape %5 : spike[1x32] "/flatten"
  %7 = linear %6, @w3, @b3 : f32[1x5] "/fc"
  output %7 "y"
  @b1 : f32[8] = noise(1, 0.3) derived
  @b3 : f32[5] = noise(2, 0.3) derived
  @t : f32[1] = splat(0.8) derived
  @v : f32[1] = splat(0.4) derived
  @w1 : f32[8x2x3x3] = noise(3, 1) derived
  @w2 : f32[8x8x3x3] = noise(4, 0.5) derived
  @w3 : f32[5x32] = noise(5, 0.5) derived
}
"#;
    let graph = snnc_ir::text::parse(text).unwrap();
    let (images, timesteps) = (4, 6);
    let plan = Plan::new(&graph, timesteps, true).unwrap();
    let parameters = plan.values(&graph);
    // Of values so coarse that sums are exact in any order, and a spike is a spike on both sides.
    let coarse = |values: &[f32]| values.iter().map(|v| (v * 64.0).round() / 64.0).collect::<Vec<f32>>();
    let parameters: Vec<Vec<f32>> = parameters.iter().map(|values| coarse(values)).collect();
    let input = coarse(&noise(images * 128, 9, 1.0));
    let squares = |z: &[f32]| (z.iter().map(|&z| f64::from(z).powi(2)).sum(), z.iter().map(|z| 2.0 * z).collect());
    let wanted = Wanted { parameters: vec![true; parameters.len()], input: true };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: true };
    let network = Network::new(&plan, &parameters);
    let expected = network.gradients(&input, images, &wanted, how, (&squares, &Hints::default()), &mut Buffers::default());
    let network = TensorNetwork::new(&plan, &card, candle_core::DType::F32, how).unwrap();
    let found = network.gradients(&parameters, &input, images, &wanted, &squares).unwrap();
    assert_close("logits", &found.logits, &expected.logits, 1e-5);
    assert_close("input", &found.input, &expected.input, 1e-4);
    for (found, expected) in found.parameters.iter().zip(&expected.parameters) {
        assert_close("parameters", found, expected, 1e-4);
    }
    assert!(snnc::train::cuda::images_at_once(&card, &plan).unwrap() > 1);
}
