//! Activity and energy, layer by layer.

use super::chart::percent;
use super::parts::{details, section as whole, table};
use super::text::{NONE, count, energy, energy_beside, escape, float, list, middle, number, share};
use serde_json::Value;

/// More layers than this are drawn as columns first, and listed on demand.
const LISTED: usize = 40;
/// Longer names are cut in the middle.
const NAME: usize = 30;
/// The height of the columns, in pixels.
const HEIGHT: f64 = 110.0;

/// One quantity of every layer.
struct Quantity {
    title: &'static str,
    values: Vec<Option<f64>>,
    most: f64,
    /// A value, given the greatest.
    show: fn(f64, f64) -> String,
}

impl Quantity {
    fn read(layers: &[Value], key: &str, title: &'static str, show: fn(f64, f64) -> String) -> Self {
        let values: Vec<Option<f64>> = layers.iter().map(|layer| float(&layer[key]).filter(|x| *x >= 0.0)).collect();
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        Self { title, values, most, show }
    }

    /// A value in percent of the greatest.
    fn part(&self, value: f64) -> f64 {
        let part = value / self.most;
        if part.is_finite() { 100.0 * part.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn greatest(&self) -> Option<(usize, f64)> {
        let at = self.values.iter().position(|value| *value == Some(self.most))?;
        (self.most > 0.0).then_some((at, self.most))
    }
}

/// Bars of firing rate and energy.
pub(super) fn section(leakage: &Value) -> String {
    let layers = list(&leakage["layers"]);
    if layers.is_empty() {
        return String::new();
    }
    let rates = Quantity::read(layers, "firing_rate", "Spikes per neuron and step or digit", |rate, _| format!("{rate:.3}"));
    let energies = Quantity::read(layers, "energy_pj", "Energy per image", energy_beside);
    let lead = lead(layers, &rates, &energies);
    let list = bars(layers, &rates, &energies);
    let body = if layers.len() <= LISTED {
        lead + &list
    } else {
        let both = columns(layers, &rates) + &columns(layers, &energies);
        lead + &both + &details(&format!("All {} layers", layers.len()), &list)
    };
    whole("layers", "Layers", &body)
}

fn name(layer: &Value) -> String {
    let Some(full) = layer["name"].as_str().filter(|name| !name.is_empty()) else { return NONE.to_owned() };
    format!("<code title=\"{}\">{}</code>", escape(full), escape(&middle(full, NAME)))
}

fn lead(layers: &[Value], rates: &Quantity, energies: &Quantity) -> String {
    let busiest =
        rates.greatest().map(|(at, rate)| format!("Busiest: {}, {} spikes per neuron and step or digit.", name(&layers[at]), number(rate)));
    let total: f64 = energies.values.iter().flatten().sum();
    let dearest = energies
        .greatest()
        .filter(|_| total.is_finite())
        .map(|(at, most)| format!("Most energy: {}, {} of {} per image.", name(&layers[at]), share(most / total), energy(total)));
    let text: Vec<String> = [busiest, dearest].into_iter().flatten().collect();
    if text.is_empty() { String::new() } else { format!("<p>{}</p>\n", text.join(" ")) }
}

/// Every layer with its bars.
fn bars(layers: &[Value], rates: &Quantity, energies: &Quantity) -> String {
    let cell = |quantity: &Quantity, at: usize, class: &str| {
        let Some(value) = quantity.values[at] else { return NONE.to_owned() };
        let (width, shown) = (percent(quantity.part(value)), (quantity.show)(value, quantity.most));
        format!("<div class=\"bar {class}\"><span><i style=\"width:{width}\"></i></span>{shown}</div>")
    };
    let line = |(at, layer): (usize, &Value)| {
        let (neurons, operations) = (count(&layer["neurons"]), float(&layer["synaptic_ops"]).map_or_else(|| NONE.to_owned(), number));
        let (digits, weights) = (count(&layer["digits"]), weights(layer));
        let (rate, energy) = (cell(rates, at, "rate"), cell(energies, at, "energy"));
        let name = name(layer);
        format!(
            "<tr><th scope=\"row\">{name}</th><td>{neurons}</td><td>{digits}</td><td class=\"wide\">{rate}</td>\
             <td>{weights}</td><td>{operations}</td><td class=\"wide\">{energy}</td></tr>\n"
        )
    };
    let body: String = layers.iter().enumerate().map(line).collect();
    let head = ["Layer", "Neurons", "Digits", rates.title, "Weights", "Synaptic operations", energies.title];
    table("Layers, front to back", &head, &format!("<tbody>\n{body}</tbody>"))
}

/// Bits and bytes of a layer's weights.
fn weights(layer: &Value) -> String {
    let (Some(bits), bytes) = (layer["weight_bits"].as_u64(), count(&layer["weight_bytes"])) else { return NONE.to_owned() };
    format!("{bits} bits, {bytes} bytes")
}

/// One quantity as columns, front to back.
fn columns(layers: &[Value], quantity: &Quantity) -> String {
    let Some((at, most)) = quantity.greatest() else { return String::new() };
    let pitch = 100.0 / layers.len() as f64;
    let column = |(at, value): (usize, &Option<f64>)| {
        let value = (*value)?;
        let height = HEIGHT * quantity.part(value) / 100.0;
        let (x, width, y) = (percent(pitch * at as f64), percent(pitch * 0.8), HEIGHT - height);
        let tip = format!("{}: {}", escape(layers[at]["name"].as_str().unwrap_or(NONE)), (quantity.show)(value, quantity.most));
        Some(format!("<rect x=\"{x}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\"><title>{tip}</title></rect>"))
    };
    let all: String = quantity.values.iter().enumerate().filter_map(column).collect();
    let name = escape(layers[at]["name"].as_str().unwrap_or(NONE));
    let most = (quantity.show)(most, most);
    let title = quantity.title;
    format!(
        "<figure class=\"columns\"><figcaption>{title}, front to back; the highest column is {most}</figcaption>\
         <svg role=\"img\" aria-label=\"{title} of {} layers; most at {name}: {most}\" width=\"100%\" height=\"{HEIGHT}\">{all}\
         <line class=\"stub\" x1=\"0\" x2=\"100%\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/></svg></figure>\n",
        layers.len()
    )
}
