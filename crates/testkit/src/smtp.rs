//! A real SMTP server (aiosmtpd, of PyPI) that says what mail it was given.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tls::Identity;

const SERVER: &str = include_str!("smtp.py");

/// A running server on a port of 127.0.0.1; dropping it stops it.
#[derive(Debug)]
pub struct Smtp {
    port: u16,
    process: Child,
    mails: Arc<Mutex<Vec<Mail>>>,
    reader: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// How a server is spoken to, and what it says.
#[derive(Debug, Default)]
pub struct SmtpOptions<'a> {
    /// Its certificate, if it speaks TLS, and when that begins.
    pub tls: Option<(&'a Identity, SmtpTls)>,
    /// The only user and password; anybody may send if `None`.
    pub login: Option<(&'a str, &'a str)>,
    /// What it answers to the first mails instead of taking them: `451 later`.
    pub answers: &'a [&'a str],
}

/// When a connection becomes private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From its beginning.
    Implicit,
    /// By `STARTTLS`, and nothing is taken before it.
    Starttls,
}

/// A mail as the server was given it, also one that it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who sent it, of the envelope.
    pub from: String,
    /// To whom, of the envelope.
    pub to: Vec<String>,
    /// Headers and body.
    pub data: String,
    /// Whether the connection was private.
    pub is_private: bool,
    /// Whether its sender had logged in.
    pub has_login: bool,
}

impl Smtp {
    /// Starts a server by this Python; `None` if it has no aiosmtpd.
    ///
    /// # Panics
    /// If the server does not come up.
    pub fn start(python: &Path, options: &SmtpOptions<'_>) -> Option<Self> {
        let has = Command::new(python).args(["-c", "import aiosmtpd"]).output();
        if !has.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let folder = tempfile::tempdir().expect("a directory");
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let mode = match options.tls {
            None => "plain",
            Some((_, SmtpTls::Implicit)) => "tls",
            Some((_, SmtpTls::Starttls)) => "starttls",
        };
        if let Some((identity, _)) = options.tls {
            std::fs::write(&cert, &identity.cert_pem).expect("written");
            std::fs::write(&key, &identity.key_pem).expect("written");
        }
        let settings = json!({
            "mode": mode, "cert": cert, "key": key, "answers": options.answers,
            "user": options.login.map(|login| login.0),
            "password": options.login.map(|login| login.1),
        });
        let mut process = Command::new(python)
            .args(["-c", SERVER, &settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = lines.next().and_then(Result::ok).and_then(|line| line.parse().ok());
        let port = port.expect("the SMTP server says its port");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&mails);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mail = mail(&serde_json::from_str(&line).expect("JSON"));
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            }
        });
        Some(Self { port, process, mails, reader: Some(reader), _folder: folder })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The mails so far, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn mail(json: &Value) -> Mail {
    let text = |name: &str| json[name].as_str().expect("text").to_owned();
    let to = json["to"].as_array().expect("a list").iter();
    Mail {
        from: text("from"),
        to: to.map(|to| to.as_str().expect("text").to_owned()).collect(),
        data: text("data"),
        is_private: json["tls"] == true,
        has_login: json["login"] == true,
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.process.stdin.take() {
            // Its end is the server's end.
            drop(stdin.flush());
        }
        drop(self.process.wait());
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
