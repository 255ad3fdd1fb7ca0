//! A digest of results that were written before, or are being written.

use gather_store::read::{self, ReadError, ResultPlace, ResultSpec};

use super::{Digest, ResultLine};
use crate::export::OnBroken;

/// Reads results into a digest, one after the other; one record at a time is in memory. Rows that
/// are no records are told, counted and left out; so is a torn end of a run that did not end.
///
/// # Errors
/// When a result cannot be read.
pub fn digest_results(
    digest: &mut Digest,
    results: &[ResultSpec],
    mut on_broken: Option<OnBroken>,
) -> Result<(), ReadError> {
    // All are opened first: a name that is mistyped is told at once.
    let opened = results.iter().map(|spec| read::open(spec).map(|open| (spec, open)));
    for (spec, mut records) in opened.collect::<Result<Vec<_>, _>>()? {
        let standing = read::standing(spec, &*records);
        let run = records.run().map(|run| run.id.to_string()).filter(|run| !run.is_empty());
        digest.begin_result(ResultLine {
            name: match &spec.place {
                ResultPlace::Stdin => "standard input".to_owned(),
                ResultPlace::File(path) => path.display().to_string(),
                ResultPlace::Postgres(url) => url.to_string(),
            },
            run,
            records: 0,
            left_out: 0,
            standing: standing.as_str(),
        });
        loop {
            match records.next() {
                Ok(Some(record)) => digest.add(&record),
                Ok(None) => break,
                Err(error) if error.is_torn() && standing != read::Standing::Ended => break,
                Err(error) if error.is_row() => {
                    digest.leave_out();
                    if let Some(tell) = &mut on_broken {
                        tell(&error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
