//! What is the same of both databases when their runs are read back.

use super::error::{ReadError, ReadErrorKind};
use crate::fields::Field;

/// The member that a column of `record` is.
pub(crate) fn column_member(column: &str) -> String {
    let parts = [("error_", "error."), ("tls_", "tls.")];
    let found = parts.iter().find_map(|(prefix, object)| {
        let name = format!("{object}{}", column.strip_prefix(prefix)?);
        Field::from_name(&name).map(|_| name)
    });
    found.unwrap_or_else(|| column.to_owned())
}

/// What is said where the run that was asked for is not there; `last` are the names of the last ones.
pub(crate) fn no_run(name: &str, wanted: Option<&str>, last: &[String]) -> ReadError {
    let message = match (wanted, last) {
        (Some(wanted), [_, ..]) => {
            format!("holds no run {wanted}; hint: the last ones are {}", last.join(", "))
        }
        _ => "holds no run".to_owned(),
    };
    ReadError::new(ReadErrorKind::Missing, name, message)
}
