//! What two artifacts differ in: their structure, the parameters of each layer, and what they do with images.
//!
//! | module | content |
//! |---|---|
//! | `align` | which node of the one is which of the other |
//! | `fields` | two JSON objects, field by field |
//! | `structure` | everything but parameters |
//! | `parameters` | entry by entry |
//! | `behaviour` | both on the same images |
//! | `tolerances` | what is no difference |
//! | `text` | all of it for people |

mod align;
mod behaviour;
mod fields;
mod parameters;
mod structure;
mod text;
mod tolerances;

pub use behaviour::{Behaviour, Change as CountChange};
pub use fields::Change;
pub use parameters::Parameter;
pub use tolerances::Tolerances;

use crate::{
    error::{Error, Result},
    measure::Watch,
    subject::Subject,
};
use align::Pairs;
use serde::Serialize;
use snnc_data::Images;
use snnc_runtime::Artifact;

/// What the artifact B has otherwise than A.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Whether there is no difference but notes.
    pub same: bool,
    /// What tells about the making of the file, and changes nothing of what it does.
    pub notes: Vec<Change>,
    /// Nodes, their operators and shapes, what they read, the code, the time steps, the input, the read-out.
    pub structure: Vec<Change>,
    /// Parameters of nodes that both have, front to back.
    pub parameters: Vec<Parameter>,
    /// What both do with images, if there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<Behaviour>,
}

/// Compares two artifacts, on images if there are some; what is within a tolerance is no difference.
///
/// # Errors
/// If a read-out is locked, the images do not fit a network, or the watch wants to stop.
pub fn diff([a, b]: [(&Artifact, &Subject); 2], images: Option<&Images>, tolerances: &Tolerances, watch: &mut Watch<'_>) -> Result<Diff> {
    if let Some((_, locked)) = [a, b].into_iter().find(|(artifact, _)| artifact.lock.is_some()) {
        let path = locked.path.display();
        return Err(Error::usage(format!(
            "the read-out of `{path}` is locked, and no two locks are alike: compare the networks before their locks"
        )));
    }
    let pairs = Pairs::of(&a.0.graph, &b.0.graph);
    let structure = structure::changes(&a.0.graph, &b.0.graph, &pairs);
    let parameters = parameters::changes(a.0, b.0, &pairs, tolerances.parameters);
    let behaviour = match images {
        Some(images) => Some(behaviour::behaviour([a.1, b.1], images, &pairs, tolerances, watch)?),
        None => None,
    };
    let same = structure.is_empty() && parameters.is_empty() && behaviour.as_ref().is_none_or(|behaviour| behaviour.is_same());
    Ok(Diff { same, notes: structure::notes(&a.0.graph, &b.0.graph), structure, parameters, behaviour })
}
