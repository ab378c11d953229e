//! `snnc.toml`: which networks a project has, and how they are compiled.
//!
//! ```toml
//! [options]                          # of all models; names are those of the command line
//! audit = "none"
//!
//! [models.resnet20]
//! model = "models/resnet20.onnx"     # paths are relative to this file
//! artifact = "build/resnet20.snn"    # build/NAME.snn if it is left out
//! timesteps = 8
//! mean = [0.485, 0.456, 0.406]
//! std = [0.229, 0.224, 0.225]
//! policy = "policy.toml"
//! golden = "golden/resnet20.json"    # what `snnc check` holds the artifact to, after every build
//! ```

use crate::{
    error::{Error, Result},
    vocabulary::{Takes, Vocabulary, Writes},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use toml::{Spanned, Value};

/// Name of the file.
pub const NAME: &str = "snnc.toml";

/// The folder of artifacts whose place is not given.
const FOLDER: &str = "build";

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The models, by name.
    pub models: Vec<Model>,
}

/// One network to build.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// The ONNX file, relative to the root.
    pub source: String,
    /// Options, in order.
    pub options: Vec<Setting>,
    /// What it writes, the artifact first.
    pub outputs: Vec<Output>,
    /// The golden file that it is held against once it is built, relative to the root.
    pub golden: Option<String>,
}

/// An option with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// One argument, as it stands on the command line.
    Plain(String),
    /// An option whose value names a file that is written: what stands before the name, and the place of the file among the outputs.
    Output(String, usize),
}

/// A file that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where, relative to the root.
    pub path: String,
    /// Whether its bytes depend on nothing but what the build knows.
    pub is_exact: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    options: BTreeMap<Spanned<String>, Value>,
    #[serde(default)]
    models: BTreeMap<String, BTreeMap<Spanned<String>, Value>>,
}

impl Project {
    /// The project of a folder: `snnc.toml` there, or in the nearest folder above.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(folder: &Path) -> Result<PathBuf> {
        let found = folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
        found.ok_or_else(|| {
            Error::format(folder, format!("neither this folder nor one above it has a file `{NAME}`: `snnc build --help` shows one"))
        })
    }

    /// Reads a project.
    ///
    /// # Errors
    /// If the file cannot be read, or asks for what there is not.
    pub fn read(path: &Path, vocabulary: &Vocabulary) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let root = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let models = parse(&text, vocabulary).map_err(|message| Error::format(path, message))?;
        Ok(Self { root: root.to_owned(), models })
    }

    /// The models of these names, all if there are none; each once, in the order of the file.
    ///
    /// # Errors
    /// The first name that there is not, with those that there are.
    pub fn chosen(&self, names: &[String]) -> std::result::Result<Vec<&Model>, String> {
        if let Some(unknown) = names.iter().find(|name| self.models.iter().all(|model| model.name != **name)) {
            let known: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
            return Err(format!("there is no model `{unknown}`; there are `{}`", known.join("`, `")));
        }
        Ok(self.models.iter().filter(|model| names.is_empty() || names.contains(&model.name)).collect())
    }
}

impl Model {
    /// Where the artifact goes, relative to the root.
    #[must_use]
    pub fn artifact(&self) -> &str {
        &self.outputs[0].path
    }

    /// The arguments, with these names of the outputs.
    #[must_use]
    pub fn arguments(&self, outputs: &[PathBuf]) -> Vec<std::ffi::OsString> {
        let written = |before: &str, at: usize| {
            let mut word = std::ffi::OsString::from(before);
            word.push(&outputs[at]);
            word
        };
        let option = |setting: &Setting| match setting {
            Setting::Plain(word) => word.into(),
            Setting::Output(before, at) => written(before, *at),
        };
        let mut words = vec!["-o".into(), outputs[0].clone().into_os_string()];
        words.extend(self.options.iter().map(option));
        words.push("--".into());
        words.push((&self.source).into());
        words
    }
}

fn parse(text: &str, vocabulary: &Vocabulary) -> std::result::Result<Vec<Model>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    if file.models.is_empty() {
        return Err("names no model: it needs a table such as `[models.NAME]` with `model = \"NAME.onnx\"`".into());
    }
    let line = |key: &Spanned<String>| text[..key.span().start].matches('\n').count() + 1;
    let mut models = Vec::new();
    for (name, mut table) in file.models {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!("[models.{name}]: a model's name has letters, digits, `-`, `_` and `.`, since files are called by it"));
        }
        let mut take = |key: &str| {
            let value = table.remove(&Spanned::new(0..0, key.to_owned()));
            value.map(|value| path(&value).ok_or_else(|| format!("[models.{name}]: `{key}` is a path, in quotes"))).transpose()
        };
        let source = take("model")?.ok_or_else(|| format!("[models.{name}] needs `model`, the ONNX file"))?;
        let artifact = take("artifact")?.unwrap_or_else(|| format!("{FOLDER}/{name}.snn"));
        let golden = take("golden")?;
        let mut model = Model { name, source, options: Vec::new(), outputs: vec![Output { path: artifact, is_exact: true }], golden };
        let own: BTreeSet<&str> = table.keys().map(|key| key.as_ref().as_str()).collect();
        let shared = file.options.iter().filter(|(key, _)| !own.contains(key.as_ref().as_str()));
        let mut settings: Vec<(&Spanned<String>, &Value)> = shared.chain(&table).collect();
        settings.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        for (key, value) in settings {
            model.add(key.as_ref(), value, vocabulary).map_err(|why| format!("line {}: {why}", line(key)))?;
        }
        model.add_report();
        models.push(model);
    }
    check_outputs(&models)?;
    Ok(models)
}

impl Model {
    /// Adds an option.
    fn add(&mut self, name: &str, value: &Value, vocabulary: &Vocabulary) -> std::result::Result<(), String> {
        let Some(about) = vocabulary.get(name) else {
            let like = vocabulary.like(name).map(|like| format!("; did you mean `{like}`?")).unwrap_or_default();
            return Err(format!("there is no option `{name}`{like}"));
        };
        if let Some(why) = about.refused {
            return Err(format!("`{name}` {why}"));
        }
        let words = || value_words(name, value);
        match about.takes {
            Takes::Nothing => match value {
                Value::Boolean(true) => self.options.push(Setting::Plain(format!("--{name}"))),
                Value::Boolean(false) => {}
                _ => return Err(format!("`{name}` is true or false")),
            },
            Takes::Value => self.add_value(name, words()?.join(","), about.writes),
            Takes::Repeated => words()?.into_iter().for_each(|word| self.add_value(name, word, about.writes)),
        }
        Ok(())
    }

    fn add_value(&mut self, name: &str, value: String, writes: Writes) {
        let (before, output) = match writes {
            Writes::File { is_exact } => (format!("--{name}="), Some(Output { path: value.clone(), is_exact })),
            Writes::AfterEquals => match value.split_once('=') {
                Some((form, path)) => (format!("--{name}={form}="), Some(Output { path: path.to_owned(), is_exact: true })),
                None => (String::new(), None),
            },
            Writes::Nothing => (String::new(), None),
        };
        let Some(output) = output else {
            self.options.push(Setting::Plain(format!("--{name}={value}")));
            return;
        };
        self.options.push(Setting::Output(before, self.outputs.len()));
        self.outputs.push(output);
    }

    /// The report lies beside the artifact, if nothing else is said.
    fn add_report(&mut self) {
        let is_given = |setting: &Setting| matches!(setting, Setting::Output(before, _) if before == "--report=");
        if !self.options.iter().any(is_given) {
            let path = Path::new(self.artifact()).with_extension("report.json");
            self.add_value("report", path.to_string_lossy().into_owned(), Writes::File { is_exact: true });
        }
    }
}

/// The words of a value.
fn value_words(name: &str, value: &Value) -> std::result::Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Float(number) => Ok(vec![number.to_string()]),
        Value::Array(values) => {
            values.iter().map(|value| value_words(name, value)).collect::<std::result::Result<Vec<_>, _>>().map(|w| w.concat())
        }
        Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => Err(format!("`{name}` takes a number, a text, or a list of such")),
    }
}

fn path(value: &Value) -> Option<String> {
    value.as_str().filter(|path| !path.is_empty()).map(str::to_owned)
}

/// Refuses files that two models, or one twice, would write, and those that would be written over a model.
fn check_outputs(models: &[Model]) -> std::result::Result<(), String> {
    let plain = |path: &str| Path::new(path).components().filter(|c| *c != std::path::Component::CurDir).collect::<PathBuf>();
    let sources: BTreeMap<PathBuf, &str> = models.iter().map(|model| (plain(&model.source), model.name.as_str())).collect();
    let mut written: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for model in models {
        for output in &model.outputs {
            if let Some(other) = sources.get(&plain(&output.path)) {
                return Err(format!("`{}` would write `{}`, which is the model of `{other}`", model.name, output.path));
            }
            if let Some(other) = written.insert(plain(&output.path), &model.name) {
                return Err(format!("`{}` is written by `{other}` and by `{}`", output.path, model.name));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::About;

    fn vocabulary() -> Vocabulary {
        let about = |takes, writes, refused| About { takes, writes, refused };
        let plain = |name: &str, takes| (name.to_owned(), about(takes, Writes::Nothing, None));
        let file = |is_exact| about(Takes::Value, Writes::File { is_exact }, None);
        Vocabulary::new([
            plain("timesteps", Takes::Value),
            plain("mean", Takes::Value),
            plain("keep-names", Takes::Nothing),
            plain("policy", Takes::Value),
            ("report".to_owned(), file(true)),
            ("html".to_owned(), file(false)),
            ("emit".to_owned(), about(Takes::Repeated, Writes::AfterEquals, None)),
            ("budget".to_owned(), about(Takes::Value, Writes::Nothing, Some("makes the bytes depend on the machine"))),
        ])
    }

    fn parsed(text: &str) -> std::result::Result<Vec<Model>, String> {
        parse(text, &vocabulary())
    }

    #[test]
    fn options_are_those_of_the_command_line() {
        let text = "
            [options]
            timesteps = 8
            keep-names = true
            [models.a]
            model = 'm/a.onnx'
            mean = [0.5, -1]
            emit = ['c=gen/a.h', 'dot=gen/a.dot']
            [models.b]
            model = 'm/b.onnx'
            artifact = 'out/b.snn'
            timesteps = 4
            keep-names = false
            report = 'out/b.json'
        ";
        let models = parsed(text).unwrap();
        let names: Vec<PathBuf> = ["0", "1", "2", "3"].map(PathBuf::from).to_vec();
        let words = |model: &Model| {
            let words: Vec<String> = model.arguments(&names).into_iter().map(|w| w.into_string().unwrap()).collect();
            words.join(" ")
        };
        let expected = "-o 0 --emit=c=1 --emit=dot=2 --keep-names --mean=0.5,-1 --timesteps=8 --report=3 -- m/a.onnx";
        assert_eq!(words(&models[0]), expected);
        assert_eq!(words(&models[1]), "-o 0 --report=1 --timesteps=4 -- m/b.onnx");
        let paths = |model: &Model| model.outputs.iter().map(|o| o.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&models[0]), ["build/a.snn", "gen/a.h", "gen/a.dot", "build/a.report.json"]);
        assert_eq!(paths(&models[1]), ["out/b.snn", "out/b.json"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let said = |text: &str| parsed(text).unwrap_err();
        let model = "[models.a]\nmodel = 'a.onnx'\n";
        assert_eq!(said(&format!("{model}time-steps = 8")), "line 3: there is no option `time-steps`; did you mean `timesteps`?");
        assert_eq!(said(&format!("{model}budget = 8")), "line 3: `budget` makes the bytes depend on the machine");
        assert_eq!(said(&format!("{model}keep-names = 8")), "line 3: `keep-names` is true or false");
        assert_eq!(said(&format!("{model}mean = true")), "line 3: `mean` takes a number, a text, or a list of such");
        assert_eq!(said("[models.a]\n"), "[models.a] needs `model`, the ONNX file");
        assert!(said("").starts_with("names no model"), "{}", said(""));
        assert!(said("[model.a]").contains("unknown field `model`"), "{}", said("[model.a]"));
        assert!(said("[models.'a/b']\nmodel = 'a'").contains("letters, digits"));
        let twice = format!("{model}[models.b]\nmodel = 'b.onnx'\nartifact = './build/a.snn'");
        assert_eq!(said(&twice), "`./build/a.snn` is written by `a` and by `b`");
        let over = format!("{model}[models.b]\nmodel = 'b.onnx'\nartifact = 'a.onnx'");
        assert_eq!(said(&over), "`b` would write `a.onnx`, which is the model of `a`");
    }

    #[test]
    fn models_are_chosen_by_name() {
        let models = parsed("[models.a]\nmodel = 'a.onnx'\n[models.b]\nmodel = 'b.onnx'").unwrap();
        let project = Project { root: ".".into(), models };
        let names = |chosen: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(|&name| name.to_owned()).collect();
            project.chosen(&chosen).map(|models| models.iter().map(|m| m.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["b", "b"]).unwrap(), ["b"]);
        assert_eq!(names(&["c"]).unwrap_err(), "there is no model `c`; there are `a`, `b`");
    }
}
