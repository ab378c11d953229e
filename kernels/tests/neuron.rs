//! Neurons over time against a reference of their own: one neuron, 64 bits, and derivatives carried forward in time instead of
//! backward.

use snnc_kernels::neuron::{Derivation, NeuronGradients, Neurons, RadixGradients, RadixNeurons, Reset, Surrogate};

const STEPS: usize = 7;
const IMAGES: usize = 2;
/// More than a block of the kernel, and not a whole number of them.
const LEN: usize = 150;

fn noise(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| low + (high - low) * next()).collect()
}

/// What is differentiated with respect to.
#[derive(Clone, Copy, PartialEq)]
enum Variable {
    Threshold,
    Initial,
    Leak,
    Current(usize),
}

struct One {
    threshold: f64,
    initial: f64,
    leak: f64,
    currents: [f64; STEPS],
}

fn surrogate(kind: Surrogate, u: f64) -> f64 {
    match kind {
        Surrogate::Triangle { height } => f64::from(height) * (1.0 - u.abs()).max(0.0),
        Surrogate::Atan { slope } => {
            let a = f64::from(slope);
            a / 2.0 / (1.0 + (std::f64::consts::FRAC_PI_2 * a * u).powi(2))
        }
        Surrogate::Sigmoid { slope } => {
            let a = f64::from(slope);
            let sigma = 1.0 / (1.0 + (-a * u).exp());
            a * sigma * (1.0 - sigma)
        }
    }
}

/// The spikes, and their derivatives with respect to the variable.
fn run(one: &One, reset: Reset, how: Derivation, variable: Variable) -> [(f64, f64); STEPS] {
    let of = |v: Variable| if v == variable { 1.0 } else { 0.0 };
    let (theta, lambda) = (one.threshold, one.leak);
    let (mut v, mut dv, mut n) = (one.initial, of(Variable::Initial), 0.0);
    std::array::from_fn(|t| {
        let m = lambda * v + one.currents[t];
        let dm = lambda * dv + of(Variable::Leak) * v + of(Variable::Current(t));
        let mut s = if m >= theta { 1.0 } else { 0.0 };
        let mut ds = surrogate(how.surrogate, (m - theta) / theta) / theta * (dm - of(Variable::Threshold));
        if reset == Reset::Signed && n > 0.0 {
            s -= if m < 0.0 { 1.0 } else { 0.0 };
            ds += surrogate(how.surrogate, m / theta) / theta * dm;
        }
        let through = if how.through_reset { 1.0 } else { 0.0 };
        if reset == Reset::Hard {
            dv = dm * (1.0 - s) - through * m * ds;
            v = m * (1.0 - s);
        } else {
            dv = dm - through * (theta * ds + of(Variable::Threshold) * s);
            v = m - theta * s;
        }
        n += s;
        (s, ds)
    })
}

fn compare(reset: Reset, how: Derivation, varies: bool) {
    let (threshold, initial) = (noise(1, LEN, 0.5, 2.0), noise(2, LEN, -0.3, 0.8));
    let leak = noise(3, LEN, 0.6, 1.0);
    let rows = if varies { STEPS * IMAGES } else { IMAGES };
    let current = noise(4, rows * LEN, -0.8, 1.2);
    let upstream = noise(5, STEPS * IMAGES * LEN, -1.0, 1.0);
    let neurons = Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset, is_whole: false };
    let mut spikes = vec![0i8; STEPS * IMAGES * LEN];
    neurons.forward(&current, IMAGES, &mut spikes);
    let mut sums = vec![f32::NAN; IMAGES * LEN];
    neurons.sums(&current, IMAGES, STEPS, &mut sums);
    for (i, &sum) in sums.iter().enumerate() {
        let counted: i32 = spikes[i..].iter().step_by(IMAGES * LEN).map(|&s| i32::from(s)).sum();
        assert_eq!(sum, counted as f32, "neuron {i}");
    }
    let mut gradient = upstream.clone();
    let [mut of_threshold, mut of_initial, mut of_leak] = [(); 3].map(|()| vec![0.5f32; LEN]);
    let parameters = NeuronGradients { threshold: &mut of_threshold, initial: &mut of_initial, leak: &mut of_leak };
    neurons.backward(&current, IMAGES, how, &mut gradient, parameters);

    let mut seen = [0usize; 3];
    let near = |a: f32, b: f64, what: &str| {
        assert!((f64::from(a) - b).abs() <= 1e-4 * b.abs().max(1.0), "{what}: {a} and {b} ({reset:?}, {how:?}, varies {varies})");
    };
    for i in 0..LEN {
        let mut sums = [0.5f64; 3];
        for image in 0..IMAGES {
            let at = |t: usize| (t * IMAGES + image) * LEN + i;
            let one = One {
                threshold: f64::from(threshold[i]),
                initial: f64::from(initial[i]),
                leak: f64::from(leak[i]),
                currents: std::array::from_fn(|t| f64::from(current[if varies { at(t) } else { image * LEN + i }])),
            };
            let total = |variable| {
                let run = run(&one, reset, how, variable);
                run.iter().enumerate().map(|(t, (_, ds))| f64::from(upstream[at(t)]) * ds).sum::<f64>()
            };
            for (t, (s, _)) in run(&one, reset, how, Variable::Leak).iter().enumerate() {
                assert_eq!(f64::from(spikes[at(t)]), *s, "spike of neuron {i} at step {t} ({reset:?})");
                seen[(s + 1.0) as usize] += 1;
                near(gradient[at(t)], total(Variable::Current(t)), "current");
            }
            let variables = [Variable::Threshold, Variable::Initial, Variable::Leak];
            sums.iter_mut().zip(variables).for_each(|(sum, variable)| *sum += total(variable));
        }
        near(of_threshold[i], sums[0], "threshold");
        near(of_initial[i], sums[1], "initial potential");
        near(of_leak[i], sums[2], "leak");
    }
    assert!(seen[1] > 100 && seen[2] > 100 && (seen[0] > 20) == (reset == Reset::Signed && varies), "spikes of -1, 0, 1: {seen:?}");
}

#[test]
fn spikes_and_gradients_are_those_of_the_reference() {
    let surrogates = [Surrogate::Triangle { height: 0.3 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    for reset in [Reset::Soft, Reset::Hard, Reset::Signed] {
        for surrogate in surrogates {
            for through_reset in [false, true] {
                for varies in [false, true] {
                    compare(reset, Derivation { surrogate, through_reset }, varies);
                }
            }
        }
    }
}

/// One neuron of the radix code, digit by digit.
fn digits(x: f64, theta: f64, initial: f64, digits: u32, levels: f64) -> f64 {
    let mut v = (x + initial).min(theta * levels);
    (0..digits).rev().fold(0.0, |count, k| {
        let value = theta * f64::from(1u32 << k);
        let spike = if v >= value { 1.0 } else { 0.0 };
        v -= spike * value;
        2.0 * count + spike
    })
}

#[test]
fn counts_are_what_digits_say() {
    // Powers of two, so that nothing is rounded and many potentials lie on a step.
    let threshold: Vec<f32> = (0..LEN).map(|i| [0.25, 0.5, 1.0, 4.0][i % 4]).collect();
    let initial: Vec<f32> = (0..LEN).map(|i| threshold[i] * [0.5, 0.0, -1.0][i % 3]).collect();
    let current: Vec<f32> = noise(7, 40 * LEN, -4.0, 40.0).iter().map(|x| (x * 4.0).round() / 4.0).collect();
    for (count, levels) in [(5, 31.0f32), (4, 9.0), (1, 1.0)] {
        let neurons = RadixNeurons { threshold: &threshold, initial: &initial, levels, rounds: true };
        let mut counts = vec![f32::NAN; current.len()];
        neurons.counts(&current, &mut counts);
        for (at, (&x, &q)) in current.iter().zip(&counts).enumerate() {
            let [theta, start] = [threshold[at % LEN], initial[at % LEN]].map(f64::from);
            assert_eq!(f64::from(q), digits(f64::from(x), theta, start, count, f64::from(levels)), "{x} over {theta} from {start}");
        }
        assert!(counts.contains(&0.0) && counts.contains(&levels));
    }
}

/// The slope is that of the line that the staircase climbs, and where it ends there is none.
#[test]
fn gradients_of_counts_are_those_of_a_line() {
    //             below, inside, in the last step, above
    let current = [-3.0, 5.0, 14.5, 20.0];
    let (threshold, initial, len) = ([2.0; 4], [1.0; 4], 4);
    let backward = |levels: f32, rounds: bool| {
        let neurons = RadixNeurons { threshold: &threshold, initial: &initial, levels, rounds };
        let mut counts = vec![0.0; len];
        neurons.counts(&current, &mut counts);
        let mut gradient = vec![1.0, 10.0, 100.0, 1000.0];
        let [mut of_threshold, mut of_initial] = [(); 2].map(|()| vec![0.5f32; len]);
        let parameters = RadixGradients { threshold: &mut of_threshold, initial: &mut of_initial };
        neurons.backward(&current, &mut gradient, parameters);
        (counts, gradient, of_threshold, of_initial)
    };
    // Steps begin at -1, 1, 3, .., 13 and the last ends at 15: (x + 1) / 2 is -1, 3, 7.75 and 10.5.
    let (counts, gradient, of_threshold, of_initial) = backward(7.0, true);
    assert_eq!(counts, [0.0, 3.0, 7.0, 7.0]);
    assert_eq!(gradient, [0.0, 5.0, 50.0, 0.0]);
    assert_eq!(of_initial, [0.5, 5.5, 50.5, 0.5]);
    assert_eq!(of_threshold, [0.5, 0.5 - 5.0 * 3.0, 0.5 - 50.0 * 7.75, 0.5]);
    // The line runs through the middle of the steps, from a count of 0 to 7.
    let (counts, gradient, ..) = backward(7.0, false);
    assert_eq!(counts, [0.0, 2.5, 7.0, 7.0]);
    assert_eq!(gradient, [0.0, 5.0, 0.0, 0.0]);
    let (counts, gradient, of_threshold, _) = backward(f32::INFINITY, false);
    assert_eq!(counts, [0.0, 2.5, 7.25, 10.0]);
    assert_eq!(gradient, [0.0, 5.0, 50.0, 500.0]);
    assert_eq!(of_threshold[3], 0.5 - 500.0 * 10.5);
}

#[test]
fn gradients_of_parameters_add_up_over_images() {
    let neurons = RadixNeurons { threshold: &[1.0, 2.0], initial: &[0.5, 1.0], levels: 15.0, rounds: true };
    let current = [3.0, 4.0, 5.0, -8.0];
    let mut gradient = vec![1.0, 2.0, 3.0, 4.0];
    let [mut of_threshold, mut of_initial] = [(); 2].map(|()| vec![0.0f32; 2]);
    neurons.backward(&current, &mut gradient, RadixGradients { threshold: &mut of_threshold, initial: &mut of_initial });
    assert_eq!(gradient, [1.0, 1.0, 3.0, 0.0]);
    assert_eq!(of_initial, [4.0, 1.0]);
    assert_eq!(of_threshold, [-(3.5 + 3.0 * 5.5), -2.5]);
}
