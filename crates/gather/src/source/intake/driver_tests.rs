//! The threads, fed with real lists.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gather_core::target::{Target, TargetNo};
use tokio::sync::mpsc;

use super::{FromShard, IntakeConfig, Owners, ShardPort, ToShard, start};
use crate::source::{
    Format, InputFile, InputPath, Item, Progress, Source, SourceError, SourceSpec, from_targets,
    open,
};

/// Takes all it is given, at once, and says so.
struct Taker {
    port: ShardPort,
    seen: Vec<u64>,
    broken: usize,
    failed: Option<String>,
}

impl Taker {
    async fn run(mut self) -> Self {
        while let Some(message) = self.port.from_intake.recv().await {
            match message {
                ToShard::Admit(targets) => {
                    for target in targets {
                        self.seen.push(target.n.0);
                        let took = FromShard::Took(vec![(target.host, 1)]);
                        // The intake is gone once it has handed out everything.
                        let _ = self.port.to_intake.send(took).await;
                    }
                }
                ToShard::Broken(broken) => self.broken += broken.len(),
                ToShard::Failed(error) => self.failed = Some(error.to_string()),
                ToShard::AllHanded => return self,
            }
        }
        panic!("the channel closed before all was handed");
    }
}

fn list(text: &str) -> (tempfile::NamedTempFile, SourceSpec) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    let files =
        vec![InputFile { path: InputPath::File(file.path().to_owned()), format: Format::Auto }];
    (file, SourceSpec { files, ..SourceSpec::default() })
}

fn config(shards: usize) -> IntakeConfig {
    let config = IntakeConfig::new(Arc::new(Owners::new(shards)), 50, 4);
    IntakeConfig { spill_buffer_bytes: 4096, ..config }
}

#[tokio::test]
async fn everything_arrives_once_over_one_and_several_shards() {
    let mut text = String::new();
    for i in 0..20_000 {
        let host = if i < 10_000 { 0 } else { i % 50 };
        text.push_str(&format!("http://h{host}.example/{i}\n"));
        if i % 100 == 0 {
            text.push_str("http://\n");
        }
    }
    for shards in [1, 3] {
        let (_file, spec) = list(&text);
        let ports = start(open(&spec).expect("readable"), &config(shards), None).expect("threads");
        let mut tasks = Vec::new();
        for port in ports {
            let taker = Taker { port, seen: Vec::new(), broken: 0, failed: None };
            tasks.push(tokio::spawn(taker.run()));
        }
        let mut seen = BTreeSet::new();
        let mut broken = 0;
        for task in tasks {
            let taker = task.await.expect("no panic");
            assert!(taker.port.read_to_end.load(Ordering::Acquire));
            broken += taker.broken;
            for n in taker.seen {
                assert!(seen.insert(n), "{n} came twice");
            }
        }
        assert_eq!((seen.len(), broken), (20_000, 200), "{shards} shards");
    }
}

#[tokio::test]
async fn hosts_behind_a_long_run_of_one_are_reached_although_it_takes_nothing() {
    let mut text = String::new();
    for i in 0..100_000 {
        text.push_str(&format!("http://slow.example/{i}\n"));
    }
    for i in 0..1_000 {
        text.push_str(&format!("http://fast{}.example/{i}\n", i % 20));
    }
    let (_file, spec) = list(&text);
    let ports = start(open(&spec).expect("readable"), &config(1), None).expect("threads");
    let mut port = ports.into_iter().next().expect("one");
    let (mut slow, mut fast) = (0, 0);
    while fast < 1_000 {
        let Some(ToShard::Admit(targets)) = port.from_intake.recv().await else { panic!("early") };
        for target in targets {
            if target.host.host() == "slow.example" {
                slow += 1;
            } else {
                fast += 1;
            }
        }
    }
    assert_eq!(slow, 64, "no more than its credit");
}

#[tokio::test]
async fn a_full_window_stops_reading_until_a_shard_is_hungry() {
    let text: String = (0..30_000).map(|i| format!("http://h{i}.example/\n")).collect();
    let (_file, spec) = list(&text);
    let ports = start(open(&spec).expect("readable"), &config(1), None).expect("threads");
    let mut port = ports.into_iter().next().expect("one");
    let mut got = 0;
    while got < 8192 {
        got += admitted(port.from_intake.recv().await);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(port.from_intake.try_recv(), Err(mpsc::error::TryRecvError::Empty)));
    port.to_intake.send(FromShard::Hungry { shard: 0 }).await.expect("listens");
    got += admitted(port.from_intake.recv().await);
    assert!(got > 8192, "{got}");
    port.to_intake.send(FromShard::Stop).await.expect("listens");
    while port.from_intake.recv().await.is_some() {}
}

fn admitted(message: Option<ToShard>) -> usize {
    match message {
        Some(ToShard::Admit(targets)) => targets.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn credit_is_given_back_while_the_source_is_silent() {
    let (send, receive) = mpsc::channel(256);
    let url = url::Url::parse("http://a.example/").expect("valid");
    let target = Target::new(TargetNo(0), url).expect("http");
    for _ in 0..200 {
        send.send(target.clone()).await.expect("open");
    }
    let ports = start(from_targets(receive), &config(1), None).expect("threads");
    let mut port = ports.into_iter().next().expect("one");
    let mut got = 0;
    while got < 200 {
        let count = admitted(port.from_intake.recv().await);
        got += count;
        let count = u32::try_from(count).expect("small");
        let took = FromShard::Took(vec![(target.host.clone(), count)]);
        port.to_intake.send(took).await.expect("listens");
    }
    assert!(!port.read_to_end.load(Ordering::Acquire), "the sender is still there");
    drop(send);
    assert!(matches!(port.from_intake.recv().await, Some(ToShard::AllHanded)));
    assert!(port.read_to_end.load(Ordering::Acquire));
}

#[tokio::test]
async fn the_end_is_seen_although_the_window_is_full() {
    let text: String = (0..8192).map(|i| format!("http://h{i}.example/\n")).collect();
    let (_file, spec) = list(&text);
    let ports = start(open(&spec).expect("readable"), &config(1), None).expect("threads");
    let mut port = ports.into_iter().next().expect("one");
    let mut got = 0;
    loop {
        match port.from_intake.recv().await {
            Some(ToShard::AllHanded) => break,
            message => got += admitted(message),
        }
    }
    assert_eq!(got, 8192);
    assert!(port.read_to_end.load(Ordering::Acquire));
}

#[tokio::test]
async fn a_source_that_fails_on_the_way_is_told_and_what_was_read_arrives() {
    struct Failing(u64);
    impl Source for Failing {
        fn read(&mut self, into: &mut Vec<Item>, _max: usize) -> Result<Progress, SourceError> {
            if self.0 == 3 {
                let error = std::io::Error::other("torn");
                return Err(SourceError::Read { file: "f".into(), line: 3, error });
            }
            let url = url::Url::parse("http://a.example/").expect("valid");
            into.extend(Target::new(TargetNo(self.0), url).map(Item::Target));
            self.0 += 1;
            Ok(Progress::More)
        }
    }
    for shards in [1, 2] {
        let ports = start(Box::new(Failing(0)), &config(shards), None).expect("threads");
        let (mut seen, mut failed) = (0, Vec::new());
        for port in ports {
            let taker = Taker { port, seen: Vec::new(), broken: 0, failed: None };
            let taker = taker.run().await;
            seen += taker.seen.len();
            failed.extend(taker.failed);
        }
        assert_eq!((seen, failed), (3, vec!["reading f failed after line 3: torn".to_owned()]));
    }
}
