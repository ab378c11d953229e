//! How long an image takes, and what is done for it, beside networks without spikes.

use super::parts::{definitions, row, section as whole, table};
use super::text::{NONE, count, energy, float, number, string};
use serde_json::Value;

/// Time and energy.
pub(super) fn section(leakage: &Value) -> String {
    let (time, operations, energy) = (&leakage["time"], &leakage["operations"], &leakage["energy"]);
    if time.is_null() && operations.is_null() && energy.is_null() {
        return String::new();
    }
    whole("cost", "Time and energy of an image", &(facts(leakage) + &energies(energy)))
}

fn facts(leakage: &Value) -> String {
    let (time, operations) = (&leakage["time"], &leakage["operations"]);
    let steps = |of: &str| time[of].as_u64().map_or_else(|| NONE.to_owned(), |steps| format!("{steps} time steps"));
    let shown = |of: &str| float(&operations[of]).map_or_else(|| NONE.to_owned(), number);
    let code = string(&leakage["artifact"]["code"]).map_or_else(String::new, |code| format!("{code} code"));
    let ops = format!("{}, {} of them behind the input layer", shown("synaptic_ops"), shown("synaptic_ops_without_input_layer"));
    definitions(&[
        ("Spikes", code),
        ("Latency", format!("{} until the answer is there", steps("latency"))),
        ("Interval", format!("{} from one image to the next in a pipeline", steps("interval"))),
        ("Delay lines", format!("{} bits", count(&time["delay_bits"]))),
        ("Spikes per neuron", shown("spikes_per_neuron")),
        ("Synaptic operations", ops),
    ])
}

/// The spiking network and what it stands for, by the numbers that they are made of.
fn energies(of: &Value) -> String {
    let line = |name: &str, numbers: &str, network: &str| {
        let at = |what: &str| {
            let value = float(&of[numbers][format!("{network}_pj{what}")]);
            value.map_or_else(|| NONE.to_owned(), energy)
        };
        row(name, &[at(""), at("_without_input_layer"), at("_per_neuron")])
    };
    let body = [
        line("Spiking network, 8-bit weights", "int8_45nm", "snn"),
        line("Spiking network, 32-bit floats", "float32_45nm", "snn"),
        line("ANN, 8-bit weights", "int8_45nm", "ann"),
        line("ANN, 32-bit floats", "float32_45nm", "ann"),
    ];
    let lead = "<p>Estimates for 45\u{a0}nm (Horowitz 2014), of multiplications and accumulations, not of memory.</p>\n";
    let head = ["Network", "Energy per image", "without layers that the input drives", "per neuron"];
    lead.to_owned() + &table("Energy", &head, &format!("<tbody>\n{}</tbody>", body.concat()))
}
