//! Figures beside their limits: on the terminal, and in a file with everything they came from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
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
    AtMost(f64),
    Exactly(f64),
    /// Shown for comparison.
    Free,
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
    passed: bool,
    samples: Vec<f64>,
}

/// A suite's figures and raw runs.
#[derive(Debug)]
pub(super) struct Report {
    suite: String,
    machine: Value,
    args: String,
    figures: Vec<Figure>,
    runs: Vec<Value>,
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

    pub(super) fn exactly(mut self, value: f64) -> Self {
        self.limit = Limit::Exactly(value);
        self.ideal = Some(value);
        self
    }
}

impl Limit {
    fn is_kept_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::Exactly(wanted) => value == wanted,
            Self::Free => true,
        }
    }
}

impl Figure {
    /// Takes a further value. A limit is kept by the median; an exact number by every round.
    fn add(&mut self, value: f64) {
        self.samples.push(value);
        self.median = median(&self.samples);
        self.passed = match self.limit {
            Limit::Exactly(_) => self.samples.iter().all(|value| self.limit.is_kept_by(*value)),
            Limit::AtMost(_) | Limit::Free => self.limit.is_kept_by(self.median),
        };
    }
}

impl Report {
    pub(super) fn new(suite: &str, machine: Value, args: &str) -> Self {
        let (suite, args) = (suite.to_owned(), args.to_owned());
        Self { suite, machine, args, figures: Vec::new(), runs: Vec::new() }
    }

    /// Adds the samples of one round, and the runs they came from.
    pub(super) fn add(&mut self, case: &str, round: usize, samples: Vec<Sample>, runs: Vec<Run>) {
        for sample in samples {
            let known = self
                .figures
                .iter()
                .position(|figure| figure.case == case && figure.name == sample.name);
            let at = known.unwrap_or_else(|| {
                let Sample { name, unit, ideal, limit, .. } = sample.clone();
                let case = case.to_owned();
                let (median, passed, samples) = (0.0, false, Vec::new());
                self.figures.push(Figure {
                    case,
                    name,
                    unit,
                    ideal,
                    limit,
                    median,
                    passed,
                    samples,
                });
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
            let ideal = figure.ideal.map(|ideal| format!("ideal {}", number(ideal)));
            let (limit, verdict) = match figure.limit {
                Limit::AtMost(limit) => (format!("at most {}", number(limit)), figure.verdict()),
                Limit::Exactly(wanted) => (format!("exactly {}", number(wanted)), figure.verdict()),
                Limit::Free => (String::new(), ""),
            };
            println!(
                "  {:<34} {:>9} {:<8} {:<13} {:<17} {verdict}",
                figure.name,
                number(figure.median),
                figure.unit,
                ideal.unwrap_or_default(),
                limit,
            );
        }
    }

    pub(super) fn passed(&self) -> bool {
        self.figures.iter().all(|figure| figure.passed)
    }

    /// Writes everything to a new file in `folder`.
    pub(super) fn store(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let date = self.machine["date"].as_str().unwrap_or_default().replace(':', "");
        let path = folder.join(format!("{date}-{}.json", self.suite));
        let all = json!({
            "suite": self.suite,
            "machine": self.machine,
            "arguments": self.args,
            "figures": self.figures,
            "runs": self.runs,
        });
        fs::write(&path, format!("{all:#}\n"))?;
        Ok(path)
    }
}

impl Figure {
    fn verdict(&self) -> &'static str {
        if self.passed { "pass" } else { "FAIL" }
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
}
