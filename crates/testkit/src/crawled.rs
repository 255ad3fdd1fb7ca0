//! A site to be crawled, made up page by page, that knows which pages a crawl must find.
//!
//! `/site/p/N` links to three pages of its own and to others across; some links are written in other
//! ways, some lead to redirects, to a slow corner, to a trap without end, to what robots.txt forbids,
//! to what says `nofollow`, or away.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::answer::Reply;

/// What robots.txt of such a site says.
pub const ROBOTS: &str = "User-agent: *\nDisallow: /site/private/\n";
/// How long the pages of the slow corner take.
const SLOW: Duration = Duration::from_millis(30);

/// The pages a crawl from `/site/p/0` must ask for: all but those that robots.txt forbids.
/// `repeats_max` is how often a segment may occur in a path before the crawl takes it for a trap.
pub fn crawled(pages: u64, repeats_max: usize) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    for n in 0..pages {
        expected.insert(format!("/site/p/{n}"));
        if n % 11 == 3 {
            expected.insert(format!("/site/redirect/{n}"));
        }
        if n % 17 == 5 {
            expected.insert(format!("/site/slow/{n}"));
        }
    }
    // Each page of the trap links to one a segment deeper.
    expected
        .extend((1..=repeats_max).map(|depth| format!("/site/trap{}", "/deeper".repeat(depth))));
    expected
}

/// The pages that robots.txt forbids and that are linked to.
pub fn forbidden(pages: u64) -> BTreeSet<String> {
    (0..pages).filter(|n| n % 13 == 7).map(|n| format!("/site/private/{n}")).collect()
}

/// The answer for `/site/` and what follows; `None` if there is no such page.
pub(crate) fn answer(rest: &str, pages: u64) -> Option<Reply> {
    let (kind, name) = rest.split_once('/')?;
    if kind == "trap" {
        return Some(html(&format!("<a href='/site/trap/{name}/deeper'>on</a>")));
    }
    let n: u64 = name.parse().ok().filter(|n| *n < pages)?;
    Some(match kind {
        "p" => html(&links(n, pages)),
        "redirect" => Reply::new(302, "").header("Location", format!("../p/{}", n * 5 % pages)),
        "slow" => {
            let mut reply = html(&format!("<a href='/site/p/{n}'>back</a>"));
            reply.wait = SLOW;
            reply
        }
        "private" | "hidden" => html("<a href='/site/hidden/0'>never seen</a>"),
        _ => return None,
    })
}

fn html(body: &str) -> Reply {
    let page = format!("<!doctype html><title>a page</title><body>{body}</body>");
    Reply::new(200, page).header("Content-Type", "text/html; charset=utf-8")
}

fn links(n: u64, pages: u64) -> String {
    let mut links: Vec<String> = (3 * n + 1..=3 * n + 3)
        .filter(|child| *child < pages)
        .map(|child| format!("<a href={child}>a child</a>"))
        .collect();
    let across = (n * 7919 + 13) % pages;
    links.push(format!("<a href='../p/{across}#part'>across</a>"));
    links.push(format!("<a href='/site/%70/{across}'>the same</a>"));
    links.push(format!("<a href='/site/p/{across}?PHPSESSID={n}'>the same in a session</a>"));
    links.push("<a href='/site/p/0'>home</a><a href='//other.example/'>away</a>".to_owned());
    links.push(format!("<a rel=nofollow href='/site/hidden/{n}'>not to be followed</a>"));
    links.push(format!("<!-- <a href='/site/hidden/{n}'> --><script>'<a href=/x>'</script>"));
    for (every, at, kind) in [(11, 3, "redirect"), (17, 5, "slow"), (13, 7, "private")] {
        if n % every == at {
            links.push(format!("<a href='/site/{kind}/{n}'>a {kind} page</a>"));
        }
    }
    if n.is_multiple_of(19) {
        links.push("<a href='/site/trap/deeper'>a trap</a>".to_owned());
    }
    links.join("\n")
}
