//! Looks at every record of one output by itself, counts, and keeps what is compared later.

use std::collections::BTreeMap;

use crate::bodies::Bodies;
use crate::entry::{Entry, Outcome, hash};
use crate::error::VerifyError;
use crate::input::input_hash;
use crate::journal::Bitmap;
use crate::output::{Columns, Extent, OutputSpec, Response, Row, Rows};
use crate::pointers::{Archives, Pointers, entry_of};
use crate::report::{FAULTS_NAMED_MAX, Fault, Problem, Tally};
use crate::sort::{Sorted, Sorter};

/// Kinds and statuses that are told apart in sums; more than there are.
const SUMS_MAX: usize = 4_096;

/// What one output says, record by record.
pub(crate) struct Examined {
    /// Whether each record is whole and free of contradiction.
    pub(crate) whole: Tally,
    pub(crate) sums: Sums,
    pub(crate) entries: Sorted,
    pub(crate) members: Members,
    pub(crate) seen: Members,
    pub(crate) extent: Extent,
    pub(crate) bodies: Tally,
    /// Where its records point at responses.
    pub(crate) pointers: Pointers,
    /// Records that were passed over: the journal does not know them yet.
    pub(crate) passed: u64,
    /// The responses that it has itself.
    pub(crate) responses: Option<Sorter>,
}

/// What the records of an output add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) records: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) by_kind: BTreeMap<String, u64>,
    pub(crate) by_status: BTreeMap<u16, u64>,
}

/// A choice of members: those that an output has, be they empty, or those that were seen in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) input: bool,
    pub(crate) outcome: bool,
    pub(crate) status: bool,
    pub(crate) kind: bool,
    pub(crate) sha256: bool,
}

/// Examines the records of an output as they are read.
pub(crate) struct Examiner<'a> {
    output: &'a OutputSpec,
    bodies: &'a mut Bodies,
    whole: Tally,
    sums: Sums,
    sorter: Sorter,
    columns: Option<Columns>,
    n: Presence,
    input: Presence,
    outcome: Presence,
    attempts: Presence,
    kind: Presence,
    status: Presence,
    sha256: u64,
    /// The inputs whose records count; all if `None`.
    known: Option<&'a Bitmap>,
    passed: u64,
    archives: &'a Archives,
    /// Files of other archives before those of this output.
    files_before: usize,
    pointers: Pointers,
    responses: Option<Sorter>,
}

/// How many records have a member, and the first of those that do not.
#[derive(Default)]
struct Presence {
    with: u64,
    without: u64,
    first_without: Vec<(u64, Option<u64>)>,
}

impl Presence {
    fn note<T>(&mut self, member: Option<T>, row: &Row<'_>) {
        if member.is_some() {
            self.with += 1;
            return;
        }
        self.without += 1;
        if self.first_without.len() < FAULTS_NAMED_MAX {
            self.first_without.push((row.at, row.n));
        }
    }
}

impl<'a> Examiner<'a> {
    pub(crate) fn new(
        output: &'a OutputSpec,
        archives: &'a Archives,
        known: Option<&'a Bitmap>,
        bodies: &'a mut Bodies,
    ) -> Self {
        Self {
            output,
            bodies,
            whole: Tally::default(),
            sums: Sums::default(),
            sorter: Sorter::new(),
            columns: None,
            n: Presence::default(),
            input: Presence::default(),
            outcome: Presence::default(),
            attempts: Presence::default(),
            kind: Presence::default(),
            status: Presence::default(),
            sha256: 0,
            known,
            passed: 0,
            archives,
            files_before: archives.before(output),
            pointers: Pointers::default(),
            responses: None,
        }
    }

    /// What was found in all records.
    pub(crate) fn finish(mut self, extent: Extent) -> Result<Examined, VerifyError> {
        if self.n.with == 0 && self.n.without > 0 {
            let message = format!("the records of {} have no member n", self.output.name);
            let hint = "only records with n can be matched with inputs: write --fields \
                        n,input,outcome and what else you need";
            return Err(VerifyError::usage(message, hint));
        }
        // Members that stand in every record of the default set. A list of one's own may lack
        // some, but then all records lack them.
        let is_default = self.attempts.with > 0;
        self.require("n", &|examiner| &examiner.n, Required::IfAny);
        self.require("input", &|examiner| &examiner.input, Required::IfAny);
        self.require("outcome", &|examiner| &examiner.outcome, Required::IfAny);
        self.require("attempts", &|examiner| &examiner.attempts, Required::IfAny);
        let kind = if is_default { Required::Always } else { Required::IfAny };
        self.require("error.kind", &|examiner| &examiner.kind, kind);
        self.require("status_code", &|examiner| &examiner.status, kind);
        let seen = Members {
            input: self.input.with > 0,
            outcome: self.outcome.with > 0,
            status: !self.sums.by_status.is_empty(),
            kind: !self.sums.by_kind.is_empty(),
            sha256: self.sha256 > 0,
        };
        let has = |column: fn(&Columns) -> bool, is_seen: bool| match &self.columns {
            Some(columns) => column(columns),
            None => is_seen || is_default,
        };
        let members = Members {
            status: has(|columns| columns.status, seen.status),
            kind: has(|columns| columns.kind, seen.kind),
            sha256: has(|columns| columns.sha256, seen.sha256),
            ..seen
        };
        let entries = self.sorter.finish().map_err(VerifyError::Sort)?;
        let (whole, sums) = (self.whole, self.sums);
        let bodies = self.bodies.take_tally();
        let (pointers, responses) = (self.pointers, self.responses);
        let passed = self.passed;
        Ok(Examined {
            whole,
            sums,
            entries,
            members,
            seen,
            extent,
            bodies,
            pointers,
            passed,
            responses,
        })
    }

    /// Faults for records that lack a member which others have, or all should have.
    fn require(&mut self, name: &str, of: &dyn Fn(&Self) -> &Presence, required: Required) {
        let presence = of(self);
        if presence.with == 0 && required == Required::IfAny {
            return;
        }
        let (without, first) = (presence.without, presence.first_without.clone());
        for (at, n) in &first {
            let message = format!("the record has no {name}");
            let fault = Fault::new(Problem::MemberMissing, self.output.place(*at), message);
            self.whole.fault(match n {
                Some(n) => fault.of(*n),
                None => fault,
            });
        }
        self.whole.faults += without - first.len() as u64;
    }

    /// What is wrong with this record by itself.
    fn contradiction(&self, row: &Row<'_>, outcome: Outcome) -> Option<String> {
        if let Some(kind) = row.kind {
            if outcome == Outcome::Ok {
                return Some(format!("outcome is ok, and error.kind is {kind:?}"));
            }
            if !is_kind(kind) {
                return Some(format!("error.kind is {kind:?}, which is no kind"));
            }
        }
        if let Some(status) = row.status {
            if !(100..=999).contains(&status) {
                return Some(format!("status_code is {status}"));
            }
        } else if matches!(row.kind, Some("http.status" | "http.rate_limited"))
            && (self.status.with > 0 || self.columns.is_some_and(|columns| columns.status))
        {
            return Some("error.kind is about a status, and there is none".to_owned());
        }
        if row.attempts == Some(0) && outcome == Outcome::Ok {
            return Some("outcome is ok after no attempt".to_owned());
        }
        None
    }

    fn add_to_sums(&mut self, row: &Row<'_>, outcome: Outcome) {
        let sums = &mut self.sums;
        sums.records += 1;
        match outcome {
            Outcome::Ok => sums.ok += 1,
            Outcome::Failed => sums.failed += 1,
            Outcome::Skipped => sums.skipped += 1,
            Outcome::Unsaid => {}
        }
        if let Some(kind) = row.kind {
            if let Some(count) = sums.by_kind.get_mut(kind) {
                *count += 1;
            } else if sums.by_kind.len() < SUMS_MAX {
                sums.by_kind.insert(kind.to_owned(), 1);
            }
        }
        if let Some(status) = row.status.and_then(|status| u16::try_from(status).ok()) {
            *sums.by_status.entry(status).or_default() += 1;
        }
    }
}

/// When a member must stand in every record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Required {
    /// If it stands in one.
    IfAny,
    Always,
}

impl Rows for Examiner<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), VerifyError> {
        if let (Some(known), Some(n)) = (self.known, row.n)
            && !known.has(n)
        {
            self.passed += 1;
            return Ok(());
        }
        self.whole.examined += 1;
        let outcome = row.outcome.map_or(Some(Outcome::Unsaid), Outcome::from_name);
        let place = |problem, message: String| {
            let fault = Fault::new(problem, self.output.place(row.at), message);
            row.n.into_iter().fold(fault, Fault::of)
        };
        let Some(outcome) = outcome else {
            let outcome = row.outcome.unwrap_or_default();
            let fault = place(Problem::Contradiction, format!("outcome is {outcome:?}"));
            self.whole.fault(fault);
            return Ok(());
        };
        let sha256 = match row.sha256.map(sha256_of) {
            Some(None) => {
                let text = row.sha256.unwrap_or_default();
                let fault = place(Problem::Contradiction, format!("sha256 is {text:?}"));
                self.whole.fault(fault);
                None
            }
            sha256 => sha256.flatten(),
        };
        if let Some(message) = self.contradiction(row, outcome) {
            let fault = place(Problem::Contradiction, message);
            self.whole.fault(fault);
        }
        self.n.note(row.n, row);
        self.input.note(row.input, row);
        self.outcome.note(row.outcome, row);
        self.attempts.note(row.attempts, row);
        match outcome {
            Outcome::Failed | Outcome::Skipped => self.kind.note(row.kind, row),
            Outcome::Ok => self.status.note(row.status, row),
            Outcome::Unsaid => {}
        }
        self.sha256 += u64::from(sha256.is_some());
        self.add_to_sums(row, outcome);
        self.bodies.check(self.output, row, sha256.as_ref());
        self.pointers.add(self.archives, self.output, row, sha256.as_ref())?;
        let Some(n) = row.n else { return Ok(()) };
        let entry = Entry {
            n,
            at: row.at,
            input: row.input.map_or(0, input_hash),
            sha256: sha256.map_or(0, |sha256| hash(&sha256)),
            kind: row.kind.map_or(0, |kind| hash(kind.as_bytes()) as u32 | 1),
            status: row.status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
            outcome,
        };
        self.sorter.push(entry).map_err(VerifyError::Sort)
    }

    fn fault(&mut self, fault: Fault) {
        self.whole.fault(fault);
    }

    fn response(&mut self, response: &Response) -> Result<(), VerifyError> {
        let entry = entry_of(response, self.files_before);
        self.responses.get_or_insert_with(Sorter::new).push(entry).map_err(VerifyError::Sort)
    }

    fn columns(&mut self, columns: Columns) {
        self.columns = Some(columns);
    }
}

/// Whether a text has the form of an error kind: `timeout.first_byte`, `cancelled`.
fn is_kind(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let parts = text.split('.').count();
    parts <= 2 && text.split('.').all(is_word)
}

/// The bytes of a SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
