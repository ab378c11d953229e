//! How an artifact came to be, as an in-toto statement with SLSA provenance.
//!
//! `_type`, `predicateType` and the fields below are those of <https://in-toto.io/Statement/v1> and <https://slsa.dev/provenance/v1>. An artifact's bytes do not
//! depend on which build of a compiler made them, so the digest of the program is not in the artifact: a compilation knows it, whoever reads the file later does not.

use serde_json::{Value, json};
use snnc_runtime::NetworkSpec;

/// The version of what `externalParameters` hold.
const BUILD_TYPE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/provenance.md#compile-1");

/// A file with its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// In hexadecimal.
    pub sha256: String,
}

impl Named {
    fn resource(&self) -> Value {
        json!({"name": self.name, "digest": {"sha256": self.sha256}})
    }
}

/// The statement on an artifact: what was made, of what, with which options, by which compiler. `read` are the files that were read, if that is known, else the source alone stands there, by
/// its digest; `program` is the compiler's, if this process was it.
#[must_use]
pub fn statement(artifact: &Named, spec: &NetworkSpec, read: Option<&[Named]>, program: Option<&Named>) -> Value {
    let dependencies: Vec<Value> = match read {
        Some(read) => read.iter().map(Named::resource).collect(),
        None => vec![json!({"name": "model", "digest": {"sha256": spec.source.sha256}})],
    };
    let mut builder = json!({"id": concat!(env!("CARGO_PKG_REPOSITORY"), "#snnc"), "version": {"snnc": spec.compiler}});
    if let Some(program) = program {
        builder["builderDependencies"] = json!([program.resource()]);
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [artifact.resource()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "source": spec.source.sha256,
                    "options": spec.options,
                    "preprocessing": spec.input.preprocess,
                    "seed": spec.seed,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": builder},
        },
    })
}
