//! What stands around the stages: the header's declarations, and the functions that a program calls.

use super::{
    body::Writer,
    pixels::Reader,
    plan::{Place, Plan, Stage, Type, result},
    text::{Lines, comment, shape},
};
use snnc_runtime::{Code, Coding, Head, InputSpec};

/// What stands around the stages.
pub(super) struct Frame<'p, 'a> {
    pub(super) plan: &'p Plan<'a>,
    /// What all names begin with.
    pub(super) prefix: &'p str,
    /// The same for macros.
    pub(super) upper: &'p str,
    pub(super) max_timesteps: usize,
}

impl Frame<'_, '_> {
    pub(super) fn input(&self) -> &InputSpec {
        &self.plan.artifact.graph.input
    }

    fn is_rate(&self) -> bool {
        self.plan.artifact.graph.code == Code::Rate
    }

    /// The type of an entry of an image.
    pub(super) fn image_type(&self) -> &'static str {
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
    pub(super) fn declarations(&self, reader: Option<&Reader>, classes: usize, flash: usize, ram: usize) -> String {
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

    pub(super) fn run(&self, writer: &Writer<'_, '_>, resets: &[Option<String>]) -> String {
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
        let call = |lines: &mut Lines, stage: &Stage| {
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

    pub(super) fn class(&self, classes: usize) -> String {
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
    pub(super) fn poisson(&self) -> String {
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
