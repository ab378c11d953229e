//! C as text: indentation, tables, words that are safe in it.

use snnc_runtime::Data;

/// Columns that a line of a table keeps to.
const COLUMNS: usize = 110;

/// Lines of C, each as deep as the blocks around it.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: String,
    depth: usize,
}

impl Lines {
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
            self.text += line;
        }
        self.text.push('\n');
    }

    /// A line that begins a block.
    pub(super) fn open(&mut self, line: impl AsRef<str>) {
        self.line(line);
        self.depth += 1;
    }

    /// Ends so many blocks.
    pub(super) fn close(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.depth -= 1;
            self.line("}");
        }
    }
}

/// The type of a tensor's entries.
pub(super) fn type_of(data: &Data) -> &'static str {
    match data {
        Data::I8(_) => "int8_t",
        Data::I16(_) => "int16_t",
        Data::I32(_) => "int32_t",
    }
}

/// A number as C reads it. The smallest of 32 bits cannot be written as one literal.
pub(super) fn literal(value: i32) -> String {
    if value == i32::MIN { "(-2147483647 - 1)".to_owned() } else { value.to_string() }
}

/// A constant table.
pub(super) fn table(of: &str, name: &str, values: impl Iterator<Item = i32>) -> String {
    let literals: Vec<String> = values.map(literal).collect();
    let mut text = format!("static const {of} {name}[{}] = {{\n", literals.len());
    let mut line = "   ".to_owned();
    for literal in literals {
        if line.len() + literal.len() + 2 > COLUMNS {
            text += &line;
            text.push('\n');
            "   ".clone_into(&mut line);
        }
        line.push(' ');
        line += &literal;
        line.push(',');
    }
    text += &line;
    text += "\n};\n";
    text
}

/// A word for a comment: no end of a comment, no line break, no trigraph, ASCII alone.
pub(super) fn comment(words: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() && !matches!(c, '*' | '/' | '\\' | '?') || c == ' ' { c } else { '_' };
    words.chars().map(safe).collect()
}

/// A shape as `1x16x8x8`.
pub(super) fn shape(dims: &[usize]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}
