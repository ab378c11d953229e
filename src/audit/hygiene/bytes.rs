//! Source tensors anywhere in the file, as they are or multiplied by a factor.

use super::{
    CopyFound, How, Source,
    container::Container,
    element::Element,
    finder::Finder,
    ratios::Ratios,
    window::{self, LENGTH},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use std::collections::{BTreeMap, BTreeSet};

/// Copies of the sources at any offset, in any format: of each source and format the first place. Places in tensors of which
/// `known` says that they hold the source anyway (source, tensor) are passed over.
pub(crate) fn copies(bytes: &[u8], container: &Container, sources: &[&Source<'_>], known: &BTreeSet<(usize, &str)>) -> Vec<CopyFound> {
    // By source, then by format; exact copies before scaled ones, of which they are a special case.
    let mut first: BTreeMap<(usize, &'static str), (usize, bool)> = BTreeMap::new();
    let mut note = |offset: usize, source: usize, element: &'static str, scaled: bool| {
        if !container.tensor_at(offset).is_some_and(|tensor| known.contains(&(source, tensor))) {
            first.entry((source, element)).or_insert((offset, scaled));
        }
    };
    let patterns = patterns(sources);
    let strings = patterns.iter().map(|p| p.bytes.clone()).collect();
    for (offset, k) in Finder::new(strings).places(bytes) {
        note(offset, patterns[k].source, patterns[k].element, false);
    }
    let windows = windows(sources);
    for element in Element::ALL {
        for (offset, k) in Ratios::new(&windows, element).places(bytes) {
            note(offset, windows[k].0, element.name(), true);
        }
    }
    let copy = |((source, element), (offset, scaled)): ((usize, &'static str), (usize, bool))| CopyFound {
        source: sources[source].name.to_owned(),
        place: container.place(offset),
        how: How::Bytes { element, scaled },
    };
    first.into_iter().map(copy).collect()
}

/// A byte string that betrays a source.
struct Pattern {
    source: usize,
    element: &'static str,
    bytes: Vec<u8>,
}

fn patterns(sources: &[&Source<'_>]) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (source, tensor) in sources.iter().enumerate() {
        for element in Element::ALL {
            for start in window::exact(tensor.values, element) {
                let bytes = element.bytes(&tensor.values[start..start + LENGTH]);
                let text = match element {
                    Element::F32 => Some("f32 in base64"),
                    Element::F16 => Some("f16 in base64"),
                    Element::Bf16 | Element::F64 => None,
                };
                if let Some(name) = text {
                    patterns.extend(base64(&bytes).map(|bytes| Pattern { source, element: name, bytes }));
                }
                patterns.push(Pattern { source, element: element.name(), bytes });
            }
        }
    }
    patterns
}

/// What base64 makes of the bytes, wherever in a group of three they begin: without the characters that depend on others.
fn base64(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..3).map(move |before| {
        let text = STANDARD_NO_PAD.encode([&[0; 3][..before], bytes].concat()).into_bytes();
        let unknown = if before == 0 { 0 } else { before + 1 };
        text[unknown..(before + bytes.len()) * 8 / 6].to_vec()
    })
}

/// Source and entries of every stretch that is telling under any factor.
fn windows<'a>(sources: &[&Source<'a>]) -> Vec<(usize, &'a [f32])> {
    let of = |(k, source): (usize, &&Source<'a>)| {
        let values = source.values;
        window::scaled(values).into_iter().map(move |start| (k, &values[start..start + LENGTH]))
    };
    sources.iter().enumerate().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    fn normal(stream: u64, n: usize) -> Vec<f32> {
        let mut random = Random::new(21, stream);
        (0..n).map(|_| random.normal() * 0.05).collect()
    }

    fn found(bytes: &[u8], values: &[f32]) -> Vec<(&'static str, bool)> {
        let source = Source { name: "w", dims: &[values.len()], values };
        let copies = copies(bytes, &Container::default(), &[&source], &BTreeSet::new());
        let how = |c: CopyFound| match c.how {
            How::Bytes { element, scaled } => (element, scaled),
            other => panic!("{other:?}"),
        };
        copies.into_iter().map(how).collect()
    }

    #[test]
    fn every_format_is_found_at_any_offset_with_and_without_a_factor() {
        let weight = normal(1, 300);
        let mut random = Random::new(4, 4);
        for element in Element::ALL {
            for (factor, scaled) in [(1.0, false), (-3.7, true), (0.02, true)] {
                for shift in [0, 1, 3, 6] {
                    let scaled_weight: Vec<f32> = weight.iter().map(|v| v * factor).collect();
                    let mut bytes: Vec<u8> = (0..1000 + shift).map(|_| random.bits() as u8).collect();
                    bytes.extend(element.bytes(&scaled_weight));
                    bytes.extend([7; 50]);
                    assert_eq!(found(&bytes, &weight), [(element.name(), scaled)], "{factor} {shift}");
                }
            }
        }
    }

    #[test]
    fn a_quarter_and_base64_are_found() {
        let weight = normal(2, 400);
        let part = Element::F32.bytes(&weight[90..210]);
        assert_eq!(found(&part, &weight), [("f32", false)]);
        for (element, name) in [(Element::F32, "f32 in base64"), (Element::F16, "f16 in base64")] {
            for before in 0..3 {
                let text = STANDARD_NO_PAD.encode([&b"xyz"[..before], &element.bytes(&weight)].concat());
                assert_eq!(found(text.as_bytes(), &weight), [(name, false)]);
            }
        }
    }

    #[test]
    fn unrelated_bytes_are_no_copies() {
        let weight = normal(3, 5000);
        for element in Element::ALL {
            assert_eq!(found(&element.bytes(&normal(4, 300_000)), &weight), [], "{element:?}");
        }
        let ramp: Vec<f32> = (0..5000).map(|k| k as f32 * 0.01).collect();
        assert_eq!(found(&Element::F32.bytes(&ramp), &weight), []);
        let text = "{\"name\":\"/layer1/conv/Conv\",\"shape\":[1,16,32,32]}".repeat(3000);
        assert_eq!(found(text.as_bytes(), &weight), []);
    }
}
