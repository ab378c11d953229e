//! The typed wrapper around an artifact.

use crate::error::Error;
use snnc_runtime::NetworkSpec;

/// The one name whose type would be a word of the language: all others of these are written in small letters.
const TAKEN: &str = "self";

/// The name of the type, from that of the network: `digits_int8` makes `DigitsInt8`.
pub fn type_name(name: &str) -> Result<String, Error> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name || name == TAKEN {
        return Err(Error::Name(name.to_owned()));
    }
    let words = name.split('_').filter(|word| !word.is_empty());
    Ok(words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect())
}

/// The source of the type `name` around the artifact of this network, which lies in `file` beside that source.
pub fn source(name: &str, network: &NetworkSpec, classes: usize, file: &str) -> String {
    let [height, width, channels] = network.input.image_size();
    let pixels = height * width * channels;
    format!(
        r#"/// A spiking network for images of {height}x{width} with {channels} channels, in {classes} classes.
#[derive(Clone, Debug)]
pub struct {name} {{
    network: ::snnc_runtime::Network,
}}

#[allow(dead_code, clippy::missing_panics_doc, reason = "not every program uses all of it, and what would panic cannot happen")]
impl {name} {{
    /// Number of classes.
    pub const CLASSES: usize = {classes};
    /// Height, width and channels of an image.
    pub const INPUT: [usize; 3] = [{height}, {width}, {channels}];
    /// Bytes of an image.
    pub const PIXELS: usize = {pixels};
    /// The artifact.
    pub const ARTIFACT: &'static [u8] = include_bytes!(concat!(env!("OUT_DIR"), "/{file}"));

    /// Loads the network, which is part of the program.
    ///
    /// # Errors
    /// If `SNNC_ISA` asks for instructions that the processor lacks, or `snnc-runtime` has another version than the one that `snnc-build` stands on.
    pub fn load() -> Result<Self, ::snnc_runtime::LoadError> {{
        ::snnc_runtime::Network::load(Self::ARTIFACT).map(|network| Self {{ network }})
    }}

    /// The network, for all that it can do.
    #[must_use]
    pub fn network(&self) -> &::snnc_runtime::Network {{
        &self.network
    }}

    /// The class of an image: pixels of 8 bits, `[height, width, channels]`, as they are before any normalisation.
    #[must_use]
    pub fn classify(&self, pixels: &[u8; Self::PIXELS]) -> usize {{
        let [height, width, channels] = Self::INPUT;
        let pixels = ::snnc_runtime::Pixels {{ data: pixels, count: 1, height, width, channels }};
        let image = self.network.quantise_pixels(&pixels).expect("the image has the size that the network says");
        let outcome = self.network.run_quantised(&image, self.network.spec().timesteps, 0);
        outcome.expect("the network runs its own number of time steps").predictions()[0]
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_modules() {
        assert_eq!(type_name("digits").unwrap(), "Digits");
        assert_eq!(type_name("digits_int8").unwrap(), "DigitsInt8");
        for name in ["", "Digits", "8bit", "_x", "a-b", "../a", "self", "größe"] {
            assert!(matches!(type_name(name), Err(Error::Name(_))), "{name}");
        }
    }
}
