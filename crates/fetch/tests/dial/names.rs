//! Names over a small name server on loopback: hosts file, cache, failures, shared lookups.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::support::{dialer, key, shard, silent, told};
use gather_fetch::{DialError, Dialer, Family, NetOptions};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// What the name server does with a name.
#[derive(Clone, Copy)]
enum Zone {
    /// These addresses, with this TTL in seconds.
    Has(&'static [&'static str], u32),
    /// This response code, with an SOA that allows so many seconds of caching.
    Says(ResponseCode, u32),
    /// This address; questions for AAAA are not answered.
    DropsAaaa(&'static str),
    /// Nothing at all.
    Drops,
}

struct NameServer {
    address: SocketAddr,
    /// How often each name was asked for, any type.
    asked: Rc<RefCell<HashMap<String, u32>>>,
}

impl NameServer {
    async fn start(zones: &'static [(&'static str, Zone)]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let asked = Rc::new(RefCell::new(HashMap::new()));
        let log = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let query = Message::from_vec(&buffer[..length]).expect("a question");
                let name = query.queries[0].name().to_ascii();
                *log.borrow_mut().entry(name.clone()).or_default() += 1;
                let zone = zones.iter().find(|(own, _)| *own == name).map(|(_, zone)| *zone);
                if let Some(reply) =
                    answer(&query, zone.unwrap_or(Zone::Says(ResponseCode::NXDomain, 60)))
                {
                    socket.send_to(&reply, peer).await.expect("sent");
                }
            }
        });
        Self { address, asked }
    }

    fn asked(&self, name: &str) -> u32 {
        self.asked.borrow().get(name).copied().unwrap_or(0)
    }
}

fn answer(query: &Message, zone: Zone) -> Option<Vec<u8>> {
    let question = query.queries[0].clone();
    let name = question.name().clone();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_available = true;
    let (addresses, ttl) = match zone {
        Zone::Has(addresses, ttl) => (addresses.to_vec(), ttl),
        Zone::Says(code, ttl) => {
            reply.metadata.response_code = code;
            (Vec::new(), ttl)
        }
        Zone::DropsAaaa(_) if question.query_type() == RecordType::AAAA => return None,
        Zone::DropsAaaa(address) => (vec![address], 60),
        Zone::Drops => return None,
    };
    reply.add_query(question.clone());
    for address in addresses {
        let data = match address.parse::<IpAddr>().expect("an address") {
            IpAddr::V4(v4) => RData::A(v4.into()),
            IpAddr::V6(v6) => RData::AAAA(v6.into()),
        };
        if data.record_type() == question.query_type() {
            reply.add_answer(Record::from_rdata(name.clone(), ttl, data));
        }
    }
    if reply.answers.is_empty() {
        let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, ttl);
        reply.add_authority(Record::from_rdata(Name::root(), ttl, RData::SOA(soa)));
    }
    Some(reply.to_vec().expect("a reply"))
}

const ZONES: &[(&str, Zone)] = &[
    ("four.test.", Zone::Has(&["127.0.0.1"], 60)),
    ("both.test.", Zone::Has(&["127.0.0.1", "::1"], 60)),
    ("six.test.", Zone::Has(&["::1"], 60)),
    ("short.test.", Zone::Has(&["127.0.0.1"], 50)),
    ("zero.test.", Zone::Has(&["127.0.0.1"], 0)),
    ("hosts.test.", Zone::Has(&["127.0.0.9"], 60)),
    ("_odd_.test.", Zone::Has(&["127.0.0.1"], 60)),
    ("empty.test.", Zone::Says(ResponseCode::NoError, 60)),
    ("servfail.test.", Zone::Says(ResponseCode::ServFail, 60)),
    ("refused.test.", Zone::Says(ResponseCode::Refused, 60)),
    ("slow-six.test.", Zone::DropsAaaa("127.0.0.1")),
    ("silent.test.", Zone::Drops),
];

struct Setup {
    server: NameServer,
    options: NetOptions,
    _hosts: tempfile::NamedTempFile,
}

async fn setup() -> Setup {
    let server = NameServer::start(ZONES).await;
    let hosts = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&hosts, "127.0.0.1 hosts.test alias.test\n").expect("written");
    let options = NetOptions {
        dns_servers: vec![server.address],
        hosts_file: Some(PathBuf::from(hosts.path())),
        ..NetOptions::default()
    };
    Setup { server, options, _hosts: hosts }
}

fn http(name: &str) -> gather_core::HostKey {
    key(&format!("http://{name}:80"))
}

/// How a lookup ended: "ok", or its kind and message.
async fn resolved(dialer: &Dialer, name: &str) -> String {
    match dialer.resolve(&http(name)).await {
        Ok(_) => "ok".to_owned(),
        Err(DialError::Failed(failed)) => {
            format!("{}: {}", failed.failure.kind.as_str(), failed.failure.message)
        }
        Err(DialError::Local(shortage)) => format!("{shortage:?}"),
    }
}

#[test]
fn each_answer_has_its_kind() {
    shard(async {
        let setup = setup().await;
        let check = async |family: Family, name: &str, expected: &str| {
            let dialer = dialer(&NetOptions { family, ..setup.options.clone() });
            assert!(dialer.needs_lookup(&http(name)), "{name}");
            assert_eq!(resolved(&dialer, name).await, expected, "{name} {family:?}");
        };
        use Family::{Any, V4, V6};
        check(Any, "four.test", "ok").await;
        check(Any, "four.test.", "ok").await;
        check(Any, "_odd_.test", "ok").await;
        check(V4, "four.test", "ok").await;
        check(V6, "six.test", "ok").await;
        check(Any, "slow-six.test", "ok").await;
        check(Any, "localhost", "ok").await;
        check(V6, "four.test", "dns.not_found: four.test has no IPv6 address in DNS").await;
        check(Any, "none.test", "dns.not_found: none.test has no address in DNS").await;
        check(Any, "empty.test", "dns.not_found: empty.test has no address in DNS").await;
        let long = format!("{}.test", "x".repeat(64));
        check(Any, &long, &format!("dns.not_found: {long} cannot be a name in DNS")).await;
        check(
            Any,
            "servfail.test",
            "dns.temporary: the name server answered \"Server Failure\" for servfail.test",
        )
        .await;
        check(
            Any,
            "refused.test",
            "dns.temporary: the name server answered \"Query Refused\" for refused.test",
        )
        .await;
    });
}

#[test]
fn connections_use_the_addresses_found() {
    shard(async {
        let setup = setup().await;
        let server = silent().await;
        let dialer = dialer(&setup.options);
        let check = async |name: &str, expected: &str| {
            let told = told(&dialer, &format!("http://{name}:{}", server.port())).await;
            assert_eq!(told, expected, "{name}");
        };
        check("four.test", "connected to 127.0.0.1").await;
        // Nothing listens on ::1, which comes first.
        check("both.test", "connected to 127.0.0.1").await;
        check("slow-six.test", "connected to 127.0.0.1").await;
        check("hosts.test", "connected to 127.0.0.1").await;
        check("alias.test", "connected to 127.0.0.1").await;
        assert_eq!(setup.server.asked("hosts.test."), 0);
    });
}

#[test]
fn a_name_is_asked_for_once() {
    shard(async {
        let setup = setup().await;
        // One turn: lookups that were not shared would be made one after the other.
        let options = NetOptions { dns_concurrency: 1, ..setup.options.clone() };
        let dialer = Rc::new(dialer(&options));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let dialer = Rc::clone(&dialer);
                tokio::task::spawn_local(async move { resolved(&dialer, "four.test").await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.expect("no panic"), "ok");
        }
        assert_eq!(setup.server.asked("four.test."), 2, "A and AAAA");
        assert!(!dialer.needs_lookup(&http("four.test")));
    });
}

#[test]
fn answers_are_believed_for_their_time() {
    shard(async {
        let setup = setup().await;
        let dialer = dialer(&setup.options);
        // (name, seconds after which it is still known, seconds after which it is not)
        for (name, known_s, unknown_s) in
            [("short.test", 40, 60), ("zero.test", 0, 2), ("none.test", 55, 65)]
        {
            resolved(&dialer, name).await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(known_s)).await;
            assert!(!dialer.needs_lookup(&http(name)), "{name} after {known_s} s");
            tokio::time::advance(Duration::from_secs(unknown_s - known_s)).await;
            assert!(dialer.needs_lookup(&http(name)), "{name} after {unknown_s} s");
            tokio::time::resume();
        }
        // A failure that may pass is not remembered.
        resolved(&dialer, "servfail.test").await;
        assert!(dialer.needs_lookup(&http("servfail.test")));
    });
}

#[test]
fn a_silent_name_server_is_a_timeout() {
    shard(async {
        let setup = setup().await;
        let short =
            NetOptions { connect_timeout: Duration::from_millis(100), ..setup.options.clone() };
        assert_eq!(
            told(&dialer(&short), "http://silent.test:80").await,
            "timeout.dns: no address of silent.test within 0.1 s",
        );
        let dialer = dialer(&setup.options);
        // The hosts file is read off the loop, which paused time does not wait for.
        resolved(&dialer, "four.test").await;
        tokio::time::pause();
        assert_eq!(
            resolved(&dialer, "silent.test").await,
            "timeout.dns: no name server answered for silent.test within 5 s",
        );
        tokio::time::resume();
        assert!(setup.server.asked("silent.test.") >= 4, "lost datagrams are sent again");
    });
}

#[test]
fn an_abandoned_lookup_leaves_its_turn_to_others() {
    shard(async {
        let setup = setup().await;
        let dialer = dialer(&NetOptions { dns_concurrency: 1, ..setup.options.clone() });
        for _ in 0..3 {
            let silent = http("silent.test");
            let lookup = tokio::time::timeout(Duration::from_millis(50), dialer.resolve(&silent));
            assert!(lookup.await.is_err());
        }
        let next = tokio::time::timeout(Duration::from_secs(4), resolved(&dialer, "four.test"));
        assert_eq!(next.await.as_deref(), Ok("ok"));
    });
}

#[test]
fn without_a_name_server_there_is_the_hosts_file() {
    shard(async {
        let setup = setup().await;
        let closed = UdpSocket::bind("127.0.0.1:0").await.expect("a free port").local_addr();
        let dns_servers = vec![closed.expect("bound")];
        let dialer = dialer(&NetOptions { dns_servers, ..setup.options.clone() });
        assert_eq!(resolved(&dialer, "hosts.test").await, "ok");
        tokio::time::pause();
        assert_eq!(
            resolved(&dialer, "four.test").await,
            "timeout.dns: no name server answered for four.test within 5 s",
        );
    });
}
