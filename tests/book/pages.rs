//! Pages in Markdown.

use crate::root;
use std::{fs, path::Path};

/// A page.
pub struct Page {
    /// Its path from the root of the project.
    pub name: String,
    /// The lines that are no code.
    pub prose: Vec<String>,
    /// The lines of blocks of code that are typed: those without a language, and of `console`.
    typed: Vec<String>,
}

impl Page {
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let (mut prose, mut typed, mut block) = (Vec::new(), Vec::new(), None);
        for line in text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                block = if block.is_none() { Some(language.to_owned()) } else { None };
            } else {
                match block.as_deref() {
                    None => prose.push(line.to_owned()),
                    Some("" | "console") => typed.push(line.to_owned()),
                    Some(_) => {}
                }
            }
        }
        Self { name: name.to_owned(), prose, typed }
    }

    /// Names under which headings are linked to, as GitHub and mdBook make them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for heading in self.prose.iter().filter(|line| line.starts_with('#')) {
            let slug = slug(heading.trim_start_matches('#').trim());
            let same =
                anchors.iter().filter(|anchor| **anchor == slug || anchor.strip_prefix(&format!("{slug}-")).is_some_and(is_number)).count();
            anchors.push(if same == 0 { slug } else { format!("{slug}-{same}") });
        }
        anchors
    }

    /// Every command of `snnc` in a block.
    pub fn commands(&self) -> Vec<String> {
        let blocks = self.typed.join("\n").replace("\\\n", " ");
        let typed = blocks.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line)).flat_map(|line| {
            let line = line.split(" # ").next().unwrap_or_default();
            line.split([';', '|', '>']).flat_map(|part| part.split("&&")).collect::<Vec<_>>()
        });
        of_snnc(typed)
    }

    /// Every command of `snnc` that the text mentions, which may have the names of values in the place of values.
    pub fn mentioned(&self) -> Vec<String> {
        of_snnc(self.prose.join("\n").split('`').skip(1).step_by(2))
    }
}

fn of_snnc<'a>(commands: impl Iterator<Item = &'a str>) -> Vec<String> {
    commands.map(str::trim).filter(|words| words.starts_with("snnc ")).map(str::to_owned).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn slug(heading: &str) -> String {
    let visible = heading.replace("](", "\u{0}");
    let mut text = String::new();
    let mut is_target = false;
    for c in visible.chars() {
        match c {
            '\u{0}' => is_target = true,
            ')' if is_target => is_target = false,
            _ if is_target => {}
            ' ' => text.push('-'),
            '-' | '_' => text.push(c),
            _ if c.is_alphanumeric() => text.extend(c.to_lowercase()),
            _ => {}
        }
    }
    text
}

/// The pages below a folder.
pub fn below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![root().join(folder)];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(name(&path));
            }
        }
    }
    found.sort();
    found
}

/// The pages of the book, and the others that users read.
pub fn all() -> Vec<String> {
    let others = ["README.md", "CHANGELOG.md", "python/README.md", "fixtures/README.md"];
    below("docs").into_iter().chain(others.map(str::to_owned)).collect()
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}
