use super::*;
use crate::artifact::Shape;

struct Net(Vec<(String, Vec<usize>, usize, Vec<f32>)>);

impl Net {
    /// Layers of the given shapes and groups with normal entries.
    fn random(layers: &[(&[usize], usize)], stream: u64) -> Self {
        let mut random = Random::new(11, stream);
        let layer = |(k, &(dims, groups)): (usize, &(&[usize], usize))| {
            let values = (0..dims.iter().product()).map(|_| random.normal() * 0.1).collect();
            (format!("layer{k}"), dims.to_vec(), groups, values)
        };
        Self(layers.iter().enumerate().map(layer).collect())
    }

    fn weights(&self) -> Vec<Weights<'_>> {
        self.0.iter().map(|(name, dims, groups, values)| Weights { name, dims, groups: *groups, values }).collect()
    }

    /// As a conversion does: times θ of the input channel, over θ of the output channel; a noise of relative size `noise` first.
    fn converted(&self, noise: f32, stream: u64) -> Self {
        let mut random = Random::new(12, stream);
        let convert = |(name, dims, groups, values): &(String, Vec<usize>, usize, Vec<f32>)| {
            let shape = Shape::new(dims, *groups, values.len()).expect("sound");
            let rms = (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt();
            let theta_in: Vec<f32> = (0..shape.inputs()).map(|_| (0.7 * random.normal()).exp()).collect();
            let theta_out: Vec<f32> = (0..shape.rows).map(|_| (0.7 * random.normal()).exp()).collect();
            let entry = |(e, &v): (usize, &f32)| {
                let (r, c) = (e / shape.row(), e % shape.row() / shape.taps);
                (v + noise * rms * random.normal()) * theta_in[shape.first_input(r) + c] / theta_out[r]
            };
            (name.clone(), dims.clone(), *groups, values.iter().enumerate().map(entry).collect())
        };
        Self(self.0.iter().map(convert).collect())
    }
}

const NET: &[(&[usize], usize)] = &[
    (&[24, 3, 3, 3], 1),
    (&[24, 1, 3, 3], 24),
    (&[32, 24, 1, 1], 1),
    (&[32, 8, 3, 3], 4),
    (&[40, 32 * 4], 1),
    (&[40, 40], 1),
    (&[40, 40], 1),
    (&[10, 40], 1),
];

#[test]
fn scalings_hide_nothing() {
    let ann = Net::random(NET, 1);
    let read = readability(&ann.converted(0.0, 1).weights(), &ann.weights(), 0);
    assert!(read.skipped.is_empty() && read.layers.len() == NET.len());
    assert!(read.cosine > 1.0 - 1e-6 && read.nearest_cosine > 1.0 - 1e-5, "{read:?}");
    assert_eq!(read.matched.0, read.matched.1);
    assert!(read.layers.iter().all(|l| l.relative_distance < 1e-5 && !l.permuted && l.artifact == l.ann), "{read:?}");
    assert!(read.null_cosine.abs() < 0.05 && read.null_matched.0 * 8 < read.null_matched.1, "{read:?}");
    assert_eq!(read, readability(&ann.converted(0.0, 1).weights(), &ann.weights(), 0));
}

#[test]
fn the_size_of_a_change_is_read() {
    let ann = Net::random(NET, 2);
    for noise in [0.01, 0.1, 0.5] {
        let read = readability(&ann.converted(noise, 3).weights(), &ann.weights(), 0);
        for layer in &read.layers {
            // The smallest has 216 entries: what noise it got is itself uncertain by 5 %.
            let allowed = if layer.artifact == "layer1" { 0.15 } else { 0.1 };
            assert!((layer.relative_distance / f64::from(noise) - 1.0).abs() < allowed, "{noise} {layer:?}");
        }
        let expected = 1.0 / (1.0 + f64::from(noise).powi(2)).sqrt();
        assert!((read.cosine - expected).abs() < 0.02 && read.matched.0 as f64 > 0.8 * read.matched.1 as f64, "{read:?}");
    }
}

#[test]
fn unrelated_weights_are_at_chance() {
    let layers: &[(&[usize], usize)] = &[(&[64, 3, 3, 3], 1), (&[64, 64, 3, 3], 1), (&[64, 64, 3, 3], 1), (&[128, 256], 1)];
    let mut total = (0, 0);
    for trial in 0..8 {
        let (a, b) = (Net::random(layers, 100 + trial), Net::random(layers, 200 + trial));
        let read = readability(&a.weights(), &b.weights(), trial);
        assert!(read.cosine.abs() < 0.03 && (read.nearest_cosine / read.null_nearest_cosine - 1.0).abs() < 0.05, "{read:?}");
        assert!(read.layers.iter().all(|l| !l.permuted && l.relative_distance > 3.0), "{read:?}");
        total = (total.0 + read.matched.0, total.1 + read.null_matched.0);
    }
    // Of 8 × 4 layers, one channel each.
    assert!((16..52).contains(&total.0) && (16..52).contains(&total.1), "{total:?}");
}

#[test]
fn permuted_hidden_units_are_found() {
    // A convolution, a depthwise one, a linear layer over a flattened image of 2 x 2, and a classifier.
    let layers: &[(&[usize], usize)] = &[(&[32, 3, 3, 3], 1), (&[32, 1, 3, 3], 32), (&[48, 32 * 4], 1), (&[10, 48], 1)];
    let ann = Net::random(layers, 5);
    let orders: [Vec<usize>; 2] = [(0..32).map(|o| (o * 5 + 3) % 32).collect(), (0..48).map(|o| (o * 7 + 2) % 48).collect()];
    let mut hidden = ann.converted(0.05, 6);
    for (k, (_, dims, groups, values)) in hidden.0.iter_mut().enumerate() {
        let shape = Shape::new(dims, *groups, values.len()).expect("sound");
        let outputs = [Some(&orders[0]), Some(&orders[0]), Some(&orders[1]), None][k];
        let inputs = [None, None, Some(&orders[0]), Some(&orders[1])][k];
        if let Some(order) = outputs {
            *values = channels::with_outputs(values, &shape, order);
        }
        if let Some(order) = inputs {
            *values = channels::with_inputs(values, &shape, order).expect("fits");
        }
    }
    let read = readability(&hidden.weights(), &ann.weights(), 1);
    assert_eq!(read.matched, (122, 122), "{read:#?}");
    assert!(read.layers.iter().all(|l| l.permuted && (l.relative_distance / 0.05 - 1.0).abs() < 0.1), "{read:#?}");
    assert!(read.layers[2].cosine.abs() < 0.1 && read.nearest_cosine > 0.99, "{read:#?}");
}

#[test]
fn layers_are_paired_by_likeness_then_by_order() {
    let shapes: &[(&[usize], usize)] = &[(&[20, 20], 1), (&[20, 20], 1), (&[20, 20], 1), (&[30, 20], 1)];
    let ann = Net::random(shapes, 7);
    let mut moved = ann.converted(0.1, 7);
    moved.0.swap(0, 2);
    let read = readability(&moved.weights(), &ann.weights(), 0);
    let pairs: Vec<(&str, &str)> = read.layers.iter().map(|l| (l.artifact.as_str(), l.ann.as_str())).collect();
    assert!(pairs.iter().all(|(a, b)| a == b), "{pairs:?}");
    let read = readability(&Net::random(shapes, 8).weights(), &ann.weights()[1..], 0);
    assert_eq!((read.skipped, read.layers.len()), (vec!["layer2".to_owned()], 3));
}

#[test]
fn what_scalings_explain_is_left_out() {
    let column = [1.0f32; 40];
    let weights = [
        Weights { name: "column", dims: &[40, 1], groups: 1, values: &column },
        Weights { name: "row", dims: &[1, 40], groups: 1, values: &column },
    ];
    let read = readability(&weights, &weights, 0);
    assert!(read.layers.is_empty() && read.skipped == ["column", "row"] && read.cosine == 0.0);
}

#[test]
#[ignore = "a measurement: half a minute of work"]
fn large_layers_cost() {
    for (dims, groups) in [(vec![512, 512, 3, 3], 1), (vec![4096, 512], 1), (vec![512, 25088], 1), (vec![4096, 4096], 1)] {
        let ann = Net::random(&[(&dims, groups)], 1);
        let changed = ann.converted(0.3, 2);
        let start = std::time::Instant::now();
        let read = readability(&changed.weights(), &ann.weights(), 0);
        println!("{dims:?} {:.1?} {:?}", start.elapsed(), read.layers[0]);
    }
}
