//! Settings from flags, environment and file: which counts, where it is said to come from.

use crate::bench::{Bench, words};

/// The line of `config show` that sets (or does not set) a key.
fn shown(bench: &Bench, flags: &str, key: &str) -> String {
    let ran = bench.line(&format!("config show {flags}"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "config show {flags}");
    let find = |line: &&str| {
        line.trim_start_matches("# ").split_once(" =").is_some_and(|(name, _)| name == key)
    };
    let line = ran.stdout.lines().find(find).unwrap_or_else(|| panic!("{key}: {}", ran.stdout));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

const FILE: &str = "\
[defaults]
concurrency = 20
timeout = \"9s\"
headers = { accept = \"text/html\", x-token = \"${env:TOKEN}\" }
max-failures = 5

[job.fast]
timeout = \"2s\"
input = \"urls.txt\"
";

#[test]
fn each_layer_wins_over_those_below_it() {
    let bench = Bench::new().with_file("gather.toml", FILE).with_env("TOKEN", "s3cret");
    let env = Bench::new()
        .with_file("gather.toml", FILE)
        .with_env("TOKEN", "s3cret")
        .with_env("GATHER_TIMEOUT", "7s")
        .with_env("GATHER_HTTP1_1", "yes");
    for (bench, flags, key, expected) in [
        (&bench, "", "retries", "retries = 2 # default"),
        (&bench, "", "rate", "# rate = # not set"),
        (&bench, "", "concurrency", "concurrency = 20 # gather.toml:2:1 [defaults]"),
        (&bench, "-c 30", "concurrency", "concurrency = 30 # flag"),
        (&bench, "", "timeout", "timeout = \"9s\" # gather.toml:3:1 [defaults]"),
        (&bench, "--job fast", "timeout", "timeout = \"2s\" # gather.toml:8:1 [job.fast]"),
        (&bench, "--job fast", "input", "input = \"urls.txt\" # gather.toml:9:1 [job.fast]"),
        (&env, "", "timeout", "timeout = \"7s\" # env GATHER_TIMEOUT"),
        (&env, "--job fast", "timeout", "timeout = \"7s\" # env GATHER_TIMEOUT"),
        (&env, "-t 1s", "timeout", "timeout = \"1s\" # flag"),
        (&env, "", "\"http1.1\"", "\"http1.1\" = true # env GATHER_HTTP1_1"),
        // A flag drops what contradicts it below.
        (&env, "--http2", "http1.1", "# http1.1 = # not set"),
        (&bench, "--fail-fast", "max-failures", "# max-failures = # not set"),
        // Headers add up; of one name, the higher layer's counts. Secrets stay references.
        (
            &bench,
            "-H Accept:x -H A:1",
            "header",
            "header = [\"x-token: ${env:TOKEN}\", \"Accept: ***\", \"A: ***\"] # flag",
        ),
    ] {
        let expected = expected.replace("\"Accept: ***\"", "\"Accept:x\"");
        assert_eq!(shown(bench, flags, key), expected, "{flags} {key}");
    }
}

#[test]
fn what_config_show_prints_is_a_configuration_file() {
    let bench = Bench::new().with_file("gather.toml", FILE).with_env("TOKEN", "s3cret");
    let shown = bench.line("config show").stdout;
    assert!(!shown.contains("s3cret"), "{shown}");
    let again = Bench::new().with_file("gather.toml", &shown).with_env("TOKEN", "s3cret");
    let strip = |text: &str| -> Vec<String> {
        let values = text.lines().filter(|line| !line.starts_with('#'));
        values.map(|line| line.split('#').next().unwrap_or_default().trim().to_owned()).collect()
    };
    assert_eq!(strip(&again.line("config show").stdout), strip(&shown));
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_place() {
    for (file, flags, expected) in [
        (
            "[defaults]\nconcurency = 5\n",
            "config show",
            "error: gather.toml:2:1: there is no key 'concurency' in [defaults]\n  \
             2 | concurency = 5\n    | ^^^^^^^^^^\nhint: did you mean concurrency?\n",
        ),
        (
            "[defaults]\nuser = \"${env:NOT_SET_HERE}\"\n",
            "config show",
            "error: gather.toml:2:1: the environment variable NOT_SET_HERE is not set\n\
             hint: set it: export NOT_SET_HERE=…\n",
        ),
        (
            "[job.prices]\n",
            "run price",
            "error: gather.toml has no job 'price'\nhint: did you mean prices?\n",
        ),
        ("", "run x", "error: gather.toml has no job 'x'\nhint: write one as [job.x]\n"),
        (
            "[defaults]\ntimeout = \"${env:SECRET}\"\n",
            "config show",
            "error: gather.toml:2:1: timeout: what ${env:SECRET} refers to is not valid\n  \
             2 | timeout = \"${env:SECRET}\"\n    | ^^^^^^^^^^^^^^^^^^^^^^^^^\n",
        ),
    ] {
        let bench = Bench::new().with_file("gather.toml", file).with_env("SECRET", "hush");
        let ran = bench.line(flags);
        assert_eq!(ran.stderr, expected, "{file}");
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{file}");
    }
    let ran = Bench::new().line("config show -K nope.toml");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.starts_with("error: cannot read the configuration file nope.toml: "));
    let ran = Bench::new().line("run x");
    assert_eq!(
        ran.stderr.lines().next(),
        Some("error: there is no gather.toml here to take the job 'x' from")
    );
}

#[test]
fn wrong_variables_are_refused_and_misspelt_ones_noted() {
    let ran = Bench::new().with_env("GATHER_TIMEOUT", "soon").line("config show");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.starts_with("error: GATHER_TIMEOUT: timeout: 'soon' is not a duration\n"));
    let ran = Bench::new().with_env("GATHER_CONCURENCY", "5").line("config show");
    let note = "note: GATHER_CONCURENCY is no setting; did you mean GATHER_CONCURRENCY?\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (0, note));
    let ran = Bench::new().with_env("GATHER_TOKEN", "x").line("config show");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn printed_jobs_parse_back_to_the_same_settings() {
    for flags in [
        "https://a.example/",
        "-i urls.txt -c 50 -o results.jsonl",
        "'https://a.example/{0..9}' b.example -i - --limit 7 --scheme http --url-field link",
        "-i a.txt --host-concurrency 8 --rate 10/s --host-rate 5/15s -t 5 --connect-timeout 1.5s",
        "-i a.txt --min-speed 0 --deadline 1h --retries 0 --backoff 100ms --retry-on 5xx,dns",
        "-i a.txt -X PUT -H 'A: \"quoted\" \\ back' -H 'B: é' -d @x -A me -u 'n:p\"w' -b 'a=1; b=2'",
        "-i a.txt -x socks5://h:1 -L --max-redirects 0 -k --resolve a:80:127.0.0.1 -4 --http1.1",
        "-i a.txt --connect-to a:80:b:81 --connect-to c:80:d:81 --cacert c --cert c --key k -6 --http2",
        "-i a.txt --max-body 1K --max-decoded 2M --max-headers 64K --max-memory 1G -I",
        "-i a.txt --accept 2xx,404 --max-failures 5% --allow-failures 10 --mc 200 --fc 404 --mr '^a.*$'",
        "-i a.txt --fail-fast -o a.csv -o - --format csv --csv-bom -O bodies --cache c.db --fields +body --redact-query token --redact-query key --overwrite",
        "-i a.txt --template '{status_code}\\t{url}' -q --no-progress --log-format json --summary s.json",
        "-i a.txt -v --stats-interval 5s --retry-unsafe --only failed:timeout --backoff-max 2m --max-retry-after 6h",
    ] {
        let bench = Bench::new().with_file("x", "");
        let typed = bench.line(&format!("{flags} --print-job 'my job'"));
        assert_eq!((typed.code, typed.stderr.as_str()), (0, ""), "{flags}");
        let again = Bench::new().with_file("gather.toml", &typed.stdout);
        let values = |ran: crate::bench::Ran| -> Vec<String> {
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{flags}\n{}", typed.stdout);
            let lines = ran.stdout.lines().filter(|line| !line.starts_with('#'));
            lines
                .map(|line| line.rsplit_once('#').map_or(line, |(v, _)| v).trim().to_owned())
                .collect()
        };
        let mut direct = vec!["config".to_owned(), "show".to_owned()];
        direct.extend(words(flags));
        let direct: Vec<&str> = direct.iter().map(String::as_str).collect();
        let expected = values(bench.run(&direct));
        assert_eq!(values(again.line("config show --job 'my job'")), expected, "{}", typed.stdout);
    }
}

#[test]
fn init_writes_a_file_that_works_and_never_replaces_one() {
    let bench = Bench::new();
    let ran = bench.line("init");
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "wrote gather.toml; try: gather config show\n")
    );
    assert_eq!(bench.line("config show").code, 0);
    let before = bench.read("gather.toml");
    let ran = bench.line("init");
    assert_eq!(ran.code, 3);
    assert_eq!(
        ran.stderr,
        "error: gather.toml exists and is left as it is\nhint: name another: gather init FILE\n"
    );
    assert_eq!(bench.read("gather.toml"), before);
}
