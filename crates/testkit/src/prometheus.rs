//! Debian's Prometheus on a port and in a directory of its own, and its promtool.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::ports;

const PROGRAM: &str = "/usr/bin/prometheus";
const PROMTOOL: &str = "/usr/bin/promtool";
/// How long it may take to come up.
const START_MAX: Duration = Duration::from_secs(60);

/// A running Prometheus; dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    process: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one with this configuration; `None` where it is not installed.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(config: &str) -> Option<Self> {
        if !Path::new(PROGRAM).is_file() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a directory");
        let (file, log) = (folder.path().join("prometheus.yml"), folder.path().join("log"));
        std::fs::write(&file, config).expect("written");
        let port = ports::reserved();
        let process = Command::new(PROGRAM)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
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

    /// What an expression gives now: series with their labels and values.
    ///
    /// # Errors
    /// What Prometheus does not like of it.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let escaped = expression.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        let path = format!("/api/v1/query?query={}", escaped.collect::<String>());
        let body = self.ask(&path).map(|(_, body)| body).unwrap_or_default();
        let answer: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        match answer["data"]["result"].as_array() {
            Some(series) => Ok(series.clone()),
            None => Err(answer["error"].as_str().unwrap_or("no answer").to_owned()),
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Runs promtool with these arguments, and gives it this to read: whether it is content, and what
    /// it says. `None` where it is not installed.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn tool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
        if !Path::new(PROMTOOL).is_file() {
            return None;
        }
        let mut tool = Command::new(PROMTOOL)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is installed");
        let mut stdin = tool.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = tool.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The body of an answer of 200.
    fn get(&self, path: &str) -> Option<String> {
        self.ask(path).filter(|(status, _)| status == "200").map(|(_, body)| body)
    }

    /// By HTTP/1.0, so that the end of an answer is that of the connection.
    fn ask(&self, path: &str) -> Option<(String, String)> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {addr}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?;
        Some((status.to_owned(), body.to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
