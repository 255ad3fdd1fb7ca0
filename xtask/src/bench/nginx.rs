//! Debian's nginx on ports of its own, with answers after a delay.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{needs, repo};

/// A running nginx; dropping it ends it.
#[derive(Debug)]
pub(super) struct Nginx {
    child: Child,
    hosts: usize,
    port: u16,
    /// Where it says what it counted, in plain HTTP.
    status: SocketAddr,
    speaks: Speaks,
    /// How often it was asked for its status.
    questions: u64,
    folder: TempDir,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1 over TCP.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// As many hosts as are asked for: nginx listens on all of 127.0.0.0/8.
pub(super) const HOSTS_MAX: usize = 255 * 64_000;

/// More than these are not listed one by one.
const LISTED_MAX: usize = 1_000;

impl Nginx {
    /// Starts nginx on this many addresses of 127.0.0.0/8.
    ///
    /// `/1k/…` is 1 KiB at once, `/16k/…` 16 KiB; `/delay/1.0/…` a short text after so many seconds,
    /// written with a point; anything else `ok`.
    pub(super) fn start(hosts: usize) -> Result<Self> {
        Self::start_speaking(hosts, Speaks::Plain)
    }

    /// The same, with a certificate of its own where that is needed.
    pub(super) fn start_speaking(hosts: usize, speaks: Speaks) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (port, status) = (free_port()?, SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let config = folder.path().join("nginx.conf");
        let listens: Vec<SocketAddr> = match hosts {
            0..=LISTED_MAX => (0..hosts).map(|host| address(host, port)).collect(),
            _ => vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))],
        };
        if speaks != Speaks::Plain {
            certify(folder.path())?;
        }
        let at = folder.path().display().to_string();
        fs::write(&config, configuration(&at, &listens, status, speaks))?;
        let nginx = repo::find_program("nginx").context("nginx is not installed")?;
        let child = Command::new(nginx)
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .stdin(Stdio::null())
            .spawn()?;
        let nginx = Self { child, hosts, port, status, speaks, questions: 0, folder };
        nginx.wait_until_up()?;
        Ok(nginx)
    }

    /// The URL of a path on a host; hosts repeat from the first when there are no more.
    pub(super) fn url(&self, host: usize, path: &str) -> String {
        let scheme = if self.speaks == Speaks::Plain { "http" } else { "https" };
        format!("{scheme}://{}{path}", address(host % self.hosts, self.port))
    }

    /// What the program needs to fetch from it: nobody trusts its certificate.
    pub(super) fn flags(&self) -> &'static [&'static str] {
        if self.speaks == Speaks::Plain { &[] } else { &["-k"] }
    }

    /// Serves a file as `/files/NAME`.
    pub(super) fn serve(&self, name: &str, body: &str) -> Result<()> {
        let files = self.folder.path().join("files");
        fs::create_dir_all(&files)?;
        Ok(fs::write(files.join(name), body)?)
    }

    /// Requests that came since the start, by nginx's own count.
    ///
    /// It waits until no client is connected: what an earlier one left behind must not be counted
    /// as the next one's.
    pub(super) fn hits(&mut self) -> Result<u64> {
        let start = Instant::now();
        loop {
            let (connections, requests) = self.status()?;
            self.questions += 1;
            if connections == 1 {
                return Ok(requests - self.questions);
            }
            if start.elapsed() > Duration::from_secs(30) {
                bail!("{connections} connections to nginx stay open");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Open connections and requests so far, this question among them.
    fn status(&self) -> Result<(u64, u64)> {
        let mut stream = TcpStream::connect(self.status)?;
        stream.write_all(b"GET /nginx-status HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let words = body.split_whitespace().filter_map(|word| word.parse().ok());
        // Active connections; accepted and handled connections, requests; what they are doing.
        let numbers: Vec<u64> = words.collect();
        let [connections, _, _, requests, ..] = numbers[..] else { bail!("status {text:?}") };
        Ok((connections, requests))
    }

    /// Leaves it these processors alone, as `taskset` names them.
    pub(super) fn pin(&self, processors: &str) -> Result<()> {
        let pid = fs::read_to_string(self.folder.path().join("pid"))?;
        let children = format!("/proc/{0}/task/{0}/children", pid.trim());
        let worker = fs::read_to_string(children)?;
        for id in [pid.trim(), worker.trim()] {
            repo::output(Command::new("taskset").args(["-c", "-p", processors, id]))?;
        }
        Ok(())
    }

    fn wait_until_up(&self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.status).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                let log = fs::read_to_string(self.folder.path().join("error.log"));
                bail!("nginx does not come up: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it: the master is asked, not killed.
        let id = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &id]).status());
        drop(self.child.wait());
    }
}

/// A port that is free at this moment on all addresses.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}

/// The address of a host.
fn address(host: usize, port: u16) -> SocketAddr {
    let (second, third) = ((host / 64_000) as u8, (host / 250 % 256) as u8);
    SocketAddr::from((Ipv4Addr::new(127, second, third, (host % 250 + 1) as u8), port))
}

/// Makes a key and a certificate that nobody trusts.
fn certify(folder: &Path) -> Result<()> {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args([
        "req",
        "-x509",
        "-nodes",
        "-days",
        "30",
        "-subj",
        "/CN=bench",
    ]);
    command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    repo::output(command.args(["-keyout", "key.pem", "-out", "certificate.pem"]))?;
    Ok(())
}

fn configuration(
    folder: &str,
    listens: &[SocketAddr],
    status: SocketAddr,
    speaks: Speaks,
) -> String {
    let options = match speaks {
        Speaks::Plain => "",
        Speaks::Tls => " ssl",
        Speaks::Http2 => " ssl http2",
    };
    let mut listed = String::new();
    for listen in listens {
        writeln!(listed, "    listen {listen}{options} backlog=16384;").expect("memory takes text");
    }
    let tls = match speaks {
        Speaks::Plain => String::new(),
        Speaks::Tls | Speaks::Http2 => format!(
            "    ssl_certificate {folder}/certificate.pem;\n\
             \x20   ssl_certificate_key {folder}/key.pem;\n"
        ),
    };
    // A worker of another user could not write to the folder.
    let user = match repo::stdout("id", &["-u"]) {
        Ok(id) if id.trim() == "0" => "user root;",
        _ => "",
    };
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .collect();
    let body = "0123456789abcdef".repeat(64);
    // A text in the configuration may not be much longer than that.
    let long = "$body".repeat(16);
    format!(
        "load_module {module};\n{user}\ndaemon off;\nworker_processes 1;\n\
         worker_rlimit_nofile 60000;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 25000; }}\n\
         http {{\n{temp}  access_log off;\n  keepalive_requests 1000000000;\n\
         \x20 keepalive_timeout 300s;\n  default_type text/plain;\n\
         \x20 server {{\n    listen {status};\n\
         \x20   location = /nginx-status {{ stub_status; }}\n  }}\n\
         \x20 server {{\n{listed}{tls}    set $body \"{body}\";\n\
         \x20   location /1k {{ return 200 \"{body}\"; }}\n\
         \x20   location /16k {{ return 200 \"{long}\"; }}\n\
         \x20   location ~ ^/delay/(?<s>\\d+\\.\\d+)/ {{ echo_sleep $s; echo slept; }}\n\
         \x20   location /files/ {{ root {folder}; default_type \"text/html; charset=utf-8\"; }}\n\
         \x20   location / {{ return 200 ok; }}\n  }}\n}}\n",
        module = needs::NGINX_ECHO,
    )
}
