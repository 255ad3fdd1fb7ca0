//! The pages in a real Chromium: screenshots, keyboard, no JavaScript, and what axe-core finds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gather_web::{ExportOptions, Options, Token, export};
use serde_json::json;

use crate::made::{self, FIRST_PRICE};
use crate::place::{Server, history};

/// Where `cargo xtask test` installs axe-core and puppeteer-core.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-node")
}

fn chromium() -> Option<&'static str> {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    known.into_iter().find(|path| Path::new(path).is_file())
}

#[test]
fn a_browser_finds_no_fault() {
    let (Some(chromium), true) = (chromium(), modules().join("installed").is_file()) else {
        eprintln!("NOT TESTED: the status page in a browser, which needs chromium, node and npm; `cargo xtask test` installs them");
        return;
    };
    let options = Options { refresh: Duration::from_secs(1), ..made::options(history()) };
    let token = "a-token-of-the-browser-test";
    let locked = Options { token: Some(Token::new(token).unwrap()), ..options.clone() };
    let (open, locked) = (Server::start(options.clone()), Server::start(locked));
    let dir = tempfile::TempDir::new().unwrap();
    let files = ExportOptions { site: options, ..ExportOptions::new(history()) };
    export(&files, dir.path()).unwrap();
    let pages: BTreeMap<&str, String> = [
        ("overview", "/".into()),
        ("down", "/?state=down".into()),
        ("search", "/?q=nothing-is-called-so".into()),
        ("groups", "/groups".into()),
        ("group", "/group?name=Payments".into()),
        ("target", "/targets/0".into()),
        ("hostile", "/targets/6".into()),
        ("long", "/targets/7".into()),
        ("price", format!("/targets/{FIRST_PRICE}")),
        ("period", "/targets/3/30d".into()),
        ("day", "/targets/0/2026-11-25".into()),
        ("hour", "/targets/0/2026-11-25T13Z".into()),
        ("incidents", "/incidents".into()),
        ("incident", "/incidents/2".into()),
        ("jobs", "/jobs".into()),
        ("job", "/job?name=prices%20%26%20%3Ci%3Ecanary%3C%2Fi%3E".into()),
        ("maintenance", "/maintenance".into()),
    ]
    .into();
    let plan = json!({
        "chromium": chromium,
        "open": format!("http://{}", open.address),
        "locked": format!("http://{}", locked.address),
        "token": token,
        "files": dir.path(),
        // To be looked at: GATHER_TEST_SHOTS=DIR.
        "shots": std::env::var("GATHER_TEST_SHOTS").ok(),
        "pages": pages,
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser.mjs");
    let output =
        Command::new("node").arg(script).arg(modules()).arg(plan.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
}
