//! A JSON schema as tables of its fields.

use serde_json::Value;

/// Fields whose own fields have a table of their own.
const APART: &str = "leakage";

/// Tables of all fields: of the whole, of the field that stands apart, and of each definition.
pub fn tables(schema: &Value) -> String {
    let mut text = format!("\n{}\n", description(schema));
    text += &table(schema, &[APART]);
    let apart = &schema["properties"][APART];
    text += &format!("\n## `{APART}`\n\n{}\n{}", description(apart), table(apart, &[]));
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        text += &format!("\n## {}\n\n{}\n{}", title(name), description(definition), table(definition, &[]));
    }
    text
}

fn table(schema: &Value, closed: &[&str]) -> String {
    let mut rows = Vec::new();
    fields(schema, "", closed, &mut rows);
    format!("\n| field | type | |\n|---|---|---|\n{}", rows.concat())
}

/// Rows for the fields of an object or of a list of objects, and of what lies in them, except in `closed`.
fn fields(schema: &Value, path: &str, closed: &[&str], rows: &mut Vec<String>) {
    if let Some(items) = schema.get("items").filter(|items| items.get("properties").is_some()) {
        fields(items, &format!("{path}[]"), closed, rows);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        // What is said of a list may be said of its entries.
        let said = [description(field), description(&field["items"])].concat();
        rows.push(format!("| `{path}` | {} | {said} |\n", kind(field)));
        if !closed.contains(&path.as_str()) {
            fields(field, &path, closed, rows);
        }
    }
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn title(definition: &str) -> String {
    definition.replace('_', " ")
}

/// The type of a field, in words.
fn kind(field: &Value) -> String {
    if let Some(name) = field["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return format!("[{}](#{})", title(name), name.replace('_', "-"));
    }
    if let Some(value) = field.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = field["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`").replace('"', "")).collect::<Vec<_>>().join(", ");
    }
    let items = field.get("items").map(|items| format!(" of {}", kind(items))).unwrap_or_default();
    let name = |name: &Value| match name.as_str() {
        Some("array") => format!("list{items}"),
        Some(name) => name.to_owned(),
        None => String::new(),
    };
    match &field["type"] {
        Value::Array(names) => names.iter().map(name).collect::<Vec<_>>().join(" or "),
        one => name(one),
    }
}
