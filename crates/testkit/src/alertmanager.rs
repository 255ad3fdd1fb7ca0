//! Debian's Alertmanager on a port and in a directory of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::ports;

const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";
/// It tells nobody.
const CONFIG: &str = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";
/// How long it may take to come up.
const START_MAX: Duration = Duration::from_secs(60);

/// A running Alertmanager; dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Alertmanager {
    port: u16,
    process: Child,
    folder: TempDir,
}

impl Alertmanager {
    /// Starts one; `None` where it is not installed.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start() -> Option<Self> {
        if !Path::new(PROGRAM).is_file() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a directory");
        let (config, log) = (folder.path().join("config.yml"), folder.path().join("log"));
        std::fs::write(&config, CONFIG).expect("written");
        let port = ports::reserved();
        let process = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("it is installed");
        let running = Self { port, process, folder };
        let start = Instant::now();
        while running.get("/-/ready").is_none() {
            assert!(start.elapsed() < START_MAX, "it does not come up: {}", running.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(running)
    }

    /// Its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The alerts that it takes to be active now.
    pub fn active(&self) -> Vec<Value> {
        let body = self.get("/api/v2/alerts?active=true").expect("it answers");
        serde_json::from_str(&body).expect("JSON")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The body of an answer of 200, by HTTP/1.0 so that its end is that of the connection.
    fn get(&self, path: &str) -> Option<String> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {addr}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|status| *status == "200")?;
        Some(body.to_owned())
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
