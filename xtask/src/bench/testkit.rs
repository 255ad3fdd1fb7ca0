//! The test site as a process of its own, for refusals and silence.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A running test site.
#[derive(Debug)]
pub(super) struct Testkit {
    child: Child,
    stdout: BufReader<ChildStdout>,
    addrs: Vec<SocketAddr>,
}

/// What the site counted.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Seen {
    pub(super) hits: u64,
    pub(super) statuses: std::collections::BTreeMap<String, u64>,
    pub(super) in_flight_max: u64,
    pub(super) hosts: Vec<HostSeen>,
}

/// What one host of it counted; times are seconds since 1970.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct HostSeen {
    pub(super) hits: u64,
    /// When the first request was answered.
    pub(super) first_done_at: Option<f64>,
    /// When the last request was answered.
    pub(super) last_done_at: Option<f64>,
}

#[derive(Deserialize)]
struct Started {
    addrs: Vec<SocketAddr>,
}

impl Testkit {
    /// Starts it with so many hosts and further options of `testkit serve`.
    pub(super) fn start(program: &Path, hosts: usize, options: &[String]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--hosts", &hosts.to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let Started { addrs } = serde_json::from_str(&line).context("testkit did not start")?;
        Ok(Self { child, stdout, addrs })
    }

    /// The URL of a path on a host.
    pub(super) fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}{path}", self.addrs[host])
    }

    /// Ends it and returns what it counted.
    pub(super) fn stop(mut self) -> Result<Seen> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        serde_json::from_str(&line).context("testkit did not say what it counted")
    }
}

impl Drop for Testkit {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends by itself when its stdin does; this is for one that does not.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
