//! The `testkit` binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn serves_until_its_stdin_ends_and_says_what_it_saw() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args(["serve", "--hosts", "2", "--rate", "0.001", "--burst", "1", "--retry-after", "3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    let addr = started["addrs"][1].as_str().unwrap();
    assert!(addr.starts_with("127.0.0.2:"));

    for want in ["HTTP/1.1 200 ", "HTTP/1.1 429 "] {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(b"GET /limited HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).unwrap();
        assert!(got.starts_with(want), "{got}");
    }
    drop(child.stdin.take());
    line.clear();
    stdout.read_line(&mut line).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(stats["hits"], 2);
    assert_eq!(stats["statuses"], serde_json::json!({ "200": 1, "429": 1 }));
    assert_eq!((&stats["hosts"][0]["hits"], &stats["hosts"][1]["hits"]), (&0.into(), &2.into()));
    assert!(child.wait().unwrap().success());
}
