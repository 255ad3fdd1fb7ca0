//! Journals written, broken and read back.

use std::path::Path;

use super::*;
use crate::sink::RunInfo;

fn run() -> RunInfo {
    RunInfo::new(1_700_000_000_000_000, 0x00ab_cdef)
}

#[test]
fn what_was_committed_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.jsonl.journal");
    let settings = [Setting::plain("method", "GET"), Setting::secret("header", *b"a: b")];
    let sinks = vec![("r.jsonl".into(), Position::default())];
    let mut journal = Journal::create(&path, &run(), &settings, sinks).unwrap();
    let finished: Vec<u64> = (0..CHUNK_BITS + 5).chain([20_000]).collect();
    let position = Position { parts: 0, bytes: 77, records: 4102 };
    let blocks: Vec<Block> = (0..20)
        .map(|block| Block {
            block,
            items: BLOCK_ITEMS,
            hash: block.wrapping_mul(u64::MAX / 3),
            source: "urls.txt".into(),
            line: block * BLOCK_ITEMS + 1,
        })
        .collect();
    journal
        .commit(&Commit {
            finished: &finished,
            positions: &[("r.jsonl".into(), position)],
            blocks: &blocks,
            sums: "{}",
            begun: &[20_001, 20_002],
            hosts: &[HostRow { host: "http://a:80".into(), state: Some("{}".into()) }],
            ..Commit::default()
        })
        .unwrap();
    journal
        .commit(&Commit { finished: &[20_001], sums: "{\"ok\":1}", ..Commit::default() })
        .unwrap();
    drop(journal);
    let (mut journal, memory) = Journal::open(&path).unwrap().unwrap();
    assert_eq!(journal.run(), &run());
    assert_eq!(journal.position("r.jsonl"), Some(position));
    assert_eq!(journal.position("other"), None);
    assert_eq!(journal.done().count(), finished.len() as u64 + 1);
    assert_eq!(journal.done().prefix(), CHUNK_BITS);
    assert!(finished.iter().all(|n| journal.done().contains(*n)));
    assert_eq!(memory.blocks, blocks);
    assert_eq!((&*memory.sums, memory.read_to_end), ("{\"ok\":1}", false));
    assert_eq!(memory.begun, [20_002].into());
    assert_eq!(memory.hosts.len(), 1);
    assert!(journal.changes(&settings).is_empty() && !journal.is_finished());
    let gone = HostRow { host: "http://a:80".into(), state: None };
    journal.commit(&Commit { hosts: &[gone], over: &[20_002], ..Commit::default() }).unwrap();
    journal.finish(&Commit { read_to_end: true, ..Commit::default() }).unwrap();
    drop(journal);
    let (journal, memory) = Journal::open(&path).unwrap().unwrap();
    assert!(journal.is_finished() && memory.read_to_end);
    assert!(memory.hosts.is_empty() && memory.begun.is_empty());
}

#[test]
fn it_is_for_its_owner_alone_and_locked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let journal = Journal::create(&path, &run(), &[], Vec::new()).unwrap();
    let error = Journal::open(&path).err().unwrap();
    assert!(matches!(error.kind, JournalErrorKind::Busy { .. }), "{error}");
    let error = Journal::create(&path, &run(), &[], Vec::new()).err().unwrap();
    assert!(matches!(error.kind, JournalErrorKind::Busy { .. }), "{error}");
    #[cfg(unix)]
    for file in std::fs::read_dir(dir.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
    drop(journal);
    assert!(Journal::open(&path).unwrap().is_some());
    Journal::create(&path, &run(), &[], Vec::new()).unwrap();
}

#[test]
fn nothing_is_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Journal::open(&dir.path().join("none")).unwrap().is_none());
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(Journal::open(&empty).unwrap().is_none());
    for (text, is_expected) in [("no database at all", true), ("SQLite format 3", true)] {
        std::fs::write(&empty, text.repeat(100)).unwrap();
        let error = Journal::open(&empty).err().unwrap();
        assert_eq!(error.kind == JournalErrorKind::NotAJournal, is_expected, "{error}");
    }
}

/// A finished journal of 30,000 inputs, as bytes.
fn sample(path: &Path) -> Vec<u8> {
    let sinks = vec![("r.jsonl".into(), Position::default())];
    let settings = [Setting::plain("method", "GET")];
    let mut journal = Journal::create(path, &run(), &settings, sinks).unwrap();
    let finished: Vec<u64> = (0..30_000).filter(|n| n % 7 != 0).collect();
    let blocks: Vec<Block> = (0..30)
        .map(|block| Block {
            block,
            items: BLOCK_ITEMS,
            hash: block,
            source: "urls.txt".into(),
            line: 1,
        })
        .collect();
    let commit =
        Commit { finished: &finished, blocks: &blocks, sums: "{\"ok\":1}", ..Commit::default() };
    journal.commit(&commit).unwrap();
    drop(journal);
    std::fs::read(path).unwrap()
}

#[test]
fn overwritten_bytes_and_a_torn_tail_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let good = sample(&path);
    let mut rng = 0x9e37_79b9_u64;
    let mut missed = Vec::new();
    let mut caught = 0;
    for round in 0..300 {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(rng >> 20).unwrap() % good.len();
        let mut bytes = good.clone();
        if round % 10 == 0 {
            bytes.truncate(at.max(100));
        } else {
            bytes[at] ^= 0x55;
        }
        std::fs::write(&path, &bytes).unwrap();
        match Journal::open(&path) {
            Err(_) => caught += 1,
            // What is not part of any row may hold anything.
            Ok(Some((journal, memory))) => {
                let is_same = journal.done().count() == 30_000 - 4_286
                    && memory.blocks.len() == 30
                    && &*memory.sums == "{\"ok\":1}"
                    && journal.run() == &run();
                if !is_same {
                    missed.push((round, at));
                }
            }
            Ok(None) => missed.push((round, at)),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
    assert!(caught > 50, "{caught}");
}
