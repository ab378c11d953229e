//! Text to tokens. A word is a run of letters, digits, `_`, `.` and `-`: names, numbers and shapes (`1x3x8x8`) alike; the
//! parser knows from the context which one it wants.

use super::ParseError;
use std::fmt;

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    line: usize,
    column: usize,
}

impl Position {
    /// An error at this place.
    pub(super) fn error(self, message: impl Into<String>) -> ParseError {
        ParseError { line: self.line, column: self.column, message: message.into() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    /// One of [`MARKS`].
    Mark(char),
    /// Ends a statement; not emitted within `[ ]` and `( )`, so that long lists may be broken.
    Newline,
    End,
}

const MARKS: &str = "%@=,:[](){}+";

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Quoted(text) => write!(f, "{text:?}"),
            Self::Mark(mark) => write!(f, "`{mark}`"),
            Self::Newline => f.write_str("the end of the line"),
            Self::End => f.write_str("the end of the text"),
        }
    }
}

/// All tokens, the last being [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Position, Token)>, ParseError> {
    let mut lexer = Lexer { chars: text.chars().peekable(), position: Position { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    loop {
        let position = lexer.position;
        let Some(char) = lexer.next() else {
            tokens.push((position, Token::End));
            return Ok(tokens);
        };
        let token = match char {
            '\n' if depth > 0 => continue,
            '\n' => Token::Newline,
            ';' => {
                while lexer.chars.peek().is_some_and(|&c| c != '\n') {
                    lexer.next();
                }
                continue;
            }
            c if c.is_whitespace() => continue,
            '"' => Token::Quoted(lexer.quoted(position)?),
            c if MARKS.contains(c) => {
                match c {
                    '[' | '(' => depth += 1,
                    ']' | ')' => depth = depth.saturating_sub(1),
                    // Neither stands within a list: an unclosed bracket must not swallow the rest of the text.
                    '{' | '}' => depth = 0,
                    _ => {}
                }
                Token::Mark(c)
            }
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some(&c) = lexer.chars.peek()
                    && is_word(c)
                {
                    word.push(c);
                    lexer.next();
                }
                Token::Word(word)
            }
            c => return Err(position.error(format!("the character {c:?} has no meaning here"))),
        };
        tokens.push((position, token));
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

struct Lexer<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    position: Position,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let char = self.chars.next()?;
        if char == '\n' {
            self.position = Position { line: self.position.line + 1, column: 1 };
        } else {
            self.position.column += 1;
        }
        Some(char)
    }

    /// The rest of a quoted text whose opening quote stood at `start`.
    fn quoted(&mut self, start: Position) -> Result<String, ParseError> {
        let mut text = String::new();
        loop {
            let position = self.position;
            match self.next() {
                None | Some('\n') => return Err(start.error("the quoted text does not end on its line")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped().ok_or_else(|| {
                    position.error(r#"after `\` comes one of `"`, `\`, `n`, `r`, `t` or a character's number as `u{1f}`"#)
                })?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        match self.next()? {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            c @ ('"' | '\\') => Some(c),
            'u' => {
                if self.next()? != '{' {
                    return None;
                }
                let mut number = 0_u32;
                loop {
                    match self.next()? {
                        '}' => return char::from_u32(number),
                        c => number = number.checked_mul(16)?.checked_add(c.to_digit(16)?)?,
                    }
                }
            }
            _ => None,
        }
    }
}

/// `text` in quotes, so that [`tokens`] gives it back.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str(r"\n"),
            '\r' => quoted.push_str(r"\r"),
            '\t' => quoted.push_str(r"\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a name may stand without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// `name`, in quotes where it needs them.
pub(super) fn name(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { quote(name) }
}
