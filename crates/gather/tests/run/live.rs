//! A run while it goes on: what it tells of itself, and whom it names when it falls silent.

use std::time::Duration;

use gather_testkit::{Server, Site, Unreachable};

use crate::bed::{Pending, bed, until};

#[test]
fn a_silent_run_names_what_it_waits_for_and_in_which_phase() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(3));
        let unreachable = Unreachable::start();
        let quick = (0..50).map(|n| server.url(&format!("/ok?n={n}")));
        let stuck = [
            server.url_on(1, "/silent").replace("http://", "http://ann:secret@"),
            server.url_on(2, "/headers-then-silent"),
            format!("http://{}/", unreachable.addr()),
        ];
        let mut bed = bed(quick.chain(stuck.clone())).shards(shards);
        bed.options.config.connect_timeout = Duration::from_secs(20);
        let done = bed
            .run_with(|run| {
                let live = run.live().with_silence(Duration::from_millis(300));
                let mut last = live.snapshot();
                until("the three are named", || {
                    last = live.snapshot();
                    last.oldest.len() == 3
                });
                assert_eq!((last.ok, last.in_flight, last.inputs), (50, 3, 53));
                let mut named: Vec<_> =
                    last.oldest.iter().map(|one| (one.url.as_str(), one.phase)).collect();
                named.sort_by_key(|(_, phase)| *phase);
                let silent = server.url_on(1, "/silent");
                let expected = [
                    (stuck[1].as_str(), "body"),
                    (stuck[2].as_str(), "connect"),
                    (silent.as_str(), "first byte"),
                ];
                for ((url, phase), (named, told)) in expected.iter().zip(&named) {
                    assert_eq!(phase, told);
                    assert!(!named.contains("secret"), "{named}");
                    let host = url.trim_start_matches("http://");
                    assert!(named.ends_with(host), "{named} is not {url}");
                }
                assert!(last.oldest.iter().all(|one| one.age >= Duration::from_millis(300)));
                run.stop().now();
            })
            .expect("a stop is no error")
            .accounts_for(53, Pending::Some);
        assert_eq!(done.count("ok"), 50);
    }
}

#[test]
fn a_run_that_moves_names_nobody() {
    let server = Server::start(Site::default());
    let urls = (0..40).map(|n| server.url(&format!("/delay/20ms?n={n}")));
    let bed = bed(urls).concurrency(2);
    let done = bed.run_with(|run| {
        let live = run.live().with_silence(Duration::from_secs(5));
        until("the end", || {
            assert!(live.snapshot().oldest.is_empty());
            run.is_finished()
        });
        let last = live.snapshot();
        assert_eq!((last.ok, last.inputs, last.read_to_end), (40, 40, true));
    });
    done.expect("it ends well").all_ok(40);
}
