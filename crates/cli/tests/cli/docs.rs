//! Help, completions, manual: all from the same list of flags, none forgotten.

use crate::bench::Bench;

#[test]
fn help_is_a_page() {
    let bench = Bench::new();
    for (line, name) in [
        ("--help", "top"),
        ("fetch --help", "fetch"),
        ("verify --help", "verify"),
        ("report --help", "report"),
        ("changes --help", "changes"),
        ("demo --help", "demo"),
    ] {
        let ran = bench.line(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
        insta::assert_snapshot!(name, ran.stdout);
    }
    assert_eq!(bench.line("help fetch").stdout, bench.line("fetch -h").stdout);
    assert!(bench.line("--version").stdout.starts_with("gather 0."));
}

/// The long flags of a help page.
fn long_flags(help: &str) -> Vec<String> {
    let flag = |line: &str| {
        let start = line.trim_start();
        let long = start.strip_prefix("--").or_else(|| start.split_once(", --").map(|(_, l)| l));
        let long = long.filter(|_| start.starts_with('-'))?;
        long.split([' ', '\n']).next().map(str::to_owned)
    };
    help.lines().filter_map(flag).collect()
}

#[test]
fn every_long_flag_of_fetch_is_a_key_of_a_job() {
    let bench = Bench::new();
    let flags = long_flags(&bench.line("fetch --help").stdout);
    assert!(flags.len() > 50, "{flags:?}");
    let shown = bench.line("config show").stdout;
    for flag in flags {
        if ["config", "print-job", "help"].contains(&flag.as_str()) {
            continue;
        }
        let is_key = |line: &str| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{flag} =")) || line.starts_with(&format!("\"{flag}\" ="))
        };
        assert!(shown.lines().any(is_key), "--{flag} is no key");
    }
}

#[test]
fn completions_and_manuals_know_the_flags() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = bench.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(ran.stdout.contains("host-concurrency"), "{shell}");
    }
    let ran = bench.line("man");
    assert!(ran.stdout.contains(".TH gather 1"), "{}", ran.stdout);
    let ran = bench.line("man fetch");
    assert!(ran.stdout.contains(".TH gather-fetch 1") && ran.stdout.contains("connect\\-timeout"));
}

#[test]
fn a_closed_standard_output_is_no_fault() {
    let mut child = Bench::new().command(&["fetch", "--help"]).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_full_disk_is_our_fault_and_said() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let output = Bench::new().command(&["--help"]).stdout(full).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("error: cannot write to standard output: "), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
