//! The table of attackers: a row for each variant and T, its main metric on all three networks.

use super::attack::{knows, name, shortfall};
use super::measures::{Row, cell, chance, metric_title, rows};
use super::parts::table;
use super::text::{NONE, list};
use serde_json::Value;

const HEAD: [&str; 7] = ["Attack", "Variant", "Main metric", "ANN", "SNN", "Control", "Chance"];

/// The main metric of every attack.
pub(super) fn attackers(attacks: &[Value]) -> String {
    table("Attackers and the main metric of each, with 95 % intervals", &HEAD, &attacks.iter().map(group).collect::<String>())
}

/// The rows of one attack, under one heading.
fn group(attack: &Value) -> String {
    let rows = if list(&attack["results"]).is_empty() { Vec::new() } else { rows(attack) };
    let why = shortfall(attack).map(|why| format!("<tr><td class=\"why\" colspan=\"{}\">{why}</td></tr>\n", HEAD.len() - 1));
    let lines: Vec<String> = rows.iter().map(line).chain(why).collect();
    let lines = if lines.is_empty() { vec![format!("<tr><td colspan=\"{}\">{NONE}</td></tr>\n", HEAD.len() - 1)] } else { lines };
    let head = format!("<th scope=\"rowgroup\" rowspan=\"{}\">{}{}</th>", lines.len(), name(attack), knows(attack));
    let body = lines.concat().replacen("<tr>", &format!("<tr>{head}"), 1);
    format!("<tbody>\n{body}</tbody>\n")
}

fn line(row: &Row<'_>) -> String {
    let main = row.main_metric();
    let measures = main.map_or([None; 3], |name| row.measures(name));
    let chance = chance(&measures);
    let [ann, snn, control] = measures.map(cell);
    let (variant, title) = (row.label(), metric_title(main));
    format!("<tr><td>{variant}</td><td>{title}</td><td>{ann}</td><td>{snn}</td><td>{control}</td><td>{chance}</td></tr>\n")
}
