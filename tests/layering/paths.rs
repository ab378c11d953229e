//! What a file names: the paths of its `use` lines and of its code, told from the root of the crate.

use crate::tokens::{Token, is_word, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// A path, from the root of the crate: modules, and behind them an item or nothing.
pub type ModulePath = Vec<String>;

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub path: ModulePath,
    pub line: usize,
    /// Whether it is handed on (`pub use`).
    pub is_handed_on: bool,
}

/// What is in a file.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pub named: Vec<Named>,
    /// What its `use` lines bring in, by the name that it has in the file.
    pub brought: BTreeMap<String, ModulePath>,
}

/// Reads the file that is `module`.
pub fn contents(source: &str, module: &[String]) -> Contents {
    let tokens = tokens(source);
    let declared = tokens.windows(3).filter(|w| w[0].text == "mod" && is_word(w[1].text) && w[2].text == ";").map(|w| w[1].text);
    let mut reader =
        Reader { declared: declared.collect(), tokens: &tokens, at: 0, file: module, inside: Vec::new(), found: Contents::default() };
    reader.read();
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Modules that the file declares and that have files of their own.
    declared: BTreeSet<&'a str>,
    file: &'a [String],
    /// Modules written out in the file around this place, each with the depth of its braces.
    inside: Vec<(&'a str, usize)>,
    found: Contents,
}

/// A leaf of a `use` line.
struct Leaf<'a> {
    path: Vec<&'a str>,
    /// Its name in the file; none for all that there is (`*`).
    name: Option<&'a str>,
    line: usize,
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn line(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(0, |token| token.line)
    }

    fn read(&mut self) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            let (here, next) = (self.text(self.at), self.text(self.at + 1));
            match here {
                "mod" if self.text(self.at + 2) == "{" => {
                    self.inside.push((next, depth));
                    self.at += 2;
                    continue;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    self.inside.pop_if(|(_, opened)| *opened == depth);
                }
                // `use<'a>` of a type is no line.
                "use" if next != "<" => {
                    self.line_of_use();
                    continue;
                }
                // `pub(in a::b)` says who may name this, and names nothing.
                "in" if self.at > 0 && self.text(self.at - 1) == "(" => {
                    while !matches!(self.text(self.at), ")" | "") {
                        self.at += 1;
                    }
                    continue;
                }
                _ if next == "::" && (self.at == 0 || !matches!(self.text(self.at - 1), "::" | ".")) => {
                    self.path_in_code();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn line_of_use(&mut self) {
        // `pub use`, `pub(crate) use`, `pub(in a::b) use`.
        let mut before = self.at;
        if before > 0 && self.text(before - 1) == ")" {
            before = (0..before).rev().find(|&k| self.text(k) == "(").unwrap_or(0);
        }
        let is_handed_on = before > 0 && self.text(before - 1) == "pub";
        self.at += 1;
        let mut leaves = Vec::new();
        self.leaves(&[], &mut leaves);
        for leaf in leaves {
            let Some(path) = self.resolved(&leaf.path) else { continue };
            if let (Some(name), true) = (leaf.name, self.inside.is_empty()) {
                self.found.brought.insert(name.to_owned(), path.clone());
            }
            self.found.named.push(Named { path, line: leaf.line, is_handed_on });
        }
    }

    /// Reads the tree of a `use` line from here on, below what stands before it.
    fn leaves(&mut self, before: &[&'a str], into: &mut Vec<Leaf<'a>>) {
        let mut path = before.to_vec();
        loop {
            let (text, line) = (self.text(self.at), self.line(self.at));
            self.at += 1;
            match text {
                "{" => {
                    while !matches!(self.text(self.at), "}" | "") {
                        self.leaves(&path, into);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "*" => return into.push(Leaf { path, name: None, line }),
                // Before the first name: a path of another crate.
                "::" if path.is_empty() => path.push(text),
                "::" => {}
                "self" if !before.is_empty() => {}
                word => path.push(word),
            }
            match self.text(self.at) {
                "::" => {}
                "as" => {
                    let name = Some(self.text(self.at + 1));
                    self.at += 2;
                    return into.push(Leaf { path, name, line });
                }
                _ if text == "::" => {}
                _ => return into.push(Leaf { name: path.last().copied(), path, line }),
            }
        }
    }

    fn path_in_code(&mut self) {
        let line = self.line(self.at);
        let mut path = vec![self.text(self.at)];
        self.at += 1;
        while self.text(self.at) == "::" && is_word(self.text(self.at + 1)) {
            path.push(self.text(self.at + 1));
            self.at += 2;
        }
        if let Some(path) = self.resolved(&path) {
            self.found.named.push(Named { path, line, is_handed_on: false });
        }
    }

    /// The path from the root of the crate; none if it leads to another crate, or to something in this very file.
    fn resolved(&self, path: &[&str]) -> Option<ModulePath> {
        let mut module = self.file.to_vec();
        let (first, mut rest) = path.split_first()?;
        match *first {
            "crate" | "snnc" => module.clear(),
            "self" | "super" => {
                module.extend(self.inside.iter().map(|(name, _)| (*name).to_owned()));
                if *first == "super" {
                    module.pop();
                }
                while let Some((&"super", behind)) = rest.split_first() {
                    module.pop();
                    rest = behind;
                }
            }
            name if self.declared.contains(name) => module.push(name.to_owned()),
            _ => return None,
        }
        module.extend(rest.iter().map(|name| (*name).to_owned()));
        Some(module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths and lines of what a source names that is `a/b.rs`.
    fn named(source: &str) -> Vec<(String, usize)> {
        let named = contents(source, &["a".to_owned(), "b".to_owned()]).named;
        named.into_iter().map(|named| (named.path.join("/"), named.line)).collect()
    }

    fn one(source: &str) -> String {
        let named = named(source);
        assert_eq!(named.len(), 1, "{named:?}");
        named[0].0.clone()
    }

    #[test]
    fn use_lines_are_trees() {
        assert_eq!(one("use crate::x::Y;"), "x/Y");
        assert_eq!(one("use super::c::*;"), "a/c");
        assert_eq!(one("use super::super::x as z;"), "x");
        assert_eq!(one("pub(crate) use self::c::D;"), "a/b/c/D");
        assert!(named("pub(in crate::x) fn f() {}").is_empty());
        let tree = "use crate::{\n    x::{self, Y},\n    z::*,\n    v as w,\n};\nuse std::{a::b, c};\nuse ::snnc::q;";
        let found = [("x".to_owned(), 2), ("x/Y".to_owned(), 2), ("z".to_owned(), 3), ("v".to_owned(), 4)];
        assert_eq!(named(tree), found);
    }

    #[test]
    fn paths_stand_in_code_too() {
        assert_eq!(one("fn f() -> crate::x::Y<u8> { todo() }"), "x/Y");
        assert_eq!(one("fn f() { let v = Some(super::c::d::<u8>(1)); }"), "a/c/d");
        assert_eq!(one("mod c;\nfn f() { c::g(); other::g(); v.c; }"), "a/b/c/g");
        assert_eq!(one("macro_rules! m { () => { $crate::x::f() } }"), "x/f");
        assert!(named("fn f<T>() -> impl Iterator + use<T> { std::iter::empty::<super>() }").is_empty());
    }

    #[test]
    fn modules_written_out_are_a_floor_of_their_own() {
        let source = "mod tests {\n use super::*;\n use super::super::c::D;\n fn f() { if true { super::g(); } }\n}\nuse super::E;";
        let found = [("a/b".to_owned(), 2), ("a/c/D".to_owned(), 3), ("a/b/g".to_owned(), 4), ("a/E".to_owned(), 6)];
        assert_eq!(named(source), found);
    }

    #[test]
    fn what_is_no_code_names_nothing() {
        assert!(named("//! See [`crate::x::y`].\n/* use crate::x; */\nconst T: &str = \"crate::x::y\";").is_empty());
    }

    #[test]
    fn names_are_known_by_what_they_were_brought_in_for() {
        let found = contents("pub use c::{D as E, f};\nmod c;", &["a".to_owned()]);
        assert_eq!(found.brought["E"], ["a", "c", "D"]);
        assert_eq!(found.brought["f"], ["a", "c", "f"]);
        assert!(found.named.iter().all(|named| named.is_handed_on));
    }
}
