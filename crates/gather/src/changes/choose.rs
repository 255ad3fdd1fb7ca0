//! Which runs are compared.

use gather_store::read::{self, Bodies, ResultPlace, ResultSpec, RunAbout, Standing};

use super::{ChangesError, Snapshot};

/// Runs before the first one that is told of, which say what was recorded last.
const EARLIER_RUNS_MAX: usize = 10;

/// Which runs of a database are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The last two; of files, each with the one before it.
    #[default]
    Last,
    /// This run with the one before it.
    Run(Box<str>),
    /// These two, and nothing of the others.
    Pair {
        /// The earlier one.
        before: Box<str>,
        /// The later one.
        after: Box<str>,
    },
    /// All since a moment, in microseconds since 1970, each with the one before it.
    Since(u64),
}

/// The runs to be compared, the earliest first, and the first of them that is told of. `job` are
/// the runs of a database that are looked at; those of the job that ran last if `None`.
///
/// # Errors
/// When there are not two runs, or one that was named is not there.
pub fn choose(
    places: &[ResultPlace],
    choice: &Choice,
    job: Option<&str>,
) -> Result<(Vec<Snapshot>, usize), ChangesError> {
    let wrong = |message: &str| Err(ChangesError::Choice(message.to_owned()));
    let [place] = places else {
        return match choice {
            Choice::Last if job.is_none() => of_files(places),
            _ => wrong("runs are chosen of one database; hint: name it alone"),
        };
    };
    let Some(runs) = read::runs(place)? else {
        return wrong(
            "one result has nothing to be compared with; hint: name two, the earlier one first, \
             or a database that holds several runs",
        );
    };
    let snapshot = |run: &RunAbout| Snapshot {
        spec: ResultSpec {
            place: place.clone(),
            run: Some(run.id.clone()),
            bodies: Bodies::default(),
        },
        name: run.id.to_string(),
        standing: run.standing,
    };
    let at = |name: &str| {
        runs.iter().position(|run| *run.id == *name).ok_or_else(|| {
            let last: Vec<&str> = runs.iter().rev().take(5).map(|run| &*run.id).collect();
            let last = last.join(", ");
            ChangesError::Choice(format!("there is no run {name}; hint: the last ones are {last}"))
        })
    };
    if let Choice::Pair { before, after } = choice {
        let pair = [at(before)?, at(after)?].map(|at| snapshot(&runs[at]));
        return Ok((pair.into(), 1));
    }
    let newest = match choice {
        Choice::Run(name) => at(name)?,
        _ => runs.len().saturating_sub(1),
    };
    let job = job.or_else(|| runs.get(newest).and_then(|run| run.job.as_deref()));
    let of_job = |run: &&RunAbout| run.job.as_deref() == job;
    let list: Vec<&RunAbout> = runs.iter().take(newest + 1).filter(of_job).collect();
    let first = match choice {
        Choice::Since(since) => list.partition_point(|run| run.started_unix_us < *since),
        _ => list.len().saturating_sub(1),
    };
    if list.len() < 2 || first == list.len() {
        return wrong(&none(job, choice, list.len()));
    }
    // The very first run has none to be compared with.
    let first = first.max(1);
    let from = first.saturating_sub(EARLIER_RUNS_MAX);
    Ok((list[from..].iter().map(|run| snapshot(run)).collect(), first - from))
}

fn none(job: Option<&str>, choice: &Choice, runs: usize) -> String {
    let of = job.map(|job| format!(" of job {job}")).unwrap_or_default();
    match (choice, runs) {
        (Choice::Since(_), 2..) => format!("there is no run{of} since then"),
        (_, 0) => format!("there is no run{of}"),
        _ => format!(
            "there is one run{of}, and nothing to compare it with; hint: run it again with the \
             same -o, which adds a run"
        ),
    }
}

/// Results in the order in which they were named.
fn of_files(places: &[ResultPlace]) -> Result<(Vec<Snapshot>, usize), ChangesError> {
    let snapshot = |place: &ResultPlace| {
        let bodies = Bodies::default();
        let spec = ResultSpec { place: place.clone(), run: None, bodies };
        let results = read::open(&spec)?;
        let standing = read::standing(&spec, &*results);
        let name = match (place, results.run()) {
            (ResultPlace::File(path), _) => path.display().to_string(),
            (_, Some(run)) => run.id.to_string(),
            (ResultPlace::Postgres(url), None) => url.to_string(),
            (ResultPlace::Stdin, None) => "-".to_owned(),
        };
        Ok(Snapshot { spec, name, standing })
    };
    // Opened once to be looked at; standard input can be read but once.
    let snapshots = places.iter().map(|place| match place {
        ResultPlace::Stdin => Ok(Snapshot {
            spec: ResultSpec { place: place.clone(), run: None, bodies: Bodies::default() },
            name: "-".to_owned(),
            standing: Standing::Ended,
        }),
        place => snapshot(place),
    });
    Ok((snapshots.collect::<Result<_, ChangesError>>()?, 1))
}
