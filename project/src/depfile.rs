//! What a compilation read: the Makefile rule that `--depfile` writes.

/// The dependencies of the rule, unescaped. Of backslashes, those before a space, a tabulator, a `#` or a `:` escape, and those before such a one are
/// doubled; a dollar sign stands twice.
pub(crate) fn dependencies(rule: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut letters = rule.trim_end_matches('\n').chars().peekable();
    let mut colon = None;
    while let Some(letter) = letters.next() {
        let mut backslashes = 0;
        let mut letter = Some(letter);
        while letter == Some('\\') {
            backslashes += 1;
            letter = letters.next();
        }
        let is_blank = matches!(letter, Some(' ' | '\t' | '#'));
        let is_escaped = backslashes > 0 && (is_blank || letter == Some(':'));
        let kept = match () {
            () if is_escaped && is_blank => backslashes / 2,
            () if is_escaped => backslashes - 1,
            () => backslashes,
        };
        let word = words.last_mut()?;
        word.extend(std::iter::repeat_n('\\', kept));
        match letter {
            None => {}
            Some(':') if !is_escaped && colon.is_none() => {
                colon = Some(words.len());
                words.push(String::new());
            }
            Some(' ' | '\t') if !is_escaped => words.push(String::new()),
            Some('$') => {
                letters.next_if_eq(&'$');
                word.push('$');
            }
            Some(other) => word.push(other),
        }
    }
    Some(words.split_off(colon?).into_iter().filter(|word| !word.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        let found = |rule| dependencies(rule).unwrap();
        assert_eq!(found("out\\ dir/m.snn: a\\#b.onnx c$$d\\\\\\ e.npz f\\:g\\h\n"), ["a#b.onnx", "c$d\\ e.npz", "f:g\\h"]);
        assert_eq!(found("a.snn: b.onnx b.bin\n"), ["b.onnx", "b.bin"]);
        assert_eq!(found("a.snn:\n"), [""; 0]);
        assert_eq!(dependencies("no rule"), None);
    }
}
