//! Configuration files, right and wrong.

use std::path::Path;

use super::ConfigFile;

fn parse(text: &str) -> Result<ConfigFile, crate::error::CliError> {
    ConfigFile::parse(Path::new("gather.toml"), text.to_owned())
}

#[test]
fn faults_point_at_their_place() {
    let faults: Vec<String> = [
        "concurrency = 5",
        "[default]\nconcurrency = 5",
        "[defaults]\nconcurency = 5",
        "[defaults]\nconcurrency = \"many\"",
        "[defaults]\nconcurrency = 0",
        "[defaults]\ntimeout = \"soon\"",
        "[defaults]\nfail-fast = \"yes\"",
        "[defaults]\ninput = { command = \"x\" }",
        "[defaults]\nretry-on = [\"5xx\", \"timout\"]",
        "[defaults]\ntimeout = 5\nrate = \"1/s\"\ntimeout = 6",
        "[defaults]\nhost-rate = \"1/s\"\nhost_rate = \"2/s\"",
        "[defaults]\n  retries = 1979-05-27",
        "[defaults",
        "[job.a]\nkind = \"dance\"",
        "[job.a]\nwhatever = 1",
        "[hosts.\"a.example\"]\nconcurrency = 0",
        "[hosts.\"a.example\"]\nspeed = 1",
        "[hosts.\"a.example\"]\nheaders = { a = [] }",
        "job = 3",
        "[defaults]\nuser = 5.5.5",
    ]
    .into_iter()
    .map(|text| match parse(text) {
        Err(error) => format!("{error}\n"),
        Ok(_) => format!("ACCEPTED {text}\n"),
    })
    .collect();
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn a_whole_file_is_read() {
    let file = parse(
        "[defaults]\nconcurrency = 50\ntimeout = 2.5\nretry_on = [\"5xx\", \"timeout\"]\n\
         [store]\npath = \"x.db\"\n\
         [hosts.\"api.example\"]\nrate = \"5/s\"\nheaders = { authorization = \"${env:T}\" }\n\
         [job.\"two words\"]\nkind = \"fetch\"\nevery = \"5m\"\ninput = \"a.txt\"\nmc = \"200\"\n\
         headers = { a = \"1\", b = \"2\" }\nfail-fast = true\n",
    )
    .expect("a valid file");
    let shown = |entries: &[super::Entry]| -> Vec<String> {
        let show = |entry: &super::Entry| format!("{}={}", entry.key, entry.values.join("|"));
        entries.iter().map(show).collect()
    };
    let mut defaults = shown(&file.defaults);
    defaults.sort();
    assert_eq!(defaults, ["concurrency=50", "retry-on=5xx,timeout", "timeout=2.5"]);
    let mut job = shown(&file.job("two words").expect("it is there").entries);
    job.sort();
    assert_eq!(job, ["fail-fast=true", "header=a: 1|b: 2", "input=a.txt", "match-code=200"]);
    assert_eq!(file.hosts[0].headers, [("authorization".to_owned(), "${env:T}".to_owned())]);
    assert_eq!(file.tables["store"][0].value, "x.db");
    let every = file.job("two words").expect("it is there").item("every").expect("it has one");
    assert_eq!(every.value, "5m");
    let missing = file.job("two-words").expect_err("no such job");
    assert_eq!(missing.hint.as_deref(), Some("did you mean two words?"));
}

#[test]
fn what_init_writes_can_be_read_with_and_without_its_comments() {
    let template = crate::commands::INIT_TEMPLATE;
    let file = parse(template).expect("a valid file");
    assert!(file.defaults.is_empty() && file.jobs.is_empty());
    // A comment that is a line of TOML starts with `# ` and a table or a key.
    let is_toml = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let live: Vec<&str> = template
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| is_toml(line)).unwrap_or(line))
        .collect();
    let file = parse(&live.join("\n")).expect("valid without the comment signs");
    let counts = [file.defaults.len(), file.hosts.len(), file.jobs.len(), file.channels.len()];
    assert_eq!(counts, [6, 1, 2, 1]);
}
