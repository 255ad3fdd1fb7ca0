//! Databases, archives, Parquet and journals as this test makes them by hand: clean ones are right,
//! and what is planted in them is named.

mod bed;
mod journal;
mod parquet;
mod sqlite;
mod warc;
