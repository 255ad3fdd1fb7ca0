//! Requests over a real socket.

use crate::made::{self, HOSTILE};
use crate::place::{Server, history};

#[test]
fn pages_say_what_they_should() {
    let server = Server::start(made::options(history()));
    let html = "text/html; charset=utf-8";
    // Path, status, content type, what it must contain, what it must not.
    let cases: &[(&str, u16, &str, &[&str], &[&str])] = &[(
        "/",
        200,
        html,
        &["2 of 18 targets are down.", "1 suspect, 2 degraded, 1 limited"],
        &["<script>"],
    )];
    for (path, status, content_type, with, without) in cases {
        let answer = server.get(path, "");
        assert_eq!(answer.status, *status, "{path}");
        assert_eq!(answer.header("content-type"), Some(*content_type), "{path}");
        let text = answer.text();
        for part in *with {
            assert!(text.contains(part), "{path} is without {part}:\n{text}");
        }
        for part in *without {
            assert!(!text.contains(part), "{path} has {part}");
        }
        assert!(!text.contains(HOSTILE), "{path}");
    }
    if let Ok(dir) = std::env::var("KEEP") {
        std::fs::create_dir_all(&dir).unwrap();
        let gather_store::history::HistoryPlace::Sqlite(path) = history() else { panic!() };
        std::fs::copy(path, format!("{dir}/gather.db")).unwrap();
    }
}
