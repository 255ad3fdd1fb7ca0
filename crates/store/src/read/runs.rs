//! The runs that a database holds.

use std::path::Path;

use super::{ReadError, ResultPlace, Standing};

/// A run of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAbout {
    /// Its name, the same after a resume.
    pub id: Box<str>,
    /// Of `gather.toml`; `None` for a run without a job.
    pub job: Option<Box<str>>,
    /// When it began, in microseconds since 1970.
    pub started_unix_us: u64,
    /// Whether it closed the database.
    pub standing: Standing,
}

/// The runs of a database, the earliest first; `None` where the place is no database.
///
/// # Errors
/// When it cannot be read, or holds no results of ours.
pub fn runs(place: &ResultPlace) -> Result<Option<Vec<RunAbout>>, ReadError> {
    match place {
        ResultPlace::Stdin => Ok(None),
        ResultPlace::File(path) if is_sqlite(path)? => of_sqlite(path).map(Some),
        ResultPlace::File(_) => Ok(None),
        #[cfg(feature = "postgres")]
        ResultPlace::Postgres(url) => crate::postgres::read::runs(url).map(Some),
        #[cfg(not(feature = "postgres"))]
        ResultPlace::Postgres(url) => Err(super::not_built(&url.to_string())),
    }
}

fn is_sqlite(path: &Path) -> Result<bool, ReadError> {
    use std::io::Read;

    let said = |error| ReadError::io(&path.display().to_string(), &error);
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(said)?.take(16).read_to_end(&mut head).map_err(said)?;
    Ok(super::by_magic(&head) == Some(super::Form::Sqlite))
}

#[cfg(feature = "sqlite")]
fn of_sqlite(path: &Path) -> Result<Vec<RunAbout>, ReadError> {
    super::sqlite::runs(path)
}

#[cfg(not(feature = "sqlite"))]
fn of_sqlite(path: &Path) -> Result<Vec<RunAbout>, ReadError> {
    Err(super::not_built(&path.display().to_string()))
}
