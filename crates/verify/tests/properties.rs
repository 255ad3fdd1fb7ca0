//! Whatever happens to an output, it is noticed, or the output still says the same.

use std::fs;
use std::path::Path;

use gather_verify::{InputSpec, OutputSpec, Report, Request, verify};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// What a run found of one input.
#[derive(Clone, Debug)]
struct Found {
    input: String,
    outcome: &'static str,
    status: Option<u16>,
    kind: Option<&'static str>,
    sha256: Option<String>,
}

fn found() -> impl Strategy<Value = Found> {
    let input = prop_oneof![
        "http://[a-c]{1,3}\\.example/[a-z0-9]{0,6}",
        Just("http://a.example/".to_owned()),
        "=?[a-zé\" ,']{1,8}[a-z]",
    ];
    let ended = prop_oneof![
        ("[0-9a-f]{64}", 200_u16..210).prop_map(|(sha, status)| (
            "ok",
            Some(status),
            None,
            Some(sha)
        )),
        Just(("failed", Some(404), Some("http.status"), None)),
        Just(("failed", None, Some("timeout.total"), None)),
        Just(("skipped", None, Some("cancelled"), None)),
    ];
    (input, ended).prop_map(|(input, (outcome, status, kind, sha256))| {
        let input = input.trim().to_owned();
        Found { input, outcome, status, kind, sha256 }
    })
}

/// The outputs as this test writes them, in this order.
fn jsonl(run: &[Found], order: &[usize]) -> String {
    let line = |n: &usize| {
        let Found { input, outcome, status, kind, sha256 } = &run[*n];
        let mut record = serde_json::json!({ "n": n, "input": input, "outcome": outcome });
        record["attempts"] = 1.into();
        if let Some(status) = status {
            record["status_code"] = (*status).into();
        }
        if let Some(kind) = kind {
            record["error"] = serde_json::json!({ "kind": kind });
        }
        if let Some(sha256) = sha256 {
            record["sha256"] = sha256.as_str().into();
        }
        format!("{record}\n")
    };
    order.iter().map(line).collect()
}

fn csv(run: &[Found], order: &[usize]) -> String {
    let mut text = "n,input,outcome,status_code,attempts,error.kind,sha256\n".to_owned();
    for n in order {
        let Found { input, outcome, status, kind, sha256 } = &run[*n];
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let guard = if input.starts_with('=') { "'" } else { "" };
        let input = format!("\"{guard}{}\"", input.replace('"', "\"\""));
        let (kind, sha256) = (kind.unwrap_or_default(), sha256.as_deref().unwrap_or_default());
        text.push_str(&format!("{n},{input},{outcome},{status},1,{kind},{sha256}\n"));
    }
    text
}

/// What can happen to a file.
#[derive(Clone, Debug)]
enum Mishap {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
    DropLine(Index),
    DoubleLine(Index, Index),
    /// Puts the beginning of one line before the end of another, and the other way round.
    Cross(Index, Index, usize),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Mishap::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mishap::Insert(at, byte)),
        (at(), 1_usize..90).prop_map(|(at, count)| Mishap::Remove(at, count)),
        (at(), 1_usize..90).prop_map(|(at, count)| Mishap::Repeat(at, count)),
        at().prop_map(Mishap::Cut),
        at().prop_map(Mishap::DropLine),
        (at(), at()).prop_map(|(from, to)| Mishap::DoubleLine(from, to)),
        (at(), at(), 1_usize..60).prop_map(|(a, b, place)| Mishap::Cross(a, b, place)),
    ]
}

fn struck(text: &[u8], mishap: &Mishap) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let mut lines: Vec<Vec<u8>> =
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let range = |at: &Index, count: usize| {
        let at = at.index(text.len());
        at..(at + count).min(text.len())
    };
    match mishap {
        Mishap::Flip(at, bit) => bytes[at.index(text.len())] ^= 1 << bit,
        Mishap::Insert(at, byte) => bytes.insert(at.index(text.len()), *byte),
        Mishap::Remove(at, count) => drop(bytes.drain(range(at, *count))),
        Mishap::Repeat(at, count) => {
            let range = range(at, *count);
            let again = bytes[range.clone()].to_vec();
            drop(bytes.splice(range.end..range.end, again));
        }
        Mishap::Cut(at) => bytes.truncate(at.index(text.len())),
        Mishap::DropLine(at) => {
            lines.remove(at.index(lines.len()));
            return lines.concat();
        }
        Mishap::DoubleLine(from, to) => {
            let line = lines[from.index(lines.len())].clone();
            lines.insert(to.index(lines.len() + 1), line);
            return lines.concat();
        }
        Mishap::Cross(a, b, place) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            let place = (*place).min(lines[a].len()).min(lines[b].len());
            let first = lines[a].split_off(place);
            let place = place.min(lines[b].len());
            let second = lines[b].split_off(place);
            if a == b {
                lines[a].extend(first);
            } else {
                lines[a].extend(second);
                lines[b].extend(first);
            }
            return lines.concat();
        }
    }
    bytes
}

/// What a file says of every input, in any order; `None` if it is not whole.
fn says(name: &str, bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut records: Vec<String> = match name {
        "r.jsonl" => says_json(text)?,
        _ => says_csv(text)?,
    };
    records.sort();
    Some(records)
}

fn says_json(text: &str) -> Option<Vec<String>> {
    if !text.is_empty() && !text.ends_with('\n') {
        return None;
    }
    text.lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).ok()?;
            let parts =
                ["n", "input", "outcome", "status_code", "sha256"].map(|name| &record[name]);
            let kind = &record["error"]["kind"];
            parts.iter().all(|part| !part.is_object()).then(|| format!("{parts:?} {kind}"))
        })
        .collect()
}

/// By a state machine of its own (RFC 4180): the form that this test writes, and no other.
fn says_csv(text: &str) -> Option<Vec<String>> {
    let mut rows: Vec<Vec<String>> = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = rows.last_mut()?.last_mut()?;
        match (is_quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            (true, '"') => is_quoted = false,
            (false, '"') if cell.is_empty() => is_quoted = true,
            (false, ',') => rows.last_mut()?.push(String::new()),
            (false, '\n') => rows.push(vec![String::new()]),
            (false, '\r') if matches!(chars.peek(), Some('\n')) => {}
            (false, '\r') => rows.push(vec![String::new()]),
            (_, c) => cell.push(c),
        }
    }
    let last = rows.pop()?;
    if is_quoted || last != [String::new()] {
        return None;
    }
    let columns = ["n", "input", "outcome", "status_code", "sha256", "error.kind"];
    let header = rows.first()?.clone();
    let at = columns.map(|column| header.iter().position(|name| name == column));
    let row = |row: &Vec<String>| {
        let cells = at.map(|at| at.and_then(|at| row.get(at)).cloned().unwrap_or_default());
        (row.len() == header.len()).then(|| format!("{cells:?}"))
    };
    rows[1..].iter().map(row).collect()
}

fn report(dir: &Path) -> Option<Report> {
    let output = |name: &str| {
        OutputSpec::named(&dir.join(name).to_string_lossy()).expect("a name that says its form")
    };
    let inputs = InputSpec { files: vec![dir.join("urls.txt")], ..InputSpec::default() };
    let outputs = vec![output("r.jsonl"), output("r.csv")];
    // An error is a refusal, and exit 3: noticed, too.
    verify(&Request { outputs, inputs: Some(inputs), ..Request::default() }).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mishap_is_noticed_or_changes_nothing(
        run in prop::collection::vec(found(), 2..12),
        seed in any::<u64>(),
        is_csv in any::<bool>(),
        mishap in mishap(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut order: Vec<usize> = (0..run.len()).collect();
        order.sort_by_key(|n| (*n as u64 + 1).wrapping_mul(seed | 1));
        let list: String = run.iter().map(|found| format!("{}\n", found.input)).collect();
        fs::write(dir.path().join("urls.txt"), list).unwrap();
        fs::write(dir.path().join("r.jsonl"), jsonl(&run, &order)).unwrap();
        fs::write(dir.path().join("r.csv"), csv(&run, &order)).unwrap();
        let clean = report(dir.path()).expect("it can be verified");
        prop_assert_eq!(clean.faults(), 0, "{:#?}", clean);

        let name = if is_csv { "r.csv" } else { "r.jsonl" };
        let before = fs::read(dir.path().join(name)).unwrap();
        let after = struck(&before, &mishap);
        fs::write(dir.path().join(name), &after).unwrap();
        if let Some(report) = report(dir.path()).filter(|report| report.faults() == 0) {
            let (was, is) = (says(name, &before), says(name, &after));
            prop_assert_eq!(was, is, "{:?} went unnoticed: {:#?}", mishap, report);
        }
    }
}
