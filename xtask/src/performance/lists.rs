//! Lists of all lengths: what each takes in memory, and how fast it goes.

use std::fmt::Write as _;

use super::{Runs, link, number, thousands};

/// The cases, and how each list has its hosts.
const LISTS: &[(&str, &str)] = &[
    ("1-host", "one host"),
    ("1000-hosts", "1,000 hosts in turn"),
    ("1000-hosts-sorted", "1,000 hosts, sorted"),
    ("own-hosts", "every URL its own host"),
];

/// The table of all lengths that were measured.
pub(super) fn lists(runs: &Runs) -> String {
    let mut text = String::from(
        "## Long lists\n\nAt 50 connections (`cargo xtask bench memory`, `--targets 10000000`).\n\n\
         | list | targets | peak | over that of 10,000 | targets a second | run |\n\
         |---|---|---|---|---|---|\n",
    );
    for (case, title) in LISTS {
        let lengths = (4..=7).map(|zeros| 10_u64.pow(zeros));
        for targets in lengths {
            let figure = |what: &str| {
                let name = format!("{what}, {targets} targets");
                runs.figure(&[("memory", case, &name)]).map(|(run, figure)| (run, figure.median))
            };
            let (Some((run, peak)), Some((_, growth)), Some((_, rate))) = (
                figure("peak"),
                figure("peak / that of the shortest list"),
                figure("requests a second"),
            ) else {
                continue;
            };
            writeln!(
                text,
                "| {title} | {} | {} MB | {} x | {} | {} |",
                thousands(targets as f64),
                number(peak),
                number(growth),
                number(rate),
                link(run)
            )
            .expect("memory takes text");
        }
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::LISTS;
    use crate::bench::case_names;

    #[test]
    fn every_list_is_on_the_page() {
        let shown: Vec<&str> = LISTS.iter().map(|(case, _)| *case).collect();
        assert_eq!(case_names("memory").unwrap_or_default(), shown);
    }
}
