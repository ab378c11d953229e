//! What is compiled, and how.

use crate::{compiler, error::Error, wrapper};
use snnc_files::depfile::dependencies;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A model to compile.
#[derive(Clone, Debug)]
pub struct Model {
    path: PathBuf,
    options: Vec<OsString>,
}

/// What Cargo tells a build script, and who compiles.
struct Place<'a> {
    /// Folder of the package, from which paths start.
    package: &'a Path,
    /// Folder for what is made.
    out: &'a Path,
    compiler: &'a Path,
}

impl Model {
    /// An ONNX file, by a path from the folder of the package.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), options: Vec::new() }
    }

    /// An option of `snnc compile` with a value: `.option("timesteps", "8")` is `--timesteps 8`. Files are relative to the folder of the package.
    /// The wrapper is for networks that open without a key: those made with `encrypt-to` and `lock` are refused.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.options.extend([format!("--{name}").into(), value.as_ref().to_owned()]);
        self
    }

    /// An option without a value: `.flag("keep-names")`.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.options.push(format!("--{name}").into());
        self
    }

    /// Compiles the model to `OUT_DIR/NAME.snn` with its report beside it, and writes the wrapper to `OUT_DIR/NAME.rs`: a type that is called like
    /// `name` with a capital, `DigitsInt8` for `digits_int8`. Tells Cargo what to watch. Returns the path of the artifact.
    ///
    /// # Errors
    /// If there is no compiler, it refuses the model, a policy is not kept, or a program could not load the artifact.
    #[allow(clippy::print_stdout, reason = "Cargo listens there")]
    pub fn compile(&self, name: &str) -> Result<PathBuf, Error> {
        let variable = |name: &'static str| env::var_os(name).ok_or(Error::NoBuildScript(name));
        let (package, out) = (PathBuf::from(variable("CARGO_MANIFEST_DIR")?), PathBuf::from(variable("OUT_DIR")?));
        let (named, path) = (env::var_os("SNNC"), env::var_os("PATH"));
        println!("cargo::rerun-if-env-changed=SNNC");
        if named.is_none() {
            println!("cargo::rerun-if-env-changed=PATH");
        }
        let compiler = compiler::find(named.as_deref(), path.as_deref())?;
        let place = Place { package: &package, out: &out, compiler: &compiler };
        for said in self.compile_in(&place, name)? {
            println!("cargo::{said}");
        }
        Ok(artifact(&out, name))
    }

    /// As [`Model::compile`]; returns what Cargo is to be told: the files to watch, and what the compiler warns of.
    fn compile_in(&self, place: &Place<'_>, name: &str) -> Result<Vec<String>, Error> {
        let type_name = wrapper::type_name(name)?;
        let (artifact, rule) = (artifact(place.out, name), place.out.join(format!("{name}.d")));
        let mut command = Command::new(place.compiler);
        command.current_dir(place.package).arg(&self.path).arg("-o").arg(&artifact).arg("--depfile").arg(&rule).args(&self.options);
        let ran = command.stderr(Stdio::piped()).spawn().and_then(Child::wait_with_output).map_err(io(place.compiler))?;
        // Cargo shows it where a build script fails, and `cargo build -vv` always.
        std::io::stderr().write_all(&ran.stderr).map_err(io(Path::new("standard error")))?;
        if !ran.status.success() {
            return Err(Error::Refused { model: self.path.clone(), status: ran.status });
        }
        let bytes = fs::read(&artifact).map_err(io(&artifact))?;
        let network = snnc_runtime::Network::load(&bytes).map_err(|problem| Error::Artifact { artifact: artifact.clone(), problem })?;
        let source = wrapper::source(&type_name, network.spec(), network.classes(), &format!("{name}.snn"));
        let to = place.out.join(format!("{name}.rs"));
        fs::write(&to, source).map_err(io(&to))?;
        let read = dependencies(&fs::read(&rule).map_err(io(&rule))?);
        let read =
            read.into_iter().map(|path| String::from_utf8(path).map_err(|e| String::from_utf8_lossy(e.as_bytes()).into_owned().into()));
        let compiler = place.compiler.to_str().map(str::to_owned).ok_or_else(|| place.compiler.to_owned());
        let watched = read.chain([compiler]).map(|path| Ok(format!("rerun-if-changed={}", path.map_err(Error::Unwatched)?)));
        let said = String::from_utf8_lossy(&ran.stderr);
        let warnings = said.lines().filter(|line| line.starts_with("warning"));
        watched.chain(warnings.map(|line| Ok(format!("warning={}: {line}", self.path.display())))).collect()
    }
}

fn artifact(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.snn"))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |problem| Error::Io { path, problem }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A package with a stand-in for the compiler, which writes its arguments, a depfile, and the artifact that the fixtures have.
    struct Package(tempfile::TempDir);

    impl Package {
        fn new(script: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/digits/digits.snn");
            let program = root.path().join("snnc");
            fs::write(&program, format!("#!/bin/sh\nset -e\nfixture={fixture}\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            fs::create_dir(root.path().join("out")).unwrap();
            Self(root)
        }

        fn compile(&self, model: &Model, name: &str) -> Result<Vec<String>, Error> {
            let root = self.0.path();
            model.compile_in(&Place { package: root, out: &root.join("out"), compiler: &root.join("snnc") }, name)
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.path().join(name)).ok()
        }
    }

    const COMPILES: &str = r#"echo "$@" > arguments; echo compiled >&2; echo 'warning[W0206]: pixels' >&2; cp $fixture "$3"; echo "$3: m.onnx m\ m.data" > "$5""#;

    #[test]
    fn what_was_read_is_watched_and_the_wrapper_fits() {
        let package = Package::new(COMPILES);
        let model = Model::new("m.onnx").option("timesteps", "8").flag("keep-names");
        let compiler = package.0.path().join("snnc").to_str().unwrap().to_owned();
        let watched = ["m.onnx", "m m.data", &compiler].map(|file| format!("rerun-if-changed={file}"));
        let said = package.compile(&model, "two_digits").unwrap();
        assert_eq!(said[..3], watched);
        assert_eq!(said[3..], ["warning=m.onnx: warning[W0206]: pixels"]);
        let out = package.0.path().join("out/two_digits").to_str().unwrap().to_owned();
        let arguments = format!("m.onnx -o {out}.snn --depfile {out}.d --timesteps 8 --keep-names\n");
        assert_eq!(package.read("arguments").unwrap(), arguments);
        let source = package.read("out/two_digits.rs").unwrap();
        for line in [
            "pub struct TwoDigits {",
            "CLASSES: usize = 10;",
            "INPUT: [usize; 3] = [8, 8, 1];",
            "PIXELS: usize = 64;",
            "\"/two_digits.snn\"",
        ] {
            assert!(source.contains(line), "{line} is not in\n{source}");
        }
    }

    #[test]
    fn nothing_is_written_for_what_was_not_compiled() {
        let package = Package::new("exit 1");
        let message = package.compile(&Model::new("m.onnx"), "digits").unwrap_err().to_string();
        assert!(message.starts_with("`m.onnx` was not compiled") && message.ends_with("exit status: 1"), "{message}");
        assert_eq!(package.read("out/digits.rs"), None);
    }

    #[test]
    fn what_a_program_could_not_load_is_an_error_of_the_build() {
        let package = Package::new(r#"echo age-encryption.org/v1 > "$3"; echo "$3:" > "$5""#);
        let error = package.compile(&Model::new("m.onnx"), "digits").unwrap_err();
        assert!(matches!(error, Error::Artifact { .. }) && error.to_string().contains("digits.snn"), "{error}");
        assert_eq!(package.read("out/digits.rs"), None);
    }

    #[test]
    fn names_that_cargo_cannot_watch_are_refused() {
        let package = Package::new(r#"cp $fixture "$3"; printf 'm: \377\n' > "$5""#);
        assert!(matches!(package.compile(&Model::new("m.onnx"), "digits"), Err(Error::Unwatched(_))));
        assert!(matches!(package.compile(&Model::new("m.onnx"), "self"), Err(Error::Name(_))));
    }
}
