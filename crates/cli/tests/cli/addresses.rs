//! The address policy, in a network of its own that holds public, private and metadata addresses.

use std::net::SocketAddr;
use std::process::Command;

use gather_testkit::{FaultRow, Server, Site, fault_row};

use crate::bench::Bench;

/// Set where this process runs in the network that the test made.
const INSIDE: &str = "GATHER_TEST_NETWORK";
/// Set by the test command where no such network can be made; it says so itself.
const NOT_TESTED: &str = "GATHER_TEST_WITHOUT_NETWORKS";

/// On `lo` of that network alone: nothing leaves it.
const PUBLIC: &str = "198.41.0.4";
const PRIVATE: &str = "10.0.0.5";
const METADATA: &str = "169.254.169.254";
const MAPPED: &str = "[::ffff:10.0.0.5]";

#[test]
fn what_a_public_answer_leads_to_is_public() {
    let row = fault_row!(15);
    if std::env::var_os(INSIDE).is_some() {
        return inside(row);
    }
    if std::env::var_os(NOT_TESTED).is_some() {
        return row.untested("needs a network of its own");
    }
    let addresses: String =
        [PUBLIC, PRIVATE, METADATA].map(|ip| format!("ip addr add {ip}/32 dev lo && ")).concat();
    let script = format!("ip link set lo up && {addresses} exec \"$0\" \"$@\"");
    let this = std::env::current_exe().expect("this test has a file");
    let status = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", &script])
        .arg(this)
        .args(["--exact", "addresses::what_a_public_answer_leads_to_is_public", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare starts");
    assert!(status.success(), "in the network of its own (needs unshare and ip): {status}");
}

fn inside(row: FaultRow) {
    let at = |ip: &str| SocketAddr::new(ip.parse().expect("an address"), 0);
    // Each a server of its own, so that it is known who was reached.
    let server = |ip: &str| Server::start(Site { hosts: vec![at(ip)], ..Site::default() });
    let (public, private, metadata) = (server(PUBLIC), server(PRIVATE), server(METADATA));
    let to = |from: &Server, target: &str| from.url(&format!("/redirect-to?url={target}"));
    let mapped = private.url("/ok").replace(PRIVATE, MAPPED);
    let named = format!("http://named.test:{}/ok", private.addr().port());
    let by_name = format!("--resolve named.test:*:{PRIVATE}");

    let check = |what: &str, line: String, expected: &str| {
        let before = [&private, &metadata].map(Server::connections);
        let ran = Bench::new().line(&format!("{line} --retries 0 -t 2s"));
        let record: serde_json::Value = serde_json::from_str(ran.stdout.trim())
            .unwrap_or_else(|e| panic!("{what}: {e}: {ran:?}"));
        let kind = record["error"]["kind"].as_str().unwrap_or("ok");
        assert_eq!(kind, expected, "{what}: {}", ran.stdout);
        if expected == "blocked.address" {
            let after = [&private, &metadata].map(Server::connections);
            let message = record["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(" is at "), "{what}: {message}");
            // The redirecting server may have been asked; what it led to was not.
            let asked =
                u64::from(line.contains(&format!("http://{PRIVATE}")) && line.contains("redirect"));
            assert!(after[0] <= before[0] + asked && after[1] == before[1], "{what}: connected");
        }
    };
    check("a typed private URL", private.url("/ok"), "ok");
    check("a typed metadata URL", metadata.url("/ok"), "blocked.address");
    check("the same, allowed", format!("{} --allow-address {METADATA}", metadata.url("/ok")), "ok");
    check("public to private", to(&public, &private.url("/ok")), "blocked.address");
    check("public to private, mapped", to(&public, &mapped), "blocked.address");
    check("public to metadata", to(&public, &metadata.url("/ok")), "blocked.address");
    check("private to private", to(&private, &private.url("/ok?other")), "ok");
    check("private to public", to(&private, &public.url("/ok")), "ok");
    let through = to(&private, &to(&public, &private.url("/ok")).replace('?', "%3F"));
    check("private to public to private", through, "blocked.address");
    let allowed = format!("{} --allow-address 10.0.0.0/8", to(&public, &private.url("/ok")));
    check("public to private, allowed", allowed, "ok");
    check("denied", format!("{} --deny-address {PUBLIC}", public.url("/ok")), "blocked.address");
    check("public only", format!("{} --addresses public", private.url("/ok")), "blocked.address");
    check("public only, public", format!("{} --addresses public", public.url("/ok")), "ok");
    check("mapped by the operator", format!("{named} --addresses public {by_name}"), "ok");
    check("a name at a private address", to(&public, &format!("{named} {by_name}")), "ok");

    // A connection that stands to a private host, for what the operator typed, is not lent to what
    // a public answer led there.
    let list = format!("{}\n{}\n", private.url("/ok"), to(&public, &private.url("/ok")));
    let bench = Bench::new().with_file("urls.txt", &list);
    let ran = bench.line("-i urls.txt -c 1 --retries 0");
    let kinds: Vec<&str> = ran.stdout.matches("blocked.address").collect();
    assert_eq!(kinds.len(), 1, "{}", ran.stdout);

    let proxied = format!("{} --addresses public -x http://{}", public.url("/ok"), private.addr());
    let ran = Bench::new().line(&proxied);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("--trust-proxy"), "{}", ran.stderr);
    row.kind("blocked.address", false);
    row.shown();
}
