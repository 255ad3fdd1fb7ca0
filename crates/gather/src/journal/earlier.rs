//! The records that a run which goes on has written before, read back from its outputs.

use gather_store::journal::Done;
use gather_store::read::{self, Bodies, ReadError, ResultPlace, ResultSpec};
use gather_store::{Format, OutputSpec, OutputTarget, RunInfo};

use crate::run::OnNote;
use crate::writer::OnRecord;

/// Who is shown them.
pub(crate) struct Witness<'a> {
    pub(crate) on_earlier: Option<&'a mut OnRecord>,
    pub(crate) on_note: Option<&'a mut OnNote>,
}

impl Witness<'_> {
    /// Shows the records of the first output that can be read back. `done` are the inputs that are
    /// finished: a database may know more, which are fetched again.
    ///
    /// The outputs were cut back to what is committed, and nobody writes to them yet. What cannot
    /// be shown is noted, and keeps the run from nothing.
    pub(super) fn show(&mut self, outputs: &[OutputSpec], run: &RunInfo, done: &Done) {
        let Some(on_earlier) = &mut self.on_earlier else { return };
        let wrong = match outputs.iter().find_map(|output| result(output, run)) {
            None => Some("no output can be read back".to_owned()),
            Some(spec) => show_all(&spec, done, on_earlier).err().map(|error| error.to_string()),
        };
        if let (Some(wrong), Some(on_note)) = (wrong, &mut self.on_note) {
            on_note(&format!("the records of before are not in the report: {wrong}"));
        }
    }
}

fn show_all(spec: &ResultSpec, done: &Done, on_earlier: &mut OnRecord) -> Result<(), ReadError> {
    let mut records = read::open(spec)?;
    while let Some(record) = records.next()? {
        if done.contains(record.n) {
            on_earlier(&record);
        }
    }
    Ok(())
}

/// The output as a result, if it can be read back.
fn result(output: &OutputSpec, run: &RunInfo) -> Option<ResultSpec> {
    let place = match (&output.target, &output.format) {
        (_, Format::Text(_) | Format::Warc(_)) | (OutputTarget::Stdout, _) => return None,
        (OutputTarget::File(path), _) => ResultPlace::File(path.clone()),
        (OutputTarget::Postgres(url), _) => ResultPlace::Postgres(url.clone()),
    };
    let run = matches!(output.format, Format::Sqlite | Format::Postgres).then(|| run.id.clone());
    Some(ResultSpec { place, run, bodies: Bodies::Leave })
}
