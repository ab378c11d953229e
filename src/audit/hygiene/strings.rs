//! Names of people and places in a file.

use super::{Finding, Severity, Words};
use serde_json::Value;
use snnc_runtime::Artifact;

/// Shortest word that is looked for in text wherever it stands; shorter ones, down to the second length, must stand alone, and then are
/// worth a note: they may be something else. Among the bytes of numbers any short one stands by chance.
const SHORTEST: usize = 4;
const SHORTEST_ALONE: usize = 3;
const SHORTEST_AMONG_NUMBERS: usize = 10;

/// What a path begins with that tells of a person's machine. Nodes are called `/layer/conv`, so a slash alone tells nothing.
const PLACES: [&str; 6] = ["/home/", "/users/", "/root/", "c:\\", "file://", "\\users\\"];

/// Findings about strings.
pub(super) fn findings(bytes: &[u8], artifact: &Artifact, words: &Words<'_>) -> Vec<Finding> {
    let text = Text::new(bytes);
    let leak = |what: String| Finding { severity: Severity::Leak, what };
    let note = |what: String| Finding { severity: Severity::Note, what };
    let mut findings = Vec::new();
    for word in words.forbidden {
        let length = word.chars().count();
        if length >= SHORTEST && text.holds(word) {
            findings.push(leak(format!("The file holds `{word}`, a name of this machine or of the model's files.")));
        } else if (SHORTEST_ALONE..SHORTEST).contains(&length) && text.holds_alone(word) {
            findings.push(note(format!("The file holds `{word}`, which may be a name of this machine or of the model's files.")));
        }
    }
    let places = PLACES.iter().filter(|place| text.decoded.contains(*place) || contains(&text.narrow, place.as_bytes()));
    findings.extend(places.map(|place| leak(format!("The file holds a path: something that begins with `{place}`."))));
    findings.extend(text.addresses().map(|word| leak(format!("The file holds an address: `{word}`."))));
    let named = artifact.graph.nodes.iter().filter(|node| !node.origin.is_empty()).count();
    if named > 0 {
        let s = if named == 1 { "" } else { "s" };
        findings.push(note(format!("The file keeps the names that the source network gave to its nodes, at {named} node{s}.")));
    }
    findings.push(note("The file holds the SHA-256 of the ONNX file: whoever has a candidate for the source can confirm it.".to_owned()));
    if artifact.to_bytes().is_ok_and(|canonical| canonical != bytes) {
        findings.push(note(
            "The file is not written as `snnc` writes it, so it may hold what no reader of artifacts looks at: gaps, an order, white space."
                .to_owned(),
        ));
    }
    findings
}

/// What can be read in a file.
struct Text {
    /// The strings of the header, names included, JSON's escapes undone also in strings that hold JSON themselves; in small letters.
    decoded: String,
    /// The header's bytes, those of UTF-16 as if they were ASCII; in small letters.
    narrow: Vec<u8>,
    /// All bytes, as they are and like the header's.
    all: [Vec<u8>; 2],
}

impl Text {
    fn new(bytes: &[u8]) -> Self {
        // Every second byte of text in UTF-16 is zero.
        let narrow = |bytes: &[u8]| bytes.iter().copied().filter(|&b| b != 0).map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>();
        let header = header(bytes);
        let mut strings = Vec::new();
        if let Ok(value) = serde_json::from_slice(header) {
            decode(&value, DEPTH, &mut strings);
        }
        Self { decoded: strings.join("\n").to_lowercase(), narrow: narrow(header), all: [bytes.to_ascii_lowercase(), narrow(bytes)] }
    }

    fn holds(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let among_numbers = word.len() >= SHORTEST_AMONG_NUMBERS && self.all.iter().any(|all| contains(all, word.as_bytes()));
        self.decoded.contains(&word) || contains(&self.narrow, word.as_bytes()) || among_numbers
    }

    fn holds_alone(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let is_end = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        self.decoded
            .match_indices(&word)
            .any(|(at, _)| is_end(self.decoded[..at].chars().next_back()) && is_end(self.decoded[at + word.len()..].chars().next()))
    }

    /// What reads like an address of electronic mail.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let is_letter = |c: char| c.is_alphanumeric() || ".+-_@".contains(c);
        self.decoded.split(move |c: char| !is_letter(c)).filter(|word| {
            let parts: Vec<&str> = word.split('@').collect();
            matches!(parts[..], [user, host] if !user.is_empty() && host.contains('.') && host.len() > 3 && !host.starts_with('.'))
        })
    }
}

/// Strings that hold JSON are decoded so many times.
const DEPTH: usize = 4;

/// The strings of a value, names included.
fn decode(value: &Value, depth: usize, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let inner = if depth > 0 && text.starts_with(['{', '[', '"']) { serde_json::from_str(text).ok() } else { None };
            match inner {
                Some(inner) => decode(&inner, depth - 1, strings),
                None => strings.push(text.clone()),
            }
        }
        Value::Array(values) => values.iter().for_each(|value| decode(value, depth, strings)),
        Value::Object(fields) => {
            for (name, value) in fields {
                strings.push(name.clone());
                decode(value, depth, strings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text before the tensors.
fn header(bytes: &[u8]) -> &[u8] {
    let length = bytes.split_first_chunk::<8>().and_then(|(length, _)| usize::try_from(u64::from_le_bytes(*length)).ok());
    length.and_then(|length| bytes.get(8..)?.get(..length)).unwrap_or_default()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some((&first, rest)) = word.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&b| b == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_width() {
        assert!(contains(b"xxhome/x", b"home") && !contains(b"hom", b"home") && contains(b"hhome", b"home"));
        let wide: Vec<u8> = "Margarethe".bytes().flat_map(|b| [b, 0]).collect();
        let text = Text::new(&file(r#"{"a":"BERTA"}"#, &wide));
        assert!(text.holds("berta") && text.holds("margarethe") && !text.holds("marga-rethe"));
    }

    #[test]
    fn escapes_are_undone_however_deep() {
        let inner = serde_json::json!({"who": "M\u{fc}ller", "where": "C:\\data"}).to_string().replace('\u{fc}', "\\u00fc");
        let header = serde_json::json!({"__metadata__": {"snnc": inner}}).to_string();
        let text = Text::new(&file(&header, &[]));
        assert!(text.holds("M\u{fc}ller") && text.holds("who") && text.decoded.contains("c:\\data"), "{}", text.decoded);
    }

    #[test]
    fn short_words_stand_alone() {
        let text = Text::new(&file(r#"{"concat":"the cat_1 sat; a dog"}"#, b" owl "));
        assert!(text.holds_alone("cat") && text.holds_alone("dog") && !text.holds_alone("con") && !text.holds_alone("owl"));
    }

    #[test]
    fn addresses_are_found() {
        let text = Text::new(&file(r#"{"a":"by ada@lovelace.org, @b, c@d, e@.f"}"#, &[]));
        assert_eq!(text.addresses().collect::<Vec<_>>(), ["ada@lovelace.org"]);
    }

    fn file(header: &str, payload: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), payload].concat()
    }
}
