//! Debian's PostgreSQL on a port and in a directory of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports;
use crate::tls::Identity;

/// How long a server may take to come up.
const START_MAX: Duration = Duration::from_secs(60);
/// The superuser's password: it needs no escape in a URL, and is found in any output.
const PASSWORD: &str = "s3cret-of-the-testkit";

/// Runs the server as its child, and stops it when stdin ends: also if the test is killed.
const KEEPER: &str = "\"$@\" & server=$!; read -r _; kill -INT $server; wait $server";

/// A running server; dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    port: u16,
    tls: PostgresTls,
    keeper: Option<Child>,
    folder: TempDir,
}

/// Whether a server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// It does not.
    Off,
    /// It does, and takes nothing else over TCP.
    Required,
}

/// Whether a commit is on the disk when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresSync {
    /// It is not: for tests, whose data need not outlive the machine.
    Off,
    /// As an installed server does: for measurements.
    On,
}

impl Postgres {
    /// Starts a server, with this certificate if there is one; `None` where PostgreSQL is not
    /// installed.
    pub fn start(identity: Option<&Identity>, sync: PostgresSync) -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a directory");
        let owner = owner();
        let tls = if identity.is_some() { PostgresTls::Required } else { PostgresTls::Off };
        let mut server = Self { programs, owner, port: 0, tls, keeper: None, folder };
        server.make(identity, sync);
        server.port = ports::reserved();
        server.resume();
        Some(server)
    }

    /// Whether PostgreSQL is installed.
    pub fn is_installed() -> bool {
        programs().is_some()
    }

    /// The URL of its database, password included; `?sslmode=…` may follow.
    pub fn url(&self) -> String {
        format!("postgres://postgres:{PASSWORD}@localhost:{}/postgres", self.port)
    }

    /// The password in [`url`](Self::url).
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What psql says to these statements: one line a row, columns parted by `|`.
    ///
    /// # Panics
    /// If psql fails.
    pub fn query(&self, sql: &str) -> String {
        // Over the socket, where no certificate is asked for.
        let output = Command::new(self.programs.join("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string(), "-c", sql])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("psql is installed with the server");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {stderr}\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Stops it, as an operator does: connections are broken off.
    pub fn pause(&mut self) {
        self.stop();
        ports::hold(self.port);
    }

    fn stop(&mut self) {
        let Some(mut keeper) = self.keeper.take() else { return };
        drop(keeper.stdin.take());
        keeper.wait().expect("it is our child");
    }

    /// Starts it again on the same port, with the data it had.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn resume(&mut self) {
        let folder = self.folder.path();
        let mut command = self.command("/bin/sh");
        command.args(["-c", KEEPER, "keeper"]).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).arg("-k").arg(folder);
        command.args(["-p", &self.port.to_string()]);
        let log = fs::OpenOptions::new().append(true).create(true).open(folder.join("log"));
        let log = log.expect("a log");
        let second = log.try_clone().expect("another handle");
        command.stdin(Stdio::piped()).stdout(log).stderr(second);
        self.keeper = Some(command.spawn().expect("a shell"));
        let start = Instant::now();
        while !self.is_ready() {
            assert!(start.elapsed() < START_MAX, "PostgreSQL does not come up:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        let mut command = Command::new(self.programs.join("pg_isready"));
        command.args(["-q", "-h"]).arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        command.status().is_ok_and(|status| status.success())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command as the server's user: it refuses to be run by root.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.folder.path()).env_remove("LC_ALL").env("LANG", "C");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }

    fn make(&self, identity: Option<&Identity>, sync: PostgresSync) {
        let folder = self.folder.path();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).expect("written");
        self.give(folder);
        self.give(&password);
        let output = self
            .command(self.programs.join("initdb"))
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256"])
            .arg("--username=postgres")
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(self.data())
            .output()
            .expect("initdb is installed with the server");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {stderr}");
        let sync = match sync {
            PostgresSync::Off => "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n",
            PostgresSync::On => "",
        };
        let mut config = format!("listen_addresses = '127.0.0.1'\n{sync}");
        if let Some(Identity { cert_pem, key_pem }) = identity {
            for (name, pem) in [("server.crt", cert_pem), ("server.key", key_pem)] {
                let path = self.data().join(name);
                fs::write(&path, pem).expect("written");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("allowed");
                self.give(&path);
            }
            config.push_str("ssl = on\n");
        }
        let rules = match self.tls {
            PostgresTls::Off => "host",
            PostgresTls::Required => "hostssl",
        };
        let rules =
            format!("local all all scram-sha-256\n{rules} all all 127.0.0.1/32 scram-sha-256\n");
        let append = |name: &str, text: &str| {
            let path = self.data().join(name);
            let before = fs::read_to_string(&path).expect("initdb wrote it");
            fs::write(&path, before + text).expect("written");
        };
        append("postgresql.conf", &config);
        fs::write(self.data().join("pg_hba.conf"), rules).expect("written");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The newest of the installed versions.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("postgres").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

/// The user and group to run it as, where we are root: those that its package made.
fn owner() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    is_root.then(|| of("postgres").or_else(|| of("nobody")).expect("one of the two users"))
}
