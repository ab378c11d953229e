//! A picture of every spike of a run: one band a population, its neurons below each other, time steps to the right.
//!
//! In the radix code each population speaks in a window of its own, so that the picture shows where the latency of a network comes from. The
//! same run gives the same bytes. Colours follow the reader's preference for light or dark.

use snnc_runtime::{Code, Network, Population, PopulationKind, Trace, argmax};
use std::fmt::Write;

/// Most neurons of a population that are drawn, and fewest where there are many populations.
const MOST_ROWS: usize = 64;
const FEWEST_ROWS: usize = 8;
/// Rows that all populations of a network share, as far as these bounds let them.
const ALL_ROWS: usize = 1024;
/// Most time steps that are drawn.
const MOST_STEPS: usize = 2048;
/// Width of the part with spikes, if a step gets no less than a unit.
const WIDTH: usize = 720;
/// Room to the left of it, for words, and above.
const LEFT: usize = 216;
const TOP: usize = 76;
/// Height of four lines of words: no band is lower.
const LEAST_BAND: usize = 58;
const GAP: usize = 12;
/// Most characters of a name.
const MOST_LETTERS: usize = 26;

const STYLE: &str = "\
svg{background:#fbfaf8;font:12px system-ui,sans-serif;fill:#1c2024}\
.n{font-family:ui-monospace,monospace;font-weight:600}.d{fill:#59616a}.w{fill:#eeece7}.a{stroke:#dedbd5}.e{stroke:#59616a;stroke-dasharray:3}\
.s{stroke:#b84f06}.c{stroke:#1b5fae}\
@media(prefers-color-scheme:dark){svg{background:#15181b;fill:#e7e5e1}.d{fill:#a5acb4}.w{fill:#2d333a}.a{stroke:#363c42}.e{stroke:#a5acb4}\
.s{stroke:#f0a05c}.c{stroke:#7fb6f4}}";

/// The part of a population that is drawn.
struct Band<'a> {
    population: &'a Population,
    /// The places of the entries that are drawn.
    rows: Vec<usize>,
    /// Height of a row.
    height: usize,
    /// The step before its window.
    first: usize,
    steps: usize,
    /// Its spikes, `[steps, entries]`.
    spikes: Vec<&'a [i8]>,
}

impl Band<'_> {
    fn total(&self) -> usize {
        (self.rows.len() * self.height).max(LEAST_BAND)
    }

    /// Spikes per entry and step of its window, corrections included.
    fn rate(&self) -> f64 {
        let spikes = self.spikes.iter().flat_map(|step| step.iter()).filter(|&&spike| spike != 0).count();
        spikes as f64 / (self.population.size * self.steps) as f64
    }
}

/// Draws one image of a run, the one at place `image` of the trace; `caption` says what it is.
///
/// Of a population with more entries than fit, evenly spaced ones are drawn, and the label says how many; rates are of all.
///
/// # Panics
/// If the trace is not one of this network, or has not so many images.
#[must_use]
pub fn svg(network: &Network, trace: &Trace, image: usize, caption: &str) -> String {
    let bands = bands(network, trace, image);
    let latency = if network.spec().code == Code::Rate { trace.outcome.timesteps } else { network.schedule().latency };
    let shown = latency.min(MOST_STEPS);
    let cell = (WIDTH / shown).clamp(1, 24);
    let (right, bottom) = (LEFT + shown * cell, TOP + bands.iter().map(|band| band.total() + GAP).sum::<usize>());
    let (width, height) = (right + 24, bottom + 52);
    let classes = network.classes();
    let logits = &trace.outcome.logits[image * classes..][..classes];
    let class = argmax(logits);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"t d\">\n<title id=\"t\">Spikes of {}</title>\n<desc id=\"d\">{} populations over {latency} time steps; the \
         answer is class {class}.</desc>\n<style>{STYLE}</style>\n",
        escaped(caption),
        bands.len()
    );
    let mut line = |line: String| {
        text += &line;
        text.push('\n');
    };
    let part = if shown < latency { format!(", the first {shown} of which are drawn") } else { String::new() };
    line(format!("<text x=\"16\" y=\"26\" class=\"n\" font-size=\"15\">{}</text>", escaped(caption)));
    line(format!("<text x=\"16\" y=\"46\" class=\"d\">{latency} time steps{part}</text>"));
    line(legend(trace, right));

    // Lines behind the bands, with numbers at both ends.
    let every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().find(|every| every * cell >= 40).unwrap_or(1000);
    for step in (0..=shown).step_by(every) {
        let x = LEFT + step * cell;
        line(format!("<path class=\"a\" d=\"M{x} {TOP}V{bottom}\"/>"));
        for y in [TOP - 6, bottom + 16] {
            line(format!("<text x=\"{x}\" y=\"{y}\" class=\"d\" text-anchor=\"middle\">{step}</text>"));
        }
    }
    let mut y = TOP;
    for band in &bands {
        for part in drawn(band, y, cell, shown) {
            line(part);
        }
        y += band.total() + GAP;
    }
    if shown == latency {
        line(format!("<path class=\"e\" d=\"M{right} {TOP}V{bottom}\"/>"));
    }
    line(format!(
        "<text x=\"{LEFT}\" y=\"{}\">class {class}, read-out {:.4}, after {latency} time steps</text>",
        bottom + 40,
        logits[class]
    ));
    text += "</svg>\n";
    text
}

fn bands<'a>(network: &'a Network, trace: &'a Trace, image: usize) -> Vec<Band<'a>> {
    let populations = network.populations();
    let images = trace.outcome.images;
    assert!(image < images && trace.spikes.len() == populations.len(), "a trace of this network with so many images");
    let most = (ALL_ROWS / populations.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
    let schedule = network.schedule();
    let band = |(population, spikes): (&'a Population, &'a Vec<i8>)| {
        let size = population.size;
        let rows = size.min(most);
        // In the rate code all begin at once, however long the run is.
        let first = schedule.windows.iter().find(|window| window.name == population.name).map_or(1, |window| window.first);
        let spikes: Vec<&[i8]> = spikes.chunks(size * images).map(|step| &step[image * size..][..size]).collect();
        Band {
            population,
            rows: (0..rows).map(|row| row * size / rows).collect(),
            height: (LEAST_BAND / rows).clamp(2, 14),
            first: first - 1,
            steps: spikes.len(),
            spikes,
        }
    };
    populations.iter().zip(&trace.spikes).map(band).collect()
}

/// What colours mean.
fn legend(trace: &Trace, right: usize) -> String {
    let mut words = vec![("s", "a spike")];
    if trace.outcome.corrections.iter().any(|&corrections| corrections > 0) {
        words.push(("c", "a correction, -1"));
    }
    let mut text = String::new();
    for (index, (class, word)) in words.iter().enumerate() {
        let x = right.saturating_sub(250) + index * 100;
        let _ = write!(
            text,
            "<path class=\"{class}\" stroke-width=\"8\" d=\"M{x} 42h14\"/><text x=\"{}\" y=\"46\" class=\"d\">{word}</text>",
            x + 20
        );
    }
    text
}

/// Words, window and spikes of a band whose upper edge is at `y`.
fn drawn(band: &Band<'_>, y: usize, cell: usize, shown: usize) -> Vec<String> {
    let population = band.population;
    let (name, size, rows) = (&population.name, population.size, band.rows.len());
    let what = match (population.kind, size) {
        (PopulationKind::Neurons, 1) => "1 neuron".to_owned(),
        (PopulationKind::Neurons, _) => format!("{size} neurons"),
        (PopulationKind::Input, _) => format!("input of {size}"),
        (PopulationKind::CountMaxPool | PopulationKind::DigitMaxPool, _) => format!("maxima of {size} windows"),
    };
    let mut words = vec![what, format!("rate {:.4}", band.rate())];
    if rows < size {
        words.push(if size % rows == 0 { format!("{rows} drawn, 1 in {}", size / rows) } else { format!("{rows} drawn, evenly spaced") });
    }
    let mut text =
        vec![format!("<g><title>{}</title><text x=\"16\" y=\"{}\" class=\"n\">{}</text>", escaped(name), y + 11, escaped(&short(name)))];
    text.extend(
        words.iter().enumerate().map(|(line, word)| format!("<text x=\"16\" y=\"{}\" class=\"d\">{word}</text>", y + 26 + 15 * line)),
    );
    let (first, last) = (band.first.min(shown), (band.first + band.steps).min(shown));
    let height = rows * band.height;
    text.push(format!(
        "<rect class=\"w\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{height}\"/>",
        LEFT + first * cell,
        (last - first) * cell
    ));
    // A stroke lies on both sides of its line. Between spikes is a gap, if there is room.
    let (thick, long) = (band.height - usize::from(band.height > 3), cell - usize::from(cell > 2));
    let place = format!("transform=\"translate({LEFT} {y})\" stroke-width=\"{thick}\"");
    for (class, sign) in [("s", 1), ("c", -1)] {
        let mut marks = String::new();
        for (row, &entry) in band.rows.iter().enumerate() {
            let steps = band.spikes.iter().take(last - first).enumerate().filter(|(_, step)| step[entry] == sign);
            for (step, _) in steps {
                let middle = 2 * row * band.height + band.height;
                let half = if middle % 2 == 1 { ".5" } else { "" };
                let _ = write!(marks, "M{} {}{half}h{long}", (first + step) * cell, middle / 2);
            }
        }
        if !marks.is_empty() {
            text.push(format!("<path class=\"{class}\" {place} d=\"{marks}\"/>"));
        }
    }
    text.push("</g>".to_owned());
    text
}

/// A name that fits beside its band.
fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= MOST_LETTERS {
        return name.to_owned();
    }
    let (head, tail) = (&letters[..MOST_LETTERS / 2], &letters[letters.len() - MOST_LETTERS / 2 + 1..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

/// Text as XML holds it, which knows no control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            _ if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push(' '),
            _ => safe.push(c),
        }
    }
    safe
}
