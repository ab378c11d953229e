//! What can be typed. Values are checked while they are parsed; [`CompileArgs::options`] turns them into [`Options`].

use super::{
    lock_args::{KeygenArgs, LockArgs, UnlockArgs},
    nir_args::NirArgs,
    presets,
    project_args::{BuildArgs, CacheArgs},
    secrets::{Closing, Opening},
};
use crate::{
    audit::{attacks::ATTACKS, shard::Shard},
    error::{Error, Result},
    options::{
        Bits, Calibration, Code, Coding, Device, Effort, InitialPotential, Layout, MoreDigits, Options, Part, Pixels, Rule, Scope, Spikes,
        Surrogate, Synthesis, Threshold, Timesteps, Train, Training, Weights,
    },
};
use clap::{
    Args, Parser, Subcommand, ValueHint,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser, styling},
};
use snnc_golden::diff::Tolerances;
use snnc_ir::MAX_DIGITS;
use std::path::PathBuf;

/// Bits that biases and thresholds may be limited to.
pub(super) const FEW_BITS: std::ops::RangeInclusive<u32> = 2..=32;

/// Most time steps that an artifact may have.
const MAX_TIMESTEPS: usize = snnc_runtime::artifact::MAX_TIMESTEPS;

const EXAMPLES: &str = "\
Examples:
  snnc resnet18.onnx -o resnet18.snn
      Compile to spikes that are the digits of numbers; calibrate on samples that are made from the network itself
  snnc resnet18.onnx -o resnet18.snn --code rate --timesteps 32
      Compile to spikes whose rate counts, for hardware whose layers run side by side
  snnc vgg11.onnx -o vgg11.snn --mean 0.491,0.482,0.447 --std 0.247,0.243,0.262
      Say how the model's images are normalised
  snnc vgg11.onnx -o vgg11.snn --calibration images.npz --timesteps auto
      Calibrate on images of your own; let snnc find the fewest digits that will do
  snnc build -j4
      Compile the models of snnc.toml that are not up to date, four at a time
  snnc eval vgg11.snn --data test.npz --ann vgg11.onnx
      Compare the spiking network with the one that it came from
  snnc check vgg11.snn --golden vgg11.json --data test.npz --bless; snnc check vgg11.snn --golden vgg11.json
      Write down what it does; fail from then on if it does anything else
  snnc diff old.snn vgg11.snn --data test.npz
      Say which layers of two artifacts differ, and in what
  snnc bench vgg11.snn --ann vgg11.onnx
      Measure how fast it runs, step by step, and beside that one in ONNX Runtime
  snnc audit vgg11.snn --ann vgg11.onnx --judge other.onnx --reference test.npz --html audit.html
      Attack the spiking network, and say what each attacker got
  snnc run vgg11.snn images.npy --raster spikes.svg
      Draw every spike of the first image
  snnc emit c vgg11.snn -o vgg11.h
      Write the spiking network as C for a microcontroller
  snnc nir vgg11.snn -o vgg11.nir
      Write it for simulators of spiking networks that read NIR
  snnc vgg11.onnx -o vgg11.snn --encrypt-to age1.. --sign minisign.key
      Encrypt whatever shows the network, and sign the artifact
  snnc run vgg11.snn images.npy --identity age.key --require-signature minisign.pub
      Run it where the key is, if it is signed
  snnc keygen my.key; snnc lock vgg11.snn --key my.key -o locked.snn
  snnc run locked.snn images.npy -o answers; snnc unlock answers --key my.key
      Let a device compute classes that the holder of a key alone can read
  snnc explain E0102
      Read more about an error

Exit codes: 0 done, 1 a gate said no, 2 error, 101 bug in snnc.";

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

/// Compiles a trained classifier (ONNX) into a spiking neural network, without training data.
#[derive(Debug, Parser)]
#[command(
    name = "snnc",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    override_usage = "snnc [OPTIONS] MODEL.onnx -o MODEL.snn\n       snnc <COMMAND> ...",
    after_long_help = EXAMPLES,
    styles = STYLES,
    max_term_width = 110
)]
pub struct Cli {
    /// Another command than to compile.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Without a command: compile.
    #[command(flatten)]
    pub compile: Option<CompileArgs>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile a model (what snnc does without a command)
    #[command(override_usage = "snnc compile [OPTIONS] MODEL.onnx -o MODEL.snn")]
    Compile(Box<CompileArgs>),
    /// Compile the models of a project, those that have to be
    Build(BuildArgs),
    /// Show or shrink what builds keep
    Cache(CacheArgs),
    /// Measure accuracy, spikes and energy of an artifact on labelled images
    Eval(EvalArgs),
    /// Hold an artifact against a golden file, or write one
    Check(CheckArgs),
    /// Show what two artifacts differ in
    Diff(DiffArgs),
    /// Attack an artifact and report what each attacker got
    Audit(Box<AuditArgs>),
    /// Run an artifact on images and give out the logits
    Run(RunArgs),
    /// Write an artifact in another form: C for microcontrollers
    Emit(EmitArgs),
    /// Write an artifact as a file of NIR for simulators of spiking networks, or read one back
    Nir(NirArgs),
    /// Measure how fast an artifact runs, step by step
    Bench(BenchArgs),
    /// Show a model or an artifact, and whether it can be compiled
    Inspect(InspectArgs),
    /// Show the chips that networks can be compiled for, and their limits with sources
    Targets(TargetsArgs),
    /// Open a file that was encrypted
    Decrypt(DecryptArgs),
    /// Sign a file
    Sign(SignArgs),
    /// Check the signature of a file
    Verify(VerifyArgs),
    /// Make a key for locked read-outs
    Keygen(KeygenArgs),
    /// Lock the read-out of an artifact, so that the holder of the key alone reads the class
    Lock(LockArgs),
    /// Read what a locked artifact answered
    Unlock(UnlockArgs),
    /// Run passes on a graph in text form and print the result
    Opt(OptArgs),
    /// Explain an error code, such as E0102
    Explain(ExplainArgs),
    /// Show what of this machine snnc uses: instructions, ONNX Runtime, graphics card
    Doctor,
    /// Print a script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Manual(ManualArgs),
}

/// Arguments of `completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Arguments of `targets`.
#[derive(Args, Clone, Debug)]
pub struct TargetsArgs {
    /// Print this one, as a file from which to make one of your own
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(snnc_targets::NAMES))]
    pub name: Option<String>,
}

/// Arguments of `manual`.
#[derive(Args, Clone, Debug)]
pub struct ManualArgs {
    /// Write them into this folder, one a command
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// How a command works: common to several.
#[derive(Args, Clone, Debug, Default)]
pub struct Manner {
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say what is being done
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of a compilation.
#[derive(Args, Clone, Debug)]
pub struct CompileArgs {
    /// The trained network: an ONNX classifier of images
    #[arg(value_name = "MODEL.onnx", value_hint = ValueHint::FilePath)]
    pub model: PathBuf,

    /// Write the spiking network here
    #[arg(short = 'o', value_name = "MODEL.snn", required_unless_present = "emit", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Write the report here [default: MODEL.report.json, next to the output]
    #[arg(long, value_name = "FILE.json", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Also give out the final graph, `ir` as text or `dot` for Graphviz, or the artifact as C for microcontrollers, `c`, to FILE or to
    /// standard output; or as a file of NIR for simulators, `nir=FILE`
    #[arg(long, value_name = "ir|dot|c[=FILE]|nir=FILE", value_parser = parse_emit, help_heading = "Output")]
    pub emit: Vec<Emit>,
    /// Write nothing if `--emit nir=FILE` cannot say all of the network, instead of a warning
    #[arg(long, requires = "emit", help_heading = "Output")]
    pub strict: bool,
    /// Keep the names that nodes and output have in the model, which tell those who hold the file about it
    #[arg(long, help_heading = "Output")]
    pub keep_names: bool,
    /// Lock the read-out with this key, so that its holder alone reads the class: unaudited cryptography, see docs/locked-readout.md
    #[arg(long, value_name = "KEYFILE", requires = "out", conflicts_with = "emit", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub lock: Option<PathBuf>,
    /// Write how the artifact came to be, as an in-toto statement with SLSA provenance; see docs/provenance.md
    #[arg(long, value_name = "FILE.json", requires = "out", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub provenance: Option<PathBuf>,
    /// Write a Makefile rule that names every file that was read
    #[arg(long, value_name = "FILE", requires = "out", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub depfile: Option<PathBuf>,

    /// Options that belong together, by name, but for those that are given as well: `privatesnn` is the pipeline of the paper of that name
    /// (docs/privatesnn.md)
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(presets::recipes()), help_heading = "Conversion")]
    pub recipe: Option<String>,
    /// The chip that the network is for: begins with its options, for those that are not typed, and writes nothing that does not fit it. A name that
    /// `snnc targets` lists, or a file (docs/targets.md)
    #[arg(long, value_name = "NAME|FILE.toml", value_hint = ValueHint::FilePath, help_heading = "Conversion")]
    pub target: Option<String>,
    /// What spikes stand for; docs/codes.md says what each costs
    #[arg(long, value_name = "CODE", default_value = "radix", value_parser = code(), help_heading = "Conversion")]
    pub code: Code,
    /// Digits (radix) or time steps (rate) to compile for, or `auto`: the fewest that agree with the float network on held-out synthetic
    /// samples [default: radix 8, rate 32]
    #[arg(long, value_name = "N|auto", value_parser = parse_timesteps, help_heading = "Conversion")]
    pub timesteps: Option<Timesteps>,
    /// Bits of the weights: `auto` takes 8, and 16 in layers where 8 cost too much
    #[arg(long, value_name = "auto|4|8|16", default_value = "auto", value_parser = weights(), help_heading = "Conversion")]
    pub weights: Weights,
    /// Bits that biases must fit in, from 2 to 32, for hardware with short ones: weights get as coarse as that takes [default: 32]
    #[arg(long, value_name = "N", value_parser = few_bits(), help_heading = "Conversion")]
    pub bias_bits: Option<u32>,
    /// The same of thresholds [default: 32]
    #[arg(long, value_name = "N", value_parser = few_bits(), help_heading = "Conversion")]
    pub threshold_bits: Option<u32>,
    /// Bits of the whole numbers that images become, from 8 to 16: 8 are the pixels themselves
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(8..=16), help_heading = "Conversion")]
    pub input_digits: u32,
    /// How thresholds are chosen: `auto` takes least squares, unless another rule agrees with the float network more often beyond
    /// chance on held-out samples; `least-squares` fits what the neurons would say; `balance` is local threshold balancing; `batch-norm=K` takes
    /// mean + K deviations as the file's batch norms recorded them; `max` and `percentile=P` look at activations; `fixed=V` is one
    /// value for all
    #[arg(long, value_name = "RULE", default_value = "auto", value_parser = parse_threshold, help_heading = "Conversion")]
    pub threshold: Threshold,
    /// Whether every channel of a layer has its own threshold, or all have one, to the last bit; all their weights then have one scale
    /// [default: by channel; `max` takes one range for all, and a scale for each]
    #[arg(long, value_name = "SCOPE", value_parser = scope(), help_heading = "Conversion")]
    pub threshold_per: Option<Scope>,
    /// Potential of a neuron before anything arrives
    #[arg(long, value_name = "V", default_value = "half", value_parser = initial(), help_heading = "Conversion")]
    pub v_init: InitialPotential,
    /// Which tensor holds the class scores: an output of the model, or any tensor that a node makes [default: the first output]
    #[arg(long, value_name = "NAME", help_heading = "Conversion")]
    pub output: Option<String>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Conversion")]
    pub seed: u64,

    /// Whether layers that lose most may say more digits than the others
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = more_digits(), help_heading = "Radix code")]
    pub digits_extra: MoreDigits,

    /// What neurons may send: spikes that can be taken back need fewer time steps, and hardware whose spikes carry a sign
    /// [default: signed; the radix code has binary spikes alone]
    #[arg(long, value_name = "KIND", value_parser = spikes(), help_heading = "Rate code, with `--code rate`")]
    pub spikes: Option<Spikes>,
    /// What a binary spike does to the potential [default: soft]
    #[arg(long, value_name = "KIND", value_parser = reset(), help_heading = "Rate code, with `--code rate`")]
    pub reset: Option<ResetArg>,
    /// Leaky neurons: the share of the potential that is left after a time step, more than 0 and less than 1
    #[arg(long, value_name = "L", value_parser = parse_leak, help_heading = "Rate code, with `--code rate`")]
    pub leak: Option<f32>,
    /// How images become input
    #[arg(long, value_name = "CODING", default_value = "direct", value_parser = coding(), help_heading = "Rate code, with `--code rate`")]
    pub coding: Coding,

    /// Samples to calibrate on: `synthetic` needs no data; a file holds images as `x`
    #[arg(long, value_name = "synthetic|FILE.npz", default_value = "synthetic", value_parser = parse_calibration, help_heading = "Calibration")]
    pub calibration: CalibrationArg,
    /// Number of samples [default: 96, 48 of images from 128x128 on, twice that for fewer than 6 digits,
    /// or all that the file has up to that]
    #[arg(long, value_name = "N", value_parser = parse_samples, help_heading = "Calibration")]
    pub samples: Option<usize>,
    /// How synthetic samples are made
    #[arg(long, value_name = "KIND", value_parser = synthesis(), help_heading = "Calibration")]
    pub synthesis: Option<Synthesis>,
    /// Gradient steps of the synthesis [default: natural 60, or 100 where the file has batch norms; paper 2499]
    #[arg(long, value_name = "N", value_parser = parse_synthesis_steps, help_heading = "Calibration")]
    pub synthesis_steps: Option<usize>,
    /// Seconds for synthesis and training: the synthesis stops after a third of them and goes on with the best samples so far, the
    /// training stops at their end with the best network so far; the bytes of the output then depend on the machine
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, help_heading = "Calibration")]
    pub budget: Option<f64>,
    /// Also write the samples with the float network's answers: they show what the network knows, so keep the file as private as
    /// training data
    #[arg(long, value_name = "FILE.npz", value_hint = ValueHint::FilePath, help_heading = "Calibration")]
    pub save_samples: Option<PathBuf>,

    /// Train the converted network on synthetic samples, in the rate code through time, so that it agrees with the float network at
    /// few digits or time steps and its weights are no longer those of the float network [default: in the rate code `temporal`, where
    /// that is estimated to fit the budget (10 minutes if none is given); in the radix code `none`]
    #[arg(long, value_name = "KIND", value_parser = train(), help_heading = "Training")]
    pub train: Option<Train>,
    /// Passes over the samples
    #[arg(long, value_name = "N", default_value = "20", value_parser = parse_epochs, help_heading = "Training")]
    pub epochs: usize,
    /// Relative step at the start: a weight moves by about this share of the size of the weights beside it; it falls to 0 along a
    /// cosine
    #[arg(long, value_name = "R", default_value = "0.002", value_parser = parse_rate, help_heading = "Training")]
    pub learning_rate: f64,
    /// Images a step
    #[arg(long, value_name = "N", default_value = "16", value_parser = parse_batch, help_heading = "Training")]
    pub batch: usize,
    /// Synthetic samples to train on beside those for calibration
    #[arg(long, value_name = "N", default_value = "768", value_parser = parse_train_samples, help_heading = "Training")]
    pub train_samples: usize,
    /// Temperature of the distillation from the float network's answers
    #[arg(long, value_name = "T", default_value = "2", value_parser = parse_temperature, help_heading = "Training")]
    pub temperature: f64,
    /// Share of the cross-entropy with the float network's class in the loss, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share, help_heading = "Training")]
    pub cross_entropy: f64,
    /// What stands in for the derivative of a spike of the rate code, with its height or slope; counts of digits have that of the line
    /// that they climb
    #[arg(long, value_name = "triangle|atan|sigmoid[=V]", default_value = "triangle", value_parser = parse_surrogate, help_heading = "Training")]
    pub surrogate: Surrogate,
    /// Differentiate the reset of the rate code too
    #[arg(long, help_heading = "Training")]
    pub through_reset: bool,
    /// What is not trained: any of `weights`, `biases`, `thresholds`, `initial` and `leak`; the phase of the artifact is then not `trained`
    #[arg(long, value_name = "PART[,PART..]", value_delimiter = ',', value_parser = part(), help_heading = "Training")]
    pub freeze: Vec<Part>,
    /// Longest gradient, in relative units; longer ones are cut to it
    #[arg(long, value_name = "LENGTH", default_value = "1", value_parser = parse_clip, help_heading = "Training")]
    pub clip: f64,
    /// Share of themselves by which weights shrink a step, times the learning rate
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share, help_heading = "Training")]
    pub weight_decay: f64,
    /// Weight of the layers' errors in the loss: what every neuron says should stand for the float network's activation
    #[arg(long, value_name = "WEIGHT", default_value = "0", value_parser = parse_weight, help_heading = "Training")]
    pub hints: f64,
    /// Keep the state of the training in this folder, replaced after every epoch; it shows the weights, so keep it as private as the
    /// model
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Training")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the state in the checkpoint folder, if there is one
    #[arg(long, requires = "checkpoint", help_heading = "Training")]
    pub resume: bool,
    /// Go on from an encrypted state with the keys in this file; see --encrypt-to
    #[arg(long, value_name = "KEYFILE", requires = "resume", value_hint = ValueHint::FilePath, help_heading = "Training")]
    pub identity: Vec<PathBuf>,
    /// Where to train
    #[arg(long, value_name = "auto|cpu|cuda[:N]", default_value = "auto", value_parser = parse_device, help_heading = "Training")]
    pub device: Device,

    /// How hard the result is attacked: the report then says what each attacker got; `snnc audit` attacks with real images and
    /// another judge
    #[arg(long, value_name = "EFFORT", default_value = "quick", value_parser = audit(), help_heading = "Audit")]
    pub audit: AuditArg,
    /// Write the audit as a self-contained page; it shows reconstructions, so keep it as private as the training data
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath, help_heading = "Audit")]
    pub html: Option<PathBuf>,
    /// Rules that the audit must keep, or the artifact is not written and the exit code is 1
    #[arg(long, value_name = "POLICY.toml", value_hint = ValueHint::FilePath, help_heading = "Audit")]
    pub policy: Option<PathBuf>,

    // Not flattened either; see below.
    /// Encrypt the artifact, and all that is written of the model or shows images (page, samples, checkpoint, `--emit`), for the holder of a key
    /// of age, `age1..`; may be repeated. The report and the depfile stay readable
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "encrypt_passphrase", help_heading = "Encryption and signature")]
    pub encrypt_to: Vec<String>,
    /// Encrypt for all recipients in this file, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "encrypt_passphrase", value_hint = ValueHint::FilePath, help_heading = "Encryption and signature")]
    pub encrypt_to_file: Vec<PathBuf>,
    /// Encrypt with the passphrase that is the first line of this file; `-` asks for it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Encryption and signature")]
    pub encrypt_passphrase: Option<PathBuf>,
    /// Sign the artifact as it is written with a secret key of minisign, in `MODEL.snn.minisig`
    #[arg(long, value_name = "KEYFILE", requires = "out", value_hint = ValueHint::FilePath, help_heading = "Encryption and signature")]
    pub sign: Option<PathBuf>,
    /// The password of that key is the first line of this file; `-` asks for it [default: ask, if the key has one]
    #[arg(long, value_name = "FILE", requires = "sign", value_hint = ValueHint::FilePath, help_heading = "Encryption and signature")]
    pub sign_password: Option<PathBuf>,

    /// Order of the axes of the model's input
    #[arg(long, value_name = "LAYOUT", default_value = "auto", value_parser = layout(), help_heading = "Input: an 8-bit pixel x becomes (x/S - M)/D")]
    pub layout: LayoutArg,
    /// S: the value that becomes 1 [default: 255, or 1 where the model takes integers]
    #[arg(long, value_name = "S", allow_hyphen_values = true, value_parser = parse_divisor, help_heading = "Input: an 8-bit pixel x becomes (x/S - M)/D")]
    pub scale: Option<f32>,
    /// M: subtracted; one value, or one per channel
    #[arg(long, value_name = "M[,M..]", default_value = "0", allow_hyphen_values = true, value_parser = parse_means, help_heading = "Input: an 8-bit pixel x becomes (x/S - M)/D")]
    pub mean: List,
    /// D: divides; one value, or one per channel
    #[arg(long, value_name = "D[,D..]", default_value = "1", allow_hyphen_values = true, value_parser = parse_deviations, help_heading = "Input: an 8-bit pixel x becomes (x/S - M)/D")]
    pub std: List,

    /// Print the graph after a pass to standard error, or after `all`; see `snnc opt --help` for the names
    #[arg(long, value_name = "PASS", help_heading = "Messages")]
    pub dump_after: Vec<String>,
    /// Print how long every stage and pass took to standard error
    #[arg(long, help_heading = "Messages")]
    pub timings: bool,
    // These are not flattened: clap cannot tell whether an optional group was typed once it holds another group.
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Messages")]
    pub threads: Option<usize>,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Messages")]
    pub quiet: bool,
    /// Say what is being done
    #[arg(short, long, help_heading = "Messages")]
    pub verbose: bool,
}

/// Arguments of `eval`.
#[derive(Args, Clone, Debug)]
pub struct EvalArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// Images as `x` (uint8 N,H,W[,C], or float32 as the model reads them) and classes as `y`
    #[arg(long, value_name = "FILE.npz", value_hint = ValueHint::FilePath)]
    pub data: PathBuf,
    /// The network that it was compiled from, to compare with
    #[arg(long, value_name = "MODEL.onnx", value_hint = ValueHint::FilePath)]
    pub ann: Option<PathBuf>,
    /// Time steps to measure at, in the rate code [default: powers of two from 4 up to the artifact's number, and that]; the radix code
    /// takes the artifact's number alone
    #[arg(long, value_name = "N[,N..]", value_parser = parse_steps, value_delimiter = ',')]
    pub timesteps: Vec<usize>,
    /// Take only the first N images
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    pub limit: Option<usize>,
    /// Also stop each image where the spikes so far give a class this much by softmax, in the rate code; tells after how many steps, and
    /// how often the class is another than after all
    #[arg(long, value_name = "P[,P..]", value_parser = parse_confidence, value_delimiter = ',')]
    pub early_exit: Vec<f32>,
    /// The key of a network whose read-out is locked
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub manner: Manner,
}

/// Arguments of `check`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "docs/golden.md says what is in the file, and how tests of Rust and Python check it in a line.")]
pub struct CheckArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// What it does: accuracy, agreement, spikes by layer, latency, energy, leakage; exact, but for tolerances that the file itself has
    #[arg(long, value_name = "FILE.json", value_hint = ValueHint::FilePath)]
    pub golden: PathBuf,
    /// Images as `x` and classes as `y`; a golden file that is there says where they are
    #[arg(long, value_name = "FILE.npz", value_hint = ValueHint::FilePath)]
    pub data: Option<PathBuf>,
    /// The report of the compilation or of `snnc audit --json`, which says what attacks get; a golden file that has leakage says where it is
    #[arg(long, value_name = "FILE.json", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Write the golden file as the artifact is now; its tolerances and limits are kept
    #[arg(long)]
    pub bless: bool,
    /// The network that it was compiled from: its answers are written down, so that agreement can be checked without it
    #[arg(long, value_name = "MODEL.onnx", requires = "bless", value_hint = ValueHint::FilePath)]
    pub ann: Option<PathBuf>,
    /// Print one JSON object with all that differs
    #[arg(long, conflicts_with = "bless")]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub manner: Manner,
}

/// Arguments of `diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// A spiking network
    #[arg(value_name = "A.snn", value_hint = ValueHint::FilePath)]
    pub a: PathBuf,
    /// Another
    #[arg(value_name = "B.snn", value_hint = ValueHint::FilePath)]
    pub b: PathBuf,
    /// Images to run both on, as `x`, and at will their classes as `y`
    #[arg(long, value_name = "FILE.npz", value_hint = ValueHint::FilePath)]
    pub data: Option<PathBuf>,
    /// Take only the first N images
    #[arg(long, value_name = "N", value_parser = parse_limit, requires = "data")]
    pub limit: Option<usize>,
    /// What is no difference: `parameters=UNITS` of an entry, `classes=IMAGES` with another class, `logits=V`, `spikes=SHARE` of those of a
    /// layer and of its synaptic operations; several with commas between
    #[arg(long, value_name = "NAME=V[,..]", default_value = "", hide_default_value = true, value_parser = parse_tolerances)]
    pub tolerance: Tolerances,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub manner: Manner,
}

/// Arguments of `audit`.
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// The network that it was compiled from: what is attacked beside it, and what an attacker may know
    #[arg(long, value_name = "MODEL.onnx", value_hint = ValueHint::FilePath)]
    pub ann: PathBuf,
    /// How hard to try
    #[arg(long = "audit", value_name = "EFFORT", default_value = "quick", value_parser = effort())]
    pub effort: Effort,
    /// Numbers of time steps at which an artifact of the rate code is attacked; an attacker may run it longer than it was made for
    /// [default: T, or 8 for what would take more than a minute at T; with `full` both]
    #[arg(long, value_name = "N[,N..]", value_parser = parse_steps, value_delimiter = ',')]
    pub timesteps: Vec<usize>,
    /// Attacks to make, by name; the report lists no others [default: all that the effort has]
    #[arg(long, value_name = "ATTACK[,ATTACK..]", value_delimiter = ',', value_parser = attack())]
    pub only: Vec<String>,
    /// Also ask what would be left if the read-out were locked: attacks on the features before it
    #[arg(long)]
    pub as_locked: bool,
    /// Seconds after which nothing new is begun; what was not made is listed [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub budget: Option<f64>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Keep results in this folder as they come; they show reconstructions, so keep it as private as the training data
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub checkpoint: Option<PathBuf>,
    /// Take up what is in the checkpoint folder
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Make one of N parts of a full audit's attacks, and no report: what they get goes to the checkpoint folder, for --merge
    #[arg(long, value_name = "I/N", requires = "checkpoint", conflicts_with_all = ["json", "html", "policy", "merge", "budget"], value_parser = parse_shard)]
    pub shard: Option<Shard>,
    /// Make no attack, but judge what the parts of a full audit got: their folders, one after the other
    #[arg(long, value_name = "DIR", conflicts_with_all = ["checkpoint", "budget"], num_args = 1.., value_hint = ValueHint::DirPath)]
    pub merge: Vec<PathBuf>,
    /// Where gradients are computed; auto is the processor, since a card finds much the same, but not to the byte
    #[arg(long, value_name = "auto|cpu|cuda[:N]", default_value = "auto", value_parser = parse_device)]
    pub device: Device,

    /// Real images of the kind that was trained on, as `x`, and at will their classes as `y`
    #[arg(long, value_name = "REAL.npz", value_hint = ValueHint::FilePath, help_heading = "Images")]
    pub reference: Option<PathBuf>,
    /// Images that were trained on
    #[arg(long, value_name = "M.npz", requires = "nonmembers", value_hint = ValueHint::FilePath, help_heading = "Images")]
    pub members: Option<PathBuf>,
    /// Images of the same kind that were not
    #[arg(long, value_name = "N.npz", requires = "members", value_hint = ValueHint::FilePath, help_heading = "Images")]
    pub nonmembers: Option<PathBuf>,

    /// Samples that the network was calibrated or trained on, as `--save-samples` writes them: whether they lie nearer to members than to others
    #[arg(long, value_name = "SAMPLES.npz", value_hint = ValueHint::FilePath, help_heading = "Images")]
    pub samples: Option<PathBuf>,

    /// Another classifier of the same classes, to say what reconstructions show; may be given several times [default: the ANN]
    #[arg(long, value_name = "JUDGE.onnx", value_hint = ValueHint::FilePath, help_heading = "Judge")]
    pub judge: Vec<PathBuf>,
    /// Its preprocessing, as `--scale` of a compilation; of several judges: given once for all, or once for each, in their order
    #[arg(long, value_name = "S", allow_hyphen_values = true, value_parser = parse_divisor, requires = "judge", help_heading = "Judge")]
    pub judge_scale: Vec<f32>,
    /// Its preprocessing, as `--mean` of a compilation
    #[arg(long, value_name = "M[,M..]", default_value = "0", allow_hyphen_values = true, value_parser = parse_means, requires = "judge", help_heading = "Judge")]
    pub judge_mean: Vec<List>,
    /// Its preprocessing, as `--std` of a compilation
    #[arg(long, value_name = "D[,D..]", default_value = "1", allow_hyphen_values = true, value_parser = parse_deviations, requires = "judge", help_heading = "Judge")]
    pub judge_std: Vec<List>,
    /// The network in whose features distances to real images are measured: those that its last linear layer reads [default: the first judge]
    #[arg(long, value_name = "NET.onnx", requires = "reference", value_hint = ValueHint::FilePath, help_heading = "Judge")]
    pub features: Option<PathBuf>,
    /// Its preprocessing
    #[arg(long, value_name = "S", allow_hyphen_values = true, value_parser = parse_divisor, requires = "features", help_heading = "Judge")]
    pub features_scale: Option<f32>,
    /// Its preprocessing
    #[arg(long, value_name = "M[,M..]", default_value = "0", allow_hyphen_values = true, value_parser = parse_means, requires = "features", help_heading = "Judge")]
    pub features_mean: List,
    /// Its preprocessing
    #[arg(long, value_name = "D[,D..]", default_value = "1", allow_hyphen_values = true, value_parser = parse_deviations, requires = "features", help_heading = "Judge")]
    pub features_std: List,

    /// Write the report as JSON (docs/report.schema.json)
    #[arg(long, value_name = "FILE.json", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// Write the report as a self-contained page; it shows reconstructions, so keep it as private as the training data
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub html: Option<PathBuf>,
    /// Rules that the audit must keep, or the exit code is 1
    #[arg(long, value_name = "POLICY.toml", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub closing: Closing,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub manner: Manner,
}

/// Arguments of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// Images: uint8 N,H,W[,C], or float32 as the model reads them
    #[arg(value_name = "INPUT.npy", required_unless_present = "explain", value_hint = ValueHint::FilePath)]
    pub input: Option<PathBuf>,
    /// Write the logits here (float32, one row per image) instead of printing the classes; of a network whose read-out is locked the answers,
    /// for `snnc unlock`
    #[arg(short = 'o', value_name = "LOGITS.npy", requires = "input", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Time steps [default: the artifact's number, and in the radix code no other]
    #[arg(long, value_name = "N", value_parser = parse_steps)]
    pub timesteps: Option<usize>,
    /// Stop each image where the spikes so far give a class this much by softmax, in the rate code; `snnc eval --early-exit` measures the risk
    #[arg(long, value_name = "P", value_parser = parse_confidence, conflicts_with = "simulator")]
    pub early_exit: Option<f32>,
    /// What runs the network: the runtime that deployments link, or the engine that the compiler calibrates with
    #[arg(long, value_name = "NAME", default_value = "runtime", value_parser = simulator())]
    pub simulator: Simulator,
    /// Draw every spike of one image: neurons below each other, time steps to the right
    #[arg(long, value_name = "FILE.svg", requires = "input", value_parser = parse_raster, value_hint = ValueHint::FilePath)]
    pub raster: Option<PathBuf>,
    /// Which image to draw, counted from 0 [default: 0]
    #[arg(long, value_name = "N", requires = "raster")]
    pub image: Option<usize>,
    /// Print how the runtime goes about it: the steps, what each costs, and memory; without images, no more than that
    #[arg(long)]
    pub explain: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub closing: Closing,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub manner: Manner,
}

/// Arguments of `bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// Also time the network that it was compiled from, in ONNX Runtime; the environment variable `ORT_DYLIB_PATH` names its library
    #[arg(long, value_name = "MODEL.onnx", value_hint = ValueHint::FilePath)]
    pub ann: Option<PathBuf>,
    /// Also time what ONNX Runtime's quantiser made of it
    #[arg(long, value_name = "INT8.onnx", value_hint = ValueHint::FilePath)]
    pub ann8: Option<PathBuf>,
    /// Images, as `run` takes them [default: random pixels, the same every time]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub images: Option<PathBuf>,
    /// Images that go through the network together; steps are measured with the first number [default: what the network chooses, and 1]
    #[arg(long, value_name = "N[,N..]", value_delimiter = ',', value_parser = parse_batch)]
    pub batch: Vec<usize>,
    /// Time steps [default: the artifact's number, and in the radix code no other]
    #[arg(long, value_name = "N", value_parser = parse_steps)]
    pub timesteps: Option<usize>,
    /// How long each measurement goes on, in seconds
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = parse_measuring)]
    pub seconds: f64,
    /// Number of threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_threads)]
    pub threads: usize,
    /// Print one JSON object instead of tables (docs/bench.schema.json)
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
}

/// Arguments of `emit`.
#[derive(Args, Clone, Debug)]
#[command(override_usage = "snnc emit [OPTIONS] c MODEL.snn")]
pub struct EmitArgs {
    /// The form
    #[arg(value_name = "FORM", value_parser = artifact_form())]
    pub form: ArtifactForm,
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// Write it here instead of to standard output
    #[arg(short = 'o', value_name = "MODEL.h", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// What functions are called by: `snn_NAME_run` [default: the name of the file that is written, or else read]
    #[arg(long, value_name = "NAME", value_parser = parse_identifier)]
    pub name: Option<String>,
    /// Most KiB of flash memory that parameters may take
    #[arg(long, value_name = "KIB", default_value_t = MAX_FLASH_KIB)]
    pub max_flash: usize,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub closing: Closing,
}

/// KiB of parameters that a program for a microcontroller may have unless more is asked for.
pub(super) const MAX_FLASH_KIB: usize = 1024;

/// Arguments of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// An ONNX model or an artifact; its content decides, not its name
    #[arg(value_name = "FILE.onnx|FILE.snn", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Which tensor would be compiled: an output of the model, or any tensor that a node makes [default: the first output]
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// Print how the artifact came to be instead, as an in-toto statement with SLSA provenance; see docs/provenance.md
    #[arg(long, conflicts_with = "output")]
    pub provenance: bool,
    /// Say what does not fit this target, one that `snnc targets` lists or a file: of an artifact all, of a model what its shapes tell. The exit
    /// code is then 1
    #[arg(long, value_name = "NAME|FILE.toml", value_hint = ValueHint::FilePath, conflicts_with = "provenance")]
    pub target: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
}

/// Arguments of `decrypt`.
#[derive(Args, Clone, Debug)]
pub struct DecryptArgs {
    /// The encrypted file, of whatever kind
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Write what is in it here
    #[arg(short = 'o', value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
}

/// Arguments of `sign`.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// The file, as it will be shipped: encrypted first, if at all; the signature is written to `FILE.minisig`
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The secret key of minisign to sign with
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub key: PathBuf,
    /// Its password is the first line of this file; `-` asks for it [default: ask, if the key has one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password: Option<PathBuf>,
}

/// Arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The file, whose signature is in `FILE.minisig`
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The public key of minisign that it must be signed with, or the file that it is in
    #[arg(long, value_name = "PUBKEY")]
    pub key: String,
}

/// Arguments of `opt`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = super::help::pass_list())]
pub struct OptArgs {
    /// A graph in text form, up to a line that starts with `;---`
    #[arg(value_name = "CASE.ir", value_hint = ValueHint::FilePath)]
    pub case: PathBuf,
    /// The passes in the order to run them [default: the file's line `;! passes = A,B`, or its folder's name]
    #[arg(long, value_name = "A[,B..]", value_delimiter = ',')]
    pub passes: Option<Vec<String>>,
}

/// Arguments of `explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The code, as errors print it, or `operators` for what becomes of every operator of ONNX; without it, all codes are listed
    #[arg(value_name = "CODE|operators")]
    pub code: Option<String>,
}

/// The forms of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactForm {
    /// C for microcontrollers.
    C,
}

/// What to give out beside the artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emit {
    /// In which form.
    pub form: EmitForm,
    /// Where to; standard output without it.
    pub file: Option<PathBuf>,
}

/// The forms of what is given out beside the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmitForm {
    /// The graph as text.
    Ir,
    /// The graph for Graphviz.
    Dot,
    /// The artifact as C.
    C,
    /// The artifact as a file of NIR.
    Nir,
}

/// What runs an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulator {
    /// `snnc-runtime`.
    Runtime,
    /// The engine that the compiler calibrates with.
    Engine,
}

/// Source of calibration samples, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalibrationArg {
    /// Made from the network.
    Synthetic,
    /// Of the user.
    File(PathBuf),
}

/// Layout as typed: none for `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutArg(pub Option<Layout>);

/// What a binary spike does, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetArg {
    /// The threshold is taken off.
    Soft,
    /// The potential becomes 0.
    Hard,
}

/// How hard an audit tries as typed: none for `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditArg(pub Option<Effort>);

/// Numbers with commas between them, as one value.
#[derive(Clone, Debug, PartialEq)]
pub struct List(pub Vec<f32>);

impl CompileArgs {
    /// The options of the compilation.
    ///
    /// # Errors
    /// If two of them contradict each other.
    pub fn options(&self) -> Result<Options> {
        let defaults = Options::default();
        let calibration = match (&self.calibration, self.synthesis) {
            (CalibrationArg::File(_), Some(_)) => {
                return Err(Error::Usage("--synthesis says how synthetic samples are made, but --calibration names a file".into()));
            }
            (CalibrationArg::File(_), None) if self.synthesis_steps.is_some() => {
                return Err(Error::Usage("--synthesis-steps is of the synthesis, but --calibration names a file".into()));
            }
            (CalibrationArg::File(path), None) => Calibration::File(path.clone()),
            (CalibrationArg::Synthetic, Some(kind)) => Calibration::Synthetic(kind),
            (CalibrationArg::Synthetic, None) => defaults.calibration,
        };
        let (means, deviations) = (self.mean.0.len(), self.std.0.len());
        if means > 1 && deviations > 1 && means != deviations {
            return Err(Error::Usage(format!(
                "--mean has {means} values, but --std has {deviations}; both are one value, or one per channel"
            )));
        }
        let spikes = self.spikes.unwrap_or(defaults.spikes);
        let is_hard = self.reset == Some(ResetArg::Hard);
        if self.code == Code::Radix {
            let of_rate = [
                ("--spikes signed", self.spikes == Some(Spikes::Signed)),
                ("--reset", self.reset.is_some()),
                ("--leak", self.leak.is_some()),
                ("--coding poisson", self.coding == Coding::Poisson),
            ];
            if let Some((name, _)) = of_rate.into_iter().find(|(_, is)| *is) {
                return Err(Error::Usage(format!("`{name}` is of the rate code; it goes with `--code rate`")));
            }
            if let Some(Timesteps::Fixed(digits)) = self.timesteps.filter(|t| matches!(t, Timesteps::Fixed(n) if *n > MAX_DIGITS as usize))
            {
                return Err(Error::Usage(format!("--timesteps {digits}: the radix code has at most {MAX_DIGITS} digits")));
            }
        } else if is_hard && spikes == Spikes::Signed {
            return Err(Error::Usage("--reset hard forgets what a signed spike would take back; it goes with `--spikes binary`".into()));
        }
        let pixels = Pixels { scale: self.scale, mean: self.mean.0.clone(), std: self.std.0.clone() };
        let preprocess = pixels.to_floats();
        let infinite = |channel| [0.0, 255.0].iter().any(|&pixel| !preprocess.apply(channel, pixel).is_finite());
        if (0..means.max(deviations)).any(infinite) {
            return Err(Error::Usage("--scale, --mean and --std make pixels infinite".into()));
        }
        Ok(Options {
            code: self.code,
            timesteps: self.timesteps.unwrap_or(Timesteps::Fixed(self.code.usual_timesteps())),
            more_digits: self.digits_extra,
            weights: self.weights,
            input_digits: self.input_digits,
            keep_names: self.keep_names,
            coding: self.coding,
            calibration,
            samples: self.samples,
            synthesis_steps: self.synthesis_steps,
            budget: self.budget,
            spikes,
            hard_reset: is_hard,
            threshold: self.threshold,
            threshold_scope: self.threshold_per,
            bias_bits: self.bias_bits,
            threshold_bits: self.threshold_bits,
            initial: self.v_init,
            leak: self.leak,
            training: self.training(),
            audit: self.audit.0.filter(|_| self.out.is_some()),
            layout: self.layout.0,
            pixels,
            output: self.output.clone(),
            seed: self.seed,
        })
    }

    fn training(&self) -> Training {
        let mut frozen = self.freeze.clone();
        frozen.sort_unstable();
        frozen.dedup();
        Training {
            train: self.train.unwrap_or(Train::Auto),
            samples: self.train_samples,
            epochs: self.epochs,
            batch: self.batch,
            rate: self.learning_rate,
            temperature: self.temperature,
            cross_entropy: self.cross_entropy,
            surrogate: self.surrogate,
            through_reset: self.through_reset,
            hints: self.hints,
            weight_decay: self.weight_decay,
            clip: self.clip,
            frozen,
            device: self.device,
            checkpoint: self.checkpoint.clone(),
            resume: self.resume,
            // Keys are read later, and are no options.
            kept: snnc_vault::Envelope::default(),
        }
    }
}

// ---- words ----

/// A parser of a closed list of words, each with its meaning and its help.
fn words<T: Clone + Send + Sync + 'static>(list: &'static [(&'static str, T, &'static str)]) -> impl TypedValueParser<Value = T>
where
    &'static [(&'static str, T, &'static str)]: Send + Sync,
{
    let values = list.iter().map(|(word, _, help)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(values).map(|word| {
        let entry = list.iter().find(|(known, ..)| *known == word);
        entry.expect("clap only lets known words through").1.clone()
    })
}

fn code() -> impl TypedValueParser<Value = Code> {
    words(&[
        ("radix", Code::Radix, "the binary digits of a number, most significant first; layers speak one after the other"),
        ("rate", Code::Rate, "a share of a number, each; layers run side by side"),
    ])
}

fn more_digits() -> impl TypedValueParser<Value = MoreDigits> {
    words(&[
        ("auto", MoreDigits::Auto, "one or two, where the network would lose much without"),
        ("none", MoreDigits::None, "all layers say as many"),
    ])
}

fn weights() -> impl TypedValueParser<Value = Weights> {
    words(&[
        ("auto", Weights::Auto, "8, and 16 in layers where 8 cost too much"),
        ("4", Weights::Bits(Bits::Four), "4 in all layers"),
        ("8", Weights::Bits(Bits::Eight), "8 in all layers"),
        ("16", Weights::Bits(Bits::Sixteen), "16 in all layers"),
    ])
}

fn coding() -> impl TypedValueParser<Value = Coding> {
    words(&[
        ("direct", Coding::Direct, "the pixel as it is: a constant current; in the radix code, its digits"),
        ("poisson", Coding::Poisson, "random spikes whose rate is the pixel's magnitude"),
    ])
}

fn spikes() -> impl TypedValueParser<Value = Spikes> {
    words(&[("signed", Spikes::Signed, "1, and -1 to take back a spike that came too early"), ("binary", Spikes::Binary, "1 only")])
}

fn reset() -> impl TypedValueParser<Value = ResetArg> {
    words(&[("soft", ResetArg::Soft, "the threshold is taken off"), ("hard", ResetArg::Hard, "it becomes 0; with `--spikes binary`")])
}

fn attack() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(ATTACKS.iter().map(|attack| attack.name()).collect::<Vec<_>>())
}

fn effort() -> impl TypedValueParser<Value = Effort> {
    words(&[("quick", Effort::Quick, "what tells most, in a minute or two"), ("full", Effort::Full, "everything")])
}

fn audit() -> impl TypedValueParser<Value = AuditArg> {
    words(&[
        ("quick", AuditArg(Some(Effort::Quick)), "what tells most, in a minute or two"),
        ("full", AuditArg(Some(Effort::Full)), "everything"),
        ("none", AuditArg(None), "not at all"),
    ])
}

fn few_bits() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(i64::from(*FEW_BITS.start())..=i64::from(*FEW_BITS.end()))
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    words(&[("channel", Scope::Channel, "one threshold a channel"), ("layer", Scope::Layer, "one threshold a layer")])
}

fn initial() -> impl TypedValueParser<Value = InitialPotential> {
    words(&[("half", InitialPotential::Half, "half the threshold: rounds"), ("zero", InitialPotential::Zero, "zero: truncates")])
}

fn synthesis() -> impl TypedValueParser<Value = Synthesis> {
    words(&[
        ("natural", Synthesis::Natural, "natural-image priors, then a few steps of inversion (default)"),
        ("prior", Synthesis::Prior, "natural-image priors as they are"),
        ("paper", Synthesis::Paper, "Dirichlet targets, inversion from uniform noise (PrivateSNN)"),
        ("noise", Synthesis::Noise, "uniform noise: the control"),
    ])
}

fn train() -> impl TypedValueParser<Value = Train> {
    words(&[
        ("temporal", Train::Temporal, "gradient descent, in the rate code through all time steps"),
        ("none", Train::None, "calibration alone"),
    ])
}

fn part() -> impl TypedValueParser<Value = Part> {
    words(&[
        ("weights", Part::Weights, "what a spike adds"),
        ("biases", Part::Biases, "constant currents"),
        ("thresholds", Part::Thresholds, "potential at which a neuron fires"),
        ("initial", Part::Initial, "potential before the first step"),
        ("leak", Part::Leak, "share of the potential that stays"),
    ])
}

fn layout() -> impl TypedValueParser<Value = LayoutArg> {
    words(&[
        ("auto", LayoutArg(None), "from the shape of the input, and of the images where there are some"),
        ("nchw", LayoutArg(Some(Layout::Nchw)), "channels, height, width"),
        ("nhwc", LayoutArg(Some(Layout::Nhwc)), "height, width, channels"),
        ("flat", LayoutArg(Some(Layout::Flat)), "a vector: height, width, channels in this order"),
    ])
}

fn simulator() -> impl TypedValueParser<Value = Simulator> {
    words(&[("runtime", Simulator::Runtime, "snnc-runtime"), ("engine", Simulator::Engine, "the engine that the compiler calibrates with")])
}

fn artifact_form() -> impl TypedValueParser<Value = ArtifactForm> {
    words(&[("c", ArtifactForm::C, "C99 for microcontrollers: a header with its implementation, without allocation and without floats")])
}

// ---- numbers ----

fn parse_count(text: &str, what: &str, range: std::ops::RangeInclusive<usize>) -> std::result::Result<usize, String> {
    let (low, high) = (range.start(), range.end());
    match text.parse::<usize>() {
        Ok(n) if range.contains(&n) => Ok(n),
        _ => Err(format!("{what} must be a whole number from {low} to {high}")),
    }
}

fn parse_steps(text: &str) -> std::result::Result<usize, String> {
    parse_count(text.trim(), "the number of time steps", 1..=MAX_TIMESTEPS)
}

fn parse_timesteps(text: &str) -> std::result::Result<Timesteps, String> {
    if text == "auto" {
        return Ok(Timesteps::Auto);
    }
    parse_steps(text).map(Timesteps::Fixed).map_err(|message| format!("{message}, or `auto`"))
}

fn parse_samples(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of samples", 1..=1_000_000)
}

fn parse_threads(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of threads", 1..=4096)
}

fn parse_limit(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the limit", 1..=usize::MAX)
}

fn parse_tolerances(text: &str) -> std::result::Result<Tolerances, String> {
    if text.is_empty() { Ok(Tolerances::default()) } else { text.parse() }
}

fn parse_confidence(text: &str) -> std::result::Result<f32, String> {
    match parse_number(text)? {
        value if value > 0.0 && value <= 1.0 => Ok(value),
        _ => Err(format!("`{text}` is not a probability: more than 0, and at most 1")),
    }
}

fn parse_number(text: &str) -> std::result::Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is not a finite number")),
    }
}

fn parse_divisor(text: &str) -> std::result::Result<f32, String> {
    match parse_number(text)? {
        value if value > 0.0 => Ok(value),
        _ => Err("it divides, so it must be more than 0".into()),
    }
}

fn parse_means(text: &str) -> std::result::Result<List, String> {
    text.split(',').map(parse_number).collect::<std::result::Result<_, _>>().map(List)
}

fn parse_deviations(text: &str) -> std::result::Result<List, String> {
    text.split(',').map(parse_divisor).collect::<std::result::Result<_, _>>().map(List)
}

fn parse_synthesis_steps(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of gradient steps", 0..=1_000_000)
}

fn parse_seconds(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("the budget is a number of seconds, more than 0".into()),
    }
}

fn parse_measuring(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "a measurement takes more than 0 and at most 3600 seconds", |v| v > 0.0 && v <= 3600.0)
}

fn parse_epochs(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of epochs", 1..=100_000)
}

fn parse_batch(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of images a step", 1..=4096)
}

fn parse_train_samples(text: &str) -> std::result::Result<usize, String> {
    parse_count(text, "the number of samples", 0..=1_000_000)
}

fn parse_within(text: &str, what: &str, fits: impl Fn(f64) -> bool) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && fits(value) => Ok(value),
        _ => Err(what.to_owned()),
    }
}

fn parse_rate(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "the learning rate is more than 0 and at most 1", |v| v > 0.0 && v <= 1.0)
}

fn parse_temperature(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "the temperature is more than 0", |v| v > 0.0)
}

fn parse_share(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "the share is from 0 to 1", |v| (0.0..=1.0).contains(&v))
}

fn parse_weight(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "a weight is 0 or more", |v| v >= 0.0)
}

fn parse_clip(text: &str) -> std::result::Result<f64, String> {
    parse_within(text, "the length is more than 0", |v| v > 0.0)
}

fn parse_leak(text: &str) -> std::result::Result<f32, String> {
    parse_within(text, "the leak factor is more than 0 and less than 1", |v| v > 0.0 && v < 1.0).map(|v| v as f32)
}

fn parse_surrogate(text: &str) -> std::result::Result<Surrogate, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let of = |default: f32| match value {
        None => Ok(default),
        Some(value) => parse_number(value).and_then(|v| if v > 0.0 { Ok(v) } else { Err("a height or slope is more than 0".to_owned()) }),
    };
    match name {
        "triangle" => of(0.5).map(Surrogate::Triangle),
        "atan" => of(2.0).map(Surrogate::Atan),
        "sigmoid" => of(4.0).map(Surrogate::Sigmoid),
        _ => Err("want `triangle`, `atan` or `sigmoid`, with `=` and its height or slope behind it".into()),
    }
}

fn parse_shard(text: &str) -> std::result::Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse::<usize>().ok()?, of.parse::<usize>().ok()?)));
    match numbers {
        Some((index, of)) if (1..=of).contains(&index) && of <= 10_000 => Ok(Shard { index: index - 1, of }),
        _ => Err("want I/N, with I from 1 to N, as `1/8`".into()),
    }
}

fn parse_device(text: &str) -> std::result::Result<Device, String> {
    match (text, text.strip_prefix("cuda:").map(str::parse)) {
        ("auto", _) => Ok(Device::Auto),
        ("cpu", _) => Ok(Device::Cpu),
        ("cuda", _) => Ok(Device::Cuda(0)),
        (_, Some(Ok(number))) => Ok(Device::Cuda(number)),
        _ => Err("want `auto`, `cpu`, `cuda` or `cuda:N`".into()),
    }
}

pub(super) fn parse_threshold(text: &str) -> std::result::Result<Threshold, String> {
    let rule = match text.split_once('=') {
        None if text == "auto" => return Ok(Threshold::Auto),
        None if text == "least-squares" => Rule::LeastSquares,
        None if text == "balance" => Rule::Balance,
        None if text == "max" => Rule::Max,
        Some(("batch-norm", value)) => Rule::BatchNorm(match parse_number(value)? {
            k if k > 0.0 => k,
            _ => return Err("the number of deviations is more than 0".into()),
        }),
        Some(("percentile", value)) => match parse_number(value)? {
            p if p > 0.0 && p <= 100.0 => Rule::Percentile(p),
            _ => return Err("a percentile is more than 0 and at most 100".into()),
        },
        Some(("fixed", value)) => match parse_number(value)? {
            v if v > 0.0 => Rule::Fixed(v),
            _ => return Err("a threshold is more than 0".into()),
        },
        None if text == "batch-norm" => return Err("`batch-norm` wants a value: `batch-norm=3`".into()),
        None if text == "percentile" || text == "fixed" => return Err(format!("`{text}` wants a value: `{text}=99.9`")),
        _ => {
            let known = "`auto`, `least-squares`, `balance`, `batch-norm=K`, `max`, `percentile=P` or `fixed=V`";
            return Err(format!("want {known}"));
        }
    };
    Ok(Threshold::Rule(rule))
}

fn parse_calibration(text: &str) -> std::result::Result<CalibrationArg, String> {
    match text {
        "synthetic" => Ok(CalibrationArg::Synthetic),
        path if path.ends_with(".npz") || path.ends_with(".npy") => Ok(CalibrationArg::File(path.into())),
        path if std::path::Path::new(path).exists() => Ok(CalibrationArg::File(path.into())),
        _ => Err("want `synthetic`, or an .npz file of images".into()),
    }
}

fn parse_emit(text: &str) -> std::result::Result<Emit, String> {
    let (form, file) = match text.split_once('=') {
        Some((_, "")) => return Err("the file behind `=` is missing".into()),
        Some((form, file)) => (form, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let form = match form {
        "ir" => EmitForm::Ir,
        "dot" => EmitForm::Dot,
        "c" => EmitForm::C,
        "nir" if file.is_none() => return Err("NIR is no text: name a file, as in `nir=FILE`".into()),
        "nir" => EmitForm::Nir,
        _ => return Err("want `ir`, `dot`, `c` or `nir`, with `=FILE` behind it to write a file".into()),
    };
    Ok(Emit { form, file })
}

fn parse_raster(text: &str) -> std::result::Result<PathBuf, String> {
    match text.strip_suffix(".svg") {
        Some(_) => Ok(text.into()),
        None => Err("the picture is an SVG file, so its name ends in `.svg`".into()),
    }
}

fn parse_identifier(text: &str) -> std::result::Result<String, String> {
    match text {
        _ if !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') => Ok(text.to_owned()),
        _ => Err("a name of C here has lower-case letters, digits and underscores".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn compile(args: &str) -> std::result::Result<CompileArgs, String> {
        let words = std::iter::once("snnc").chain(args.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|e| e.to_string())?;
        Ok(cli.compile.expect("no command means to compile"))
    }

    #[test]
    fn the_command_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_library() {
        assert_eq!(compile("m.onnx -o m.snn --audit none").unwrap().options().unwrap(), Options::default());
        let options = compile("m.onnx -o m.snn").unwrap().options().unwrap();
        assert_eq!(options.audit, Some(Effort::Quick), "users get an audit; who calls the library asks for one");
        let steps = |args: &str| compile(&format!("m.onnx -o m.snn {args}")).unwrap().options().unwrap().timesteps;
        assert_eq!(["", "--code rate", "--spikes binary"].map(steps), [8, 32, 8].map(Timesteps::Fixed));
    }

    #[test]
    fn all_options_arrive() {
        let args = "m.onnx -o m.snn --code rate --digits-extra none --weights 16 --bias-bits 9 --threshold-bits 20 --input-digits 10 --keep-names --timesteps auto --coding poisson --calibration c.npz --samples 7 --threshold percentile=99.9 \
                    --threshold-per layer --spikes binary --v-init zero --layout nhwc --scale 1 --mean -1,.5,2e-1 --std 1,2,3 --seed 5 --output logits --leak 0.9 \
                    --train temporal --train-samples 9 --epochs 3 --batch 5 --learning-rate 0.01 --temperature 4 --cross-entropy 0.5 --surrogate atan=3 \
                    --through-reset --freeze leak,weights --device cuda:1 --hints 2 --weight-decay 0.1 --clip 3 --reset hard --checkpoint state --resume --audit full";
        let options = compile(args).unwrap().options().unwrap();
        let expected = Options {
            code: Code::Rate,
            timesteps: Timesteps::Auto,
            more_digits: MoreDigits::None,
            bias_bits: Some(9),
            threshold_bits: Some(20),
            weights: Weights::Bits(Bits::Sixteen),
            input_digits: 10,
            keep_names: true,
            coding: Coding::Poisson,
            calibration: Calibration::File("c.npz".into()),
            samples: Some(7),
            synthesis_steps: None,
            budget: None,
            spikes: Spikes::Binary,
            hard_reset: true,
            threshold: Threshold::Rule(Rule::Percentile(99.9)),
            threshold_scope: Some(Scope::Layer),
            initial: InitialPotential::Zero,
            leak: Some(0.9),
            audit: Some(Effort::Full),
            training: Training {
                train: Train::Temporal,
                samples: 9,
                epochs: 3,
                batch: 5,
                rate: 0.01,
                temperature: 4.0,
                cross_entropy: 0.5,
                surrogate: Surrogate::Atan(3.0),
                through_reset: true,
                hints: 2.0,
                weight_decay: 0.1,
                clip: 3.0,
                frozen: vec![Part::Weights, Part::Leak],
                device: Device::Cuda(1),
                checkpoint: Some("state".into()),
                resume: true,
                kept: snnc_vault::Envelope::default(),
            },
            layout: Some(Layout::Nhwc),
            pixels: Pixels { scale: Some(1.0), mean: vec![-1.0, 0.5, 0.2], std: vec![1.0, 2.0, 3.0] },
            output: Some("logits".into()),
            seed: 5,
        };
        assert_eq!(options, expected);
        let synthetic = compile("m.onnx -o m.snn --synthesis paper --synthesis-steps 9 --budget 2.5").unwrap().options().unwrap();
        assert_eq!(synthetic.calibration, Calibration::Synthetic(Synthesis::Paper));
        assert_eq!((synthetic.synthesis_steps, synthetic.budget), (Some(9), Some(2.5)));
    }

    #[test]
    fn every_rule_reads_back_as_it_is_written() {
        let rules = [Rule::LeastSquares, Rule::Balance, Rule::BatchNorm(2.5), Rule::Max, Rule::Percentile(99.9), Rule::Fixed(0.5)];
        for rule in rules {
            assert_eq!(parse_threshold(&rule.to_string()), Ok(Threshold::Rule(rule)));
        }
    }

    #[test]
    fn numbers_are_checked() {
        for (args, message) in [
            ("--timesteps 0", "from 1 to 65536, or `auto`"),
            ("--timesteps 65537", "from 1 to 65536"),
            ("--timesteps many", "whole number"),
            ("--samples 0", "the number of samples must be"),
            ("--threads 0", "the number of threads must be"),
            ("--threshold percentile=0", "more than 0 and at most 100"),
            ("--threshold percentile=101", "more than 0 and at most 100"),
            ("--threshold fixed=-1", "more than 0"),
            ("--threshold fixed=nan", "`nan` is not a finite number"),
            ("--threshold fixed", "`fixed=99.9`"),
            ("--threshold best", "want `auto`"),
            ("--threshold batch-norm", "`batch-norm=3`"),
            ("--threshold batch-norm=0", "more than 0"),
            ("--code phase", "possible values: radix, rate"),
            ("--weights 5", "possible values: auto, 4, 8, 16"),
            ("--digits-extra 2", "possible values: auto, none"),
            ("--input-digits 7", "8..=16"),
            ("--threshold-per neuron", "possible values: channel, layer"),
            ("--spikes graded", "possible values: signed, binary"),
            ("--synthesis-steps -1", "unexpected argument"),
            ("--synthesis-steps x", "the number of gradient steps must be"),
            ("--budget 0", "more than 0"),
            ("--budget soon", "a number of seconds"),
            ("--epochs 0", "the number of epochs must be"),
            ("--learning-rate 0", "more than 0 and at most 1"),
            ("--batch 0", "the number of images a step must be"),
            ("--cross-entropy 1.5", "from 0 to 1"),
            ("--leak 1", "more than 0 and less than 1"),
            ("--surrogate step", "want `triangle`, `atan` or `sigmoid`"),
            ("--surrogate atan=0", "more than 0"),
            ("--freeze neurons", "possible values: weights"),
            ("--device tpu", "want `auto`, `cpu`, `cuda` or `cuda:N`"),
            ("--resume", "--checkpoint"),
            ("--scale 0", "must be more than 0"),
            ("--scale -255", "must be more than 0"),
            ("--scale inf", "not a finite number"),
            ("--std 1,0,1", "must be more than 0"),
            ("--mean 1,,2", "`` is not a finite number"),
            ("--coding rate", "possible values: direct, poisson"),
            ("--calibration nothing", "want `synthetic`"),
            ("--emit svg", "want `ir`, `dot`, `c` or `nir`"),
            ("--emit nir", "name a file, as in `nir=FILE`"),
            ("--strict", "--emit"),
            ("--emit ir=", "is missing"),
        ] {
            let text = compile(&format!("m.onnx -o m.snn {args}")).unwrap_err();
            assert!(text.contains(message), "{args}: {text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (args, message) in [
            ("--calibration c.npz --synthesis prior", "names a file"),
            ("--code rate --reset hard", "goes with `--spikes binary`"),
            ("--spikes signed", "`--spikes signed` is of the rate code; it goes with `--code rate`"),
            ("--reset soft", "`--reset` is of the rate code"),
            ("--leak 0.5", "`--leak` is of the rate code"),
            ("--coding poisson", "`--coding poisson` is of the rate code"),
            ("--timesteps 17", "the radix code has at most 16 digits"),
            ("--calibration c.npz --synthesis-steps 3", "names a file"),
            ("--mean 1,2,3 --std 1,2", "--std has 2"),
            ("--scale 1e-40", "infinite"),
        ] {
            let text = compile(&format!("m.onnx -o m.snn {args}")).unwrap().options().unwrap_err().to_string();
            assert!(text.contains(message), "{args}: {text}");
        }
    }

    #[test]
    fn a_model_may_be_called_like_a_command() {
        assert_eq!(compile("./eval -o m.snn").unwrap().model, PathBuf::from("./eval"));
        assert!(Cli::try_parse_from(["snnc", "explain", "E0102"]).is_ok_and(|cli| cli.compile.is_none()));
    }

    #[test]
    fn output_is_needed_unless_the_graph_is_emitted() {
        assert!(compile("m.onnx").unwrap_err().contains("-o <MODEL.snn>"));
        assert_eq!(compile("m.onnx --emit ir").unwrap().emit, [Emit { form: EmitForm::Ir, file: None }]);
        let emit = compile("m.onnx --emit ir=a=b --emit dot").unwrap().emit;
        assert_eq!(emit, [Emit { form: EmitForm::Ir, file: Some("a=b".into()) }, Emit { form: EmitForm::Dot, file: None }]);
    }
}
