//! What calibration asks a running network, and what the file says of it without samples.
//!
//! | file | content |
//! |---|---|
//! | `laboratory` | float and spiking network side by side on the same samples |
//! | [`recorded`] | what batch norms say about the values before rectifiers |

mod laboratory;
pub mod recorded;

pub use laboratory::Laboratory;
