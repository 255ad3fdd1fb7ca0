//! Bodies that are kept stay within their memory, whatever the lengths, the writer and the shards.

use std::thread;
use std::time::Duration;

use gather::fetch::KeepBody;
use gather_testkit::{Ca, ClientCert, Server, Site, Tls, Validity};

use crate::bed::{Bed, bed};

const MIB: u64 = 1 << 20;

/// Bodies that are written slowly.
fn slow(urls: impl Iterator<Item = String>, memory: u64) -> Bed {
    let mut bed = bed(urls).concurrency(24).config(|config| {
        config.caps.memory_bytes_max = memory;
        // What waits for memory is not slow itself.
        config.timeout = Duration::from_secs(2);
    });
    bed.options.client.keep.body = KeepBody::All;
    bed.options.on_record = Some(Box::new(|record| {
        let body = record.body.as_ref().expect("it was asked for");
        assert_eq!(body.len() as u64, record.content_length);
        thread::sleep(Duration::from_millis(if record.n % 16 == 0 { 300 } else { 1 }));
    }));
    bed
}

#[test]
fn bodies_wait_for_memory_and_all_arrive() {
    for shards in [1, 3] {
        for how in ["", "&chunked", "&until_close"] {
            let server = Server::start(Site::default().on_hosts(8));
            let url = |n: usize| server.url_on(n % 8, &format!("/ok?size={MIB}&n={n}{how}"));
            let done = slow((0..120).map(url), 4 * MIB).shards(shards).run().all_ok(120);
            let most = done.summary.bodies_bytes_max;
            // One body may go on where all would wait for each other.
            assert!((2 * MIB..=7 * MIB).contains(&most), "{most} with {how}");
        }
    }
}

#[test]
fn a_body_larger_than_all_the_memory_arrives_alone() {
    for how in ["", "&chunked"] {
        let server = Server::start(Site::default().on_hosts(3));
        let url = |n: usize| server.url_on(n % 3, &format!("/ok?size={}&n={n}{how}", 3 * MIB));
        let done = slow((0..9).map(url), MIB).run().all_ok(9);
        let most = done.summary.bodies_bytes_max;
        assert!((3 * MIB..=5 * MIB).contains(&most), "{most} with {how}");
    }
}

#[test]
fn streams_of_one_connection_do_not_block_each_other() {
    let ca = Ca::new();
    let identity = ca.issue(&["127.0.0.1"], Validity::For(Duration::from_secs(3600)));
    let tls = Tls::new(&identity, &["h2"], ClientCert::NotAsked);
    let server = Server::start(Site { tls: Some(tls), ..Site::default() });
    let mut bed = slow((0..60).map(|n| server.url(&format!("/ok?size={MIB}&n={n}"))), 2 * MIB);
    bed.options.client.net.tls.verify = gather::fetch::options::Verify::Nothing;
    // A stream that blocks another does so for ever; TLS on a busy machine only takes its time.
    let done = bed.config(|config| config.timeout = Duration::from_secs(30)).run().all_ok(60);
    assert!(done.summary.bodies_bytes_max <= 26 * MIB, "{:?}", done.summary);
}

#[test]
fn a_body_nobody_keeps_takes_no_memory() {
    let server = Server::start(Site::default());
    let urls = (0..20).map(|n| server.url(&format!("/ok?size={MIB}&n={n}")));
    let done = bed(urls).config(|config| config.caps.memory_bytes_max = 1).run().all_ok(20);
    assert_eq!((done.summary.bodies_bytes_max, done.summary.body_bytes), (0, 20 * MIB));
}
