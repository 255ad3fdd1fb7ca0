//! `docs/performance.md`, made of the runs that are stored under `benches/runs`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

mod lists;
mod page;

pub(crate) use page::page;

/// A stored run of a suite.
#[derive(Debug, Deserialize)]
struct Stored {
    suite: String,
    machine: Value,
    arguments: String,
    figures: Vec<Figure>,
    #[serde(default)]
    errors: Vec<Value>,
    /// Its path below the root.
    #[serde(skip)]
    path: String,
}

/// What a run measured.
#[derive(Clone, Debug, Deserialize)]
struct Figure {
    case: String,
    name: String,
    unit: String,
    median: f64,
    min: f64,
    max: f64,
    samples: Vec<f64>,
}

/// Where a figure is looked for: suite, case, name.
type Source<'a> = (&'a str, &'a str, &'a str);

/// All stored runs that are evidence.
#[derive(Debug)]
struct Runs(Vec<Stored>);

impl Runs {
    /// Reads every run below a folder that was not only to see whether the benches work.
    fn read(root: &Path, folder: &str) -> Result<Self> {
        let mut paths = BTreeSet::new();
        for day in fs::read_dir(root.join(folder)).with_context(|| format!("no {folder}"))? {
            for file in fs::read_dir(day?.path())? {
                paths.insert(file?.path());
            }
        }
        let mut runs = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path)?;
            let mut run: Stored =
                serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            let below = path.strip_prefix(root).unwrap_or(&path);
            run.path = below.display().to_string();
            runs.push(run);
        }
        Ok(Self::new(runs))
    }

    fn new(mut runs: Vec<Stored>) -> Self {
        runs.retain(|run| !run.arguments.split(' ').any(|word| word == "--quick"));
        runs.sort_by(|a, b| b.date().cmp(a.date()));
        Self(runs)
    }

    /// The newest run of a case in which nothing of it broke.
    fn case(&self, suite: &str, case: &str) -> Option<&Stored> {
        self.0.iter().find(|run| {
            run.suite == suite
                && run.figures.iter().any(|figure| figure.case == case)
                && !run.errors.iter().any(|error| error["case"] == case)
        })
    }

    /// The newest run of any case of a suite.
    fn suite(&self, suite: &str) -> Option<&Stored> {
        self.0.iter().find(|run| run.suite == suite)
    }

    /// A figure of the newest run that has it, of the first source that any run has.
    fn figure(&self, sources: &[Source<'_>]) -> Option<(&Stored, &Figure)> {
        sources.iter().find_map(|(suite, case, name)| {
            self.0.iter().filter(|run| run.suite == *suite).find_map(|run| {
                let broke = run.errors.iter().any(|error| error["case"] == *case);
                Some((run, run.figure(case, name).filter(|_| !broke)?))
            })
        })
    }
}

impl Stored {
    fn date(&self) -> &str {
        self.machine["date"].as_str().unwrap_or_default()
    }

    fn figure(&self, case: &str, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.case == case && figure.name == name)
    }
}

impl Figure {
    /// Its value with its spread.
    fn words(&self) -> String {
        let median = number(self.median);
        let unit = format!(" {}", self.unit);
        let unit = unit.trim_end();
        match self.samples.len() {
            1 => format!("{median}{unit}"),
            rounds => format!(
                "{median}{unit} ({} to {}, {rounds} rounds)",
                number(self.min),
                number(self.max)
            ),
        }
    }

    /// The same where it must be at least so much.
    fn verdict_of_least(&self, limit: f64) -> &'static str {
        match () {
            () if self.min >= limit => "kept",
            () if self.max < limit => "**missed**",
            () => "open: rounds on both sides",
        }
    }

    /// Whether it keeps a limit; nobody can say where rounds are on both sides of it.
    fn verdict(&self, limit: f64) -> &'static str {
        match () {
            () if self.max <= limit => "kept",
            () if self.min > limit => "**missed**",
            () => "open: rounds on both sides",
        }
    }
}

/// A number as a table needs it: three digits that mean something.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        1000.0.. => return thousands(value),
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A link to a stored run from `docs/`.
fn link(run: &Stored) -> String {
    let name = run.path.trim_start_matches("benches/runs/").trim_end_matches(".json");
    let commit = run.machine["commit"].as_str().unwrap_or_default();
    let mut text = String::new();
    write!(text, "[{name}](../{}) at `{commit}`", run.path).expect("memory takes text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(date: &str, arguments: &str, errors: &[&str], value: f64) -> Stored {
        let figure = Figure {
            case: "cpu".to_owned(),
            name: "CPU".to_owned(),
            unit: "us".to_owned(),
            median: value,
            min: value - 1.0,
            max: value + 1.0,
            samples: vec![value - 1.0, value, value + 1.0],
        };
        Stored {
            suite: "seeds".to_owned(),
            machine: serde_json::json!({ "date": date }),
            arguments: arguments.to_owned(),
            figures: vec![figure],
            errors: errors.iter().map(|case| serde_json::json!({ "case": case })).collect(),
            path: format!("benches/runs/{date}/seeds.json"),
        }
    }

    #[test]
    fn the_newest_run_that_is_evidence_counts() {
        let runs = Runs::new(vec![
            run("2026-01-02", "--seed 1", &["other"], 2.0),
            run("2026-01-01", "--seed 1", &[], 1.0),
            run("2026-01-03", "--seed 1 --quick", &[], 3.0),
            run("2026-01-04", "--seed 1", &["cpu"], 4.0),
        ]);
        let found = |sources| runs.figure(sources).map(|(_, figure)| figure.median);
        assert_eq!(found(&[("seeds", "cpu", "CPU")]), Some(2.0));
        assert_eq!(found(&[("seeds", "cpu", "wall"), ("seeds", "cpu", "CPU")]), Some(2.0));
        assert_eq!(found(&[("throughput", "cpu", "CPU")]), None);
        assert_eq!(runs.case("seeds", "cpu").map(Stored::date), Some("2026-01-02"));
    }

    #[test]
    fn rounds_on_both_sides_of_a_limit_decide_nothing() {
        let figure = run("", "", &[], 5.0).figures.remove(0);
        let cases = [(6.0, "kept"), (3.9, "**missed**"), (5.0, "open: rounds on both sides")];
        for (limit, want) in cases {
            assert_eq!(figure.verdict(limit), want, "{limit}");
        }
        let least = [(4.0, "kept"), (6.1, "**missed**"), (5.0, "open: rounds on both sides")];
        for (limit, want) in least {
            assert_eq!(figure.verdict_of_least(limit), want, "at least {limit}");
        }
        assert_eq!(figure.words(), "5 us (4 to 6, 3 rounds)");
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let cases = [(0.1234, "0.123"), (1.5, "1.5"), (12.34, "12.3"), (123.4, "123")];
        for (value, want) in cases.into_iter().chain([(1234567.0, "1,234,567"), (2.0, "2")]) {
            assert_eq!(number(value), want);
        }
    }
}
