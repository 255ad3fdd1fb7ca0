//! Command lines that cannot be meant: exit 3, one line that says what, one that says what to do.

use crate::bench::Bench;

/// Each row: what is typed, the error, the hint.
fn refused(rows: &[(&str, &str, &str)]) {
    let bench = Bench::new().with_file("urls.txt", "https://a.example/\n");
    for (line, error, hint) in rows {
        let ran = bench.line(line);
        let hint = if hint.is_empty() { String::new() } else { format!("hint: {hint}\n") };
        assert_eq!(ran.stderr, format!("error: {error}\n{hint}"), "gather {line}");
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "gather {line}");
    }
}

#[test]
fn letters_of_other_tools_get_the_right_one() {
    refused(&[
        ("a.example -mc 200", "there is no flag -mc", "--match-code LIST (or --mc)"),
        ("a.example -fc 404", "there is no flag -fc", "--filter-code LIST (or --fc)"),
        ("-l urls.txt", "there is no flag -l", "-i FILE reads a list"),
        ("-w urls.txt", "there is no flag -w", "-i FILE reads a list; -c N is how many at once"),
        (
            "a.example -n 100",
            "there is no flag -n",
            "each line of a list is fetched once; --limit N takes the first N",
        ),
        ("a.example --threads 9", "there is no flag --threads", "-c N is how many at once"),
        (
            "https://a.example/[0-49]",
            "https://a.example/[0-49]: [0-49] is another tool's way to write a range",
            "write {0..49}",
        ),
        ("urls.txt", "urls.txt is a file, not a URL", "use -i urls.txt"),
        ("fetch urls.txt", "urls.txt is a file, not a URL", "use -i urls.txt"),
    ]);
}

#[test]
fn a_timeout_that_looks_like_threads_is_noted_and_taken() {
    let ran = Bench::new().line("config show -t 50");
    assert_eq!(ran.stderr, "note: -t 50 is a timeout of 50 s; for 50 at once write -c 50\n");
    assert!(ran.stdout.contains("\ntimeout = \"50\""), "{}", ran.stdout);
    assert_eq!(ran.code, 0);
    for line in ["config show -t 5", "config show -t 50 -c 50", "config show -t 50s"] {
        assert_eq!(Bench::new().line(line).stderr, "", "{line}");
    }
}

#[test]
fn unknown_flags_and_commands_get_the_nearest() {
    refused(&[
        (
            "a.example --concurency 5",
            "there is no flag --concurency",
            "did you mean --concurrency?",
        ),
        (
            "a.example --frobnicate",
            "there is no flag --frobnicate",
            "gather fetch --help lists the flags",
        ),
        (
            "plan -i urls.txt --nope",
            "there is no flag --nope",
            "gather plan --help lists the flags",
        ),
        ("fetsch", "there is no command 'fetsch'", "did you mean gather fetch?"),
        (
            "intranet",
            "there is no command 'intranet'",
            "gather --help lists the commands; a host is written http://intranet/",
        ),
        (
            "extract r.jsonl --report e.html",
            "gather extract has no flag --report",
            "gather fetch has it; gather extract --help lists those it has",
        ),
        ("config", "gather config needs a command", "write gather config show"),
        ("run", "<JOB> is missing", "write gather run <JOB> [URL]..."),
        (
            "completions klingon",
            "<SHELL>: 'klingon' is not one of its values",
            "write one of: bash, elvish, fish, powershell, zsh",
        ),
        (
            "man nope",
            "there is no command 'nope'",
            "there are: fetch, check, crawl, run, watch, status, silence, notify, plan, compare, extract, export, report, changes, verify, demo, init, config, completions, man",
        ),
    ]);
}

#[test]
fn values_that_cannot_be_read_say_how_they_are_written() {
    let duration = "write 500ms, 30s, 2m or 1h; a bare number is seconds";
    refused(&[
        ("a.example -t soon", "--timeout: 'soon' is not a duration", duration),
        ("a.example -t 0", "--timeout: 0 would leave no time at all", duration),
        ("a.example --backoff -1", "--backoff: '-1' is not a duration", duration),
        ("a.example -c 0", "--concurrency: '0' is not a number from 1", "write 1 or more"),
        ("a.example -c", "--concurrency needs a value", "write --concurrency <N>"),
        ("a.example -c 5 -c 6", "--concurrency is given twice", "give it once"),
        ("a.example --rate 10", "--rate: '10' is not a rate", "write 10/s, 5/15s or 100/m"),
        (
            "a.example --max-body 5X",
            "--max-body: '5X' is not a size",
            "write bytes, or 512K, 64M, 1G (K = 1024)",
        ),
        (
            "a.example --accept 20",
            "--accept: '20' is not a status or a range",
            "write statuses and ranges such as 200..=299,304,5xx",
        ),
        (
            "a.example --retry-on 5xx,timout",
            "--retry-on: there is no error kind 'timout'",
            "did you mean timeout?",
        ),
        ("a.example --only ok", "--only: 'ok' cannot be chosen", "write failed, or failed:timeout"),
        (
            "a.example --max-failures lots",
            "--max-failures: 'lots' is neither a number nor a percentage",
            "write 10 or 5%",
        ),
        (
            "a.example --scheme ftp",
            "--scheme: 'ftp' is not one of its values",
            "write one of: auto, https, http",
        ),
        (
            "a.example --format html",
            "the format html is not available in this version",
            "use jsonl or csv",
        ),
        (
            "a.example -o r.html",
            "the format html is not available in this version",
            "use jsonl or csv",
        ),
        ("a.example --limit 0", "--limit: '0' is not a number from 1", "write 1 or more"),
    ]);
    let ran = Bench::new().line("a.example --match-regex '('");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.starts_with("error: --match-regex: '(' is not a regular expression: "));
}

#[test]
fn errors_are_json_where_that_was_asked_for() {
    let ran = Bench::new().line("a.example -4 -6 --log-format json");
    let said: serde_json::Value = serde_json::from_str(&ran.stderr).expect("one JSON object");
    assert_eq!(said["event"], "error");
    assert_eq!(said["message"], "--ipv4 and --ipv6 contradict each other");
    assert_eq!(ran.code, 3);
}

#[test]
fn bare_gather_says_the_three_commonest_uses_in_six_lines() {
    let ran = Bench::new().run(&[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout.lines().count(), 6);
    insta::assert_snapshot!(ran.stdout);
}
