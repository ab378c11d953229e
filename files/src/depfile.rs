//! Makefile rules that name what was read, as build systems take them (`--depfile`): written by the compiler, read by those who call it.
//!
//! In a word of such a rule backslashes are themselves but before a space, a tab or `#`: there they are doubled, and one more keeps that character. One backslash keeps
//! a colon, and `$` is doubled. A line break cannot be written.

use std::path::{Path, PathBuf};

/// A path that a Makefile cannot name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineBreak(pub PathBuf);

/// A rule: `target` is made from `dependencies`, each of which is named once.
///
/// # Errors
/// The first path with a line break in it.
pub fn rule(target: &Path, dependencies: &[PathBuf]) -> Result<Vec<u8>, LineBreak> {
    let mut rule = escape(target)?;
    rule.push(b':');
    let mut seen: Vec<&PathBuf> = Vec::new();
    for dependency in dependencies {
        if !seen.contains(&dependency) {
            rule.push(b' ');
            rule.extend(escape(dependency)?);
            seen.push(dependency);
        }
    }
    rule.push(b'\n');
    Ok(rule)
}

fn escape(path: &Path) -> Result<Vec<u8>, LineBreak> {
    let mut escaped = Vec::new();
    let mut backslashes = 0;
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\n' | b'\r' => return Err(LineBreak(path.to_owned())),
            b' ' | b'\t' | b'#' => {
                escaped.extend(std::iter::repeat_n(b'\\', backslashes + 1));
            }
            b'$' => escaped.push(b'$'),
            b':' => escaped.push(b'\\'),
            _ => {}
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        escaped.push(byte);
    }
    Ok(escaped)
}

/// The files behind the colon of a rule, as bytes.
#[must_use]
pub fn dependencies(rule: &[u8]) -> Vec<Vec<u8>> {
    let mut words = vec![Vec::new()];
    let mut at = 0;
    while at < rule.len() {
        let backslashes = rule[at..].iter().take_while(|&&byte| byte == b'\\').count();
        let next = rule.get(at + backslashes).copied();
        let (kept, is_kept) = match next {
            Some(b' ' | b'\t' | b'#') => (backslashes / 2, backslashes % 2 == 1),
            Some(b':') => (backslashes.saturating_sub(1), backslashes > 0),
            _ => (backslashes, true),
        };
        let Some(last) = words.last_mut() else { return words };
        last.extend(std::iter::repeat_n(b'\\', kept));
        at += backslashes + 1;
        match next {
            Some(b':') if !is_kept => words = vec![Vec::new()],
            Some(b' ' | b'\t') if !is_kept => words.push(Vec::new()),
            Some(b'\n' | b'\r') | None => words.push(Vec::new()),
            Some(byte) => {
                last.push(byte);
                at += usize::from(byte == b'$' && rule.get(at) == Some(&b'$'));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(rule: &str, files: &[&str]) {
        let found: Vec<String> = dependencies(rule.as_bytes()).into_iter().map(|file| String::from_utf8(file).unwrap()).collect();
        assert_eq!(found, files, "{rule:?}");
    }

    #[test]
    fn names_come_back_as_they_were() {
        reads("m.snn: m.onnx\n", &["m.onnx"]);
        reads("m.snn: m.onnx ./m.data p.toml\n", &["m.onnx", "./m.data", "p.toml"]);
        reads("m.snn:\n", &[]);
        // The rule that the compiler's own test has.
        reads("out\\ dir/m.snn: a\\#b.onnx c$$d\\\\\\ e.npz f\\:g\\h\n", &["a#b.onnx", "c$d\\ e.npz", "f:g\\h"]);
        reads("C\\:\\m.snn: C\\:\\models\\m.onnx\n", &["C:\\models\\m.onnx"]);
        reads("m.snn: ends\\\\ here\\", &["ends\\", "here\\"]);
    }

    #[test]
    fn rules_are_written_as_they_are_read() {
        let files = ["a#b.onnx", "c$d\\ e.npz", "a#b.onnx", "f:g\\h"].map(PathBuf::from);
        let written = rule(Path::new("out dir/m.snn"), &files).unwrap();
        assert_eq!(String::from_utf8(written.clone()).unwrap(), "out\\ dir/m.snn: a\\#b.onnx c$$d\\\\\\ e.npz f\\:g\\h\n");
        let read: Vec<PathBuf> = dependencies(&written).into_iter().map(|file| String::from_utf8(file).unwrap().into()).collect();
        assert_eq!(read, [&files[0], &files[1], &files[3]].map(Clone::clone));
        assert_eq!(rule(Path::new("a\nb"), &[]), Err(LineBreak("a\nb".into())));
    }
}
