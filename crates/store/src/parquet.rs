//! The sink of Parquet files.

use crate::error::{SinkError, SinkErrorKind};
use crate::sink::{OutputSpec, RunInfo, Sink};

/// Opens it.
pub(crate) fn open(spec: &OutputSpec, _run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    Err(SinkError::of_target(SinkErrorKind::NotBuilt, &spec.target))
}
