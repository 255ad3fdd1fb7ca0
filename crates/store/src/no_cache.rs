//! What stands in for the cache in a build without SQLite: it cannot be opened.

use std::convert::Infallible;
use std::path::Path;

use gather_core::cache::Stored;

use crate::error::{SinkError, SinkErrorKind};

/// Looks answers up.
#[derive(Debug)]
pub struct CacheReader(Infallible);

/// Keeps answers.
#[derive(Debug)]
pub struct CacheWriter(Infallible);

/// Opens the cache in this file.
///
/// # Errors
/// Always: this build has no SQLite.
pub fn open_cache(path: &Path) -> Result<(CacheReader, CacheWriter), SinkError> {
    Err(SinkError::found(SinkErrorKind::NotBuilt, path))
}

impl CacheReader {
    /// The answer of this key.
    ///
    /// # Errors
    /// None: there is no such reader.
    pub fn find(&self, _key: &[u8; 32]) -> Result<Option<Stored>, SinkError> {
        match self.0 {}
    }
}

impl CacheWriter {
    /// Keeps an answer.
    pub fn put(&mut self, _key: [u8; 32], _url: &str, _stored: Stored) {
        match self.0 {}
    }

    /// Forgets an answer.
    pub fn remove(&mut self, _key: [u8; 32]) {
        match self.0 {}
    }

    /// Writes what was put.
    ///
    /// # Errors
    /// None: there is no such writer.
    pub fn commit(&mut self) -> Result<(), SinkError> {
        match self.0 {}
    }
}
