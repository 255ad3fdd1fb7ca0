//! Row 41: robots.txt that is hostile costs little and changes no verdict.

use std::time::Instant;

use gather_testkit::{Page, Server, Site, fault_row};

use super::{assert_flat, kind, records, run};
use crate::bench::Bench;

/// What comes of `/ok` and of `/private/x` where this is robots.txt.
fn verdicts(what: &str, page: Page) -> [String; 2] {
    let site = Site::default().page("/robots.txt", page).page("/private/x", Page::html("x"));
    let server = Server::start(site);
    let list = format!("{}\n{}\n", server.url("/ok"), server.url("/private/x"));
    let bench = Bench::new().with_file("urls.txt", &list);
    let since = Instant::now();
    let ran = run(&bench, "-i urls.txt --robots -t 5s --backoff 10ms --retries 1");
    // Far more than it takes, and far less than anything that is not linear.
    assert!(since.elapsed().as_secs() < 20, "{what}");
    assert_flat(what, &ran);
    let records = records(&ran, 2);
    [kind(&records[0]).to_owned(), kind(&records[1]).to_owned()]
}

fn text(body: String) -> Page {
    Page { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

fn status(status: u16) -> Page {
    Page { status, headers: Vec::new(), body: Vec::new() }
}

#[test]
fn hostile_files_cost_little_and_change_no_verdict() {
    let row = fault_row!(41);
    let rule = "user-agent: *\ndisallow: /private/\n";
    let forbids = ["ok", "blocked.robots"];
    let allows = ["ok", "ok"];
    let closes = ["blocked.robots_unreachable", "blocked.robots_unreachable"];
    let wild = "disallow: /*a*b*c*d*e*f*g*h*i*j*k\n";
    let found = |location: &str| Page {
        status: 302,
        headers: vec![("Location".to_owned(), location.to_owned())],
        body: Vec::new(),
    };
    let cases = [
        ("plain", text(rule.to_owned()), forbids),
        ("5 MB behind the rule", text(rule.to_owned() + &"# padding\n".repeat(500_000)), forbids),
        ("one line of 5 MB", text(rule.to_owned() + &"x".repeat(5 << 20)), forbids),
        ("5 MB before the rule", text("# padding\n".repeat(500_000) + rule), allows),
        ("wildcards by the thousand", text(rule.to_owned() + &wild.repeat(10_000)), forbids),
        ("stars alone", text(format!("{rule}disallow: {}z\n", "/*".repeat(100_000))), forbids),
        ("groups by the thousand", text("user-agent: x\n".repeat(30_000) + rule), forbids),
        ("HTML", Page::html("<html>disallow: /\nuser-agent: *\n</html>"), allows),
        (
            "binary",
            Page { status: 200, headers: vec![], body: (0..=255).cycle().take(400_000).collect() },
            allows,
        ),
        ("404", status(404), allows),
        ("401", status(401), allows),
        ("a loop", found("/robots.txt"), allows),
        ("500", status(500), closes),
        ("503", status(503), closes),
    ];
    for (what, page, expected) in cases {
        assert_eq!(verdicts(what, page), expected, "{what}");
    }
    row.kind("blocked.robots_unreachable", true);
    row.comes("a hostile file costs little and changes no verdict");
    row.shown();
}
