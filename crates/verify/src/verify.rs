//! The order of the work: journal, outputs, inputs, and what came of them.

use std::path::PathBuf;

use crate::bodies::Bodies;
use crate::counts;
use crate::error::VerifyError;
use crate::examine::{Examined, Examiner, Sums};
use crate::input::{InputSpec, Inputs, OnlyFailed, fit_to_be_seen};
use crate::join::{Against, IsOver, Joined, Side, join};
use crate::journal::{Journal, Sink};
use crate::output::{self, Columns, Committed, Extent, OutputSpec, Row, Rows};
use crate::pointers::{self, Archives};
use crate::report::{Fault, Problem, Report, RunState, Tally, What, count, counted};
use crate::rows::{self, RowsFound};
use crate::sort::{Sorted, Sorter};

/// What is to be verified, and by what.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The outputs. Those that the journal names are verified, too.
    pub outputs: Vec<OutputSpec>,
    /// What the run was given; `None` takes the journal's word for how many inputs there were.
    pub inputs: Option<InputSpec>,
    /// The journal; `None` looks for `NAME.journal` beside the outputs.
    pub journal: Option<PathBuf>,
    /// Where bodies are, if they were moved.
    pub bodies: Option<PathBuf>,
    /// Which run of a database; `None` is that of the journal, or the newest.
    pub run: Option<String>,
}

/// Verifies the outputs of a run.
///
/// # Errors
/// When something that was named cannot be read or understood. What is wrong with it is no error,
/// but in the report.
pub fn verify(request: &Request) -> Result<Report, VerifyError> {
    let mut work = Work::new(request, find_journal(request)?);
    let outputs = std::mem::take(&mut work.outputs);
    let (of_rows, outputs): (Vec<_>, Vec<_>) =
        outputs.into_iter().partition(|output| rows::is_rows(output, work.journal.as_ref()));
    for output in &of_rows {
        work.look_at_rows(output)?;
    }
    if outputs.is_empty() && !of_rows.is_empty() {
        return Ok(work.report);
    }
    if outputs.is_empty() {
        let message = "there is no output to verify";
        return Err(VerifyError::usage(message, "name the files that the run wrote"));
    }
    work.archives = Archives::of(&outputs);
    let (mut facts, mut sides) = (Vec::new(), Vec::new());
    for output in &outputs {
        let (fact, side) = work.look_at(output)?;
        facts.push(fact);
        sides.push(side);
    }
    let joined = work.set_side_by_side(&mut sides)?;
    work.follow_pointers(&outputs, &mut facts)?;
    let first = outputs[0].name.as_str();
    for (fact, side) in facts.into_iter().zip(sides) {
        work.tell(fact, side, first, &joined)?;
    }
    Ok(work.report)
}

fn find_journal(request: &Request) -> Result<Option<Journal>, VerifyError> {
    if let Some(path) = &request.journal {
        return Journal::read(path).map(Some);
    }
    let mut beside = request.outputs.iter().map(|output| Journal::beside(&output.path()));
    match beside.find(|path| path.is_file()) {
        Some(path) => Journal::read(&path).map(Some),
        None => Ok(None),
    }
}

struct Work<'a> {
    request: &'a Request,
    journal: Option<Journal>,
    outputs: Vec<OutputSpec>,
    archives: Archives,
    bodies: Bodies,
    has_inputs: bool,
    /// Responses of all archives.
    responses: Vec<Sorter>,
    report: Report,
}

/// What one output says by itself.
struct Facts {
    whole: Tally,
    sums: Sums,
    bodies: Tally,
    /// What the journal says of it; `None` where it says nothing.
    position: Option<Tally>,
    /// Bytes behind what was committed, and records of a database that the journal does not know.
    tail: (u64, u64),
    pointers: Option<Sorted>,
    warc: Tally,
    /// Records that point at an archive that is not verified.
    elsewhere: u64,
}

impl<'a> Work<'a> {
    fn new(request: &'a Request, journal: Option<Journal>) -> Self {
        let run = match &journal {
            None => RunState::Unknown,
            Some(journal) if journal.is_finished => RunState::Finished,
            Some(journal) => RunState::Unfinished {
                finished: journal.bitmap.count(),
                hint: "the same command with --resume brings it to its end".to_owned(),
            },
        };
        let mut work = Self {
            request,
            journal,
            outputs: request.outputs.clone(),
            archives: Archives::default(),
            bodies: Bodies::new(request.bodies.clone()),
            has_inputs: false,
            responses: Vec::new(),
            report: Report { run, inputs: None, checks: Vec::new(), notes: Vec::new() },
        };
        work.take_outputs_of_journal();
        work
    }

    /// Adds the outputs that the journal names and the request does not, and checks the journal.
    fn take_outputs_of_journal(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let mut own = std::mem::take(&mut journal.own);
        for sink in &journal.sinks {
            if self.outputs.iter().any(|output| is_of(sink, output)) {
                continue;
            }
            if sink.name.starts_with("postgres") {
                // The journal holds no credentials.
                let note = format!("{} was not verified: name its URL to do so", sink.name);
                self.report.notes.push(note);
                continue;
            }
            let Some(mut output) = OutputSpec::named(&sink.name) else {
                let note = format!("{} is of a form that cannot be verified", sink.name);
                self.report.notes.push(note);
                continue;
            };
            if !output.is_there() {
                let dir = journal.path.parent().unwrap_or(std::path::Path::new(""));
                output.name = dir.join(file_name(&sink.name)).to_string_lossy().into_owned();
            }
            if output.is_there() {
                self.outputs.push(output);
            } else if sink.records > 0 {
                let fault = Fault::new(Problem::NoFile, "", format!("{} is missing", sink.name));
                own.fault(fault.expected(counted(sink.records, "record")));
            }
        }
        let rows = counted(own.examined, "row");
        let how_far = if journal.is_finished { "finished" } else { "not finished" };
        let done = counted(journal.bitmap.count(), "input");
        let says = format!("{rows}; the run {} is {how_far}, {done} done", journal.run_id);
        let name = journal.path.display().to_string();
        self.report.checks.push(own.into_check(&name, What::Journal, says));
    }

    /// Reads an output, as far as it is committed.
    fn look_at<'o>(&mut self, output: &'o OutputSpec) -> Result<(Facts, Side<'o>), VerifyError> {
        let run = self.run();
        let journal = self.journal.as_ref();
        let sink =
            journal.and_then(|journal| journal.sinks.iter().find(|sink| is_of(sink, output)));
        // Of a finished run nothing may stand behind the position, so all is read.
        let is_over = self.is_over() == IsOver::Yes;
        let end = sink.filter(|_| !is_over);
        let end = end.map(|sink| Committed { parts: sink.parts, bytes: sink.bytes });
        // A database may have committed more than the journal knows; a resume writes it again.
        let known = journal.filter(|_| !is_over && output.form.is_database());
        let known = known.map(|journal| &journal.bitmap);
        let mut examiner = Examiner::new(output, &self.archives, known, &mut self.bodies);
        let extent = output::read(output, run.as_deref(), end, &mut examiner)?;
        let examined = examiner.finish(extent)?;
        let Examined { whole, sums, entries, members, seen, bodies, pointers, responses, .. } =
            examined;
        let (extent, passed) = (examined.extent, examined.passed);
        self.responses.extend(responses);
        let (pointers, warc, elsewhere) = pointers.finish()?;
        let position = sink.map(|sink| check_position(sink, extent, sums.records));
        let tail_bytes = match end {
            Some(_) if extent.bytes > 0 => output.len()?.saturating_sub(extent.bytes),
            _ => 0,
        };
        let tail = (tail_bytes, passed);
        let side = Side::new(output, (members, seen), entries)?;
        let facts = Facts { whole, sums, bodies, position, tail, pointers, warc, elsewhere };
        Ok((facts, side))
    }

    /// Reads an output of rows, as far as it is committed.
    fn look_at_rows(&mut self, output: &OutputSpec) -> Result<(), VerifyError> {
        let journal = self.journal.as_ref();
        let sink =
            journal.and_then(|journal| journal.sinks.iter().find(|sink| is_of(sink, output)));
        let is_over = self.is_over() == IsOver::Yes;
        let end = sink.filter(|_| !is_over);
        let end = end.map(|sink| Committed { parts: sink.parts, bytes: sink.bytes });
        let Some(RowsFound { whole, pages, extent }) = rows::read(output, journal, end)? else {
            let note = format!("the rows of {} are of a form that is not verified", output.name);
            self.report.notes.push(note);
            return Ok(());
        };
        let name = output.name.as_str();
        let position = sink.map(|sink| check_position(sink, extent, pages));
        let pages = counted(pages, "page");
        let says = format!("{} of {pages}, each whole", counted(whole.examined, "row"));
        self.report.checks.push(whole.into_check(name, What::Rows, says));
        if let Some(position) = position {
            let says = match (position.faults, end) {
                (0, Some(_)) if output.len()? > extent.bytes => {
                    let more = counted(output.len()? - extent.bytes, "byte");
                    format!("it is what was committed, and {more} more that a resume cuts off")
                }
                (0, _) => "it is what was committed".to_owned(),
                _ => "it is not what was committed".to_owned(),
            };
            self.report.checks.push(position.into_check(name, What::Journal, says));
        }
        Ok(())
    }

    fn run(&self) -> Option<String> {
        let of_journal = self.journal.as_ref().map(|journal| journal.run_id.clone());
        self.request.run.clone().or(of_journal)
    }

    /// What the run was given: as it is told, or as its journal has it, where that is enough to
    /// find it.
    fn inputs(&self) -> Result<Option<InputSpec>, VerifyError> {
        let setting = |name| self.journal.as_ref().and_then(|journal| journal.setting(name));
        let mut spec = self.request.inputs.clone().unwrap_or_default();
        spec.url_field = spec.url_field.or(setting("url-field").map(str::to_owned));
        if spec.only.is_none() {
            let kind = |only: &str| only.split_once(':').map(|(_, kind)| kind.to_owned());
            spec.only = setting("only").map(|only| OnlyFailed { kind: kind(only) });
        }
        if spec.redact_query.is_empty() {
            let keys = setting("redact-query").unwrap_or_default();
            spec.redact_query =
                keys.split(", ").filter(|key| !key.is_empty()).map(str::to_owned).collect();
        }
        if self.request.inputs.is_some() {
            return Ok(Some(spec));
        }
        let Some(journal) = &self.journal else { return Ok(None) };
        // It names where each thousandth input stands: enough, if all stand in one file.
        let [source] = &journal.sources[..] else { return Ok(None) };
        if source.is_empty() || source == "-" || !std::path::Path::new(source).is_file() {
            return Ok(None);
        }
        spec.files = vec![PathBuf::from(source)];
        let mut inputs = Inputs::new(InputSpec { limit: Some(journal.inputs + 1), ..spec.clone() });
        while inputs.next()?.is_some() {}
        let is_all = inputs.read() == journal.inputs;
        let is_beginning = !journal.read_to_end && inputs.read() > journal.inputs;
        Ok((is_all || is_beginning).then_some(spec))
    }

    fn is_over(&self) -> IsOver {
        match &self.report.run {
            RunState::Unfinished { .. } => IsOver::No,
            RunState::Finished | RunState::Unknown => IsOver::Yes,
        }
    }

    /// Holds all outputs against the inputs, the journal and each other.
    fn set_side_by_side(&mut self, sides: &mut [Side<'_>]) -> Result<Joined, VerifyError> {
        let read_to_end = self.journal.as_ref().filter(|journal| journal.read_to_end);
        let inputs = self.inputs()?;
        self.has_inputs = inputs.is_some();
        let against = Against {
            inputs: inputs.map(Inputs::new),
            count: read_to_end.map(|journal| journal.inputs),
            finished: self.journal.as_ref().map(|journal| &journal.bitmap),
            is_over: self.is_over(),
        };
        let joined = join(sides, against)?;
        self.report.inputs = joined.inputs;
        for side in sides.iter().filter(|side| !side.members.input || !side.members.outcome) {
            let lacking = if side.members.input { "outcome" } else { "input" };
            let name = &side.output.name;
            let note = format!("the records of {name} have no {lacking}: nothing was proven of it");
            self.report.notes.push(note);
        }
        let note = match (self.has_inputs, joined.inputs) {
            (true, _) => return Ok(joined),
            (false, Some(_)) => "the inputs were not read: name them with -i to prove that each \
                                record is that of its input"
                .to_owned(),
            (false, None) => format!(
                "there is no journal and no input: name it with -i; whether records after n {} are \
                 missing, and whose each record is, was not proven",
                count(joined.end.saturating_sub(1))
            ),
        };
        self.report.notes.push(note);
        Ok(joined)
    }

    /// Looks up where records point at responses.
    fn follow_pointers(
        &mut self,
        outputs: &[OutputSpec],
        facts: &mut [Facts],
    ) -> Result<(), VerifyError> {
        let mut responses = std::mem::take(&mut self.responses);
        // All archives of a run hold the same; records point at one of them.
        let mut all = match responses.pop() {
            Some(all) => all,
            None => Sorter::new(),
        };
        for more in responses {
            let mut more = more.finish().map_err(VerifyError::Sort)?;
            while let Some(entry) = more.next().map_err(VerifyError::Sort)? {
                all.push(entry).map_err(VerifyError::Sort)?;
            }
        }
        let mut responses = all.finish().map_err(VerifyError::Sort)?;
        let mut elsewhere = 0;
        for (output, facts) in outputs.iter().zip(facts) {
            elsewhere += facts.elsewhere;
            let Some(pointers) = facts.pointers.take() else { continue };
            pointers::check(output, &self.archives, pointers, &mut responses, &mut facts.warc)?;
            responses.rewind().map_err(VerifyError::Sort)?;
        }
        if elsewhere > 0 {
            let records = counted(elsewhere, "record");
            let note = format!(
                "{records} point at an archive that was not named: name it beside the outputs"
            );
            self.report.notes.push(note);
        }
        Ok(())
    }

    /// Puts what was found about one output into the report.
    fn tell(
        &mut self,
        facts: Facts,
        mut side: Side<'_>,
        first: &str,
        joined: &Joined,
    ) -> Result<(), VerifyError> {
        name_strays(&mut side, self.run().as_deref())?;
        let name = side.output.name.as_str();
        let Facts { whole, sums, bodies, position, tail, warc, .. } = facts;
        let counts = counts::check(&sums, &side.members, &self.expected(joined));
        let inputs = counted(side.once.examined, "input");
        let one_each = match self.is_over() {
            IsOver::Yes => format!("{inputs}, one record each"),
            IsOver::No => format!("{inputs}, one record each that is finished, none of the others"),
        };
        let records = counted(sums.records, "record");
        let checks = &mut self.report.checks;
        let mut add = |tally: Tally, what: What, right: String, wrong: String| {
            let says = if tally.faults == 0 { right } else { wrong };
            checks.push(tally.into_check(name, what, says));
        };
        add(whole, What::Whole, format!("{records}, each whole"), format!("{records} read"));
        add(side.once, What::Once, one_each, inputs);
        if self.has_inputs && side.members.input {
            let examined = counted(side.inputs.examined, "record");
            let wrong = format!("{} of another input", counted(side.inputs.faults, "record"));
            add(side.inputs, What::Inputs, format!("{examined}, each of its input"), wrong);
        }
        let (counts, says) = counts;
        add(counts, What::Counts, says.clone(), says);
        if let Some(mut position) = position {
            position.add(side.journal);
            let tail = match tail {
                (0, 0) => String::new(),
                (0, more) => format!(", and {} that a resume writes anew", counted(more, "record")),
                (more, _) => format!(", and {} more that a resume cuts off", counted(more, "byte")),
            };
            let says = format!("it is what was committed{tail}");
            add(position, What::Journal, says, "it is not what was committed".to_owned());
        }
        if bodies.examined > 0 {
            let says = format!("{} with a body", counted(bodies.examined, "record"));
            add(bodies, What::Bodies, format!("{says}, each right"), says);
        }
        if warc.examined > 0 {
            let says =
                format!("{} with a response in an archive", counted(warc.examined, "record"));
            add(warc, What::Warc, format!("{says}, each where it says"), says);
        }
        if name != first {
            let right = format!("{} as {first} has them", counted(side.agree.examined, "record"));
            let wrong = format!("differs from {first} in {}", counted(side.agree.faults, "record"));
            add(side.agree, What::Agree, right, wrong);
        }
        Ok(())
    }

    fn expected(&self, joined: &Joined) -> counts::Expected<'_> {
        let records = match (&self.journal, joined.inputs) {
            (Some(journal), _) if !journal.is_finished => {
                Some((journal.bitmap.count(), "finished inputs"))
            }
            (_, Some(inputs)) => Some((inputs, "inputs")),
            (Some(journal), None) => Some((journal.inputs, "inputs")),
            (None, None) => None,
        };
        let said = self.journal.as_ref().and_then(|journal| journal.sums.as_ref());
        counts::Expected { records, said }
    }
}

fn file_name(name: &str) -> &std::ffi::OsStr {
    std::path::Path::new(name).file_name().unwrap_or_default()
}

/// Whether the journal speaks of this output: by its name, or by that of the file alone where it
/// is verified from another directory.
fn is_of(sink: &Sink, output: &OutputSpec) -> bool {
    sink.name == output.name || file_name(&sink.name) == file_name(&output.name)
}

/// Whether an output is as long as was committed, and holds as many records.
fn check_position(sink: &Sink, extent: Extent, records: u64) -> Tally {
    let mut tally = Tally::default();
    let mut unequal = |message: &str, expected: u64, found: u64, unit: &str| {
        let fault = Fault::new(Problem::Position, "", message);
        tally.fault(fault.expected(counted(expected, unit)).found(counted(found, unit)));
    };
    // Databases, and files that are built at the end, are not known by their length.
    if extent.bytes > 0 && sink.bytes > 0 && extent.bytes != sink.bytes {
        let message = if extent.bytes < sink.bytes {
            "the file is shorter than what was committed"
        } else {
            "the file is longer than what was committed"
        };
        unequal(message, sink.bytes, extent.bytes, "byte");
    }
    if records != sink.records {
        let message = "there are not as many records as were committed";
        unequal(message, sink.records, records, "record");
    }
    tally
}

/// Finds out what records with the wrong input say, by reading the output once more.
fn name_strays(side: &mut Side<'_>, run: Option<&str>) -> Result<(), VerifyError> {
    struct Finder<'a, 'b>(&'a mut Side<'b>);
    impl Rows for Finder<'_, '_> {
        fn row(&mut self, row: &Row<'_>) -> Result<(), VerifyError> {
            for stray in self.0.strays.iter().filter(|stray| stray.at == row.at) {
                let found = fit_to_be_seen(row.input.unwrap_or_default());
                self.0.inputs.first[stray.fault].found = Some(found);
            }
            Ok(())
        }

        fn fault(&mut self, _: Fault) {}

        fn columns(&mut self, _: Columns) {}
    }
    if side.strays.is_empty() {
        return Ok(());
    }
    let output = side.output;
    output::read(output, run, None, &mut Finder(side)).map(drop)
}
