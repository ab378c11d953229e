//! What is descended.
//!
//! | file | content |
//! |---|---|
//! | `objective` | losses over the output, and over what lies before it |
//! | [`distillation`] | the divergence of a student's answers from a teacher's |
//! | [`hint`] | what neurons should stand for beside the output |
//! | [`statistics`] | the distance of a layer's values from what batch norms recorded |

pub mod distillation;
pub mod hint;
mod objective;
pub mod statistics;

pub use distillation::{Distillation, log_softmax};
pub use hint::Hint;
pub use objective::{Inside, Loss, Losses};
pub use statistics::Statistics;
