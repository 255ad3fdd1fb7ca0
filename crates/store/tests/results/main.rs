//! Results read back: from every form, into every form, and what is said of rows that are none.

mod broken;
mod databases;
mod python;
mod random;
mod records;
mod round_trips;
