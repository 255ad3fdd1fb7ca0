//! `/metrics` of a real watch: what the dashboard, the rules and the documents name is there, and a real
//! Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Child;

use gather_testkit::{Ca, ClientCert, Prometheus, Server, Site, Tls, Validity};
use serde_json::Value;

use crate::bench::{Bench, until};

const FILE: &str = r#"
[store]
path = "watch.db"

[watch]
target_metrics = true

[notify.log]
command = ["sh", "-c", "cat >> notices.jsonl"]
digest = "0s"

[job.sites]
kind = "liveness"
every = "200ms"
timeout = "150ms"
confirm_after = "50ms"
down_after = "0"
group = "web"
cacert = "ca.pem"
input = "sites.txt"
"#;

/// A file of this repository.
fn ours(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A watch of one target that is well, one that is down and one with a certificate.
struct Watched {
    _servers: [Server; 2],
    _bench: Bench,
    watch: Child,
    page: SocketAddr,
}

impl Watched {
    fn start() -> Self {
        let ca = Ca::new();
        let identity =
            ca.issue(&["127.0.0.1"], Validity::For(std::time::Duration::from_secs(86_400 * 90)));
        let tls = Some(Tls::new(&identity, &["http/1.1"], ClientCert::NotAsked));
        let secure = Server::start(Site { tls, ..Site::default() });
        let plain = Server::start(Site::default());
        let list = [plain.url("/ok"), plain.url("/status/500"), secure.url("/ok")];
        let bench = Bench::new()
            .with_file("gather.toml", FILE)
            .with_file("ca.pem", ca.pem())
            .with_file("sites.txt", &list.join("\n"));
        let log = std::fs::File::create(bench.path("watch.log")).expect("a log");
        let mut command = bench.command(&["watch", "--listen", "127.0.0.1:0"]);
        let watch = command.stderr(log).spawn().expect("it starts");
        let mut page = None;
        until("the watch names its page", || {
            let log = bench.read("watch.log");
            let rest = log.split("http://").nth(1).unwrap_or_default();
            page = rest.split('/').next().and_then(|address| address.parse().ok());
            page.is_some()
        });
        let page = page.expect("it was found");
        let watched = Self { _servers: [plain, secure], _bench: bench, watch, page };
        until("all is counted", || {
            let text = watched.metrics("text/plain").1;
            ["gather_targets{state=\"down\"} 1", "gather_targets{state=\"up\"} 2"]
                .iter()
                .chain(&["gather_notifications_total{channel=\"log\",outcome=\"delivered\"} 1"])
                .all(|line| text.contains(line))
        });
        watched
    }

    /// The content type and the text of the metrics for who accepts this.
    fn metrics(&self, accept: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.page).expect("it listens");
        let asked =
            format!("GET /metrics HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", self.page);
        stream.write_all(asked.as_bytes()).expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let head = head.to_ascii_lowercase();
        let line = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        (line.unwrap_or_default().to_owned(), body.to_owned())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.watch.kill());
        drop(self.watch.wait());
    }
}

/// Names of series with the labels they have.
type Series = BTreeMap<String, BTreeSet<String>>;

/// What a text of metrics has, and the metrics it describes.
fn exposed(text: &str) -> (Series, BTreeSet<String>) {
    let (mut series, mut described) = (Series::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            described.insert(about.split(' ').next().expect("a name").to_owned());
        } else if !line.starts_with('#') {
            let end = line.find(['{', ' ']).expect("a name and a value");
            let labels = series.entry(line[..end].to_owned()).or_default();
            labels.extend(matched(&line[end..]).into_iter().map(str::to_owned));
        }
    }
    (series, described)
}

/// The labels between braces, if this begins with a brace: `{a="1",b=~"2"}`.
fn matched(text: &str) -> Vec<&str> {
    let Some(mut rest) = text.strip_prefix('{') else { return Vec::new() };
    let mut names = Vec::new();
    while let Some((name, after)) = rest.split_once(['=', '!']) {
        names.push(name.trim_matches([',', ' ']));
        let value = after.split_once('"').expect("a value").1;
        let ends = |at: &usize| value.as_bytes()[*at] == b'"' && value.as_bytes()[at - 1] != b'\\';
        let end =
            if value.starts_with('"') { 0 } else { (1..value.len()).find(ends).expect("its end") };
        rest = &value[end + 1..];
        if rest.starts_with('}') {
            break;
        }
    }
    names
}

/// The series that an expression is about, and the labels it asks of them.
fn asked(expression: &str) -> Series {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut series = Series::new();
    for (at, _) in expression.match_indices("gather_").chain(expression.match_indices("probe_")) {
        if expression[..at].ends_with(is_part) {
            continue;
        }
        let end = expression[at..].find(|c| !is_part(c)).map_or(expression.len(), |end| at + end);
        let labels = series.entry(expression[at..end].to_owned()).or_default();
        labels.extend(matched(&expression[end..]).into_iter().map(str::to_owned));
    }
    let by = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let by: Vec<&str> = by.flat_map(|names| names.split(',')).map(str::trim).collect();
    for labels in series.values_mut() {
        labels.extend(by.iter().map(|name| (*name).to_owned()));
    }
    series
}

/// Whether everything is there that this asks for.
fn check_asked(place: &str, expression: &str, exposed: &Series) {
    let asked = asked(expression);
    assert!(!asked.is_empty(), "{place}: {expression} asks for nothing of ours");
    for (name, labels) in asked {
        let has = exposed.get(&name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
        let missing: Vec<_> = labels.difference(has).collect();
        assert!(missing.is_empty(), "{place}: {name} has no {missing:?}, it has {has:?}");
    }
}

/// The expressions of the dashboard by their panel, its variables filled in.
fn dashboard() -> Vec<(String, String, String)> {
    let dashboard: Value =
        serde_json::from_str(&ours("contrib/grafana/gather.json")).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let filled = |expression: String| {
        let expression = expression.replace("$__rate_interval", "5s");
        let expression = expression.replace("$job", ".*").replace("$group", ".*");
        assert!(!expression.contains('$'), "{expression} has a variable that is not known");
        expression
    };
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let legend = text(&target["legendFormat"]);
            all.push((text(&panel["title"]), filled(text(&target["expr"])), legend));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        // label_values(SERIES, LABEL)
        let query = text(&variable["definition"]);
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        if let Some((series, label)) = inner.and_then(|inner| inner.rsplit_once(", ")) {
            let expression = format!("count by ({label}) ({})", filled(series.to_owned()));
            all.push((text(&variable["name"]), expression, String::new()));
        }
    }
    assert!(all.len() > 25, "{all:?}");
    all
}

#[test]
fn what_dashboard_rules_and_documents_name_is_there() {
    let watched = Watched::start();
    let (content_type, text) = watched.metrics("text/plain");
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let (series, described) = exposed(&text);
    for (panel, expression, legend) in dashboard() {
        check_asked(&panel, &expression, &series);
        let mut known: BTreeSet<_> = asked(&expression).into_values().flatten().collect();
        known.insert("status".to_owned());
        for name in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(known.contains(name), "{panel}: its legend names {name}: {legend}");
        }
    }
    let rules = ours("contrib/prometheus/gather.rules.yml");
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    assert!(expressions.clone().count() >= 6);
    expressions.for_each(|expression| check_asked("gather.rules.yml", expression, &series));

    let page = ours("docs/watch.md");
    let documented = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented = documented.filter_map(|rest| rest.split(['`', '{']).next());
    let documented: BTreeSet<_> = documented
        .filter(|name| name.starts_with("gather_") || name.starts_with("probe_"))
        .collect();
    let described: BTreeSet<_> = described.iter().map(String::as_str).collect();
    assert_eq!(documented, described, "docs/watch.md, and what is there");

    let (content_type, text) = watched.metrics("application/openmetrics-text; version=1.0.0");
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(exposed(&text).0, series, "the other form has the same series");
}

#[test]
fn a_real_prometheus_reads_it_and_answers_the_dashboard() {
    let watched = Watched::start();
    let (_, text) = watched.metrics("text/plain");
    let folder = root().join("contrib/prometheus");
    let file = |name: &str| folder.join(name).display().to_string();
    for (arguments, input) in [
        (&["check", "metrics"][..], text.as_str()),
        (&["check", "rules", &file("gather.rules.yml")], ""),
        (&["test", "rules", &file("gather.rules.test.yml")], ""),
        (&["check", "config", &file("prometheus.yml")], ""),
    ] {
        let Some((is_content, said)) = Prometheus::tool(arguments, input) else {
            eprintln!("NOT TESTED: what needs prometheus, which is not installed");
            return;
        };
        assert!(is_content, "promtool {arguments:?}: {said}");
    }
    let config = ours("contrib/prometheus/prometheus.yml");
    let config = format!("global: {{ evaluation_interval: 1s }}\n{config}")
        .replace("[gather.rules.yml]", &format!("['{}']", file("gather.rules.yml")))
        .replace("scrape_interval: 30s", "scrape_interval: 500ms\n    scrape_timeout: 500ms")
        .replace("127.0.0.1:8080", &watched.page.to_string());
    let prometheus = Prometheus::start(&config).expect("promtool is there");
    let query = |expression: &str| {
        let found = prometheus.query(expression);
        found.unwrap_or_else(|error| panic!("{expression}: {error}\n{}", prometheus.log()))
    };
    until("some scrapes", || {
        query("count_over_time(gather_build_info[1m]) >= 4").len() == 1
            && !query("rate(gather_store_write_seconds_count[5s]) > 0").is_empty()
            && query("ALERTS{alertname=\"GatherIncidentOpen\"}").len() == 1
    });
    for (panel, expression, _) in dashboard() {
        let found = query(&expression);
        assert!(!found.is_empty(), "{panel}: {expression} gives nothing");
    }
    // Targets keep their own job, and what is wrong with one of them can be asked.
    let down = query("probe_success{job=\"sites\",group=\"web\"} == 0");
    assert_eq!(down.len(), 1, "{down:?}");
    assert!(down[0]["metric"]["target"].as_str().is_some_and(|url| url.ends_with("/status/500")));
    assert_eq!(query("probe_http_status_code == 500").len(), 1);
    assert_eq!(query("probe_ssl_earliest_cert_expiry - time() > 86400 * 89").len(), 1);
}
