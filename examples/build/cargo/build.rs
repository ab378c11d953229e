//! Compiles two networks: one is part of the program, the other must keep a policy.

use snnc_build::{Error, Model};

fn main() -> Result<(), Error> {
    let models = "../../../fixtures/digits";
    // Few samples and no audit, to be quick.
    let quick = |file: &str| Model::new(format!("{models}/{file}")).option("timesteps", "8").option("samples", "16");
    quick("digits.onnx").option("audit", "none").compile("digits")?;
    quick("digits_int8.onnx").option("audit", "quick").option("policy", "../common/policy.toml").compile("digits_int8")?;
    Ok(())
}
