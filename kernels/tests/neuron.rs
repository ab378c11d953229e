//! Neurons over time against a reference of their own: one neuron, 64 bits, and derivatives carried forward in time instead of
//! backward.

use snnc_kernels::neuron::{Derivation, NeuronGradients, Neurons, Reset, Surrogate};

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
    let neurons = Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset };
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
