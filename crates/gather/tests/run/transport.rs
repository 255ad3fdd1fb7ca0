//! Runs over pipes in memory: what is recorded is what a run over sockets records.

use gather::fetch::{Transport, Verify};
use gather_testkit::{ClientCert, Identity, Refusing, Server, Site, Tls};
use serde_json::Value;

use crate::bed::{bed, jsonl};

const PATHS: &[&str] = &[
    "/ok?size=100000",
    "/ok?size=3000&chunked",
    "/ok?until_close",
    "/status/404",
    "/redirect/2",
    "/encoding/gzip?size=5000",
    "/close",
    "/early-hints",
    "/cut?at=300",
    "/bad-length",
    "/chunk-garbage",
    "/not-http",
];

/// The records of a run, in the order of the inputs, without their times.
fn records(server: &Server, refusing: &Refusing, transport: Transport) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out.jsonl");
    let urls = (0..3).flat_map(|host| PATHS.iter().map(move |path| server.url_on(host, path)));
    let urls: Vec<String> = urls.chain([format!("http://{}/", refusing.addr())]).collect();
    let mut bed = bed(&urls).shards(2).output(jsonl(&output));
    bed.options.config.retry.retries = 1;
    bed.options.client.net.transport = transport;
    bed.options.client.net.tls.verify = Verify::Nothing;
    bed.run();
    let text = std::fs::read_to_string(output).expect("the records");
    let mut records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    records.sort_by_key(|record| record["n"].as_u64());
    for record in &mut records {
        let members = record.as_object_mut().expect("an object");
        members.retain(|name, _| name != "started_at" && !name.starts_with("time_"));
    }
    assert_eq!(records.len(), urls.len());
    records
}

#[test]
fn records_do_not_depend_on_the_transport() {
    let identity = Identity::self_signed(&["127.0.0.1"]);
    let tls = |alpn: &[&str]| Some(Tls::new(&identity, alpn, ClientCert::NotAsked));
    for (what, tls) in [("http", None), ("https", tls(&["http/1.1"])), ("HTTP/2", tls(&["h2"]))] {
        let site = || Site { tls: tls.clone(), ..Site::default().on_hosts(3) };
        let refusing = Refusing::start();
        let server = Server::start(site());
        let over_tcp = records(&server, &refusing, Transport::Tcp);
        let connections = server.connections();
        let in_memory = records(&server, &refusing, Transport::memory(server.in_memory()));
        assert!(server.connections() > connections, "{what}: nobody came by the pipes");
        for (in_memory, over_tcp) in in_memory.iter().zip(&over_tcp) {
            assert_eq!(in_memory, over_tcp, "{what}");
        }
    }
}
