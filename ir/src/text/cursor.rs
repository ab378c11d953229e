//! A cursor over the tokens: what the grammar in [`super::parse`](mod@super::parse) is written with.

use super::{
    ParseError,
    lex::{self, Position, Token},
};

pub(super) struct Parser {
    /// Ends with [`Token::End`], which is never passed.
    tokens: Vec<(Position, Token)>,
    next: usize,
    /// Entries of all parameters so far.
    pub(super) entries: usize,
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self, ParseError> {
        Ok(Self { tokens: lex::tokens(text)?, next: 0, entries: 0 })
    }

    pub(super) fn peek(&self) -> (Position, &Token) {
        let (at, token) = &self.tokens[self.next];
        (*at, token)
    }

    pub(super) fn bump(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn skip_newlines(&mut self) {
        while *self.peek().1 == Token::Newline {
            self.bump();
        }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> ParseError {
        let (at, found) = self.peek();
        at.error(format!("{wanted} should stand here, not {found}"))
    }

    pub(super) fn take(&mut self, mark: char) -> bool {
        let found = *self.peek().1 == Token::Mark(mark);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn mark(&mut self, mark: char, wanted: &str) -> Result<Position, ParseError> {
        let at = self.peek().0;
        if self.take(mark) { Ok(at) } else { Err(self.unexpected(wanted)) }
    }

    pub(super) fn word(&mut self, wanted: &str) -> Result<(Position, String), ParseError> {
        let (at, Token::Word(word)) = self.peek() else { return Err(self.unexpected(wanted)) };
        let word = word.clone();
        self.bump();
        Ok((at, word))
    }

    pub(super) fn quoted(&mut self, wanted: &str) -> Result<String, ParseError> {
        let Token::Quoted(text) = self.peek().1 else { return Err(self.unexpected(wanted)) };
        let text = text.clone();
        self.bump();
        Ok(text)
    }

    pub(super) fn keyword(&mut self, keyword: &str) -> Result<(), ParseError> {
        self.one_of("a text form", &[(keyword, ())])
    }

    /// One of some words; `what` they are together.
    pub(super) fn one_of<T: Copy>(&mut self, what: &str, choices: &[(&str, T)]) -> Result<T, ParseError> {
        let found = match self.peek().1 {
            Token::Word(word) => choices.iter().find(|(choice, _)| choice == word),
            _ => None,
        };
        let Some(&(_, value)) = found else {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(self.unexpected(&format!("{what} ({})", names.join(", "))));
        };
        self.bump();
        Ok(value)
    }

    pub(super) fn end_of_line(&mut self) -> Result<(), ParseError> {
        match self.peek().1 {
            Token::Newline | Token::Mark('}') | Token::End => Ok(()),
            _ => Err(self.unexpected("the end of the line")),
        }
    }
}
