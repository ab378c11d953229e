//! What the compiler has read: the rule for `make` that `--depfile` writes.

/// The files behind the colon of a rule, as bytes.
///
/// Backslashes before a space, a tab or `#` are doubled, and one more keeps that character; one keeps a colon; `$` is doubled.
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
        let last = words.last_mut().expect("there is always a last word");
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
}
