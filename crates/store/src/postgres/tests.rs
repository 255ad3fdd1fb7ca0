//! Faults that only the inside can bring about.
