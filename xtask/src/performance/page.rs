//! What stands on the page: the ratios, the peers, every suite, the method.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::lists::lists;
use super::{Runs, Source, link, number};
use crate::repo;

/// Where stored runs are.
const FOLDER: &str = "benches/runs";
/// What is known of the distances that stay, by people with profilers.
const DISTANCE: &str = "benches/distance.md";

/// One limit of a ratio.
struct Limit {
    what: &'static str,
    /// Where it is measured; the first that any run has.
    sources: &'static [Source<'static>],
    at_most: f64,
    unit: &'static str,
    /// What measures it.
    command: &'static str,
}

/// The nine ratios, each with its limits.
const RATIOS: &[(&str, &[Limit])] = &[
    (
        "1. CPU of a request",
        &[
            Limit {
                what: "beside wrk, 1 KiB",
                sources: &[
                    ("throughput", "1k-1-host", "CPU / wrk's"),
                    ("seeds", "cpu", "CPU / wrk's"),
                ],
                at_most: 1.3,
                unit: "x",
                command: "throughput --only 1k-1-host",
            },
            Limit {
                what: "beside aiohttp, as most scripts use it",
                sources: &[("throughput", "1k-1-host", "CPU / aiohttp's")],
                at_most: 0.1,
                unit: "x",
                command: "throughput --only 1k-1-host",
            },
            Limit {
                what: "beside `curl --parallel`",
                sources: &[("throughput", "1k-1-host", "CPU / curl's")],
                at_most: 0.334,
                unit: "x",
                command: "throughput --only 1k-1-host",
            },
        ],
    ),
    (
        "2. Our own part of it",
        &[
            Limit {
                what: "user time of a request",
                sources: &[("throughput", "1k-1-host", "user CPU"), ("seeds", "cpu", "user CPU")],
                at_most: 6.0,
                unit: "us",
                command: "throughput --only 1k-1-host",
            },
            Limit {
                what: "sends and receives of a request",
                sources: &[("throughput", "syscalls", "sends and receives")],
                at_most: 2.02,
                unit: "",
                command: "throughput --only syscalls",
            },
            Limit {
                what: "all system calls of a request",
                sources: &[("throughput", "syscalls", "system calls")],
                at_most: 2.8,
                unit: "",
                command: "throughput --only syscalls",
            },
        ],
    ),
    (
        "3. Wall time over the least possible",
        &[
            Limit {
                what: "2,000 targets of 0.1 s at 100",
                sources: &[("schedule", "2000-at-100", LEAST)],
                at_most: 1.03,
                unit: "x",
                command: "schedule --only 2000-at-100",
            },
            Limit {
                what: "50 targets of 1 s at 20",
                sources: &[("schedule", "50-at-20", LEAST)],
                at_most: 1.03,
                unit: "x",
                command: "schedule --only 50-at-20",
            },
            Limit {
                what: "1,000 targets of 1 s at 1,000",
                sources: &[("schedule", "1000-at-1000", LEAST)],
                at_most: 1.1,
                unit: "x",
                command: "schedule --only 1000-at-1000",
            },
        ],
    ),
    (
        "4. 10,000 in flight",
        &[
            Limit {
                what: "wall time of 10,000 targets of 1 s",
                sources: &[
                    ("inflight", "10000-at-10000", "wall"),
                    ("seeds", "delay-10000-at-10000", "wall"),
                ],
                at_most: 1.6,
                unit: "s",
                command: "inflight",
            },
            Limit {
                what: "peak memory",
                sources: &[
                    ("inflight", "10000-at-10000", "peak memory"),
                    ("seeds", "delay-10000-at-10000", "peak memory"),
                ],
                at_most: 180.0,
                unit: "MB",
                command: "inflight",
            },
        ],
    ),
    (
        "5. Flat memory",
        &[
            Limit {
                what: "peak at 1,000,000 URLs, one host",
                sources: &[
                    ("memory", "1-host", PEAK),
                    ("seeds", "memory-1-host", "peak, 1000000 targets"),
                ],
                at_most: 24.0,
                unit: "MB",
                command: "memory --only 1-host",
            },
            Limit {
                what: "over the peak at 10,000, one host",
                sources: &[
                    ("memory", "1-host", GROWTH),
                    ("seeds", "memory-1-host", "peak / peak of the short list"),
                ],
                at_most: 1.1,
                unit: "x",
                command: "memory --only 1-host",
            },
            Limit {
                what: "over the peak at 10,000, 1,000 hosts",
                sources: &[("memory", "1000-hosts", GROWTH)],
                at_most: 1.1,
                unit: "x",
                command: "memory --only 1000-hosts",
            },
            Limit {
                what: "over the peak at 10,000, 1,000 hosts, sorted",
                sources: &[("memory", "1000-hosts-sorted", GROWTH)],
                at_most: 1.1,
                unit: "x",
                command: "memory --only 1000-hosts-sorted",
            },
            Limit {
                what: "over the peak at 10,000, every URL its own host",
                sources: &[("memory", "own-hosts", GROWTH)],
                at_most: 1.1,
                unit: "x",
                command: "memory --only own-hosts",
            },
        ],
    ),
    (
        "6. Durability",
        &[
            Limit {
                what: "instructions with a journal over those without",
                sources: &[(
                    "journal",
                    "journal-instructions",
                    "instructions with a journal / without",
                )],
                at_most: 1.06,
                unit: "x",
                command: "journal --only journal-instructions",
            },
            Limit {
                what: "CPU with a journal over that without",
                sources: &[("sinks", "beside-jsonl", "CPU with journal / alone")],
                at_most: 1.06,
                unit: "x",
                command: "sinks --only beside-jsonl",
            },
            Limit {
                what: "CPU with SQLite beside JSON lines over JSON lines",
                sources: &[("sinks", "beside-jsonl", "CPU with sqlite / alone")],
                at_most: 1.15,
                unit: "x",
                command: "sinks --only beside-jsonl",
            },
        ],
    ),
    (
        "7. Longest stall of a loop",
        &[
            Limit {
                what: "1,000 in flight, by the loop's CPU clock",
                sources: &[
                    ("stall", "1000-in-flight", STALL),
                    ("seeds", "delay-1000-at-1000", STALL),
                ],
                at_most: 25.0,
                unit: "ms",
                command: "stall --only 1000-in-flight",
            },
            Limit {
                what: "10,000 in flight",
                sources: &[
                    ("stall", "10000-in-flight", STALL),
                    ("seeds", "delay-10000-at-10000", STALL),
                ],
                at_most: 50.0,
                unit: "ms",
                command: "stall --only 10000-in-flight",
            },
            Limit {
                what: "heavy pages parsed on all processors",
                sources: &[("extract", "stall", "longest stall, CPU clock")],
                at_most: 50.0,
                unit: "ms",
                command: "extract --only stall",
            },
        ],
    ),
    (
        "8. Cold start",
        &[
            Limit {
                what: "one URL, the whole process",
                sources: &[("coldstart", "one-url", "whole process")],
                at_most: 5.0,
                unit: "ms",
                command: "coldstart --only one-url",
            },
            Limit {
                what: "beside curl",
                sources: &[("coldstart", "one-url", "whole process / curl's")],
                at_most: 1.0,
                unit: "x",
                command: "coldstart --only one-url",
            },
        ],
    ),
    (
        "9. A decision",
        &[Limit {
            what: "1,000,000 hosts waiting",
            sources: &[("frontier", "decisions", "decision, 1000000 hosts")],
            at_most: 1.0,
            unit: "us",
            command: "frontier",
        }],
    ),
];

const LEAST: &str = "wall / the least possible";
const PEAK: &str = "peak, 1000000 targets";
const GROWTH: &str = "peak / that of the shortest list, 1000000 targets";
const STALL: &str = "longest loop stall, CPU";

/// Cases in which others fetch the same.
const BESIDE: &[(&str, &str, &str)] = &[
    ("throughput", "1k-1-host", "1 KiB from one host over 100 connections"),
    ("throughput", "1k-200-hosts", "1 KiB from 200 hosts"),
    ("throughput", "16k-1-host", "16 KiB from one host"),
    ("throughput", "16k-200-hosts", "16 KiB from 200 hosts"),
    ("throughput", "1k-tls", "1 KiB over TLS 1.3, one host"),
    ("throughput", "1k-http2", "1 KiB over HTTP/2, one host"),
];

const DELAYS: &[(&str, &str, &str)] = &[
    ("schedule", "50-at-20", "50 targets of 1 s at 20"),
    ("schedule", "2000-at-100", "2,000 targets of 0.1 s at 100"),
    ("schedule", "1000-at-1000", "1,000 targets of 1 s at 1,000"),
    ("inflight", "10000-at-10000", "10,000 targets of 1 s at 10,000, 200 hosts"),
];

const SUITES: &[&str] = &[
    "throughput",
    "schedule",
    "inflight",
    "memory",
    "stall",
    "coldstart",
    "frontier",
    "shards",
    "seeds",
    "politeness",
    "journal",
    "sinks",
    "extract",
    "monitor",
];

/// What a second event loop does: title, where it is measured, least ratio if there is one.
const TWO_OVER_ONE: &str = "2 shards / 1 shard";

const MULTI_CORE: &[(&str, Source, Option<f64>)] = &[
    ("in memory, 64 KiB, 2 shards over 1", ("shards", "memory-64k", TWO_OVER_ONE), Some(1.7)),
    ("in memory, 1 KiB, 2 shards over 1", ("shards", "memory-1k", TWO_OVER_ONE), Some(1.7)),
    (
        "in memory, 1 KiB, 2 shards over 1 that has one processor with all that reads and writes",
        ("shards", "memory-1k", "2 shards / 1 shard on 1 processor"),
        None,
    ),
    ("nginx, 1 KiB, 2 shards over 1", ("shards", "sockets", TWO_OVER_ONE), None),
    (
        "nginx on a processor of its own, 1 KiB, 2 shards over 1",
        ("shards", "sockets", "2 shards / 1 shard, server pinned apart"),
        None,
    ),
];

const OPENING: &str = "\
# Performance

<!-- Generated by `cargo xtask gen` from benches/runs. -->

What gather takes, beside what other clients take for the same work, on the machine of each stored run.
Absolute times hold for that machine alone; ratios within a run can be compared. Each figure is the
median of its rounds, with the least and the largest; a limit that has rounds on both sides is neither
kept nor missed.

";

const METHOD: &str = "\
## Method

- Client and server share one machine: Debian's nginx with one worker, keep-alive, on addresses of
  127.0.0.0/8. A fresh nginx for each case and round.
- gather runs as released, with its defaults: the full record to a file, timeouts, politeness, journal.
- Contenders run one after the other in each round, in each round another first. A ratio is that of
  one round; the median of the ratios counts.
- CPU is user and system time of the client's process by GNU time, start and end included, over the
  requests. Slow clients get a shorter list, so their start counts for more (Scrapy: about 0.1 ms a
  request). wrk and oha ask for one URL and write nothing, and wrk stops by the second.
- Every request is counted by the server: a client that claims what the server has not seen fails the
  round.
- Where rounds differ among themselves by more than we differ from the other, there is *no conclusion*.
- Stalls are measured by the CPU clock of the loop's thread, so that a stolen processor does not count.
- Instructions of single steps are counted by callgrind and held by CI (`cargo xtask instructions`,
  `benches/instructions.json`); load does not change them.

All of it again: `cargo xtask bench`, a part of it: `cargo xtask bench SUITE --only CASE`. [What each suite does](../benches/README.md).

## What is not measured

Real networks, with latency and loss; names (the lists have addresses); servers on other machines; other
systems than Linux; more than two processors; connections through proxies; HTTP/3, which there is not.
Of stalls only the longest is known, which is above the 99th percentile. aria2 and wget2 write files or
run many threads, which is what they are for: their figures say what a list costs with them, no more.
";

/// The whole page.
pub(crate) fn page() -> Result<String> {
    let root = repo::root();
    let runs = Runs::read(&root, FOLDER)?;
    let distance = std::fs::read_to_string(root.join(DISTANCE)).context(DISTANCE)?;
    let sections = [
        OPENING.to_owned(),
        ratios(&runs),
        beside(&runs),
        delays(&runs),
        lists(&runs),
        multi_core(&runs),
        suites(&runs),
        METHOD.to_owned(),
        format!("\n{}\n", distance.trim_end()),
    ];
    Ok(sections.concat())
}

fn ratios(runs: &Runs) -> String {
    let mut text = String::from(
        "## The nine ratios\n\n| | limit | measured | | by `cargo xtask bench …` | run |\n\
         |---|---|---|---|---|---|\n",
    );
    for (name, limits) in RATIOS {
        writeln!(text, "| **{name}** | | | | | |").expect("memory takes text");
        for Limit { what, sources, at_most, unit, command } in *limits {
            let limit = format!("{} {unit}", number(*at_most));
            let (measured, verdict, run) = match runs.figure(sources) {
                Some((run, figure)) => (figure.words(), figure.verdict(*at_most), link(run)),
                None => ("no stored run".to_owned(), "", String::new()),
            };
            writeln!(
                text,
                "| {what} | at most {} | {measured} | {verdict} | `{command}` | {run} |",
                limit.trim_end()
            )
            .expect("memory takes text");
        }
    }
    text + "\n"
}

fn beside(runs: &Runs) -> String {
    let mut text = String::from("## CPU of a request, beside others\n");
    for (suite, case, title) in BESIDE {
        let command = format!("cargo xtask bench {suite} --only {case}");
        let Some(run) = runs.case(suite, case) else {
            write!(text, "\n**{title}** (`{command}`): no stored run.\n").expect("memory");
            continue;
        };
        write!(
            text,
            "\n**{title}** (`{command}`, {})\n\n\
             | client | CPU | gather's over it | | requests a second | peak |\n\
             |---|---|---|---|---|---|\n",
            link(run)
        )
        .expect("memory takes text");
        let value = |name: &str| {
            let figure = run.figure(case, name);
            figure.map_or_else(String::new, |f| format!("{} {}", number(f.median), f.unit))
        };
        let [cpu, rate, peak] = ["CPU", "requests a second", "peak memory"].map(value);
        writeln!(text, "| **gather** | {cpu} | | | {rate} | {peak} |").expect("memory takes text");
        for figure in run.figures.iter().filter(|figure| figure.case == *case) {
            let Some(name) = figure.name.strip_prefix("CPU / ").and_then(|n| n.strip_suffix("'s"))
            else {
                continue;
            };
            let [cpu, rate, peak] = ["CPU", "requests a second", "peak memory"]
                .map(|what| value(&format!("{what} of {name}")));
            writeln!(
                text,
                "| {name} | {cpu} | {} | {} | {rate} | {peak} |",
                figure.words(),
                conclusion(figure)
            )
            .expect("memory takes text");
        }
    }
    text + "\n"
}

fn conclusion(figure: &super::Figure) -> &'static str {
    match figure.samples.len() {
        1 => "one round",
        _ => crate::bench::conclusion(figure.median, figure.min, figure.max),
    }
}

fn delays(runs: &Runs) -> String {
    let mut text = String::from(
        "## Delays, beside others\n\n| | least possible | client | wall | gather's over it | | run |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (suite, case, title) in DELAYS {
        let Some(run) = runs.case(suite, case) else {
            let command = format!("cargo xtask bench {suite} --only {case}");
            writeln!(text, "| {title} | | no stored run | | | | `{command}` |").expect("memory");
            continue;
        };
        let wall = |name: &str| run.figure(case, name).map_or(f64::NAN, |figure| figure.median);
        let least = wall("wall") / wall(LEAST);
        writeln!(
            text,
            "| {title} | {} s | **gather** | {} s | | | {} |",
            number(least),
            number(wall("wall")),
            link(run)
        )
        .expect("memory takes text");
        for figure in run.figures.iter().filter(|figure| figure.case == *case) {
            let name = figure.name.strip_prefix("wall / ").and_then(|n| n.strip_suffix("'s"));
            let Some(name) = name else { continue };
            writeln!(
                text,
                "| | | {name} | {} s | {} | {} | |",
                number(wall(&format!("wall of {name}"))),
                figure.words(),
                conclusion(figure)
            )
            .expect("memory takes text");
        }
    }
    text + "\n"
}

fn multi_core(runs: &Runs) -> String {
    let mut text = String::from(
        "## Multi-core\n\nRequests a second with two event loops over those with one, from 200 hosts \
         at 100. In memory the server is part of the loops. Where client and server are pinned \
         apart on two processors, one is left for the client, and a second loop can only cost.\n\n\
         | | least | measured | | run |\n|---|---|---|---|---|\n",
    );
    for (what, source, least) in MULTI_CORE {
        let limit = least.map_or_else(String::new, |least| format!("{} x", number(least)));
        let (measured, verdict, run) = match runs.figure(&[*source]) {
            Some((run, figure)) => {
                let verdict = least.map_or("", |least| figure.verdict_of_least(least));
                (figure.words(), verdict, link(run))
            }
            None => ("no stored run".to_owned(), "", String::new()),
        };
        writeln!(text, "| {what} | {limit} | {measured} | {verdict} | {run} |").expect("memory");
    }
    text + "\n"
}

fn suites(runs: &Runs) -> String {
    let mut text = String::from(
        "## Every suite\n\n| `cargo xtask bench …` | newest stored run |\n|---|---|\n",
    );
    for suite in SUITES {
        let run = runs.suite(suite).map_or_else(
            || "no stored run".to_owned(),
            |run| {
                let machine = |name: &str| run.machine[name].to_string().replace('"', "");
                format!(
                    "{}, {} x {}, load {} at its start",
                    link(run),
                    machine("cores"),
                    machine("processor"),
                    machine("load").split(' ').next().unwrap_or_default()
                )
            },
        );
        writeln!(text, "| `{suite}` | {run} |").expect("memory takes text");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{case_names, suite_names};

    #[test]
    fn what_the_page_looks_for_is_measured() {
        let sources = RATIOS.iter().flat_map(|(_, limits)| *limits).flat_map(|limit| limit.sources);
        let sources = sources.chain(MULTI_CORE.iter().map(|(_, source, _)| source));
        let cases = sources.map(|(suite, case, _)| (*suite, *case));
        let tables = [BESIDE, DELAYS].concat().into_iter().map(|(suite, case, _)| (suite, case));
        for (suite, case) in cases.chain(tables) {
            let known = case_names(suite).unwrap_or_default();
            assert!(known.contains(&case), "{suite} has no case {case:?}");
        }
    }

    #[test]
    fn every_suite_is_on_the_page() {
        let (mut all, mut shown) = (suite_names(), SUITES.to_vec());
        all.sort_unstable();
        shown.sort_unstable();
        assert_eq!(all, shown);
    }
}
