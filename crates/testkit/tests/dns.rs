//! The name server, seen through hand-written messages.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use gather_testkit::{Dns, DnsAnswer, DnsKind, DnsTransport};

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 9));
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, kind as u8, 0, 1]);
    message
}

fn ask_udp(server: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.send_to(message, server).unwrap();
    let mut buffer = vec![0; 1500];
    let length = socket.recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

fn ask_tcp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(&(message.len() as u16).to_be_bytes()).unwrap();
    stream.write_all(message).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// Response code, answers, truncation.
fn summary(reply: &[u8]) -> (u8, u8, bool) {
    assert_eq!(reply[..2], [0xab, 0xcd], "the id is repeated");
    (reply[3] & 0x0f, reply[7], reply[2] & 0x02 != 0)
}

#[test]
fn every_answer_goes_out_as_it_should() {
    let dns = Dns::start(|query| match query.name.split('.').next().unwrap_or_default() {
        "both" => DnsAnswer::Addrs(vec![V4, V6], 7),
        "alias" => DnsAnswer::Alias { to: "both.test".into(), addrs: vec![V4], ttl: 7 },
        "empty" => DnsAnswer::Empty,
        "failing" => DnsAnswer::ServFail,
        "refused" => DnsAnswer::Refused,
        "long" if query.transport == DnsTransport::Udp => DnsAnswer::Truncated,
        "long" => DnsAnswer::Addrs(vec![V4; 100], 7),
        "late" => {
            let then = Box::new(DnsAnswer::Empty);
            DnsAnswer::After(Duration::from_millis(10), then)
        }
        "silent" => DnsAnswer::Silent,
        _ => DnsAnswer::NxDomain,
    });
    let cases = [
        ("both.test", 1, (0, 1, false)),
        ("both.test", 28, (0, 1, false)),
        ("both.test", 16, (0, 0, false)),
        ("alias.test", 1, (0, 2, false)),
        ("empty.test", 1, (0, 0, false)),
        ("failing.test", 1, (2, 0, false)),
        ("refused.test", 1, (5, 0, false)),
        ("none.test", 1, (3, 0, false)),
        ("long.test", 1, (0, 0, true)),
        ("late.test", 1, (0, 0, false)),
    ];
    for (name, kind, want) in cases {
        let reply = ask_udp(dns.addr(), &question(name, kind)).unwrap();
        assert_eq!(summary(&reply), want, "{name} {kind}");
    }
    assert_eq!(summary(&ask_tcp(dns.addr(), &question("long.test", 1))), (0, 100, false));
    assert_eq!(ask_udp(dns.addr(), &question("silent.test", 1)), None);
    assert_eq!(ask_udp(dns.addr(), b"no message"), None);
    assert_eq!((dns.count("both.test"), dns.queries().len()), (3, 12));
    assert_eq!(dns.queries()[1].kind, DnsKind::Aaaa);
}

#[test]
fn an_address_is_where_a_client_expects_it() {
    let dns = Dns::with_names(&[("shop.test", V4)]);
    let reply = ask_udp(dns.addr(), &question("sHoP.test", 1)).unwrap();
    assert_eq!(reply[13..17], *b"sHoP", "the question comes back in the case it had");
    let record = &reply[reply.len() - 16..];
    assert_eq!(record, [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 9]);
    assert_eq!(summary(&ask_udp(dns.addr(), &question("a.test", 1)).unwrap()), (3, 0, false));
}
