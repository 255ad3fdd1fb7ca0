//! What is told of runs that were made up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use gather_store::read::{Bodies, ResultPlace};

use super::entry::{Answer, Entry, Value};
use super::series::Telling;
use super::*;

fn snapshot(name: &str, place: ResultPlace, standing: Standing) -> Snapshot {
    let spec = ResultSpec { place, run: None, bodies: Bodies::default() };
    Snapshot { spec, name: name.to_owned(), standing }
}

/// A target in a run: `-` is not there, `!timeout.dns` had no answer, `?` fails as extraction did,
/// `~` has the field without a value, anything else is the value; digits are a number.
fn entry(text: &str) -> Option<Entry> {
    let price = |value| vec![("price".to_owned(), value)];
    let (status, answer, values) = match text {
        "-" => return None,
        "~" => ("200", Answer::Searched, price(Value::Missing)),
        "?" => ("200", Answer::Refused, Vec::new()),
        text => match text.strip_prefix('!') {
            Some(status) => (status, Answer::None, Vec::new()),
            None if text.starts_with(|c: char| c.is_ascii_digit()) => {
                ("200", Answer::Searched, price(Value::Number(text.to_owned())))
            }
            None => ("200", Answer::Searched, price(Value::Text(text.to_owned()))),
        },
    };
    let (key, status) = ("https://a.example/".to_owned(), status.to_owned());
    Some(Entry { url: key.clone(), key, n: 7, row: None, at: None, status, answer, values })
}

/// `1 changed 10>8 -20% (0)`: the run, what, from what to what, by how much, since which run.
fn told(change: &Change, run: usize) -> String {
    let mut text = format!("{run} {}", change.kind.as_str());
    if change.before.is_some() || change.after.is_some() {
        let [before, after] = [&change.before, &change.after].map(|value| value.as_deref());
        write!(text, " {}>{}", before.unwrap_or("-"), after.unwrap_or("-")).unwrap();
    }
    if let Some(percent) = change.percent {
        write!(text, " {percent}%").unwrap();
    }
    if let Some(run) = &change.before_run {
        write!(text, " ({run})").unwrap();
    }
    text
}

#[test]
fn a_target_through_its_runs() {
    let check = |runs: &[&str], expected: &str| {
        // A run with an asterisk did not end.
        let standing = |text: &str| match text.ends_with('*') {
            true => Standing::Unfinished,
            false => Standing::Ended,
        };
        let snapshots: Vec<Snapshot> = runs
            .iter()
            .enumerate()
            .map(|(at, text)| snapshot(&at.to_string(), ResultPlace::Stdin, standing(text)))
            .collect();
        let telling = Telling { runs: &snapshots, first: 1, has_key: false };
        let series: Vec<_> = runs.iter().map(|text| entry(text.trim_end_matches('*'))).collect();
        let found = telling.changes(&series);
        let changes: Vec<_> = found.changes.iter().map(|(run, c)| told(c, *run)).collect();
        assert_eq!(changes.join("; "), expected, "{runs:?}");
    };
    check(&["10", "10"], "");
    check(&["10", "8"], "1 changed 10>8 -20% (0)");
    check(&["8", "10.00", "10"], "1 changed 8>10.00 25% (0)");
    check(&["0", "5"], "1 changed 0>5 (0)");
    check(&["red", "blue"], "1 changed red>blue (0)");
    // What was recorded last counts, whatever lies between.
    check(
        &["10", "!timeout.dns", "8"],
        "1 status 200>timeout.dns (0); 2 status timeout.dns>200 (1); 2 changed 10>8 -20% (0)",
    );
    // A drop that is repeated is told again; one that is not is not.
    check(&["10", "8", "8", "6"], "1 changed 10>8 -20% (0); 3 changed 8>6 -25% (1)");
    // The first value is a baseline, whenever it comes.
    check(&["~", "5", "4"], "2 changed 5>4 -20% (1)");
    check(&["!http.status", "5"], "1 status http.status>200 (0)");
    // A page that does not match any more is told once, and when it does again.
    check(&["5", "~", "~", "5"], "1 lost 5>- (0); 3 found 5>5 (0)");
    check(&["5", "~", "4"], "1 lost 5>- (0); 2 changed 5>4 -20% (0)");
    check(&["5", "?", "?"], "1 lost 5>- (0)");
    check(
        &["5", "!dns.not_found", "~"],
        "1 status 200>dns.not_found (0); \
         2 status dns.not_found>200 (1); 2 lost 5>- (0)",
    );
    // Targets come and go; what they were is not forgotten.
    check(&["-", "5"], "1 added");
    check(&["5", "-"], "1 removed (0)");
    check(&["5", "-", "-", "4"], "1 removed (0); 3 added; 3 changed 5>4 -20% (0)");
    // A run that did not end says nothing of what it does not hold.
    check(&["5", "-*", "4"], "2 changed 5>4 -20% (0)");
    check(&["5", "-*", "!timeout.dns"], "2 status 200>timeout.dns (0)");
}

/// A line of results.
fn line(n: u64, url: &str, price: &str) -> String {
    format!(
        "{{\"n\":{n},\"input\":\"{url}\",\"url\":\"{url}\",\"outcome\":\"ok\",\"status_code\":200,\
         \"attempts\":1,\"fields\":{{\"price\":\"{price}\"}}}}\n"
    )
}

fn changes_of(dir: &Path, runs: &[String]) -> (Told, Vec<Change>) {
    let mut snapshots = Vec::new();
    for (at, text) in runs.iter().enumerate() {
        let path = dir.join(format!("{at}.jsonl"));
        std::fs::write(&path, text).unwrap();
        snapshots.push(snapshot(&at.to_string(), ResultPlace::File(path), Standing::Ended));
    }
    let spec = ChangesSpec { runs: snapshots, first: 1, ..ChangesSpec::default() };
    let mut changes = Vec::new();
    let told = tell(&spec, None, &mut |change| {
        changes.push(change);
        Ok(())
    });
    (told.expect("the runs can be read"), changes)
}

#[test]
fn any_two_runs_are_compared_as_by_hand() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        // The same URL may stand in a list twice; results are in the order in which they ended.
        let mut run = || {
            let urls: Vec<u64> = (0..rng.u64(0..200)).map(|_| rng.u64(0..150)).collect();
            let mut lines = Vec::new();
            let mut known: BTreeMap<(String, usize), (u64, u64)> = BTreeMap::new();
            for (n, url) in urls.iter().enumerate() {
                let (url, price) = (format!("https://a.example/{url}"), rng.u64(1..4));
                lines.push(line(n as u64, &url, &price.to_string()));
                let time = known.keys().filter(|(other, _)| *other == url).count();
                known.insert((url, time), (n as u64, price));
            }
            rng.shuffle(&mut lines);
            (lines.concat(), known)
        };
        let ((first, before), (second, after)) = (run(), run());
        let mut expected = Vec::new();
        for (target, (n, price)) in &after {
            match before.get(target) {
                None => expected.push((*n, ChangeKind::Added, None)),
                Some((_, was)) if was != price => {
                    let delta = (*price as i64 - *was as i64).to_string();
                    expected.push((*n, ChangeKind::Changed, Some(delta)));
                }
                Some(_) => {}
            }
        }
        expected.sort_by_key(|(n, ..)| *n);
        let mut gone: Vec<_> = before
            .iter()
            .filter(|(target, _)| !after.contains_key(*target))
            .map(|(_, (n, _))| (*n, ChangeKind::Removed, None))
            .collect();
        gone.sort_by_key(|(n, ..)| *n);
        expected.extend(gone);
        let (told, changes) = changes_of(dir.path(), &[first, second]);
        let found: Vec<_> =
            changes.into_iter().map(|change| (change.n, change.kind, change.delta)).collect();
        assert_eq!(found, expected, "seed {seed}");
        let targets = before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(told.targets, targets.len() as u64, "seed {seed}");
    }
}

#[test]
fn nothing_from_outside_is_markup_or_a_formula() {
    let dir = tempfile::tempdir().unwrap();
    let nasty = ["=1+1 <b>x</b>", "=2+2 <script>alert(1)</script> | y"];
    let url = "javascript:alert(1)";
    let (told, changes) = changes_of(dir.path(), &nasty.map(|price| line(0, url, price)));
    assert_eq!(told.counts[&ChangeKind::Changed], 1);
    let page = ChangesPage {
        title: "<i>".to_owned(),
        generated_at: String::new(),
        runs: Vec::new(),
        told,
        changes: changes.clone(),
    };
    let html = page.html();
    assert_eq!(html.matches("<script").count(), 1, "its own, and no other");
    assert!(!html.contains("href=\"javascript:") && !html.contains("<b>x"), "{html}");
    assert!(html.contains("<del>"), "the words that went are marked");
    assert!(page.markdown().contains("\\<script\\>"));
    let path = dir.path().join("0.jsonl");
    let again = dir.path().join("1.jsonl");
    let spec = ChangesSpec {
        runs: [path, again]
            .map(|path| snapshot("r", ResultPlace::File(path), Standing::Ended))
            .into(),
        first: 1,
        ..ChangesSpec::default()
    };
    let mut csv = Vec::new();
    write(&spec, ChangesForm::Csv, ("", 0), None, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains(",'=1+1 <b>x</b>,"), "{csv}");
}
