//! The pages as files.
