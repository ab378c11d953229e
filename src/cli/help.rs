//! What `-h` shows: what most people need, on one screen. `--help` shows everything.

use clap::Command;

/// Options with what is said of them.
type Shown = &'static [(&'static str, &'static str)];

/// By command: the options that `-h` shows, and what it says of them. What it shows of other commands is all that they have.
const SHORT: [(&str, Shown); 12] = [
    ("compile", &COMPILE),
    (
        "build",
        &[
            ("names", "Models to build, else all"),
            ("jobs", "Models that are compiled at a time"),
            ("project", "The project, else snnc.toml here or above"),
            ("locked", "Fail where something is not what snnc.lock says"),
            ("explain", "Say why each model is made again"),
            ("quiet", "Say nothing but errors"),
        ],
    ),
    (
        "eval",
        &[
            ("artifact", "The spiking network"),
            ("data", "Images as `x` and classes as `y`"),
            ("ann", "The network that it was compiled from"),
            ("timesteps", "Time steps to measure at, in the rate code"),
            ("limit", "Take only the first N images"),
            ("json", "Print one JSON object instead of a table"),
        ],
    ),
    (
        "check",
        &[
            ("artifact", "The spiking network"),
            ("golden", "What it does, exactly"),
            ("data", "Images as `x` and classes as `y`"),
            ("report", "What attacks get, as a compilation or an audit says"),
            ("bless", "Write the golden file as the artifact is now"),
            ("ann", "The network that it was compiled from, to write its answers down"),
            ("json", "Print one JSON object with all that differs"),
        ],
    ),
    (
        "diff",
        &[
            ("a", "A spiking network"),
            ("b", "Another"),
            ("data", "Images to run both on"),
            ("limit", "Take only the first N images"),
            ("tolerance", "What is no difference: see --help"),
            ("json", "Print one JSON object instead of text"),
        ],
    ),
    (
        "bench",
        &[
            ("artifact", "The spiking network"),
            ("ann", "The network that it was compiled from"),
            ("ann8", "The same in 8 bits"),
            ("images", "Images, in place of random ones"),
            ("batch", "Images that go through together"),
            ("threads", "Number of threads, else 1"),
            ("json", "Print one JSON object instead of tables"),
        ],
    ),
    (
        "audit",
        &[
            ("artifact", "The spiking network"),
            ("ann", "The network that it was compiled from"),
            ("effort", "How hard to try: `quick` or `full`"),
            ("reference", "Real images of the kind that was trained on"),
            ("judge", "Another classifier, to judge reconstructions"),
            ("json", "Write the report as JSON"),
            ("html", "Write the report as a page"),
            ("policy", "Rules to keep, or the exit code is 1"),
        ],
    ),
    (
        "run",
        &[
            ("artifact", "The spiking network"),
            ("input", "Images: uint8 N,H,W[,C], or float32 as the model reads them"),
            ("out", "Write the logits here instead of printing the classes"),
            ("timesteps", "Time steps, in the rate code"),
            ("raster", "Draw every spike of one image"),
            ("image", "Which image to draw, counted from 0"),
            ("explain", "Print how the runtime goes about it"),
        ],
    ),
    (
        "emit",
        &[
            ("form", "The form"),
            ("artifact", "The spiking network"),
            ("out", "Write it here instead of to standard output"),
            ("name", "What functions are called by: `snn_NAME_run`"),
            ("max_flash", "Most KiB of flash memory that parameters may take"),
            ("quiet", "Say nothing but errors"),
        ],
    ),
    (
        "nir",
        &[
            ("file", "The spiking network, or a file of NIR that snnc wrote"),
            ("out", "Write the other form here"),
            ("strict", "Write nothing if NIR cannot say all of it"),
            ("thresholds", "`whole`, exact, or `one`, for all neurons of a layer"),
            ("quiet", "Say nothing but errors"),
        ],
    ),
    (
        "lock",
        &[
            ("artifact", "The spiking network"),
            ("key", "The key, as `snnc keygen` makes it"),
            ("out", "Write the locked network here"),
            ("identity", "Open an encrypted artifact with these keys"),
            ("encrypt_to", "Encrypt what is written, for this key of age"),
            ("quiet", "Say nothing but errors"),
        ],
    ),
    (
        "inspect",
        &[
            ("file", "An ONNX model or an artifact; its content decides, not its name"),
            ("output", "Which tensor would be compiled"),
            ("provenance", "Print how the artifact came to be instead"),
            ("target", "Say what does not fit this chip"),
            ("identity", "Open an encrypted artifact with these keys"),
        ],
    ),
];

/// Of a compilation.
const COMPILE: [(&str, &str); 5] = [
    ("out", "Write the spiking network here"),
    ("code", "What spikes stand for: `radix` or `rate`"),
    ("timesteps", "Digits or time steps to compile for, or `auto`"),
    ("calibration", "Images to use in place of synthetic samples"),
    ("mean", "M: a pixel x goes in as (x/255 - M)/D; --std: D"),
];

/// Commands that the list of commands leaves out.
const HIDDEN: [&str; 17] = [
    "bench",
    "cache",
    "compile",
    "completions",
    "decrypt",
    "diff",
    "doctor",
    "explain",
    "keygen",
    "lock",
    "manual",
    "nir",
    "opt",
    "sign",
    "targets",
    "unlock",
    "verify",
];

/// The command line as `-h` shows it. It reads the same arguments.
pub(super) fn short(command: Command) -> Command {
    let names = command.get_subcommands().map(|c| c.get_name().to_owned()).collect::<Vec<_>>();
    let whole = names.into_iter().fold(command, |command, name| {
        let is_hidden = HIDDEN.contains(&name.as_str());
        let shown = SHORT.iter().find(|(known, _)| *known == name).map(|(_, shown)| *shown);
        let more = format!("`snnc {name} --help` shows everything.");
        command.mut_subcommand(name, |sub| only(sub, shown).after_help(more).hide(is_hidden))
    });
    // `-h` says how to get help already.
    only(whole.disable_help_subcommand(true), Some(&COMPILE))
        .about("Compiles a trained classifier (ONNX) into a spiking neural network")
        .after_help("`snnc --help` shows everything, with examples.")
}

/// Leaves the options that are to be shown, under one heading.
fn only(command: Command, shown: Option<Shown>) -> Command {
    command.mut_args(|arg| {
        let arg = arg.help_heading(None).hide_possible_values(true).hide_default_value(true);
        let Some(shown) = shown else { return arg };
        let text = shown.iter().find(|(id, _)| arg.get_id() == id).map(|(_, text)| *text);
        match text {
            // The other value is what happens without the option.
            Some(text) if arg.get_id() == "calibration" => arg.help(text).value_name("FILE.npz"),
            Some(text) => arg.help(text),
            None => arg.hide(true),
        }
    })
}

/// What `--help` of `opt` says of the passes.
pub(crate) fn pass_list() -> String {
    let lines: Vec<String> = snnc_passes::all()
        .iter()
        .map(|p| {
            let phases = p.about().accepts;
            let accepts =
                if phases.start() == phases.end() { phases.start().to_string() } else { format!("{} to {}", phases.start(), phases.end()) };
            let kind = if p.about().is_required { "required" } else { "improves" };
            format!("  {:<20} {kind}; on graphs that are {accepts}", p.name())
        })
        .collect();
    format!("Passes:\n{}", lines.join("\n"))
}
