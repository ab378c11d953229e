//! Prints what VGG16 on 32x32 images costs on one thread, in milliseconds of processor time, as the best of several runs.
//!
//! `cargo run --release -p snnc-kernels --example vgg16_cost [batch] [runs]`; with `layers` as third argument it prints
//! every layer too.

use std::time::Instant;

use snnc_kernels::{Conv2d, Pool2d, linear_forward, linear_input_gradient};

enum Layer {
    Conv { conv: Conv2d, weight: Vec<f32>, bias: Vec<f32> },
    Pool { pool: Pool2d, channels: usize },
    Linear { inputs: usize, outputs: usize, weight: Vec<f32>, bias: Vec<f32> },
}

/// Processor time of this thread so far, in milliseconds; the wall clock where the system does not tell.
fn cpu_ms(start: Instant) -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|field| field.parse::<f64>().ok());
    nanos.map_or_else(|| start.elapsed().as_secs_f64() * 1e3, |nanos| nanos / 1e6)
}

fn random(len: usize, scale: f32, seed: &mut u64) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((*seed >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..len).map(|_| next()).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| arguments.get(index).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (batch, runs, verbose) = (number(0, 16), number(1, 15), arguments.get(2).is_some_and(|a| a == "layers"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread can be built");
    pool.install(|| measure(batch, runs, verbose));
}

#[expect(clippy::print_stdout, reason = "printing is what the example is for")]
fn measure(batch: usize, runs: usize, verbose: bool) {
    let seed = &mut 1;
    let mut layers = Vec::new();
    // The sizes of the planes and the values between the layers.
    let (mut side, mut channels) = (32, 3);
    let mut values = vec![random(batch * 3 * 32 * 32, 1.0, seed)];
    for step in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0] {
        if step == 0 {
            side /= 2;
            let (kernel, stride, pads) = ([2, 2], [2, 2], [0; 4]);
            let pool = Pool2d { kernel, stride, pads, count_include_pad: false, output: [side, side] };
            layers.push(Layer::Pool { pool, channels });
        } else {
            let (kernel, stride, dilation, pads) = ([3, 3], [1, 1], [1, 1], [1; 4]);
            let conv = Conv2d { in_channels: channels, out_channels: step, kernel, stride, dilation, pads, groups: 1 };
            let weight = random(step * channels * 9, (6.0 / (channels * 9) as f32).sqrt(), seed);
            layers.push(Layer::Conv { conv, weight, bias: random(step, 0.1, seed) });
            channels = step;
        }
        values.push(vec![0.0; batch * channels * side * side]);
    }
    for (inputs, outputs) in [(512, 4096), (4096, 10)] {
        let weight = random(inputs * outputs, (6.0 / inputs as f32).sqrt(), seed);
        layers.push(Layer::Linear { inputs, outputs, weight, bias: random(outputs, 0.1, seed) });
        values.push(vec![0.0; batch * outputs]);
    }
    let mut gradients: Vec<Vec<f32>> = values.iter().map(|values| vec![0.0; values.len()]).collect();

    let start = Instant::now();
    let (mut forward, mut both) = (f64::INFINITY, f64::INFINITY);
    let mut by_layer = vec![[f64::INFINITY; 2]; layers.len()];
    for _ in 0..runs {
        let begin = cpu_ms(start);
        for (index, layer) in layers.iter().enumerate() {
            let wall = Instant::now();
            let (x, y) = values.split_at_mut(index + 1);
            let (x, y) = (&x[index], &mut y[0]);
            match layer {
                Layer::Conv { conv, weight, bias } => {
                    conv.forward(x, batch, plane(x, batch, conv.in_channels), weight, Some(bias), true, y);
                }
                Layer::Pool { pool, channels } => {
                    pool.max_forward(x, batch * channels, plane(x, batch, *channels), y);
                }
                Layer::Linear { inputs, outputs, weight, bias } => {
                    linear_forward(x, [batch, *inputs, *outputs], weight, Some(bias), *outputs > 10, y);
                }
            }
            by_layer[index][0] = by_layer[index][0].min(wall.elapsed().as_secs_f64() * 1e3);
        }
        forward = forward.min(cpu_ms(start) - begin);

        let logits = gradients.last_mut().expect("the network has layers");
        logits.fill(1.0);
        for (index, layer) in layers.iter().enumerate().rev() {
            let wall = Instant::now();
            let (dx, dy) = gradients.split_at_mut(index + 1);
            let (dx, dy) = (&mut dx[index], &mut dy[0]);
            // The rectifier behind the layer.
            if !matches!(layer, Layer::Pool { .. }) && index + 1 < layers.len() {
                dy.iter_mut().zip(&values[index + 1]).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy } else { 0.0 });
            }
            match layer {
                Layer::Conv { conv, weight, .. } => {
                    conv.input_gradient(dy, batch, plane(dx, batch, conv.in_channels), weight, dx);
                }
                Layer::Pool { pool, channels } => {
                    pool.max_input_gradient(&values[index], dy, batch * channels, plane(dx, batch, *channels), dx);
                }
                Layer::Linear { inputs, outputs, weight, .. } => {
                    linear_input_gradient(dy, [batch, *inputs, *outputs], weight, dx);
                }
            }
            by_layer[index][1] = by_layer[index][1].min(wall.elapsed().as_secs_f64() * 1e3);
        }
        both = both.min(cpu_ms(start) - begin);
    }
    if verbose {
        for (layer, [forward, gradient]) in layers.iter().zip(&by_layer) {
            let name = match layer {
                Layer::Conv { conv, .. } => format!("conv {} -> {}", conv.in_channels, conv.out_channels),
                Layer::Pool { pool, .. } => format!("pool to {}", pool.output[0]),
                Layer::Linear { inputs, outputs, .. } => format!("linear {inputs} -> {outputs}"),
            };
            println!("{name:24} forward {forward:6.2}  input gradient {gradient:6.2}");
        }
    }
    let sum = values.last().map_or(0.0, |logits| logits.iter().sum::<f32>());
    println!("batch {batch}: forward {forward:.1} cpu-ms, with input gradient {both:.1} cpu-ms (checksum {sum})");
}

/// Height and width of square planes.
fn plane(values: &[f32], batch: usize, channels: usize) -> [usize; 2] {
    [(values.len() / (batch * channels)).isqrt(); 2]
}
