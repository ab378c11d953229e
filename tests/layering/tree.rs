//! The files below `src/` as modules, and who names whom in a folder.

use crate::paths::{Contents, ModulePath, contents};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The file that a folder itself is, among those in it.
pub const OWN: &str = "mod.rs";

/// A source file.
struct File {
    /// Below `src/`.
    name: String,
    contents: Contents,
}

/// All source files, by module.
pub struct Tree {
    files: BTreeMap<ModulePath, File>,
}

/// Where something is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "src/{}:{}", self.file, self.line)
    }
}

/// Who names whom among the files and folders of one folder, and where.
pub type Arrows = BTreeMap<(String, String), BTreeSet<Place>>;

impl Tree {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Self {
        let mut sources = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(&at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                    sources.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Self::new(&sources)
    }

    /// Of sources, each with its path below `src/`.
    pub fn new<S: AsRef<str>>(sources: &[(S, S)]) -> Self {
        let file = |(name, source): &(S, S)| {
            let (name, source) = (name.as_ref().to_owned(), source.as_ref());
            let mut module: ModulePath = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            module.pop_if(|last| last == "mod" || last == "lib");
            (module.clone(), File { contents: contents(source, &module), name })
        };
        Self { files: sources.iter().map(file).collect() }
    }

    /// The folders with several files in them, from the root on.
    pub fn folders(&self) -> BTreeSet<ModulePath> {
        self.files.keys().filter_map(|module| Some(module.split_last()?.1.to_vec())).collect()
    }

    /// Files and folders in a folder, without its own.
    pub fn inside(&self, folder: &[String]) -> BTreeSet<&str> {
        self.files
            .keys()
            .filter(|module| module.starts_with(folder))
            .filter_map(|module| Some(module.get(folder.len())?.as_str()))
            .collect()
    }

    /// Who names whom in a folder. What the folder's own file hands on counts as the file that it comes from, and that it is handed on not at all.
    pub fn arrows(&self, folder: &[String]) -> Arrows {
        let inside = self.inside(folder);
        let mut arrows = Arrows::new();
        for (module, file) in self.files.iter().filter(|(module, _)| module.starts_with(folder)) {
            let from = module.get(folder.len()).map_or(OWN, String::as_str);
            for named in file.contents.named.iter().filter(|named| from != OWN || !named.is_handed_on) {
                let Some(to) = self.place_in(folder, &inside, &named.path, 0).filter(|to| to != from) else { continue };
                let place = Place { file: file.name.clone(), line: named.line };
                arrows.entry((from.to_owned(), to)).or_default().insert(place);
            }
        }
        arrows
    }

    /// What of a folder a path leads to, if it leads there.
    fn place_in(&self, folder: &[String], inside: &BTreeSet<&str>, path: &[String], hops: usize) -> Option<String> {
        let rest = path.strip_prefix(folder)?;
        match rest.first() {
            Some(name) if inside.contains(name.as_str()) => Some(name.clone()),
            Some(name) if hops < 8 => match self.files.get(folder).and_then(|own| own.contents.brought.get(name)) {
                Some(brought) => self.place_in(folder, inside, brought, hops + 1),
                None => Some(OWN.to_owned()),
            },
            _ => Some(OWN.to_owned()),
        }
    }
}
