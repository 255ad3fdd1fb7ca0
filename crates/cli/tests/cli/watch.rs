//! `gather watch`: what it finds down, tells, remembers over kills, and takes over while it goes on.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gather_testkit::{Dns, DnsAnswer, DnsQuery, Server, Site};
use serde_json::Value;

use crate::bench::{Bench, Ran, until};
use crate::databases::sqlite3;
use crate::faults::names::with_own_names;
use crate::faults::network::Place;

/// A watch on a short schedule, its notices in `notices.jsonl`.
const FILE: &str = r#"
[store]
path = "watch.db"

[notify.log]
command = ["sh", "-c", "cat >> notices.jsonl; echo >> notices.jsonl"]
digest = "0s"
per_hour = 1000

[job.sites]
kind = "liveness"
every = "300ms"
timeout = "200ms"
confirm_after = "50ms"
down_after = "0"
group = "web"
input = "sites.txt"
"#;

fn start(bench: &Bench, arguments: &[&str]) -> Child {
    let arguments = [&["watch", "--listen", "off"], arguments].concat();
    let log = std::fs::File::create(bench.path("watch.log")).expect("a log");
    bench.command(&arguments).stderr(log).spawn().expect("it starts")
}

/// Ends a watch as a service manager would, and waits for it.
fn stop(mut child: Child) {
    signal(&child, "-TERM");
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

fn status(bench: &Bench, arguments: &str) -> Ran {
    bench.line(&format!("status {arguments}"))
}

/// Waits until the status ends so.
fn until_status(bench: &Bench, end: &str) {
    until(end, || status(bench, "").stdout.trim_end().ends_with(end));
}

/// The events of all notices.
fn events(bench: &Bench) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.path("notices.jsonl")).unwrap_or_default();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.flat_map(|message| message["events"].as_array().cloned().unwrap_or_default()).collect()
}

/// The events of all notices: key, kind and target.
fn told(bench: &Bench) -> Vec<(String, String, String)> {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = events(bench).into_iter();
    events
        .map(|event| (word(&event, "key"), word(&event, "event"), word(&event, "target")))
        .collect()
}

#[test]
fn an_outage_is_told_once_over_kills_and_its_end_too() {
    let server = Server::start(Site::default().on_hosts(3));
    // Fails for a while: each check is a request for this very target.
    let ailing = server.url_on(0, "/flaky?fail=40&status=503");
    let list = [ailing.clone(), server.url_on(1, "/ok"), server.url_on(2, "/silent")];
    let bench =
        Bench::new().with_file("gather.toml", FILE).with_file("sites.txt", &list.join("\n"));
    let mut watch = start(&bench, &[]);
    until_status(&bench, "3 targets: 2 down, 1 up");
    until("two notices", || told(&bench).len() >= 2);
    for _ in 0..4 {
        watch.kill().expect("it was running");
        watch.wait().expect("it is gone");
        let ran = status(&bench, "");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        watch = start(&bench, &[]);
        until_status(&bench, "3 targets: 2 down, 1 up");
    }
    until_status(&bench, "3 targets: 1 down, 2 up");
    until("the end is told", || told(&bench).iter().any(|(_, kind, _)| kind == "up"));
    stop(watch);
    // At least once: a kill between sending and noting it repeats a notice under the same key.
    let told = told(&bench);
    let once: BTreeSet<&(String, String, String)> = told.iter().collect();
    let of = |kind: &str| -> Vec<&str> {
        once.iter().filter(|(_, of, _)| of == kind).map(|(.., target)| target.as_str()).collect()
    };
    assert_eq!(of("down").len(), 2, "{told:?}");
    assert_eq!(of("up"), [ailing.as_str()], "{told:?}");
}

/// A name server of its own namespace that fails as long as it is told to; every name is this machine.
fn failing_names() -> (Arc<AtomicBool>, Dns) {
    let fails = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&fails);
    let dns = Dns::start_on(53, move |_: &DnsQuery| match told.load(Ordering::Relaxed) {
        true => DnsAnswer::ServFail,
        false => DnsAnswer::Addrs(vec![Ipv4Addr::LOCALHOST.into()], 0),
    });
    (fails, dns)
}

#[test]
fn names_that_fail_together_are_one_incident_of_the_resolver() {
    let test = "watch::names_that_fail_together_are_one_incident_of_the_resolver";
    if with_own_names("incidents of a resolver", test) != Place::Inside {
        return;
    }
    let server = Server::start(Site::default());
    let (fails, _dns) = failing_names();
    let port = server.addr().port();
    // One target in three needs no name: the job is not what the others have in common.
    let hosts = ["a.test", "b.test", "c.test", "d.test", "127.0.0.1", "127.0.0.1"];
    let urls = hosts.iter().zip(0..).map(|(host, n)| format!("http://{host}:{port}/close?n={n}\n"));
    let bench = Bench::new()
        .with_file("gather.toml", FILE)
        .with_file("sites.txt", &urls.collect::<String>());
    let watch = start(&bench, &[]);
    until_status(&bench, "6 targets: 6 up");
    fails.store(true, Ordering::Relaxed);
    let down = || events(&bench).into_iter().filter(|event| event["event"] == "down");
    until("an incident is told", || down().count() > 0);
    stop(watch);
    let told: Vec<Value> = down().collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["factor"], "resolver of this machine", "{told:?}");
    assert_eq!(told[0]["targets"], 4, "{told:?}");
}

#[test]
fn where_our_own_network_is_gone_nothing_is_known_and_one_notice_says_so() {
    let test = "watch::where_our_own_network_is_gone_nothing_is_known_and_one_notice_says_so";
    if with_own_names("our own network gone", test) != Place::Inside {
        return;
    }
    let server = Server::start(Site::default());
    let (fails, _dns) = failing_names();
    let port = server.addr().port();
    let urls = ["a.test", "b.test"].map(|host| format!("http://{host}:{port}/close\n"));
    // Nothing is believed before all canaries have failed.
    let file = FILE.replace("down_after = \"0\"", "down_after = \"1h\"");
    let bench = Bench::new()
        .with_file("gather.toml", &format!("{file}canary = true\n"))
        .with_file("sites.txt", &urls.concat());
    let watch = start(&bench, &[]);
    until_status(&bench, "2 targets: 2 up");
    fails.store(true, Ordering::Relaxed);
    until_status(&bench, "2 targets: 2 unknown");
    fails.store(false, Ordering::Relaxed);
    until_status(&bench, "2 targets: 2 up");
    until("its end is told", || events(&bench).len() >= 2);
    stop(watch);
    let told: Vec<Value> = events(&bench).into_iter().map(|event| event["event"].clone()).collect();
    assert_eq!(told, ["network", "network_back"]);
}

/// Comes back when another watch has had six slots, of 300 ms.
fn let_slots_pass(server: &Server) {
    let other = server.url("/ok?other");
    let bench = Bench::new().with_file("gather.toml", FILE).with_file("sites.txt", &other);
    let before = server.hits();
    let watch = start(&bench, &[]);
    until("six slots", || server.hits() >= before + 6);
    stop(watch);
}

#[test]
fn slots_while_nobody_watched_are_missed_and_no_other() {
    let server = Server::start(Site::default());
    let bench =
        Bench::new().with_file("gather.toml", FILE).with_file("sites.txt", &server.url("/ok"));
    let watch = start(&bench, &[]);
    until_status(&bench, "1 target: 1 up");
    let first = server.hits();
    until("some checks", || server.hits() >= first + 5);
    let mut watch = watch;
    watch.kill().expect("it was running");
    watch.wait().expect("it is gone");
    let_slots_pass(&server);
    let watch = start(&bench, &[]);
    let before = server.hits();
    until("it goes on", || server.hits() >= before + 5);
    stop(watch);
    let missed = missed_by_cause(&bench);
    let not_running = missed.iter().find(|(cause, _)| cause == "not_running");
    let slots = not_running.map_or(0, |(_, slots)| *slots);
    // 1.5 s between six slots, and what it took to start, at 300 ms.
    assert!((4..=40).contains(&slots), "{missed:?}");
    let own_fault = missed.iter().any(|(cause, _)| cause == "overload");
    assert!(!own_fault, "{missed:?}");
}

#[test]
fn runs_that_nobody_watched_for_are_missed_by_their_targets() {
    let server = Server::start(Site::default());
    let file = format!(
        "[store]\npath = \"watch.db\"\n[job.pages]\nevery = \"400ms\"\nurl = \"{}\"\noutput = \"pages.db\"\n",
        server.url("/ok")
    );
    let bench = Bench::new().with_file("gather.toml", &file);
    let watch = start(&bench, &[]);
    until_status(&bench, "1 target: 1 up");
    stop(watch);
    let_slots_pass(&server);
    let watch = start(&bench, &[]);
    let not_running = || missed_by_cause(&bench).into_iter().find(|one| one.0 == "not_running");
    until("they are accounted for", || not_running().is_some());
    stop(watch);
    let slots = not_running().map_or(0, |(_, slots)| slots);
    // 1.5 s, and what it took to stop and to start, at 400 ms.
    assert!((3..=40).contains(&slots), "{slots}");
    let log = bench.read("watch.log");
    assert!(log.contains("missed while nobody watched"), "{log}");
}

/// Missed slots by their cause, as the history has them.
fn missed_by_cause(bench: &Bench) -> Vec<(String, u64)> {
    let sql = "SELECT cause, sum(slots) FROM watch_gap GROUP BY cause";
    let output = Command::new("sqlite3").arg(bench.path("watch.db")).arg(sql).output();
    let text = String::from_utf8(output.expect("sqlite3 runs").stdout).expect("UTF-8");
    text.lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(cause, slots)| (cause.to_owned(), slots.parse().expect("a number")))
        .collect()
}

#[test]
fn another_configuration_is_taken_over_and_a_wrong_one_refused() {
    let server = Server::start(Site::default().on_hosts(2));
    let bench =
        Bench::new().with_file("gather.toml", FILE).with_file("sites.txt", &server.url("/ok"));
    let watch = start(&bench, &[]);
    until_status(&bench, "1 target: 1 up");
    let write = |name: &str, text: &str| {
        std::fs::write(bench.path(name), text).expect("written");
        signal(&watch, "-HUP");
    };
    write("sites.txt", &[server.url("/ok"), server.url_on(1, "/status/404")].join("\n"));
    until_status(&bench, "2 targets: 1 degraded, 1 up");
    let log = || bench.read("watch.log");
    write("gather.toml", &FILE.replace("timeout", "timeuot"));
    until("it is refused", || log().contains("did you mean timeout?"));
    assert!(log().contains("the configuration of before stays in force"), "{}", log());
    let before = server.hits();
    until("checks go on", || server.hits() >= before + 5);
    let more = format!(
        "{FILE}\n[[job.sites.target]]\nname = \"third\"\nurl = \"{}\"\n",
        server.url("/ok?size=9")
    );
    write("gather.toml", &more);
    until_status(&bench, "3 targets: 1 degraded, 2 up");
    assert!(!log().contains("[store] and [web]"), "{}", log());
    write("gather.toml", &format!("{more}\n[web]\ntitle = \"Another\"\n"));
    until("it is said", || log().contains("[store] and [web] are read at the start alone"));
    write("sites.txt", &server.url("/ok"));
    until_status(&bench, "2 targets: 2 up");
    assert!(status(&bench, "").stdout.contains("third"), "{}", status(&bench, "").stdout);
    stop(watch);
}

#[test]
fn a_service_manager_is_told_how_it_is() {
    let server = Server::start(Site::default());
    let bench =
        Bench::new().with_file("gather.toml", FILE).with_file("sites.txt", &server.url("/ok"));
    let socket = UnixDatagram::bind(bench.path("notify")).expect("a socket");
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a limit");
    let heard = || {
        let mut buffer = [0; 256];
        let n = socket.recv(&mut buffer).expect("a word within a minute");
        String::from_utf8_lossy(&buffer[..n]).trim().to_owned()
    };
    let mut command = bench.command(&["watch", "--listen", "off"]);
    command.env("NOTIFY_SOCKET", bench.path("notify")).env("WATCHDOG_USEC", "400000");
    let log = std::fs::File::create(bench.path("watch.log")).expect("a log");
    let mut watch = command.stderr(log).spawn().expect("it starts");
    assert_eq!(heard(), "READY=1");
    assert_eq!(heard(), "WATCHDOG=1");
    signal(&watch, "-HUP");
    let mut others = std::iter::from_fn(|| Some(heard())).filter(|word| word != "WATCHDOG=1");
    let reloading = others.next().expect("a word");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(others.next().as_deref(), Some("READY=1"));
    signal(&watch, "-TERM");
    assert_eq!(others.next().as_deref(), Some("STOPPING=1"));
    assert!(watch.wait().expect("it ends").success());
}

#[test]
fn what_is_expected_of_one_target_counts_for_it_alone() {
    let server = Server::start(Site::default().on_hosts(2));
    // More than what is kept of a body that nobody looks at.
    let alphabet = ('a'..='z').chain('0'..='9').chain(['\n']);
    let whole = alphabet.cycle().take(9_000).collect::<String>().replace('\n', "\\n");
    let file = format!(
        "{FILE}expect = [\"status in 200..=399\"]\n\
         [[job.sites.target]]\nname = \"long\"\nurl = \"{long}\"\nexpect = [\"body contains '{whole}'\"]\n\
         [[job.sites.target]]\nname = \"wrong\"\nurl = \"{ok}\"\nexpect = \"body contains 'gone'\"\n",
        long = server.url("/ok?size=9000"),
        ok = server.url("/ok?wrong"),
    );
    let refused = server.url_on(1, "/429");
    let bench = Bench::new().with_file("gather.toml", &file).with_file("sites.txt", &refused);
    let watch = start(&bench, &[]);
    // Who is asked too much is not down, though its status is not as expected.
    until_status(&bench, "3 targets: 1 down, 1 limited, 1 up");
    let said = status(&bench, "").stdout;
    assert!(said.contains("limited") && said.contains("status 429"), "{said}");
    let down = status(&bench, "--state down").stdout;
    assert!(down.contains("wrong") && down.contains("expected body contains 'gone'"), "{down}");
    stop(watch);
}

/// A history, and a program that is told of everything at once.
const TELLS: &str = r#"
[store]
path = "watch.db"
[notify.log]
command = ["sh", "-c", "cat >> notices.jsonl; echo >> notices.jsonl"]
digest = "0s"
"#;

#[test]
fn a_job_that_fetches_keeps_its_values_and_tells_a_change() {
    let server = Server::start(Site::default());
    let file = format!(
        r#"{TELLS}
[job.prices]
every = "400ms"
url = "{}"
extract = {{ seen = "json:$.headers" , connection = "json:$.connection" }}
output = "prices.db"
notify = [{{ on = "change:connection", to = "log" }}]
[job.later]
cron = "0 0 1 1 *"
kind = "crawl"
url = "{}"
output = "later.db"
"#,
        server.url("/echo"),
        server.url("/ok")
    );
    let bench = Bench::new().with_file("gather.toml", &file);
    let watch = start(&bench, &[]);
    // Each run has a connection of its own, and so another value.
    until("changes are told", || {
        told(&bench).iter().filter(|(_, kind, _)| kind == "changed").count() >= 2
    });
    stop(watch);
    // A change is counted in its run: the first of all runs has nothing to differ from.
    let counted = "SELECT sum(changes), max(changes) FROM watch_run WHERE job = 'prices'";
    if let Some(counts) = sqlite3(&bench, "watch.db", counted) {
        let (all, most) = counts.trim().split_once('|').expect("two columns");
        assert!(all.parse::<u32>().expect("a number") >= 2 && most == "1", "{counts}");
    }
    let jobs = "SELECT name FROM watch_job WHERE listed = 1 ORDER BY name";
    let listed = sqlite3(&bench, "watch.db", jobs);
    assert!(listed.is_none_or(|listed| listed == "later\nprices"));
    let runs = bench.line("changes prices.db --format jsonl");
    assert_eq!(runs.code, 0, "{}", runs.stderr);
    assert!(status(&bench, "").stdout.contains("1 target: 1 up"), "{}", status(&bench, "").stdout);
}

#[test]
fn a_job_that_comes_back_with_a_reload_knows_its_values() {
    let server = Server::start(Site::default());
    let other = format!(
        "{TELLS}[job.sites]\nkind = \"liveness\"\nevery = \"300ms\"\nurl = \"{}\"\n",
        server.url("/ok")
    );
    let with_prices = |value: u32| {
        format!(
            "{other}[job.prices]\nevery = \"300ms\"\noutput = \"prices.db\"\n\
             extract = {{ price = \"json:$.target\" }}\n\
             notify = [{{ on = \"change:price\", to = \"log\" }}]\n\
             [[job.prices.target]]\nname = \"acme\"\nurl = \"{}\"\n",
            server.url(&format!("/echo?{value}"))
        )
    };
    let bench = Bench::new().with_file("gather.toml", &with_prices(1));
    let watch = start(&bench, &[]);
    until_status(&bench, "2 targets: 2 up");
    stop(watch);
    let bench = bench.with_file("gather.toml", &other);
    let watch = start(&bench, &[]);
    until_status(&bench, "1 target: 1 up");
    let bench = bench.with_file("gather.toml", &with_prices(2));
    until("the change is told", || !told(&bench).is_empty());
    stop(watch);
    let told = told(&bench);
    assert!(told.len() == 1 && told[0].1 == "changed" && told[0].2 == "acme", "{told:?}");
}

#[test]
fn silences_are_kept_and_ended() {
    let server = Server::start(Site::default());
    let bench = Bench::new()
        .with_file("gather.toml", FILE)
        .with_file("sites.txt", &server.url("/status/500"));
    let plan = bench.line("watch --dry-run --listen off");
    assert!(plan.stdout.contains("sites: liveness of 1 target"), "{}{}", plan.stdout, plan.stderr);
    let watch = start(&bench, &[]);
    until_status(&bench, "1 target: 1 down");
    let silenced = bench.line("silence --group web --for 1h --why 'new database'");
    assert!(
        silenced.stdout.starts_with("silence 1: nobody is told of the group web"),
        "{silenced:?}"
    );
    let nobody = bench.line("silence shop --for 1h");
    assert!(nobody.stdout.contains("nothing that is watched now"), "{nobody:?}");
    assert!(!silenced.stdout.contains("nothing that is watched"), "{silenced:?}");
    assert_eq!(bench.line("silence shop --for 0").code, 3);
    let listed = bench.line("silence --list");
    assert!(listed.stdout.contains("the group web, until"), "{listed:?}");
    assert_eq!(bench.line("silence --end 1").code, 0);
    assert_eq!(bench.line("silence --end 1").code, 3);
    stop(watch);
}

#[test]
fn what_cannot_be_watched_is_refused_at_its_place() {
    let check = |line: &str, text: &str, part: &str| {
        let bench = Bench::new().with_file("gather.toml", text);
        let ran = bench.line(line);
        assert_eq!(ran.code, 3, "{line} {text}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{line} {text}: {}", ran.stderr);
    };
    let job =
        |rest: &str| format!("[job.a]\nkind = \"liveness\"\nurl = \"http://127.0.0.1:9/\"\n{rest}");
    check("watch", "[job.a]\nurl = \"http://127.0.0.1:9/\"\n", "has no job with a schedule");
    check("watch", &job("every = \"soon\""), "gather.toml:4:1");
    check("watch", &job("every = \"1m\"\ncron = \"0 0 * * *\""), "every or cron, not both");
    check("watch", &job("cron = \"0 0 * *\""), "gather.toml:4:1");
    check("watch", &job("every = \"1m\"\ntimezone = \"Mars\""), "there is no time zone 'Mars'");
    check("watch", &job("every = \"1m\"\nexpect = [\"colour == red\"]"), "gather.toml:5:1");
    check(
        "watch",
        &job(
            "every = \"1m\"\n[[job.a.target]]\nurl = \"http://127.0.0.1:9/b\"\nexpect = [\"x == 1\"]",
        ),
        "target http://127.0.0.1:9/b: expect: 'x' cannot be expected anything of",
    );
    let extract = "extract = { price = \"json:$.price\" }";
    for part in
        [extract.to_owned(), format!("[[job.a.target]]\nurl = \"http://a.example/\"\n{extract}")]
    {
        let told = "extract: a liveness job keeps no records to take it from";
        check("watch", &job(&format!("every = \"1m\"\n{part}")), told);
    }
    check(
        "run a",
        "[[job.a.target]]\nurl = \"http://127.0.0.1:9/\"\nextract = { price = \"jsn:$.price\" }",
        "gather.toml:1:9: extract: rule 'price': there is no kind of rule 'jsn'",
    );
    check("watch", &job("every = \"1m\"\n[store]\nkeep_checks = \"1h\""), "at least 2d");
    check("watch", &job("every = \"1m\"\n[store]\nkeep_all = \"1h\""), "no key 'keep-all'");
    check(
        "watch",
        "[job.a]\nkind = \"liveness\"\nevery = \"1m\"\ninput = { command = \"x\", refresh = [3] }",
        "a text or a number is wanted",
    );
    check("watch", &job("every = \"1m\"\nnotify = \"nobody\""), "nobody");
    check("watch", &job("every = \"1m\"\nwindow = \"5 of 3\""), "write window = \"3 of 5\"");
    check("watch", &job("every = \"1m\"\ndepth = 3"), "jobs of the kind crawl have it");
    check("watch", &job("every = \"1m\"\nmaintenance = \"whenever\""), "gather.toml:5:1");
    check(
        "watch",
        &job("every = \"1m\"\n[web]\nlisten = \"0.0.0.0:0\""),
        "would be open to everybody",
    );
    check("watch", &job("every = \"1m\"\n[web]\nurl = \"status.example\""), "is no URL of a page");
    check("watch", &job("every = \"1m\"\n[web]\ncolour = 3"), "there is no key 'colour' in [web]");
    check(
        "watch",
        &job("every = \"1m\"\n[notify.x]\nwebhok = \"http://127.0.0.1/\""),
        "[notify.x]",
    );
    check(
        "watch",
        "[job.a]\nurl = \"http://127.0.0.1:9/\"\nevery = \"1m\"\noutput = \"a.jsonl\"",
        "at the second slot",
    );
    check("notify test nobody", &job(""), "has no channel 'nobody'");
    check("watch", "", "no job with a schedule");
}

#[test]
fn one_run_of_a_job_is_of_its_kind() {
    let server = Server::start(Site { crawled_pages: 30, ..Site::default() });
    let file = format!(
        "[job.site]\nkind = \"crawl\"\nurl = \"{}\"\nmax-pages = 12\noutput = \"pages.jsonl\"\n\
         [job.up]\nkind = \"liveness\"\nurl = [\"{}\", \"{}\"]\n",
        server.url("/site/aa/0"),
        server.url("/ok"),
        server.url("/status/500"),
    );
    let bench = Bench::new().with_file("gather.toml", &file);
    let ran = bench.line("run site -q");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(bench.read("pages.jsonl").lines().count(), 12);
    let ran = bench.line("run up --format text");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stdout.contains("1 down, 1 up"), "{}{}", ran.stdout, ran.stderr);
}
