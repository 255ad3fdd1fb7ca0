//! Sets the records of all outputs beside the inputs, in the order of their numbers.

use crate::entry::Entry;
use crate::error::VerifyError;
use crate::examine::Members;
use crate::input::{Expected, Hidden, Inputs};
use crate::journal::Bitmap;
use crate::output::{Form, OutputSpec};
use crate::report::{Fault, Problem, Tally};
use crate::sort::Sorted;

/// An output with its records in order.
pub(crate) struct Side<'a> {
    pub(crate) output: &'a OutputSpec,
    pub(crate) members: Members,
    seen: Members,
    entries: Sorted,
    head: Option<Entry>,
    /// The records of the number at hand.
    here: Vec<Entry>,
    /// Has every input exactly one record?
    pub(crate) once: Tally,
    /// Is each record that of its input?
    pub(crate) inputs: Tally,
    /// Does it agree with the first output?
    pub(crate) agree: Tally,
    /// Does it have the records that the journal says are finished, and no others?
    pub(crate) journal: Tally,
    /// Records whose input was not what it should be; what they say is still to be found out.
    pub(crate) strays: Vec<Stray>,
}

/// A record with another input than it should have.
pub(crate) struct Stray {
    pub(crate) at: u64,
    /// Which of the named faults of `inputs` it is.
    pub(crate) fault: usize,
}

/// What every output is held against.
pub(crate) struct Against<'a> {
    pub(crate) inputs: Option<Inputs>,
    /// How many there are, where that is known without reading them.
    pub(crate) count: Option<u64>,
    /// What the journal says is finished.
    pub(crate) finished: Option<&'a Bitmap>,
    /// Whether every input must have its record.
    pub(crate) is_over: IsOver,
}

/// Whether the run has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsOver {
    /// As far as anybody knows.
    Yes,
    /// Its journal says that inputs are left.
    No,
}

/// What came of it beside the tallies of each output.
pub(crate) struct Joined {
    /// Inputs there are, where that is known.
    pub(crate) inputs: Option<u64>,
    /// One past the highest number of a record.
    pub(crate) end: u64,
}

impl<'a> Side<'a> {
    pub(crate) fn new(
        output: &'a OutputSpec,
        (members, seen): (Members, Members),
        mut entries: Sorted,
    ) -> Result<Self, VerifyError> {
        let head = entries.next().map_err(VerifyError::Sort)?;
        let tally = Tally::default;
        let (once, inputs, agree, journal) = (tally(), tally(), tally(), tally());
        let (here, strays) = (Vec::new(), Vec::new());
        Ok(Self {
            output,
            members,
            seen,
            entries,
            head,
            here,
            once,
            inputs,
            agree,
            journal,
            strays,
        })
    }

    /// Takes the records of this number, of which few are kept.
    fn take(&mut self, n: u64) -> Result<u64, VerifyError> {
        const KEPT_MAX: usize = 4;
        self.here.clear();
        let mut count = 0;
        while let Some(entry) = self.head.filter(|entry| entry.n == n) {
            count += 1;
            if self.here.len() < KEPT_MAX {
                self.here.push(entry);
            }
            self.head = self.entries.next().map_err(VerifyError::Sort)?;
        }
        Ok(count)
    }

    fn places(&self) -> String {
        let places: Vec<String> =
            self.here.iter().map(|entry| self.output.place(entry.at)).collect();
        places.join(", ")
    }

    fn check_input(&mut self, expected: &Expected, hidden: &Hidden) {
        for entry in &self.here {
            self.inputs.examined += 1;
            if expected.is_shown_by(entry, hidden) {
                continue;
            }
            let fault = self.inputs.first.len();
            let place = self.output.place(entry.at);
            self.inputs.fault_with(|| {
                let stands = expected.where_it_stands();
                let message = format!("the record is of another input than {stands}");
                Fault::new(Problem::WrongInput, place, message)
                    .of(entry.n)
                    .expected(expected.shown(hidden))
            });
            if self.inputs.first.len() > fault {
                self.strays.push(Stray { at: entry.at, fault });
            }
        }
    }
}

/// Sets them side by side.
pub(crate) fn join(sides: &mut [Side<'_>], against: Against<'_>) -> Result<Joined, VerifyError> {
    let Against { mut inputs, count, finished, is_over } = against;
    let mut end = 0;
    let mut n = 0;
    let is_known = inputs.is_some() || count.is_some();
    let hidden = inputs.as_ref().map(|inputs| inputs.hidden.clone()).unwrap_or_default();
    loop {
        let expected = match &mut inputs {
            Some(inputs) => inputs.next()?,
            None => None,
        };
        let is_input = expected.is_some() || count.is_some_and(|count| n < count);
        if !is_input {
            // Beyond the inputs, only what records name is looked at.
            let next = sides.iter().filter_map(|side| side.head.map(|head| head.n)).min();
            let Some(next) = next else { break };
            if !is_known && next > n {
                sides.iter_mut().for_each(|side| side.lacks(n, next));
            }
            n = next;
        }
        let exists = is_input || !is_known;
        for side in &mut *sides {
            let records = side.take(n)?;
            if records > 0 {
                end = n.saturating_add(1);
            }
            side.check_once(
                n,
                records,
                exists.then_some(Exists { expected, hidden: &hidden, is_over }),
                finished,
            );
            if let Some(expected) = expected.filter(|_| side.members.input) {
                side.check_input(expected, &hidden);
            }
        }
        agree(sides);
        let Some(next) = n.checked_add(1) else { break };
        n = next;
    }
    have_the_same_members(sides);
    let read = inputs.as_ref().map(Inputs::read);
    Ok(Joined { inputs: read.or(count), end })
}

/// An input that there is.
struct Exists<'a> {
    /// The input itself, where it was read.
    expected: Option<&'a Expected>,
    hidden: &'a Hidden,
    is_over: IsOver,
}

impl Side<'_> {
    /// Without inputs to tell, every number before that of a record is one.
    fn lacks(&mut self, from: u64, to: u64) {
        self.once.faults = self.once.faults.saturating_add(to - from - 1);
        self.once.examined = self.once.examined.saturating_add(to - from);
        self.once.fault_with(|| {
            let message = match to - from {
                1 => "there is no record".to_owned(),
                _ => format!("there is no record, nor of any number up to {}", to - 1),
            };
            Fault::new(Problem::Missing, "", message).of(from)
        });
    }

    fn check_once(
        &mut self,
        n: u64,
        records: u64,
        exists: Option<Exists<'_>>,
        finished: Option<&Bitmap>,
    ) {
        let first = self.here.first().map(|entry| self.output.place(entry.at)).unwrap_or_default();
        let Some(Exists { expected, hidden, is_over }) = exists else {
            if records > 0 {
                self.once.faults = self.once.faults.saturating_add(records - 1);
                self.once.fault_with(|| {
                    Fault::new(Problem::Unexpected, first, "there is no input of this number").of(n)
                });
            }
            return;
        };
        self.once.examined += 1;
        let says_finished = is_over == IsOver::Yes || finished.is_some_and(|done| done.has(n));
        match records {
            0 if says_finished => self.once.fault_with(|| {
                let fault = Fault::new(Problem::Missing, "", "the input has no record").of(n);
                match expected {
                    Some(expected) => Fault {
                        place: expected.where_it_stands(),
                        ..fault.expected(format!("a record of {}", expected.shown(hidden)))
                    },
                    None => fault,
                }
            }),
            0 | 1 => {}
            more => {
                let places = self.places();
                self.once.fault_with(|| {
                    let message = format!("the input has {more} records, at {places}");
                    Fault::new(Problem::Doubled, "", message).of(n)
                });
            }
        }
        if let Some(finished) = finished {
            self.journal.examined += 1;
            if records > 0 && !finished.has(n) {
                self.journal.fault_with(|| {
                    let message =
                        "the record is committed, and the journal says its input is not finished";
                    Fault::new(Problem::Journal, first, message).of(n)
                });
            }
        }
    }
}

/// Holds the record of each output against that of the first.
fn agree(sides: &mut [Side<'_>]) {
    let Some((first, others)) = sides.split_first_mut() else { return };
    let [one] = first.here[..] else { return };
    for side in others {
        let [other] = side.here[..] else { continue };
        side.agree.examined += 1;
        let both = |has: fn(&Members) -> bool| has(&first.members) && has(&side.members);
        let differs = if both(|members| members.outcome) && one.outcome != other.outcome {
            let (one, other) = (one.outcome.as_str(), other.outcome.as_str());
            ("outcome", Some((one.to_owned(), other.to_owned())))
        } else if both(|members| members.status) && one.status != other.status {
            ("status_code", Some((shown(one.status), shown(other.status))))
        } else if both(|members| members.kind) && one.kind != other.kind {
            ("error.kind", None)
        } else if both(|members| members.sha256) && one.sha256 != other.sha256 {
            ("sha256", None)
        } else if both(|members| members.input) && one.input != other.input {
            ("input", None)
        } else {
            continue;
        };
        let (output, name) = (side.output, &first.output.name);
        side.agree.fault_with(|| {
            let (member, values) = differs;
            let there = match first.output.place(one.at) {
                place if place.is_empty() => String::new(),
                place => format!(" in {place}"),
            };
            let message = format!("{member} is not what {name} says{there}");
            let fault = Fault::new(Problem::Disagreement, output.place(other.at), message);
            let fault = fault.of(one.n);
            match values {
                Some((expected, found)) => fault.expected(expected).found(found),
                None => fault,
            }
        });
    }
}

/// Outputs of one run have the same members; what one has and another lacks was lost. Archives
/// have the usual ones, whatever the others were asked for.
fn have_the_same_members(sides: &mut [Side<'_>]) {
    let Some((first, others)) = sides.split_first_mut() else { return };
    let is_archive = |side: &Side<'_>| side.output.form == Form::Warc;
    for side in others.iter_mut().filter(|side| !is_archive(side) && !is_archive(first)) {
        let members = |members: Members| {
            let Members { input, outcome, status, kind, sha256 } = members;
            [input, outcome, status, kind, sha256]
        };
        let names = ["input", "outcome", "status_code", "error.kind", "sha256"];
        let (here, there) = (members(side.members), members(first.members));
        let (seen_here, seen_there) = (members(side.seen), members(first.seen));
        // One without records lacks more than members, and that is said elsewhere.
        if seen_here == [false; 5] || seen_there == [false; 5] {
            continue;
        }
        for (at, name) in names.into_iter().enumerate() {
            let lacking = match () {
                () if seen_there[at] && !here[at] => side.output,
                () if seen_here[at] && !there[at] => first.output,
                () => continue,
            };
            let message =
                format!("the records of {} have no {name}, and others have", lacking.name);
            side.agree.fault(Fault::new(Problem::MemberMissing, "", message));
        }
    }
}

fn shown(status: u16) -> String {
    if status == 0 { "none".to_owned() } else { status.to_string() }
}
