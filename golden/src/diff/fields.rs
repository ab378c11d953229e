//! Two JSON objects, field by field.

use serde::Serialize;
use serde_json::{Map, Value};

/// A field that is not the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where: `timesteps`, `input.quantiser.digits`, `n3 digits`, ..
    pub field: String,
    /// What A has; null where it has nothing.
    pub a: Value,
    /// What B has.
    pub b: Value,
}

/// Anything that can be written, as JSON; numbers are those that a file has.
pub(super) fn json(value: &impl Serialize) -> Value {
    // By way of text, in which a number of 32 bits is as short as in the file.
    let text = serde_json::to_string(value).expect("a description can be written");
    serde_json::from_str(&text).expect("what was written can be read")
}

/// All fields that differ; objects are looked into, lists are not.
pub(super) fn changes(place: &str, a: &Value, b: &Value) -> Vec<Change> {
    if a == b {
        return Vec::new();
    }
    let (Value::Object(a), Value::Object(b)) = (a, b) else {
        return vec![Change { field: place.to_owned(), a: a.clone(), b: b.clone() }];
    };
    let of = |object: &Map<String, Value>, key: &str| object.get(key).cloned().unwrap_or(Value::Null);
    let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
    let inside = |key: &String| {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        changes(&place, &of(a, key), &of(b, key))
    };
    keys.flat_map(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_in_both() {
        let (a, b) = (json!({"a": 1, "b": {"c": [1, 2], "d": 3}}), json!({"b": {"c": [1, 4], "d": 3, "e": "x"}, "a": 1}));
        let change = |field: &str, a: Value, b: Value| Change { field: field.to_owned(), a, b };
        assert_eq!(changes("n", &a, &b), [change("n.b.c", json!([1, 2]), json!([1, 4])), change("n.b.e", Value::Null, json!("x"))]);
        assert!(changes("", &a, &a).is_empty());
        assert_eq!(super::json(&[0.1f32]).to_string(), "[0.1]");
    }
}
