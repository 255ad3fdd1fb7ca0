//! Mail to a real SMTP server: in the clear on this machine, by STARTTLS and TLS, with a login.

use std::path::{Path, PathBuf};

use gather::alerts::{Value, send_test};
use gather::fetch::{NetOptions, TlsOptions};
use gather::store::history::EventKind;
use gather_testkit::{Ca, Smtp, SmtpOptions, SmtpTls, Validity};

use crate::bed::*;

/// The Python that `cargo xtask test` installs aiosmtpd for.
fn python() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    std::env::var_os("GATHER_TEST_PYTHON").map_or(default, PathBuf::from)
}

fn server(options: &SmtpOptions<'_>) -> Option<Smtp> {
    let server = Smtp::start(&python(), options);
    if server.is_none() {
        let python = python();
        eprintln!("NOT TESTED: {} has no aiosmtpd; cargo xtask test installs it", python.display());
    }
    server
}

fn mail(host: &str, smtp: &Smtp, more: &[(&str, &str)]) -> gather::alerts::Channel {
    let server = format!("{host}:{}", smtp.port());
    let mut pairs = vec![
        ("smtp", Value::text(&server)),
        ("from", Value::text("gather <gather@watch.example>")),
        ("to", Value::List(["ops@a.example", "Böß <boss@b.example>"].map(Value::text).into())),
    ];
    pairs.extend(more.iter().map(|(key, value)| (*key, Value::text(value))));
    channel("ops", &pairs)
}

#[test]
fn a_mail_is_text_and_html_and_keeps_its_lines() {
    let Some(smtp) = server(&SmtpOptions::default()) else { return };
    let mut bed = Bed::new();
    let mut down = event(EventKind::Down);
    down.target = Some("Läden <b>\r\nBcc: x@y.example\r\n\r\nbody".into());
    down.reason = "<script>alert(1)</script>\r\n.\r\nQUIT".into();
    bed.put("i17:down:ops", "ops", down);
    let _deliverer = bed.deliver(vec![mail("127.0.0.1", &smtp, &[])]);
    bed.until_empty();
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "gather@watch.example");
    assert_eq!(mails[0].to, ["ops@a.example", "boss@b.example"]);
    assert!(!mails[0].is_private && !mails[0].has_login);
    let (head, body) = mails[0].data.split_once("\r\n\r\n").expect("a head and a body");
    for line in [
        "From: gather <gather@watch.example>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
    assert!(head.contains("@watch.example>\r\n"), "a Message-ID: {head}");
    let (text, html) = body.split_once("Content-Type: text/html").expect("two parts");
    assert!(text.contains("Content-Type: text/plain") && text.contains("<script>alert"), "{text}");
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
}

#[test]
fn a_mail_that_is_put_off_comes_again_under_its_id_and_a_refused_one_does_not() {
    for (answer, mails) in [("451 later", 2), ("550 no", 1)] {
        let Some(smtp) = server(&SmtpOptions { answers: &[answer], ..SmtpOptions::default() })
        else {
            return;
        };
        let mut bed = Bed::new();
        bed.put("a", "ops", event(EventKind::Down));
        let _deliverer = bed.deliver(vec![mail("localhost", &smtp, &[])]);
        bed.until_empty();
        // The server notes a mail after it has answered.
        let since = std::time::Instant::now();
        while smtp.mails().len() < mails && since.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        let all = smtp.mails();
        assert_eq!(all.len(), mails, "{answer}");
        let id = |data: &str| {
            data.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned)
        };
        let ids: Vec<_> = all.iter().map(|mail| id(&mail.data)).collect();
        assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[test]
fn tls_is_checked_and_passwords_go_over_nothing_else() {
    let ca = Ca::new();
    let identity = ca.issue(&["localhost"], Validity::For(std::time::Duration::from_secs(86_400)));
    let folder = tempfile::tempdir().expect("a directory");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca.pem()).expect("written");
    for (tls, word) in [(SmtpTls::Implicit, "tls"), (SmtpTls::Starttls, "starttls")] {
        let options = SmtpOptions {
            tls: Some((&identity, tls)),
            login: Some(("gather", CANARY)),
            ..SmtpOptions::default()
        };
        let Some(smtp) = server(&options) else { return };
        let tried = |host: &str, password: &str, ca_files: Vec<PathBuf>| {
            let more = [("tls", word), ("user", "gather"), ("password", password)];
            let net = NetOptions {
                tls: TlsOptions { ca_files, ..TlsOptions::default() },
                ..NetOptions::default()
            };
            let tested = send_test(&mail(host, &smtp, &more), net).expect("it can be tried");
            assert!(!format!("{tested} {tested:?}").contains(CANARY), "{tested}");
            tested.answer.map_err(|error| error.to_string())
        };
        let trusted = || vec![ca_file.clone()];
        assert_eq!(tried("localhost", CANARY, trusted()).as_deref(), Ok("accepted, 250"), "{word}");
        let error = tried("localhost", CANARY, Vec::new()).expect_err("nobody vouches for it");
        assert!(error.contains("certificate"), "{error}");
        let error = tried("127.0.0.1", CANARY, trusted()).expect_err("it is somebody else's");
        assert!(error.contains("certificate"), "{error}");
        let error = tried("localhost", "wrong", trusted()).expect_err("a wrong password");
        assert!(error.contains("535"), "{error}");
        let mails = smtp.mails();
        assert_eq!(mails.len(), 1, "{word}");
        assert!(mails[0].is_private && mails[0].has_login, "{word}");
    }
}

#[test]
fn a_server_that_cannot_starttls_is_left() {
    let Some(smtp) = server(&SmtpOptions::default()) else { return };
    let more = [("tls", "starttls"), ("user", "gather"), ("password", CANARY)];
    let tested = send_test(&mail("localhost", &smtp, &more), NetOptions::default());
    let error = tested.expect("it can be tried").answer.expect_err("no STARTTLS");
    assert!(error.to_lowercase().contains("starttls"), "{error}");
    assert_eq!(smtp.mails(), []);
}
