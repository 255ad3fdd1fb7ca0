//! More open incidents, and more targets of one, than a page has.

use std::collections::BTreeSet;

use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Batch, History, HistoryPlace, Incident, JobKind, JobRow, StoredState, TargetRow,
};

use crate::made::{self, NOW};
use crate::place::Server;

const INCIDENTS: i64 = 70;
const TARGETS: u32 = 250;

fn fill(place: &HistoryPlace) {
    let mut history = History::open(place, NOW).unwrap();
    let job = JobRow {
        name: "domains".into(),
        kind: JobKind::Liveness,
        schedule: "every 1m".into(),
        speaks_for: std::time::Duration::from_secs(60),
    };
    let row = |number: u32| TargetRow {
        key: number.into(),
        name: format!("customer {number}").into(),
        group: format!("group {number}").into(),
        ..TargetRow::default()
    };
    let rows: Vec<_> = (0..TARGETS).map(row).collect();
    history.register(&job, &rows, NOW).unwrap();
    let incident = |id: i64| Incident {
        id,
        opened: NOW,
        closed: None,
        worst: State::Down,
        factor: format!("address {id}").into(),
        reason: "no answer".into(),
        targets: if id == 1 { TARGETS } else { 1 },
        ongoing: 1,
        entries: Vec::new(),
        joined: (0..if id == 1 { TARGETS } else { 1 }).map(|no| (WatchedNo(no), NOW)).collect(),
        left: Vec::new(),
    };
    let down = StoredState { state: State::Down, since: NOW, ..StoredState::default() };
    history
        .write(&Batch {
            at: NOW,
            incidents: (1..=INCIDENTS).map(incident).collect(),
            states: vec![(WatchedNo(0), down)],
            ..Batch::default()
        })
        .unwrap();
}

/// What all pages say together, from this one on, by a link of this name to the next.
fn pages(server: &Server, first: &str, next: &str) -> String {
    let mut all = String::new();
    let mut path = first.to_owned();
    loop {
        let text = server.get(&path, "").text();
        let link = text.split("class=\"button\" href=\"").skip(1);
        let links = link.filter_map(|rest| rest.split_once("\">"));
        let mut link = links
            .filter(|(_, name)| name.starts_with(next))
            .map(|(href, _)| href.split('#').next().unwrap().to_owned());
        let href = link.next();
        all.push_str(&text);
        match href {
            Some(href) => path = format!("/{}", href.trim_start_matches("../")),
            None => return all,
        }
    }
}

#[test]
fn no_row_is_lost_between_pages() {
    let dir = tempfile::TempDir::new().unwrap();
    let place = HistoryPlace::Sqlite(dir.path().join("gather.db"));
    fill(&place);
    let server = Server::start(made::options(place));
    for (first, next, what, count) in [
        ("/incidents", "Older", "address ", INCIDENTS as usize),
        ("/incidents/1", "Next", "customer ", TARGETS as usize),
        ("/", "Next", "customer ", TARGETS as usize),
    ] {
        let all = pages(&server, first, next);
        let (begin, middle) = (format!(">{what}"), format!(": {what}"));
        let numbers = all.split(&begin).skip(1).chain(all.split(&middle).skip(1));
        let numbers = numbers.filter_map(|rest| {
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok()
        });
        let numbers: BTreeSet<u32> = numbers.collect();
        assert_eq!(numbers.len(), count, "{first}: {numbers:?}");
    }
    // A group is found however many there are, and however well it is.
    for number in [0, TARGETS - 1] {
        let group = server.get(&format!("/group?name=group%20{number}"), "");
        assert_eq!(group.status, 200, "{number}");
    }
}
