//! What both databases share: the columns, the group of rows in hand, the names of typed tables.
//!
//! A record becomes rows of plain cells once, when it is written. They wait in a [`Group`] until
//! the database has committed them, so that a group whose commit failed, or whose answer was lost
//! with the connection, is written again from the same bytes.

mod cells;
mod columns;
mod group;
mod job;
mod sql;

pub(crate) use cells::{Cell, Rows};
pub(crate) use columns::Plan;
pub(crate) use group::{Counts, Group};
pub(crate) use job::{JobColumns, TableOf, table_name};
pub(crate) use sql::{
    Dialect, NAMES, SCHEMA_VERSION, VIEWS, add_column, job_table, late_indexes, missing_columns,
    quoted, tables, upsert,
};
#[cfg(feature = "postgres")]
pub(crate) use {columns::Kind, group::Body, job::JobKind};

/// What the row of a run counts.
pub(crate) const RUN_COUNTS: [&str; 4] = ["records", "ok", "failed", "skipped"];
