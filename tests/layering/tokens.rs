//! Rust source as words and marks, without what is no code: comments, texts, characters, lifetimes.

/// A word (a name, a keyword, a number), `::`, or another mark of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    /// The first is 1.
    pub line: usize,
}

/// The tokens of a source that the compiler accepts.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (len, is_code) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (comment(rest), false)
        } else if let Some(len) = text(rest) {
            (len, false)
        } else if first == '\'' {
            (character(rest), false)
        } else if rest.starts_with("r#") {
            (2, false)
        } else if is_of_word(first) {
            (word(rest), true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (token, behind) = rest.split_at(len);
        if is_code {
            found.push(Token { text: token, line });
        }
        line += token.matches('\n').count();
        rest = behind;
    }
    found
}

/// Whether a token is a word.
pub fn is_word(text: &str) -> bool {
    text.starts_with(is_of_word)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
}

/// Length of the comment that begins here; comments nest.
fn comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Length of the text that begins here, if one does: `".."`, `b".."`, `r#".."#` and the like.
fn text(rest: &str) -> Option<usize> {
    let opened = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    if let Some(raw) = opened.strip_prefix('r') {
        let body = raw.trim_start_matches('#');
        let closing = format!("\"{}", &raw[..raw.len() - body.len()]);
        let body = body.strip_prefix('"')?;
        return Some(rest.len() - body.find(&closing).map_or(0, |end| body.len() - end - closing.len()));
    }
    let body = opened.strip_prefix('"')?;
    Some(rest.len() - body.len() + closed(body, '"'))
}

/// Length of the character or the lifetime that begins here.
fn character(rest: &str) -> usize {
    let body = &rest[1..];
    let second = body.chars().nth(1);
    if body.starts_with('\\') || second == Some('\'') { 1 + closed(body, '\'') } else { 1 + word(body) }
}

/// Length up to and with the closing mark, which no backslash precedes.
fn closed(body: &str, closing: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in body.char_indices() {
        if !is_escaped && c == closing {
            return at + c.len_utf8();
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_texts_and_characters_are_no_code() {
        assert_eq!(texts("a // b\n/// c\n//! d\ne"), ["a", "e"]);
        assert_eq!(texts("a /* b /* c */ d */ e /**/ f"), ["a", "e", "f"]);
        assert_eq!(texts(r#"a "b \" c" d b"e" f c"g\\" h"#), ["a", "d", "f", "h"]);
        assert_eq!(texts(r##"a r"b\" c r#"d " e"# f br#"g"# h"##), ["a", "c", "f", "h"]);
        assert_eq!(texts(r#"a 'b' '"' c '\'' d '\u{1F600}' e '→' f"#), ["a", "c", "d", "e", "f"]);
        assert_eq!(texts("&'a str, 'static, b'x', r#type"), ["&", "str", ",", ",", "b", ",", "type"]);
    }

    #[test]
    fn lines_are_counted_through_what_is_no_code() {
        let source = "a\n/* b\n*/ c\n\"d\ne\" f\n'\n' g";
        let lines: Vec<(&str, usize)> = tokens(source).into_iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(lines, [("a", 1), ("c", 3), ("f", 5), ("g", 7)]);
    }

    #[test]
    fn paths_are_words_between_double_colons() {
        assert_eq!(texts("crate::a::b<c>(x: d)"), ["crate", "::", "a", "::", "b", "<", "c", ">", "(", "x", ":", "d", ")"]);
    }
}
