//! Figures beside their limits: on the terminal, and in a file with everything they came from.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Run;

/// One measured value.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    name: String,
    unit: &'static str,
    value: f64,
    ideal: Option<f64>,
    limit: Limit,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Limit {
    /// The median over all rounds.
    AtMost(f64),
    /// The median over all rounds.
    AtLeast(f64),
    /// Every round.
    EachAtMost(f64),
    /// Every round.
    Exactly(f64),
    /// Shown for comparison.
    Free,
    /// A ratio to somebody else's value: it says who needs less, if anything can be said.
    Beside,
}

/// The values of one figure over all rounds.
#[derive(Clone, Debug, Serialize)]
struct Figure {
    case: String,
    name: String,
    unit: &'static str,
    ideal: Option<f64>,
    limit: Limit,
    median: f64,
    min: f64,
    max: f64,
    passed: bool,
    samples: Vec<f64>,
}

/// A suite's figures and raw runs.
#[derive(Debug)]
pub(super) struct Report {
    suite: String,
    machine: Value,
    args: String,
    path: PathBuf,
    figures: Vec<Figure>,
    runs: Vec<Value>,
    errors: Vec<Value>,
}

impl Sample {
    pub(super) fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value, ideal: None, limit: Limit::Free }
    }

    pub(super) fn ideal(mut self, ideal: f64) -> Self {
        self.ideal = Some(ideal);
        self
    }

    pub(super) fn at_most(mut self, limit: f64) -> Self {
        self.limit = Limit::AtMost(limit);
        self
    }

    pub(super) fn at_least(mut self, limit: f64) -> Self {
        self.limit = Limit::AtLeast(limit);
        self
    }

    /// A limit that every round must keep.
    pub(super) fn each_at_most(mut self, limit: f64) -> Self {
        self.limit = Limit::EachAtMost(limit);
        self
    }

    /// A ratio, ours over theirs.
    pub(super) fn beside(mut self) -> Self {
        self.limit = Limit::Beside;
        self
    }

    pub(super) fn exactly(mut self, value: f64) -> Self {
        self.limit = Limit::Exactly(value);
        self.ideal = Some(value);
        self
    }
}

impl Limit {
    fn is_kept_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) | Self::EachAtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::Exactly(wanted) => value == wanted,
            Self::Free | Self::Beside => true,
        }
    }
}

impl Figure {
    fn new(case: &str, sample: &Sample) -> Self {
        let Sample { name, unit, ideal, limit, .. } = sample.clone();
        let (median, min, max) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
        let case = case.to_owned();
        Self {
            case,
            name,
            unit,
            ideal,
            limit,
            median,
            min,
            max,
            passed: false,
            samples: Vec::new(),
        }
    }

    fn add(&mut self, value: f64) {
        self.samples.push(value);
        self.median = median(&self.samples);
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        self.passed = match self.limit {
            Limit::Exactly(_) | Limit::EachAtMost(_) => {
                self.samples.iter().all(|value| self.limit.is_kept_by(*value))
            }
            Limit::AtMost(_) | Limit::AtLeast(_) | Limit::Free | Limit::Beside => {
                self.limit.is_kept_by(self.median)
            }
        };
    }

    /// What is held against the limit: the worst where every round counts, else the median.
    fn value(&self) -> f64 {
        match self.limit {
            Limit::EachAtMost(_) => self.max,
            Limit::Exactly(wanted) => {
                let is_off = |value: &&f64| **value != wanted;
                self.samples.iter().find(is_off).copied().unwrap_or(wanted)
            }
            Limit::AtMost(_) | Limit::AtLeast(_) | Limit::Free | Limit::Beside => self.median,
        }
    }

    /// Its row of a table: name, value with unit, spread, ideal, limit, verdict.
    fn row(&self) -> [String; 6] {
        let spread = match self.samples.len() {
            1 => String::new(),
            count => format!("{}-{} of {count}", number(self.min), number(self.max)),
        };
        let (limit, verdict) = match self.limit {
            Limit::AtMost(limit) => (format!("<= {}", number(limit)), self.verdict()),
            Limit::AtLeast(limit) => (format!(">= {}", number(limit)), self.verdict()),
            Limit::EachAtMost(limit) => (format!("each <= {}", number(limit)), self.verdict()),
            Limit::Exactly(wanted) => (format!("each {}", number(wanted)), self.verdict()),
            Limit::Free => (String::new(), ""),
            Limit::Beside => (String::new(), conclusion(self.median, self.min, self.max)),
        };
        [
            self.name.clone(),
            format!("{} {}", number(self.value()), self.unit).trim_end().to_owned(),
            spread,
            self.ideal.map(number).unwrap_or_default(),
            limit,
            verdict.to_owned(),
        ]
    }

    fn verdict(&self) -> &'static str {
        if self.passed { "pass" } else { "FAIL" }
    }
}

impl Report {
    /// An empty report, which has its own file in a folder of the day below `folder`.
    ///
    /// A second run of a suite on one day gets a number: no run is ever replaced.
    pub(super) fn create(suite: &str, machine: Value, args: &str, folder: &Path) -> Result<Self> {
        let date = machine["date"].as_str().and_then(|date| date.get(..10));
        let day = folder.join(date.context("the machine has no date")?);
        fs::create_dir_all(&day)?;
        let numbered = (2..).map(|number| format!("{suite}-{number}.json"));
        let path = std::iter::once(format!("{suite}.json"))
            .chain(numbered)
            .map(|name| day.join(name))
            .find(|path| !path.exists())
            .context("every name is taken")?;
        Ok(Self { path, ..Self::new(suite, machine, args) })
    }

    fn new(suite: &str, machine: Value, args: &str) -> Self {
        let (suite, args, path) = (suite.to_owned(), args.to_owned(), PathBuf::new());
        let (figures, runs, errors) = (Vec::new(), Vec::new(), Vec::new());
        Self { suite, machine, args, path, figures, runs, errors }
    }

    /// Adds a round that broke.
    pub(super) fn add_error(&mut self, case: &str, round: usize, error: &str) {
        self.errors.push(json!({ "case": case, "round": round, "error": error }));
    }

    /// Adds the samples of one round, and the runs they came from.
    pub(super) fn add(&mut self, case: &str, round: usize, samples: Vec<Sample>, runs: Vec<Run>) {
        for sample in samples {
            let known = self
                .figures
                .iter()
                .position(|figure| figure.case == case && figure.name == sample.name);
            let at = known.unwrap_or_else(|| {
                self.figures.push(Figure::new(case, &sample));
                self.figures.len() - 1
            });
            self.figures[at].add(sample.value);
        }
        let runs = runs.into_iter().map(|run| json!({ "case": case, "round": round, "run": run }));
        self.runs.extend(runs);
    }

    /// Prints the figures of one case.
    pub(super) fn print(&self, case: &str) {
        println!("{case}");
        for figure in self.figures.iter().filter(|figure| figure.case == case) {
            let [name, value, spread, ideal, limit, verdict] = figure.row();
            let ideal = if ideal.is_empty() { ideal } else { format!("ideal {ideal}") };
            println!("  {name:<48} {value:>16} {spread:<24} {ideal:<12} {limit:<14} {verdict}");
        }
    }

    /// All figures as a table in Markdown.
    pub(super) fn markdown(&self) -> String {
        let fact = |name: &str| self.machine[name].to_string().replace('"', "");
        let mut text = format!(
            "`bench {} {}`, commit {}, {}, {} x {}, load {}\n\n\
             | case | figure | value | spread | ideal | limit | |\n\
             |---|---|---|---|---|---|---|\n",
            self.suite,
            self.args,
            fact("commit"),
            fact("date"),
            fact("cores"),
            fact("processor"),
            fact("load"),
        );
        for figure in &self.figures {
            let row = figure.row().join(" | ");
            writeln!(text, "| {} | {row} |", figure.case).expect("memory takes text");
        }
        for error in &self.errors {
            writeln!(text, "\nbroken: {error}").expect("memory takes text");
        }
        text
    }

    pub(super) fn passed(&self) -> bool {
        self.errors.is_empty() && self.figures.iter().all(|figure| figure.passed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes everything there is to the report's file.
    pub(super) fn store(&self) -> Result<()> {
        let all = json!({
            "suite": self.suite,
            "machine": self.machine,
            "arguments": self.args,
            "figures": self.figures,
            "errors": self.errors,
            "runs": self.runs,
        });
        fs::write(&self.path, format!("{all:#}\n"))?;
        Ok(())
    }
}

/// What a ratio of ours to theirs says, with its least and its largest value.
///
/// Where the rounds differ among themselves by more than we differ from the other, it says nothing.
pub(crate) fn conclusion(median: f64, min: f64, max: f64) -> &'static str {
    match median {
        _ if max - min >= (median - 1.0).abs() => "no conclusion",
        ..1.0 => "less",
        _ => "more",
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_count_and_exact_numbers_count_every_time() {
        let cases = [
            (Sample::new("a", "s", 0.0).at_most(3.0), [1.0, 9.0, 2.0], true),
            (Sample::new("a", "s", 0.0).at_most(3.0), [1.0, 9.0, 4.0], false),
            (Sample::new("a", "x", 0.0).at_least(3.0), [1.0, 9.0, 3.0], true),
            (Sample::new("a", "x", 0.0).at_least(3.0), [1.0, 9.0, 2.0], false),
            (Sample::new("a", "s", 0.0).each_at_most(3.0), [1.0, 3.0, 2.0], true),
            (Sample::new("a", "s", 0.0).each_at_most(3.0), [1.0, 9.0, 2.0], false),
            (Sample::new("a", "ok", 0.0).exactly(5.0), [5.0, 5.0, 5.0], true),
            (Sample::new("a", "ok", 0.0).exactly(5.0), [5.0, 4.0, 5.0], false),
            (Sample::new("a", "s", 0.0), [1.0, 2.0, 3.0], true),
        ];
        for (sample, values, want) in cases {
            let mut report = Report::new("x", Value::Null, "");
            for (round, value) in values.into_iter().enumerate() {
                report.add("c", round, vec![Sample { value, ..sample.clone() }], Vec::new());
            }
            assert_eq!(report.passed(), want, "{sample:?} {values:?}");
        }
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }

    #[test]
    fn a_spread_as_large_as_the_difference_concludes_nothing() {
        let cases = [
            ([0.5, 0.4, 0.6], "less"),
            ([0.9, 0.85, 0.96], "no conclusion"),
            ([1.0, 1.0, 1.0], "no conclusion"),
            ([3.0, 2.9, 3.1], "more"),
            ([1.1, 0.9, 3.0], "no conclusion"),
        ];
        for ([median, min, max], want) in cases {
            assert_eq!(conclusion(median, min, max), want, "{median} of {min} to {max}");
        }
    }
}
