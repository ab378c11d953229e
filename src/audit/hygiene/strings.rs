//! Names of people and places in a file.

use super::{Finding, Severity, Words};
use snnc_runtime::Artifact;

/// Shortest word that is looked for in text, and among the bytes of numbers, where any short one stands by chance.
const SHORTEST: usize = 4;
const SHORTEST_AMONG_NUMBERS: usize = 10;

/// What a path begins with that tells of a person's machine. Nodes are called `/layer/conv`, so a slash alone tells nothing.
const PLACES: [&str; 6] = ["/home/", "/users/", "/root/", "c:\\", "file://", "\\\\users\\\\"];

/// Findings about strings.
pub(super) fn findings(bytes: &[u8], artifact: &Artifact, words: &Words<'_>) -> Vec<Finding> {
    // Every second byte of text in UTF-16 is zero.
    let narrow = |bytes: &[u8]| bytes.iter().copied().filter(|&b| b != 0).map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>();
    let (text, all) = (narrow(header(bytes)), bytes.to_ascii_lowercase());
    let wide = narrow(bytes);
    let holds = |word: &str| {
        let word = word.to_ascii_lowercase();
        let among_numbers = word.len() >= SHORTEST_AMONG_NUMBERS && (contains(&all, word.as_bytes()) || contains(&wide, word.as_bytes()));
        contains(&text, word.as_bytes()) || among_numbers
    };
    let leak = |what: String| Finding { severity: Severity::Leak, what };
    let forbidden = words.forbidden.iter().filter(|word| word.len() >= SHORTEST && holds(word));
    let mut findings: Vec<Finding> =
        forbidden.map(|word| leak(format!("The file holds `{word}`, a name of this machine or of the model's files."))).collect();
    let places = PLACES.iter().filter(|place| contains(&text, place.as_bytes()));
    findings.extend(places.map(|place| leak(format!("The file holds a path: something that begins with `{place}`."))));
    if let Ok(header) = std::str::from_utf8(header(bytes)) {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || ".+-_".contains(c);
        let addresses = header.split(|c: char| !is_letter(c) && c != '@').filter(|word| {
            let parts: Vec<&str> = word.split('@').collect();
            matches!(parts[..], [user, host] if !user.is_empty() && host.contains('.') && host.len() > 3 && !host.starts_with('.'))
        });
        findings.extend(addresses.map(|word| leak(format!("The file holds an address: `{word}`."))));
    }
    let named = artifact.graph.nodes.iter().filter(|node| !node.origin.is_empty()).count();
    if named > 0 {
        let s = if named == 1 { "" } else { "s" };
        let what = format!(
            "The file keeps the names that the source network gave to its nodes, at {named} node{s}; and the hash of the ONNX file."
        );
        findings.push(Finding { severity: Severity::Note, what });
    }
    findings
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
    }
}
