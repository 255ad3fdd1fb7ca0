//! Incidents, evidence, values, runs, silences and lists, in both databases.

use std::time::Duration;

use gather_core::ErrorKind;
use gather_core::health::Health;
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Answer, Condition, Cursor, Ended, EntryKind, Evidence, EvidenceKind, History, HistoryPlace,
    Incident, IncidentEntry, IncidentsOf, Phases, RunEnd, RunRow, Silence, SilenceMatch, Span,
    StoredState, TargetQuery, TargetRow, Upkeep, ValueRow,
};

use crate::made::{HOUR, at, batch, check, job, missed, notice, state, target};
use crate::places::Place;

pub(crate) fn all(place: impl Fn(&str) -> Place) {
    lists_are_filtered(&place("lists"));
    who_is_in_maintenance_stands_behind_all_others(&place("maintained"));
    incidents_have_a_timeline(&place("incidents"));
    evidence_is_bounded(&place("evidence"));
    values_are_kept_as_they_change(&place("vals"));
    silences_end(&place("silences"));
    a_search_knows_all_letters(&place("letters"));
    incidents_are_read_in_pages(&place("pages"));
    a_clock_set_back_makes_no_change(&place("back"));
    what_comes_late_is_added(&place("late"));
}

/// A text finds itself, in any case. A server that is told no language knows the case of ASCII only.
fn a_search_knows_all_letters(place: &Place) {
    let mut history = History::open(&place.place, at(0)).unwrap();
    let rows = [(1, "\u{dc}bersicht"), (2, "\u{3a9}mega 100%"), (3, "plain_text")];
    let rows = rows.map(|(key, name)| TargetRow { name: name.into(), ..target(key) });
    history.register(&job("a"), &rows, at(0)).unwrap();
    for (search, expected) in [
        ("\u{dc}bersicht", &[0_u32][..]),
        ("\u{dc}BER", &[0]),
        ("\u{3a9}MEGA", &[1]),
        ("100%", &[1]),
        ("n_t", &[2]),
        ("0_", &[]),
        ("h3.EXAMPLE", &[2]),
    ] {
        let query = TargetQuery { search: search.into(), limit: 9, ..TargetQuery::default() };
        let page = place.reader().targets(&query).unwrap();
        let found: Vec<u32> = page.targets.iter().map(|target| target.target.0).collect();
        assert_eq!(found, expected, "{search}");
    }
    if matches!(place.place, HistoryPlace::Sqlite(_)) {
        let query = TargetQuery { search: "\u{fc}bersi".into(), limit: 9, ..Default::default() };
        assert_eq!(place.reader().targets(&query).unwrap().targets.len(), 1);
    }
    let group = place.reader().group("even").unwrap().unwrap();
    assert_eq!((&*group.name, group.counts.total()), ("even", 1));
    assert_eq!(place.reader().group("odd").unwrap(), None);
}

/// Those that are not well come first, each once, whatever the page's size.
fn incidents_are_read_in_pages(place: &Place) {
    let mut history = watch(place, 9);
    let mut first = batch(1);
    let mut one = incident(1, &[EntryKind::Opened]);
    one.joined = (0..9).map(|number| (WatchedNo(number), at(1))).collect();
    one.left = [1, 4, 5, 8].map(|number| (WatchedNo(number), at(2))).into();
    first.incidents = vec![one];
    let mut told = notice("1/ops", 5);
    told.event.incident = Some(1);
    first.notices = vec![told, notice("other", 5)];
    history.write(&first).unwrap();
    let mut reader = place.reader();
    for limit in [1, 2, 4, 5, 6, 9, 20] {
        let mut all = Vec::new();
        loop {
            let page = reader.incident(1, all.len() as u32, limit).unwrap().unwrap().members;
            if page.is_empty() {
                break;
            }
            all.extend(page.iter().map(|member| member.target.0));
        }
        assert_eq!(all, [0, 2, 3, 6, 7, 1, 4, 5, 8], "{limit}");
    }
    let keys: Vec<_> = reader.notices_of(1, 10).unwrap();
    let keys: Vec<_> = keys.iter().map(|one| &*one.notice.key).collect();
    assert_eq!(keys, ["1/ops"]);
}

/// A value that is seen again is no change, though the one before it has a later moment.
fn a_clock_set_back_makes_no_change(place: &Place) {
    let mut history = watch(place, 1);
    for (moment, value) in [(90, "9"), (10, "7"), (20, "7"), (30, "7")] {
        let mut next = batch(moment);
        next.values = vec![ValueRow {
            target: WatchedNo(0),
            field: "price".into(),
            value: Some(value.into()),
            number: None,
            at: at(moment),
        }];
        history.write(&next).unwrap();
    }
    let last = history.last_values("a").unwrap();
    assert_eq!((last.len(), last[0].value.as_deref()), (1, Some("7")));
    assert_eq!(last[0].earlier.as_deref(), Some("9"));
    let changes = place.reader().changes(Some("a"), None, 9).unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].old.as_deref(), changes[0].new.as_deref()), (Some("9"), Some("7")));
}

/// After days without a watch, hours and days are added up before it is told what was missed;
/// that is then in all sums, and once.
fn what_comes_late_is_added(place: &Place) {
    const TARGETS: u32 = 1_100;
    const DAY: u64 = 24 * HOUR;
    let mut history = History::open(&place.place, at(0)).unwrap();
    let rows: Vec<_> = (0..u64::from(TARGETS)).map(target).collect();
    history.register(&job("a"), &rows, at(0)).unwrap();
    let stop = 5 * HOUR;
    let mut last = batch(stop);
    last.checks = (0..TARGETS).map(|number| check(number, stop, Health::Up)).collect();
    history.write(&last).unwrap();
    let now = 40 * DAY;
    let asked = [0, 70, 1_030, TARGETS - 1];
    // In the middle of adding up, and when it is done.
    for (at_target, steps) in asked.into_iter().zip([20, 60, 4, 0]) {
        for _ in 0..steps {
            history.upkeep(at(now), Duration::ZERO).unwrap();
        }
        if steps == 0 {
            history.upkeep(at(now), Duration::from_secs(60)).unwrap();
        }
        let mut told = batch(now);
        told.missed = vec![missed(at_target, stop + 60_000, stop + 600_000, 10)];
        history.write(&told).unwrap();
    }
    history.upkeep(at(now + 3 * HOUR), Duration::from_secs(60)).unwrap();
    let mut reader = place.reader();
    for target in asked {
        for (span, buckets) in [(Span::Quarter, 90), (Span::Year, 365)] {
            let past = reader.past(WatchedNo(target), span, buckets, at(now)).unwrap().total;
            assert_eq!((past.checks, past.missed), ([1, 0, 0, 0, 0], 10), "{target} {span:?}");
            let up = past.times.of(Condition::Up);
            assert_eq!(up, Duration::from_secs(60), "{target} {span:?}");
        }
    }
}

fn watch(place: &Place, targets: u64) -> History {
    let mut history = History::open(&place.place, at(0)).unwrap();
    let rows: Vec<_> = (0..targets).map(target).collect();
    history.register(&job("a"), &rows, at(0)).unwrap();
    history
}

fn lists_are_filtered(place: &Place) {
    let mut history = watch(place, 10);
    history.register(&job("b"), &[target(100), target(101)], at(0)).unwrap();
    let mut changed = batch(1);
    let states = [State::Up, State::Down, State::Up, State::Suspect, State::Limited];
    changed.states =
        (0..).zip(states).map(|(number, to)| (WatchedNo(number), state(to, 1))).collect();
    history.write(&changed).unwrap();
    let all = TargetQuery { limit: 100, ..TargetQuery::default() };
    let of = |name: &str| Some(name.into());
    let tag = |value: &str| Some(("tier".into(), value.into()));
    let cases: [(&str, TargetQuery, &[u32]); 11] = [
        ("all", all.clone(), &[1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 2]),
        ("a page", TargetQuery { limit: 2, ..all.clone() }, &[1, 3]),
        ("its next", TargetQuery { offset: 2, limit: 2, ..all.clone() }, &[4, 5]),
        (
            "behind one",
            TargetQuery { after: Cursor::from_text("unknown-9"), limit: 3, ..all.clone() },
            &[10, 11, 0],
        ),
        ("states", TargetQuery { states: vec![State::Up, State::Down], ..all.clone() }, &[1, 0, 2]),
        ("a job", TargetQuery { job: of("b"), ..all.clone() }, &[10, 11]),
        ("no job", TargetQuery { job: of("c"), ..all.clone() }, &[]),
        ("a group", TargetQuery { group: of("even"), ..all.clone() }, &[4, 6, 8, 10, 0, 2]),
        ("a tag", TargetQuery { tag: tag("1"), job: of("a"), ..all.clone() }, &[1, 4, 7]),
        ("a name", TargetQuery { search: "ARGET 10".into(), ..all.clone() }, &[10, 11]),
        ("a sign", TargetQuery { search: "%".into(), ..all }, &[]),
    ];
    let mut reader = place.reader();
    for (name, query, expected) in cases {
        let page = reader.targets(&query).unwrap();
        let found: Vec<u32> = page.targets.iter().map(|row| row.target.0).collect();
        assert_eq!(found, expected, "{name}");
        let count = reader.count(&query).unwrap();
        assert!(
            count >= found.len() as u64
                && (page.next.is_some()
                    || query.after.is_some()
                    || count == u64::from(query.offset) + found.len() as u64),
            "{name}: {count}"
        );
    }
    let detail = reader.target(WatchedNo(1)).unwrap().unwrap();
    assert_eq!((&*detail.brief.name, &*detail.brief.job), ("target 1", "a"));
    assert_eq!(detail.brief.tags, [("tier".into(), "1".into())]);
    assert_eq!(detail.brief.kind, Some(ErrorKind::TimeoutConnect));
    assert_eq!(detail.changes, []);
    assert!(reader.target(WatchedNo(99)).unwrap().is_none());
    assert_eq!(reader.named("https://h3.example/").unwrap()[0].target, WatchedNo(3));
    let mut again = batch(2);
    again.states = vec![(WatchedNo(1), state(State::Up, 2))];
    history.write(&again).unwrap();
    let changes = reader.target(WatchedNo(1)).unwrap().unwrap().changes;
    assert_eq!((changes[0].before, changes[0].state), (State::Down, State::Up));
    assert_eq!(reader.overview(at(3)).unwrap().groups.len(), 2);
}

fn who_is_in_maintenance_stands_behind_all_others(place: &Place) {
    let mut history = watch(place, 4);
    let mut down = batch(1);
    down.states = (0..4).map(|number| (WatchedNo(number), state(State::Down, 1))).collect();
    history.write(&down).unwrap();
    let mut reader = place.reader();
    for (maintenance, counted, listed) in
        [(Upkeep::Open, (3, 1), [0, 2, 3, 1]), (Upkeep::None, (4, 0), [0, 1, 2, 3])]
    {
        let mut window = batch(2);
        let stored = StoredState { maintenance, ..state(State::Down, 1) };
        window.states = vec![(WatchedNo(1), stored)];
        history.write(&window).unwrap();
        let mut found = |query: &TargetQuery| -> Vec<u32> {
            let page = reader.targets(query).unwrap();
            page.targets.iter().map(|row| row.target.0).collect()
        };
        let all = TargetQuery { limit: 9, ..TargetQuery::default() };
        assert_eq!(found(&all), listed);
        let of_open = TargetQuery { maintenance: Some(Upkeep::Open), ..all.clone() };
        assert_eq!(found(&of_open).len(), counted.1);
        let of_none = TargetQuery { maintenance: Some(Upkeep::None), ..all.clone() };
        assert_eq!(found(&of_none).len(), counted.0);
        let mut pages = Vec::new();
        let mut page = TargetQuery { limit: 1, ..all };
        while pages.len() < 4 {
            let read = reader.targets(&page).unwrap();
            pages.extend(read.targets.iter().map(|row| row.target.0));
            page.after = read.next.and_then(|next| Cursor::from_text(&next.to_text()));
        }
        assert_eq!(pages, listed);
        let counts = reader.overview(at(3)).unwrap().counts;
        let seen = (counts.of(State::Down) as usize, counts.maintenance() as usize);
        assert_eq!((seen, counts.total()), (counted, 4));
    }
    assert_eq!(reader.target(WatchedNo(1)).unwrap().unwrap().changes, []);
}

fn incident(id: i64, entries: &[EntryKind]) -> Incident {
    let entry = |kind: &EntryKind| IncidentEntry { at: at(5), kind: *kind, text: "why".into() };
    Incident {
        id,
        opened: at(1),
        closed: None,
        worst: State::Down,
        factor: "address 203.0.113.7".into(),
        reason: "no answer".into(),
        targets: 2,
        ongoing: 2,
        entries: entries.iter().map(entry).collect(),
        joined: vec![],
        left: vec![],
    }
}

fn incidents_have_a_timeline(place: &Place) {
    let mut history = watch(place, 4);
    let mut first = batch(1);
    let joined = vec![(WatchedNo(2), at(1)), (WatchedNo(1), at(2))];
    first.incidents = vec![
        Incident { joined, ..incident(1, &[EntryKind::Opened, EntryKind::Joined]) },
        Incident { joined: vec![(WatchedNo(3), at(1))], ..incident(2, &[EntryKind::Opened]) },
    ];
    history.write(&first).unwrap();
    let mut second = batch(2);
    let left = vec![(WatchedNo(2), at(9))];
    second.incidents = vec![Incident { left, ongoing: 1, ..incident(1, &[EntryKind::Left]) }];
    history.write(&second).unwrap();
    let open = history.open_incidents().unwrap();
    assert_eq!(open[0].members, [(WatchedNo(1), at(2))]);
    assert_eq!(open[0].incident, Incident { ongoing: 1, ..incident(1, &[]) });
    let mut third = batch(3);
    third.incidents =
        vec![Incident { closed: Some(at(20)), ongoing: 0, ..incident(1, &[EntryKind::Closed]) }];
    history.write(&third).unwrap();
    let mut reader = place.reader();
    let detail = reader.incident(1, 0, 10).unwrap().unwrap();
    let kinds: Vec<_> = detail.entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["opened", "joined", "left", "closed"]);
    let members: Vec<_> = detail.members.iter().map(|one| (one.target.0, one.left)).collect();
    assert_eq!(members, [(1, None), (2, Some(at(9)))]);
    assert_eq!(detail.incident.closed, Some(at(20)));
    assert_eq!(detail.incident.example, Some((WatchedNo(1), "target 1".into())));
    let mut ids = |of, before, limit| {
        let page = reader.incidents(of, before, limit).unwrap();
        (page.incidents.iter().map(|one| one.id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(ids(IncidentsOf::Everything, None, 1), (vec![2], Some(2)));
    assert_eq!(ids(IncidentsOf::Everything, Some(2), 1), (vec![1], None));
    assert_eq!(ids(IncidentsOf::Target(WatchedNo(1)), None, 9), (vec![1], None));
    assert_eq!(ids(IncidentsOf::Target(WatchedNo(0)), None, 9), (vec![], None));
    let overview = reader.overview(at(3)).unwrap();
    assert_eq!((overview.incidents_open, overview.incidents[0].id), (1, 2));
    assert_eq!(history.last_incident().unwrap(), 2);
}

fn evidence_is_bounded(place: &Place) {
    let mut history = watch(place, 2);
    let seen = |which, moment, body: &[u8]| Evidence {
        target: WatchedNo(1),
        which,
        at: at(moment),
        answer: Answer {
            url: "https://h1.example/".into(),
            address: Some([203, 0, 113, 7].into()),
            status_code: 503,
            kind: Some(ErrorKind::HttpStatus),
            phases: Phases { total: Some(Duration::from_micros(1_234)), ..Phases::default() },
            headers: vec![("server".into(), "x".into()), ("big".into(), "y".repeat(20_000).into())],
            ..Answer::default()
        },
        body: body.into(),
    };
    let mut first = batch(1);
    first.evidence = (0..25).map(|n| seen(EvidenceKind::FirstFailure, n, b"gone")).collect();
    first.evidence.push(seen(EvidenceKind::LastGood, 3, b"old"));
    first.evidence.push(seen(EvidenceKind::LastGood, 4, &[b'z'; 10_000]));
    history.write(&first).unwrap();
    let mut reader = place.reader();
    let kept = reader.evidence(WatchedNo(1)).unwrap();
    assert_eq!(kept.len(), 21);
    assert_eq!((kept[0].at, kept[20].at), (at(24), at(4)));
    let good = reader.target(WatchedNo(1)).unwrap().unwrap().last_good.unwrap();
    assert_eq!((good.at, &*good.body), (at(4), &[b'z'; 4_096][..]));
    let expected = seen(EvidenceKind::LastGood, 4, b"").answer;
    let headers = expected.headers[..1].to_vec();
    assert_eq!(good.answer, Answer { headers, ..expected });
    let mut gate = history.evidence_gate().unwrap();
    let admitted: Vec<bool> = [1, 0, 0, 5, 6, 7]
        .into_iter()
        .map(|number| gate.admits(WatchedNo(number), at(10_000)))
        .collect();
    assert_eq!(admitted, [false, true, false, true, true, false]);
    assert!(gate.admits(WatchedNo(7), at(11_000)));
    assert!(gate.admits(WatchedNo(1), at(86_400_004)));
}

fn values_are_kept_as_they_change(place: &Place) {
    let mut history = watch(place, 2);
    for (moment, value) in
        [(1, Some("9")), (2, Some("9")), (3, Some("7")), (4, None), (5, Some("7"))]
    {
        let mut next = batch(moment);
        next.values = vec![ValueRow {
            target: WatchedNo(1),
            field: "price".into(),
            value: value.map(Into::into),
            number: value.and_then(|value| value.parse().ok()),
            at: at(moment),
        }];
        let end = if moment < 5 { RunEnd::Running } else { RunEnd::Finished };
        next.runs = vec![RunRow {
            job: "a".into(),
            run: "run 1".into(),
            due: at(0),
            started: at(1),
            ended: (moment == 5).then(|| at(5)),
            end,
            ok: moment,
            failed: 0,
            skipped: 0,
            changes: 2,
            message: None,
        }];
        history.write(&next).unwrap();
    }
    let mut reader = place.reader();
    let seen = reader.values(WatchedNo(1), "price", None, 10).unwrap();
    let seen: Vec<_> = seen.iter().map(|one| (one.value.as_deref(), one.seen, one.times)).collect();
    let expected =
        [(Some("7"), at(5), 1), (None, at(4), 1), (Some("7"), at(3), 1), (Some("9"), at(2), 2)];
    assert_eq!(seen, expected);
    for job in [None, Some("a")] {
        let changes = reader.changes(job, None, 2).unwrap();
        let changes: Vec<_> = changes
            .iter()
            .map(|one| (one.old.as_deref(), one.new.as_deref(), one.numbers))
            .collect();
        assert_eq!(
            changes,
            [(None, Some("7"), (None, Some(7.0))), (Some("7"), None, (Some(7.0), None))]
        );
    }
    assert_eq!(reader.changes(Some("b"), None, 9).unwrap(), []);
    assert_eq!(reader.fields(WatchedNo(1)).unwrap(), ["price".into()]);
    let last = history.last_values("a").unwrap();
    assert_eq!((last[0].value.as_deref(), last[0].from, last.len()), (Some("7"), at(5), 1));
    let runs = reader.runs("a", None, 10).unwrap();
    assert_eq!((runs.len(), runs[0].end, runs[0].ok), (1, RunEnd::Finished, 5));
}

fn silences_end(place: &Place) {
    let _history = watch(place, 2);
    let mut outbox = place.outbox();
    let silence = |matches| Silence { id: 0, matches, from: at(5), until: at(100), why: "".into() };
    let tag = SilenceMatch::Tag("tier".into(), "a=b".into());
    let first = outbox.silence(&silence(tag.clone())).unwrap();
    outbox.silence(&silence(SilenceMatch::Everything)).unwrap();
    let of = |outbox: &mut gather_store::history::Outbox, now| {
        outbox.silences(at(now)).unwrap().into_iter().map(|one| one.matches).collect::<Vec<_>>()
    };
    assert_eq!(of(&mut outbox, 0), [tag, SilenceMatch::Everything]);
    assert_eq!(outbox.end_silence(first, at(50)).unwrap(), Ended::Yes);
    assert_eq!(outbox.end_silence(first, at(60)).unwrap(), Ended::Missing);
    assert_eq!(of(&mut outbox, 60), [SilenceMatch::Everything]);
    assert_eq!(place.reader().silences(at(60)).unwrap().len(), 1);
    assert_eq!(of(&mut outbox, 100), []);
}
