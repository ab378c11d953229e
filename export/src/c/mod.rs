//! A network as C for microcontrollers: one file of C99 without allocation, without floating point, without a library.
//!
//! The file is a header with its implementation: who includes it gets declarations, and one source file of a program defines
//! `SNN_NAME_IMPLEMENTATION` before it does, which adds tables and functions. All memory is static, all arithmetic whole numbers of 32 bits
//! (sums over time steps, leaks and Poisson coding: of 64), and what comes out is, to the last bit, what the runtime says.
//!
//! In the radix code the network runs in counts (section 4.3 of `docs/artifact.md`), in the rate code step by step. `docs/microcontrollers.md`
//! says how to use it.

mod body;
mod plan;
mod text;

use body::Writer;
use plan::{Place, Plan, Type, result};
use snnc_runtime::{Artifact, Code, Coding, Head, InputSpec, Layout, LoadError, Network};
use text::{Lines, comment, shape, table};

/// Most time steps of a run of the rate code in C: counters of spikes have 16 bits.
const MAX_TIMESTEPS: usize = u16::MAX as usize;

/// A network in C.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub text: String,
    /// Bytes of constant tables, which lie in flash memory.
    pub flash: usize,
    /// Bytes of static memory. Image and scores are the caller's, and a call takes less than 200 bytes of stack.
    pub ram: usize,
}

/// Why there is no C.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The artifact violates the specification.
    #[error(transparent)]
    Artifact(#[from] LoadError),
    /// It is too large.
    #[error("its parameters take {flash} bytes of flash memory, more than {limit}; node `{node}` takes most of them, {bytes}")]
    Size {
        /// Bytes of all tables.
        flash: usize,
        /// What is allowed.
        limit: usize,
        /// The node with the largest tables.
        node: String,
        /// Their bytes.
        bytes: usize,
    },
}

/// The part of a file's name, or of another, that can stand in names of C: letters, digits and underscores, in lower case.
#[must_use]
pub fn identifier(name: &str) -> String {
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let word = word.trim_matches('_');
    if word.is_empty() { "model".to_owned() } else { word.to_owned() }
}

/// A network in C, with names that begin with `snn_` and `name`, which is made an [`identifier`]. `limit` is how many bytes its tables may take.
///
/// # Errors
/// If the artifact is none, or its parameters are more than the limit.
pub fn source(artifact: &Artifact, name: &str, limit: usize) -> Result<Source, Error> {
    let network = Network::new(artifact.clone())?;
    check_size(artifact, limit)?;
    let prefix = format!("snn_{}", identifier(name));
    let upper = prefix.to_uppercase();
    let plan = Plan::new(artifact)?;
    let mut writer = Writer::new(&plan, &prefix);
    let stages: Vec<String> = plan.stages.iter().map(|stage| writer.stage(stage)).collect();
    let resets: Vec<Option<String>> = plan.stages.iter().map(|stage| writer.reset(stage)).collect();
    let frame = Frame { plan: &plan, prefix: &prefix, upper: &upper, max_timesteps: network.max_timesteps().min(MAX_TIMESTEPS) };
    let reader = frame.pixels();
    let flash = writer.flash + reader.as_ref().map_or(0, |reader| reader.flash);
    let ram = writer.state + plan.area_bytes();
    let mut text = frame.declarations(reader.as_ref(), network.classes(), flash, ram);
    text += &format!("\n#ifdef {upper}_IMPLEMENTATION\n\n");
    for (kind, entries) in Type::ALL.into_iter().zip(plan.areas).filter(|(_, entries)| *entries > 0) {
        text += &format!("static {} {prefix}_{}[{entries}];\n", kind.name(), kind.word());
    }
    if artifact.graph.nodes.iter().any(|node| node.tensors.contains_key("leak")) {
        text += &leak(&prefix);
    }
    for (stage, reset) in stages.iter().zip(&resets) {
        text += "\n";
        text += stage;
        if let Some(reset) = reset {
            text += "\n";
            text += reset;
        }
    }
    if artifact.graph.input.coding == Coding::Poisson {
        text += &frame.poisson();
    }
    text += "\n";
    text += &frame.run(&writer, &resets);
    text += "\n";
    text += &frame.class(network.classes());
    if let Some(reader) = &reader {
        text += "\n";
        text += &reader.implementation;
    }
    text += &format!("\n#endif /* {upper}_IMPLEMENTATION */\n");
    Ok(Source { text, flash, ram })
}

/// Refuses parameters that take more bytes than allowed, before any text is made of them.
fn check_size(artifact: &Artifact, limit: usize) -> Result<(), Error> {
    let bytes = |name: &String| artifact.tensors.get(name).map_or(0, |tensor| tensor.data.len() * tensor.data.bits() as usize / 8);
    let flash = artifact.tensors.keys().map(bytes).sum();
    if flash <= limit {
        return Ok(());
    }
    let of_node = |node: &snnc_runtime::NodeSpec| node.tensors.values().map(bytes).sum::<usize>();
    let largest = artifact.graph.nodes.iter().rev().max_by_key(|node| of_node(node));
    let (node, bytes) = largest.map_or_else(Default::default, |node| (node.name.clone(), of_node(node)));
    Err(Error::Size { flash, limit, node, bytes })
}

/// What is left of a potential.
fn leak(prefix: &str) -> String {
    format!(
        "\n/* leak * v / 65536, rounded down. */\n\
         static int32_t {prefix}_leak(int32_t v, int32_t leak)\n{{\n    \
             const int64_t product = (int64_t)v * leak;\n    \
             return (int32_t)(product >= 0 ? product / 65536 : -((65535 - product) / 65536));\n}}\n"
    )
}

/// The function that makes input of pixels.
struct Reader {
    declaration: String,
    implementation: String,
    flash: usize,
}

/// What stands around the stages.
struct Frame<'p, 'a> {
    plan: &'p Plan<'a>,
    prefix: &'p str,
    upper: &'p str,
    max_timesteps: usize,
}

impl Frame<'_, '_> {
    fn input(&self) -> &InputSpec {
        &self.plan.artifact.graph.input
    }

    fn is_rate(&self) -> bool {
        self.plan.artifact.graph.code == Code::Rate
    }

    /// The type of an entry of an image.
    fn image_type(&self) -> &'static str {
        Type::of(i32::from(self.input().quantiser.top()), false).name()
    }

    fn score_type(&self) -> &'static str {
        if self.is_rate() { "int64_t" } else { "int32_t" }
    }

    fn signature(&self) -> String {
        let image = self.image_type();
        let steps = if self.is_rate() { ", int32_t timesteps" } else { "" };
        let index = if self.input().coding == Coding::Poisson { ", uint64_t image_index" } else { "" };
        format!("int {}_run(const {image} *image{steps}{index}, {} *scores)", self.prefix, self.score_type())
    }

    /// The header: what it is, how to use it, sizes and prototypes.
    fn declarations(&self, reader: Option<&Reader>, classes: usize, flash: usize, ram: usize) -> String {
        let (graph, prefix, upper) = (&self.plan.artifact.graph, self.prefix, self.upper);
        let input = self.input();
        let top = input.quantiser.top();
        let entries: usize = input.shape.iter().product();
        let mut lines = Lines::default();
        lines.line(format!("/* {prefix}: a spiking neural network in C99, made from a .snn file by {}.", comment(&graph.compiler)));
        lines.line(" *");
        lines.line(format!(" * One source file of the program defines {upper}_IMPLEMENTATION before it includes this header."));
        lines.line(" * All memory is static: a run is not reentrant. Nothing is allocated, no number is a float.");
        lines.line(" *");
        lines.line(format!(" * Input: {entries} whole numbers from 0 to {top}, [{}], in this order.", shape(&input.shape[1..])));
        match reader {
            _ if self.takes_pixels() => lines.line(" * They are the pixels, of 8 bits, as they stand."),
            Some(_) => lines.line(format!(" * {prefix}_read_pixels makes them of pixels of 8 bits, channels of a pixel side by side.")),
            None => lines.line(" * Who has pixels quantises them first, as section 5 of the specification of .snn files says."),
        }
        match graph.code {
            Code::Radix => lines.line(format!(
                " * Output: {classes} scores. In the source network's units a score is times {upper}_SCALE."
            )),
            Code::Rate => lines.line(format!(
                " * Output: {classes} scores, summed over time steps. In the source network's units a score is times {upper}_SCALE over their number."
            )),
        }
        lines.line(" */");
        lines.line(format!("#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n"));
        let mut define = |name: &str, value: String, about: &str| {
            let about = if about.is_empty() { String::new() } else { format!(" /* {about} */") };
            lines.line(format!("#define {upper}_{name} {value}{about}"));
        };
        define("INPUT", entries.to_string(), "numbers of an image");
        define("INPUT_MAX", top.to_string(), "the largest of them");
        define("CLASSES", classes.to_string(), "");
        if self.is_rate() {
            define("TIMESTEPS", graph.timesteps.min(self.max_timesteps).to_string(), "for which the network was made");
            define("MAX_TIMESTEPS", self.max_timesteps.to_string(), "for which every sum is sure to fit");
        }
        define("SCALE", format!("{:?}f", graph.output.scale), "for reports; nothing here is a float");
        define("FLASH_BYTES", flash.to_string(), "constant tables; code is beside them");
        define("RAM_BYTES", ram.to_string(), "static memory");
        lines.line("");
        lines.line("/* What a run returns. */");
        lines.line(format!("#define {upper}_OK 0"));
        lines.line(format!("#define {upper}_ERROR_INPUT 1 /* a number of the image is larger than {upper}_INPUT_MAX */"));
        if self.is_rate() {
            lines.line(format!("#define {upper}_ERROR_TIMESTEPS 2 /* not from 1 to {upper}_MAX_TIMESTEPS */"));
        }
        lines.line("");
        lines.line("/* Runs an image. */");
        lines.line(format!("{};", self.signature()));
        lines.line("\n/* The class: the place of the largest score, the first of several. */");
        lines.line(format!("int {prefix}_class(const {} *scores);", self.score_type()));
        if let Some(reader) = reader {
            lines.line("");
            lines.line(reader.declaration.trim_end());
        }
        lines.line(format!("\n#ifdef __cplusplus\n}}\n#endif\n\n#endif /* {upper}_H */"));
        lines.text
    }

    /// Numbers that a pixel becomes, in each channel that the quantiser tells apart.
    fn pixel_tables(&self) -> Vec<[u16; 256]> {
        let input = self.input();
        let one =
            [&input.preprocess.mean, &input.preprocess.std, &input.quantiser.step, &input.quantiser.zero].iter().all(|v| v.len() == 1);
        let table =
            |channel: usize| std::array::from_fn(|pixel| input.quantiser.apply(channel, input.preprocess.apply(channel, pixel as f32)));
        let mut tables: Vec<[u16; 256]> = (0..if one { 1 } else { input.channels() }).map(table).collect();
        if tables.iter().all(|table| *table == tables[0]) {
            tables.truncate(1);
        }
        tables
    }

    /// Channels that stand apart in the network and together in an image, if that is another order.
    fn planes(&self) -> usize {
        let input = self.input();
        let channels = input.channels();
        let entries: usize = input.shape.iter().product();
        if input.layout == Layout::Nchw && channels < entries { channels } else { 1 }
    }

    /// Whether the numbers of an image are its pixels, in their order.
    fn takes_pixels(&self) -> bool {
        let is_identity = |table: &[u16; 256]| table.iter().enumerate().all(|(pixel, &q)| pixel == usize::from(q));
        self.planes() == 1 && self.input().quantiser.digits == 8 && self.pixel_tables().iter().all(is_identity)
    }

    /// The function that reads pixels: none where they are the input, or where every feature has a table of its own.
    fn pixels(&self) -> Option<Reader> {
        const MOST_TABLES: usize = 16;
        let tables = self.pixel_tables();
        if self.takes_pixels() || tables.len() > MOST_TABLES {
            return None;
        }
        let (prefix, upper, of, input) = (self.prefix, self.upper, self.image_type(), self.input());
        let is_identity = tables.len() == 1 && tables[0].iter().enumerate().all(|(pixel, &q)| pixel == usize::from(q));
        let signature = format!("void {prefix}_read_pixels(const uint8_t *pixels, {of} *image)");
        let mut lines = Lines::default();
        if !is_identity {
            let numbers = tables.iter().flatten().map(|&q| i32::from(q));
            lines.text += &table(of, &format!("{prefix}_pixel"), numbers);
            lines.line("");
        }
        lines.line(&signature);
        lines.open("{");
        lines.open(format!("for (int32_t k = 0; k < {upper}_INPUT; k++) {{"));
        let entries: usize = input.shape.iter().product();
        let (channels, planes) = (input.channels(), self.planes());
        // Pixel `k` is that of channel `k % planes` at place `k / planes`.
        let place = if planes == 1 { "k".to_owned() } else { format!("k % {planes} * {} + k / {planes}", entries / planes) };
        let channel = format!("k % {channels}");
        let pixel = match (is_identity, tables.len()) {
            (true, _) => "pixels[k]".to_owned(),
            (_, 1) => format!("{prefix}_pixel[pixels[k]]"),
            _ => format!("{prefix}_pixel[{channel} * 256 + pixels[k]]"),
        };
        lines.line(format!("image[{place}] = {pixel};"));
        lines.close(2);
        let bytes = if is_identity { 0 } else { tables.len() * 256 * if of == "uint8_t" { 1 } else { 2 } };
        let declaration =
            format!("/* Makes an image of pixels of 8 bits, {upper}_INPUT of them, channels of a pixel side by side. */\n{signature};\n");
        Some(Reader { declaration, implementation: lines.text, flash: bytes })
    }

    /// Where a value is, as an argument.
    fn argument(&self, value: usize) -> String {
        let root = self.plan.root(value);
        match self.plan.values[root].place {
            Place::Area(start) => {
                let area = format!("{}_{}", self.prefix, self.plan.values[root].kind.word());
                if start == 0 { area } else { format!("&{area}[{start}]") }
            }
            _ => "image".to_owned(),
        }
    }

    fn run(&self, writer: &Writer<'_, '_>, resets: &[Option<String>]) -> String {
        let (plan, upper, prefix) = (self.plan, self.upper, self.prefix);
        let mut lines = Lines::default();
        lines.line(self.signature());
        lines.open("{");
        if self.is_rate() {
            lines.open(format!("if (timesteps < 1 || timesteps > {upper}_MAX_TIMESTEPS) {{"));
            lines.line(format!("return {upper}_ERROR_TIMESTEPS;"));
            lines.close(1);
        }
        if !matches!(self.input().quantiser.digits, 8 | 16) {
            lines.open(format!("for (int32_t k = 0; k < {upper}_INPUT; k++) {{"));
            lines.open(format!("if (image[k] > {upper}_INPUT_MAX) {{"));
            lines.line(format!("return {upper}_ERROR_INPUT;"));
            lines.close(2);
        }
        let call = |lines: &mut Lines, stage: &plan::Stage| {
            let mut arguments: Vec<String> = plan.operands[stage.nodes[0]].iter().map(|&x| self.argument(x)).collect();
            arguments.push(self.argument(result(stage)));
            lines.line(format!("{}({});", writer.function(stage), arguments.join(", ")));
        };
        if self.is_rate() {
            for (stage, _) in plan.stages.iter().zip(resets).filter(|(_, reset)| reset.is_some()) {
                lines.line(format!("{}_reset();", writer.function(stage)));
            }
            lines.open(format!("for (int32_t k = 0; k < {upper}_CLASSES; k++) {{"));
            lines.line("scores[k] = 0;");
            lines.close(1);
            plan.stages.iter().filter(|stage| stage.is_once).for_each(|stage| call(&mut lines, stage));
            lines.open("for (int32_t step = 0; step < timesteps; step++) {");
            if self.input().coding == Coding::Poisson {
                lines.line(format!("{prefix}_poisson(image, image_index, (uint64_t)step, {});", self.argument(0)));
            }
        }
        plan.stages.iter().filter(|stage| !stage.is_once).for_each(|stage| call(&mut lines, stage));
        lines.open(format!("for (int32_t k = 0; k < {upper}_CLASSES; k++) {{"));
        let output = self.plan.values[self.plan.root(plan.output)].place;
        let place = match output {
            Place::Area(start) if start > 0 => format!("{start} + k"),
            _ => "k".to_owned(),
        };
        let area = match output {
            Place::Area(_) => format!("{prefix}_{}", self.plan.values[self.plan.root(plan.output)].kind.word()),
            _ => "image".to_owned(),
        };
        lines.line(format!("scores[k] {} {area}[{place}];", if self.is_rate() { "+=" } else { "=" }));
        lines.close(1 + usize::from(self.is_rate()));
        lines.line(format!("return {upper}_OK;"));
        lines.close(1);
        lines.text
    }

    fn class(&self, classes: usize) -> String {
        let of = self.score_type();
        let is_rectified = self.plan.artifact.graph.output.head == Head::Relu;
        let mut lines = Lines::default();
        lines.line(format!("int {}_class(const {of} *scores)", self.prefix));
        lines.open("{");
        lines.line("int best = 0;");
        if classes > 1 {
            lines.open(format!("for (int k = 1; k < {}_CLASSES; k++) {{", self.upper));
            // The source network's last rectifier makes negative scores equal: the first of them counts.
            let also = if is_rectified { "scores[k] > 0 && " } else { "" };
            lines.open(format!("if ({also}scores[k] > scores[best]) {{"));
            lines.line("best = k;");
            lines.close(2);
        } else {
            lines.line("(void)scores;");
        }
        lines.line("return best;");
        lines.close(1);
        lines.text
    }

    /// Random spikes, after section 5 of the specification.
    fn poisson(&self) -> String {
        let graph = &self.plan.artifact.graph;
        let (prefix, digits) = (self.prefix, graph.input.quantiser.digits);
        let middle = 1u32 << (digits - 1);
        let mut lines = Lines::default();
        lines.line("");
        lines.line("/* The output function of SplitMix64. */");
        lines.line(format!("static uint64_t {prefix}_mix(uint64_t z)"));
        lines.open("{");
        lines.line("z += UINT64_C(0x9E3779B97F4A7C15);");
        lines.line("z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);");
        lines.line("z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);");
        lines.line("return z ^ (z >> 31);");
        lines.close(1);
        lines.line("");
        lines.line("/* The random spikes of a step: each is 0, or the side of the middle on which the number is. */");
        let kind = self.plan.values[0].kind.name();
        lines.line(format!(
            "static void {prefix}_poisson(const {} *image, uint64_t image_index, uint64_t step, {kind} *y)",
            self.image_type()
        ));
        lines.open("{");
        let seed = format!("{prefix}_mix(UINT64_C({}))", graph.seed);
        lines.line(format!("const uint64_t key = {prefix}_mix({prefix}_mix({seed} ^ image_index) ^ step);"));
        lines.open(format!("for (int32_t k = 0; k < {}_INPUT; k++) {{", self.upper));
        lines.line(format!("const int32_t v = (int32_t)image[k] - {middle};"));
        lines.line("const uint64_t most = (uint64_t)(v < 0 ? -v : v) << 24;");
        lines.line(format!("const uint64_t drawn = ({prefix}_mix(key ^ (uint64_t)k) >> 40) * {middle}U;"));
        lines.line(format!("y[k] = ({kind})(drawn < most ? (v < 0 ? -1 : 1) : 0);"));
        lines.close(2);
        lines.text
    }
}
