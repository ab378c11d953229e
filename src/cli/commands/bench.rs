//! `snnc bench MODEL.snn`

use super::{check_timesteps, load_network};
use crate::{
    cli::{
        args::BenchArgs,
        clipped::Clipped,
        locked::refuse,
        numbers::{si, table},
        outcome::{Failure, Outcome},
        output::print,
        plan::{bytes, heading, nodes, or_blank},
        process::{peak_memory, processor_seconds, set_threads},
        progress::{Console, Verbosity},
        render::Style,
        rival::Rival,
    },
    data::{Images, Plan},
    error::{Error, Result},
    observer::Observer,
};
use serde::Serialize;
use snnc_runtime::{Code, Domain, InputSpec, Network};
use std::{
    collections::BTreeSet,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Images that each thread has at least in a run, so that what is random in them weighs little, and what it takes to wake a thread.
const IMAGES: usize = 16;
/// Runs that a measurement has at least.
const RUNS: usize = 3;

/// What was measured: the JSON object that `docs/bench.schema.json` describes.
#[derive(Debug, Serialize)]
struct Measured {
    /// What spikes stand for.
    code: Code,
    timesteps: usize,
    /// The instructions, as `SNNC_ISA` names them.
    isa: &'static str,
    threads: usize,
    /// The file of the images; none where they are random.
    images: Option<String>,
    /// Seconds from the bytes of the file to a network.
    load_s: f64,
    parameter_bytes: usize,
    /// The most memory that the process had, before ONNX Runtime came in.
    peak_rss_bytes: Option<u64>,
    latency: Latency,
    batches: Vec<AtBatch>,
    peaks: Vec<Peak>,
    profile: Profile,
}

/// Of one image by itself, in microseconds.
#[derive(Debug, Serialize)]
struct Latency {
    median_us: f64,
    best_us: f64,
}

/// Images a second, in the fastest run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Speed {
    /// By the time that the processor works, all threads together.
    images_per_cpu_s: Option<f64>,
    /// By the clock.
    images_per_s: f64,
}

#[derive(Debug, Serialize)]
struct AtBatch {
    batch: usize,
    arena_bytes: usize,
    #[serde(flatten)]
    speed: Speed,
    ann: Option<Beside>,
    ann8: Option<Beside>,
}

/// What ONNX Runtime came to in the same time.
#[derive(Debug, Serialize)]
struct Beside {
    batch: usize,
    #[serde(flatten)]
    speed: Speed,
    /// How many times faster the artifact is, by the processor's time where that is known.
    ratio: f64,
}

/// What the processor can do.
#[derive(Debug, Serialize)]
struct Peak {
    bits: u32,
    gmacs_per_s: f64,
}

/// Where the time goes, in microseconds an image.
#[derive(Debug, Serialize)]
struct Profile {
    batch: usize,
    /// Of a whole run.
    total_us: f64,
    /// To write the images where the first step reads them.
    input_us: f64,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    nodes: Vec<String>,
    kernel: &'static str,
    domain: &'static str,
    operand_bits: u32,
    product_bits: u32,
    most_events: f32,
    /// An image, at all time steps.
    products: u64,
    parameter_bytes: usize,
    result_bytes: usize,
    us: f64,
    /// Those of all products, also where some are left out.
    gmacs_per_s: Option<f64>,
    /// Share of the peak for numbers of as many bits.
    share_of_peak: Option<f64>,
}

/// Runs the command.
pub(crate) fn run(args: &BenchArgs, style: &Style) -> Outcome {
    let about = Failure::about(&args.artifact, "measure");
    let mut console = Console::new(style.clone(), Verbosity::Normal, args.artifact.display().to_string());
    set_threads(Some(args.threads)).map_err(&about)?;
    let start = Instant::now();
    let network = args.opening.keys().and_then(|keys| load_network(&args.artifact, &keys)).map_err(&about)?;
    let load = start.elapsed();
    refuse(&args.artifact, network.spec(), "nothing to compare", "measure the network before its lock").map_err(&about)?;
    let measured = measure(args, &network, load, &mut console).map_err(&about)?;
    drop(console);
    if args.json {
        let text = serde_json::to_string(&measured).map_err(|e| Error::Internal(format!("the result is no JSON: {e}")))?;
        print(text + "\n")?;
    } else {
        print(readable(args, &network, &measured))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The images of a measurement: values as the model reads them, and whole numbers as the runtime does.
struct Material {
    values: Vec<f32>,
    numbers: Vec<u16>,
    count: usize,
}

impl Material {
    /// So many images, from the first on again where there are fewer.
    fn numbers(&self, images: usize) -> Vec<u16> {
        let len = self.numbers.len() / self.count;
        self.numbers.iter().copied().cycle().take(images * len).collect()
    }

    fn values(&self, images: usize) -> Vec<f32> {
        let len = self.values.len() / self.count;
        self.values.iter().copied().cycle().take(images * len).collect()
    }
}

/// The fastest of several runs, in seconds: by the processor's time and by the clock.
#[derive(Clone, Copy, Debug)]
struct Fastest {
    processor: Option<f64>,
    clock: f64,
}

impl Fastest {
    fn new() -> Self {
        Self { processor: None, clock: f64::INFINITY }
    }

    /// Takes the time of a run.
    fn lap(&mut self, run: impl FnOnce() -> Result<()>) -> Result<()> {
        let (start, before) = (Instant::now(), processor_seconds());
        run()?;
        let processor = processor_seconds().zip(before).map(|(after, before)| after - before);
        self.clock = self.clock.min(start.elapsed().as_secs_f64());
        self.processor = processor.map(|seconds| self.processor.map_or(seconds, |least| least.min(seconds)));
        Ok(())
    }

    fn speed(self, images: usize) -> Speed {
        let images = images as f64;
        Speed { images_per_cpu_s: self.processor.map(|seconds| images / seconds), images_per_s: images / self.clock }
    }
}

impl Speed {
    fn ratio(self, other: Self) -> f64 {
        match self.images_per_cpu_s.zip(other.images_per_cpu_s) {
            Some((own, other)) => own / other,
            None => self.images_per_s / other.images_per_s,
        }
    }
}

/// Does something again and again, at least [`RUNS`] times.
fn repeat(seconds: f64, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let (begin, time) = (Instant::now(), Duration::from_secs_f64(seconds));
    let mut runs = 0;
    while runs < RUNS || begin.elapsed() < time {
        run()?;
        runs += 1;
    }
    Ok(())
}

fn measure(args: &BenchArgs, network: &Network, load: Duration, console: &mut Console) -> Result<Measured> {
    let timesteps = args.timesteps.unwrap_or(network.spec().timesteps);
    check_timesteps(&args.artifact, network, &[timesteps])?;
    let sizes = sizes(&args.batch, network.batch());
    let together = |size: usize| args.threads * size * IMAGES.div_ceil(size);
    let most = sizes.iter().copied().map(together).max().unwrap_or(IMAGES);
    let material = material(args, network, most, console)?;
    let broken = |e: snnc_runtime::RunError| Error::format(args.images.as_ref().unwrap_or(&args.artifact), e.to_string());
    let once = |network: &Network, images: &[u16]| network.run_quantised(images, timesteps, 0).map(drop).map_err(broken);

    console.stage("measure", None);
    let start = Instant::now();
    let latency = latency(args.seconds, || once(network, &material.numbers(1)))?;
    let batched: Vec<Network> = sizes.iter().map(|&size| network.clone().with_batch(size)).collect();
    // The first run of each asks the system for its memory.
    batched.iter().zip(&sizes).try_for_each(|(network, &size)| once(network, &material.numbers(together(size))))?;
    let peak_rss_bytes = peak_memory();
    let peaks = peaks(network);
    let profile = profile(&batched[0], &material.numbers(together(sizes[0])), timesteps, args.seconds, &peaks).map_err(broken)?;

    let open = |path: &Option<_>| path.as_deref().map(|path: &Path| Rival::open(path, args.threads)).transpose();
    let (mut ann, mut ann8) = (open(&args.ann)?, open(&args.ann8)?);
    let mut batches = Vec::new();
    for (network, &size) in batched.iter().zip(&sizes) {
        let count = together(size);
        let (numbers, values) = (material.numbers(count), material.values(count));
        let mut own = Fastest::new();
        let mut rivals = Vec::new();
        for rival in [&mut ann, &mut ann8] {
            let taken = rival.as_mut().map(|rival| rival.take(&values, &network.spec().input.shape, size)).transpose()?;
            rivals.push((rival, taken.unwrap_or(0), Fastest::new()));
        }
        // In turns, so that what else the machine does meets all of them.
        let seconds = args.seconds * (1 + args.ann.iter().len() + args.ann8.iter().len()) as f64;
        repeat(seconds, || {
            own.lap(|| once(network, &numbers))?;
            for (rival, _, fastest) in &mut rivals {
                if let Some(rival) = rival {
                    fastest.lap(|| rival.run())?;
                }
            }
            Ok(())
        })?;
        let speed = own.speed(count);
        let mut beside = rivals.into_iter().map(|(rival, taken, fastest)| {
            let other = fastest.speed(taken);
            rival.as_ref().map(|rival| Beside { batch: rival.batch(), speed: other, ratio: speed.ratio(other) })
        });
        let (ann, ann8) = (beside.next().flatten(), beside.next().flatten());
        batches.push(AtBatch { batch: size, arena_bytes: network.memory().1, speed, ann, ann8 });
    }
    console.stage_done(start.elapsed());
    Ok(Measured {
        code: network.spec().code,
        timesteps,
        isa: network.isa().name(),
        threads: args.threads,
        images: args.images.as_ref().map(|path| path.display().to_string()),
        load_s: load.as_secs_f64(),
        parameter_bytes: network.memory().0,
        peak_rss_bytes,
        latency,
        batches,
        peaks,
        profile,
    })
}

/// The numbers of images that are asked for, each once; else the network's own choice and one.
fn sizes(asked: &[usize], own: usize) -> Vec<usize> {
    let asked = if asked.is_empty() { &[own, 1] } else { asked };
    let mut seen = BTreeSet::new();
    asked.iter().copied().filter(|&size| seen.insert(size)).collect()
}

fn material(args: &BenchArgs, network: &Network, most: usize, console: &mut Console) -> Result<Material> {
    let input = &network.spec().input;
    let (values, path) = match &args.images {
        None => (random(input, most), &args.artifact),
        Some(path) => {
            let images = Images::read(path)?.take(most);
            let plan = Plan::new(&images, &input.shape, Some(input.layout), &input.preprocess)?;
            (plan.convert(&images, 0..images.count), path)
        }
    };
    let mut clipped = Clipped::default();
    clipped.count(input, &values);
    clipped.warn(console);
    let numbers = network.quantise(&values).map_err(|e| Error::format(path, e.to_string()))?;
    let count = numbers.len() / network.image_len();
    if count == 0 {
        return Err(Error::format(path, "has no images"));
    }
    Ok(Material { values, numbers, count })
}

/// Images of random pixels, the same every time, as the model reads them.
fn random(input: &InputSpec, count: usize) -> Vec<f32> {
    let len: usize = input.shape.iter().product();
    let pixel = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    (0..count * len).map(|index| input.preprocess.apply(input.channel_of(index % len), pixel(index) as f32)).collect()
}

fn latency(seconds: f64, run: impl Fn() -> Result<()>) -> Result<Latency> {
    run()?;
    let mut times = Vec::new();
    repeat(seconds, || {
        let start = Instant::now();
        run()?;
        times.push(1e6 * start.elapsed().as_secs_f64());
        Ok(())
    })?;
    times.sort_by(f64::total_cmp);
    Ok(Latency { median_us: times[times.len() / 2], best_us: times[0] })
}

/// What the processor can do, for every width of numbers that the network multiplies.
fn peaks(network: &Network) -> Vec<Peak> {
    let widths: BTreeSet<u32> = network.steps().iter().map(|step| step.product_bits).collect();
    let of = |bits: u32| network.isa().measure_peak(bits).map(|peak| Peak { bits, gmacs_per_s: peak / 1e9 });
    widths.into_iter().filter_map(of).collect()
}

/// The least time that each step takes, over several runs.
fn profile(
    network: &Network,
    images: &[u16],
    timesteps: usize,
    seconds: f64,
    peaks: &[Peak],
) -> std::result::Result<Profile, snnc_runtime::RunError> {
    let planned = network.steps();
    let mut least = vec![f64::INFINITY; 1 + planned.len()];
    let mut total = f64::INFINITY;
    let begin = Instant::now();
    let mut runs = 0;
    while runs < RUNS || begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let times = network.profile(images, timesteps)?;
        total = total.min(start.elapsed().as_secs_f64());
        least.iter_mut().zip(times).for_each(|(least, time)| *least = least.min(time));
        runs += 1;
    }
    let count = (images.len() / network.image_len()) as f64;
    let us = |seconds: f64| 1e6 * seconds / count;
    let steps = planned.into_iter().zip(&least[1..]).map(|(step, &seconds)| {
        let products = step.products * if step.domain == Domain::Time { timesteps as u64 } else { 1 };
        // Where a clock sees no time pass, there is no speed.
        let gmacs_per_s = (products > 0 && seconds > 0.0).then(|| products as f64 * count / seconds / 1e9);
        let peak = peaks.iter().find(|peak| peak.bits == step.product_bits);
        Step {
            kernel: step.kernel,
            domain: step.domain.name(),
            operand_bits: step.operand_bits,
            product_bits: step.product_bits,
            most_events: step.most_events,
            products,
            parameter_bytes: step.parameter_bytes,
            result_bytes: step.result_bytes,
            us: us(seconds),
            gmacs_per_s,
            share_of_peak: gmacs_per_s.zip(peak).map(|(speed, peak)| speed / peak.gmacs_per_s),
            nodes: step.nodes,
        }
    });
    Ok(Profile { batch: network.batch(), total_us: us(total), input_us: us(least[0]), steps: steps.collect() })
}

fn readable(args: &BenchArgs, network: &Network, measured: &Measured) -> String {
    let threads = if measured.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", measured.threads) };
    let images = measured.images.as_ref().map_or_else(|| "random pixels".to_owned(), |file| format!("images of {file}"));
    let peak = measured.peak_rss_bytes.map_or_else(String::new, |most| format!("; the process had {} at most", bytes(most as usize)));
    let Latency { median_us, best_us } = measured.latency;
    let mut text = format!(
        "{}, {threads}; {images}\nloaded in {:.1} ms; parameters {}{peak}\none image by itself: {median_us:.1} µs (median), {best_us:.1} µs \
         (fastest)\n\n",
        heading(&args.artifact, network, measured.timesteps),
        1e3 * measured.load_s,
        bytes(measured.parameter_bytes),
    );
    text += &table(&throughput(measured));
    text += &format!(
        "\nwhere the time goes, {} at a time:\n\n",
        if measured.profile.batch == 1 { "1 image".to_owned() } else { format!("{} images", measured.profile.batch) }
    );
    text += &table(&steps(network, &measured.profile));
    for peak in &measured.peaks {
        text += &format!("\npeak of {} bits: {:.1} GMAC/s", peak.bits, peak.gmacs_per_s);
    }
    text.trim_end().to_owned() + "\n"
}

fn throughput(measured: &Measured) -> Vec<Vec<String>> {
    let speeds = |speed: &Speed| [speed.images_per_cpu_s.map(si).unwrap_or_default(), si(speed.images_per_s)];
    let mut rows = vec![["", "batch", "memory", "images/CPU s", "images/s", "artifact is"].map(str::to_owned).to_vec()];
    for at in &measured.batches {
        let [processor, clock] = speeds(&at.speed);
        rows.push(vec!["artifact".into(), at.batch.to_string(), bytes(at.arena_bytes), processor, clock]);
        for (name, beside) in [("ONNX Runtime", &at.ann), ("ONNX Runtime, int8", &at.ann8)] {
            let Some(beside) = beside else { continue };
            let [processor, clock] = speeds(&beside.speed);
            rows.push(vec![
                name.into(),
                beside.batch.to_string(),
                String::new(),
                processor,
                clock,
                format!("{:.2} x as fast", beside.ratio),
            ]);
        }
    }
    if measured.batches.iter().all(|at| at.ann.is_none() && at.ann8.is_none()) {
        rows.iter_mut().for_each(|row| row.truncate(5));
    }
    rows
}

fn steps(network: &Network, profile: &Profile) -> Vec<Vec<String>> {
    let mut rows = vec![["step", "domain", "kernel", "bits", "products", "µs/image", "GMAC/s", "of peak"].map(str::to_owned).to_vec()];
    let us = |us: f64| format!("{us:.2}");
    rows.push(vec!["input".into(), String::new(), String::new(), String::new(), String::new(), us(profile.input_us)]);
    let mut sum = profile.input_us;
    for (step, planned) in profile.steps.iter().zip(network.steps()) {
        sum += step.us;
        rows.push(vec![
            nodes(network, &planned),
            step.domain.to_owned(),
            step.kernel.to_owned(),
            step.operand_bits.to_string(),
            or_blank(step.products),
            us(step.us),
            step.gmacs_per_s.map_or_else(String::new, |speed| format!("{speed:.1}")),
            step.share_of_peak.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share)),
        ]);
    }
    let products: u64 = profile.steps.iter().map(|step| step.products).sum();
    let speed = format!("{:.1}", products as f64 / sum / 1e3);
    rows.push(vec!["sum".into(), String::new(), String::new(), String::new(), or_blank(products), us(sum), speed]);
    rows.push(vec!["fastest run".into(), String::new(), String::new(), String::new(), String::new(), us(profile.total_us)]);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_images_are_measured_once() {
        assert_eq!(sizes(&[], 16), [16, 1]);
        assert_eq!(sizes(&[], 1), [1]);
        assert_eq!(sizes(&[4, 16, 4], 16), [4, 16]);
    }

    #[test]
    fn images_go_round() {
        let material = Material { values: vec![0.0, 0.5, 1.0, 1.5], numbers: vec![1, 2, 3, 4], count: 2 };
        assert_eq!(material.numbers(1), [1, 2]);
        assert_eq!(material.numbers(3), [1, 2, 3, 4, 1, 2]);
        assert_eq!(material.values(3), [0.0, 0.5, 1.0, 1.5, 0.0, 0.5]);
    }

    #[test]
    fn the_fastest_run_counts_and_something_is_run() {
        let mut fastest = Fastest::new();
        let mut runs = 0;
        repeat(0.0, || {
            runs += 1;
            fastest.lap(|| {
                std::thread::sleep(Duration::from_millis(if runs == 2 { 1 } else { 40 }));
                Ok(())
            })
        })
        .unwrap();
        assert_eq!(runs, RUNS);
        let speed = fastest.speed(2);
        assert!(speed.images_per_s > 2.0 / 0.04 && speed.images_per_s <= 2.0 / 0.001, "{speed:?}");
        let twice = Speed { images_per_cpu_s: speed.images_per_cpu_s.map(|s| 2.0 * s), images_per_s: 2.0 * speed.images_per_s };
        assert!((twice.ratio(speed) - 2.0).abs() < 1e-9);
    }
}
