//! Proves that the outputs of a run hold one whole, right record for each input.
//!
//! [`verify`] reads the inputs, the journal and every output anew and says exactly what is wrong.
//! It shares no code with the rest of gather: what it knows of inputs, formats and the journal, it
//! knows from their description. So a fault of a writer is not believed by its own reader.
//!
//! Records are kept as 40 bytes each, sorted in a temporary file and set beside the inputs in the
//! order of their numbers: memory does not grow with them.

mod bodies;
mod counts;
mod entry;
mod error;
mod examine;
mod input;
mod join;
mod journal;
mod lines;
mod output;
mod pointers;
mod report;
mod rows;
mod sort;
mod table;
mod verify;

pub use error::VerifyError;
pub use input::{InputSpec, OnlyFailed};
pub use output::{Form, OutputSpec};
pub use report::{Check, FAULTS_NAMED_MAX, Fault, Problem, Report, RunState, What};
pub use verify::{Request, verify};
