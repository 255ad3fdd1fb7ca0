//! A site to be crawled, made up page by page, that knows which pages a crawl must ask for.
//!
//! `/site/aa/0` links to three pages of its own kind and to others across. Some links are written in
//! other ways; some lead to redirects, loops, duplicates, lists, a slow corner, traps without end, to
//! what robots.txt forbids, to what says `nofollow`, or away. Some pages are in sitemaps alone.
//!
//! What links to what is one function, `links`: pages are written from it, and what a crawl must
//! find is reckoned from it, without a page being read.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use crate::answer::Reply;
use crate::encode;

/// How long the pages of the slow corner take.
const SLOW: Duration = Duration::from_millis(30);
/// Pages of one section: those that only their numbers tell apart.
const SECTION: u64 = 500;

/// What bounds a crawl of such a site.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How often a segment may occur in a path before it is taken for a trap.
    pub repeats_max: usize,
    /// Pages that only their numbers tell apart; at least 500, and a tenth of all pages.
    pub alike_max: u64,
    /// Links from the start.
    pub depth_max: Option<u32>,
}

/// What becomes of a page that is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is fetched.
    Fetched,
    /// robots.txt forbids it.
    Forbidden,
    /// It redirects to itself.
    Lost,
}

/// What following a link adds to the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    One,
    /// It is the next page, or the same one by its right name.
    Nothing,
}

/// The path of a page.
pub fn page(n: u64) -> String {
    let (section, letter) = (n / SECTION, |number: u64| char::from(b'a' + (number % 26) as u8));
    format!("/site/{}{}/{n}", letter(section / 26), letter(section))
}

/// What robots.txt of such a site says.
pub(crate) fn robots() -> Reply {
    let text = "User-agent: *\nDisallow: /site/private/\nSitemap: /site/sitemap/index.xml\n";
    Reply::new(200, text).header("Content-Type", "text/plain")
}

/// All that a crawl from `/site/aa/0` and the sitemaps of robots.txt must find, by path.
pub fn expected(pages: u64, bounds: Bounds) -> BTreeMap<String, Fate> {
    let mut far: BTreeMap<String, u32> = BTreeMap::new();
    let starts = [page(0), "/site/sitemap/index.xml".to_owned()];
    let mut waiting: VecDeque<(String, u32)> = starts.map(|start| (start, 0)).into();
    while let Some((path, depth)) = waiting.pop_front() {
        let is_trap = bounds.depth_max.is_some_and(|most| depth > most)
            || path.split('/').filter(|part| *part == "deeper").count() > bounds.repeats_max
            || number_in(&path, "calendar").is_some_and(|n| n >= bounds.alike_max);
        if is_trap || far.get(&path).is_some_and(|known| *known <= depth) {
            continue;
        }
        for (to, cost) in links(&path, pages) {
            waiting.push_back((to, depth + u32::from(cost == Cost::One)));
        }
        far.insert(path, depth);
    }
    let fate = |path: &str| match kind_of(path) {
        "private" => Fate::Forbidden,
        "loop" => Fate::Lost,
        _ => Fate::Fetched,
    };
    far.into_keys().map(|path| (path.clone(), fate(&path))).collect()
}

/// What a page links to, as far as a crawl follows it. One that redirects links to what the page
/// does that it leads to; one that names another as canonical, to that one alone.
fn links(path: &str, pages: u64) -> Vec<(String, Cost)> {
    let kind = kind_of(path);
    let one = |path: String| (path, Cost::One);
    let n = number_in(path, kind).unwrap_or(0);
    match kind {
        "trap" => vec![one(format!("{path}/deeper"))],
        "calendar" => vec![one(format!("/site/calendar/{}", n + 1))],
        "redirect" => links(&page(redirected(n, pages)), pages),
        "duplicate" => vec![(page(n), Cost::Nothing)],
        "list" if n + 1 < lists(pages) => {
            vec![(format!("/site/list/{}", n + 1), Cost::Nothing), one(page(n * 31 % pages))]
        }
        "slow" | "alone" | "based" => vec![one(page(n))],
        "sitemap" if path.ends_with("index.xml") => {
            let child = |name: &str| (format!("/site/sitemap/{name}"), Cost::Nothing);
            vec![child("even.xml.gz"), child("odd.xml")]
        }
        "sitemap" => {
            let odd = u64::from(path.ends_with("odd.xml"));
            (0..alone(pages))
                .filter(|n| n % 2 == odd)
                .map(|n| one(format!("/site/alone/{n}")))
                .collect()
        }
        "private" | "loop" | "quiet" | "list" => Vec::new(),
        _ => page_links(n, pages).into_iter().map(one).collect(),
    }
}

/// What page `n` links to.
fn page_links(n: u64, pages: u64) -> Vec<String> {
    let mut links: Vec<String> =
        (3 * n + 1..=3 * n + 3).filter(|child| *child < pages).map(page).collect();
    links.push(page(across(n, pages)));
    links.push(page(0));
    let special = [
        (11, 3, "redirect"),
        (17, 5, "slow"),
        (13, 7, "private"),
        (23, 4, "duplicate"),
        (29, 6, "loop"),
        (37, 9, "quiet"),
        (41, 10, "based"),
    ];
    let special = special.iter().filter(|(every, at, _)| n % every == *at);
    links.extend(special.map(|(_, _, kind)| format!("/site/{kind}/{n}")));
    if n.is_multiple_of(19) {
        links.push("/site/trap/deeper".to_owned());
    }
    if n.is_multiple_of(43) {
        links.extend(["/site/calendar/0".to_owned(), "/site/list/0".to_owned()]);
    }
    links
}

fn across(n: u64, pages: u64) -> u64 {
    (n * 7919 + 13) % pages
}

fn redirected(n: u64, pages: u64) -> u64 {
    n * 5 % pages
}

fn lists(pages: u64) -> u64 {
    (pages / 100).clamp(1, SECTION)
}

fn alone(pages: u64) -> u64 {
    (pages / 50).min(SECTION)
}

/// `slow` of `/site/slow/5`.
fn kind_of(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default()
}

/// 5 of `/site/slow/5`, if it is of this kind.
fn number_in(path: &str, kind: &str) -> Option<u64> {
    path.strip_prefix("/site/")?.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

/// The answer for `path`; `None` if there is no such page.
pub(crate) fn answer(path: &str, pages: u64) -> Option<Reply> {
    let kind = kind_of(path);
    let n = number_in(path, kind);
    let is_known = match kind {
        "trap" | "sitemap" => true,
        "calendar" => n.is_some(),
        "hidden" => return Some(html("<a href='/site/hidden/0'>never seen</a>")),
        _ if kind.len() == 2 => n.is_some_and(|n| n < pages && page(n) == path),
        _ => n.is_some_and(|n| n < pages),
    };
    if !is_known {
        return None;
    }
    let n = n.unwrap_or(0);
    Some(match kind {
        "redirect" => {
            let to = page(redirected(n, pages));
            Reply::new(302, "").header("Location", format!("..{}", &to["/site".len()..]))
        }
        "loop" => Reply::new(302, "").header("Location", path),
        "sitemap" => sitemap(path, pages)?,
        "private" => html("<a href='/site/hidden/0'>never seen</a>"),
        _ => {
            let mut reply = html(&body(path, kind, n, pages));
            reply.wait = if kind == "slow" { SLOW } else { Duration::ZERO };
            reply
        }
    })
}

fn html(body: &str) -> Reply {
    let page = format!("<!doctype html><title>a page</title><body>{body}</body>");
    Reply::new(200, page).header("Content-Type", "text/html; charset=utf-8")
}

/// A page with its links, and with what is none.
fn body(path: &str, kind: &str, n: u64, pages: u64) -> String {
    let mut body = String::new();
    let mut add = |text: std::fmt::Arguments<'_>| {
        body.write_fmt(text).expect("a string takes everything");
        body.push('\n');
    };
    let hidden = format!("<a href='/site/hidden/{n}'>not to be followed</a>");
    match kind {
        "quiet" => add(format_args!("<meta name=robots content='noindex, nofollow'>{hidden}")),
        "duplicate" => {
            add(format_args!("<link rel=canonical href='{}'>{hidden}", page(n)));
        }
        "based" => {
            // `../..` of the base, not of the page.
            add(format_args!("<base href='/x/y/z'><a href='../..{}'>based</a>", page(n)));
            return body;
        }
        _ => {}
    }
    if matches!(kind, "quiet" | "duplicate") {
        return body;
    }
    for (to, cost) in links(path, pages) {
        match cost {
            Cost::One => add(format_args!("<a href='{to}#part'>a page</a>")),
            Cost::Nothing => add(format_args!("<link rel=next href='{to}'>")),
        }
    }
    if kind.len() == 2 {
        let across = page(across(n, pages));
        add(format_args!("<a href='{across}?PHPSESSID={n}'>the same in a session</a>"));
        add(format_args!("<a href='/%73ite{}'>the same</a>", &across["/site".len()..]));
        add(format_args!("<a href='//other.example/'>away</a><a href='mailto:a@b'>mail</a>"));
        add(format_args!("<a rel=nofollow href='/site/hidden/{n}'>not to be followed</a>"));
        add(format_args!("<!-- <a href='/site/hidden/1'> --><script>'<a href=/x>'</script>"));
    }
    body
}

/// The index, a gzipped sitemap, and one as it is.
fn sitemap(path: &str, pages: u64) -> Option<Reply> {
    let all = links(path, pages).into_iter().map(|(path, _)| path);
    let xml = |outer: &str, inner: &str| {
        let entries: String =
            all.clone().map(|path| format!("<{inner}><loc> {path} </loc></{inner}>\n")).collect();
        format!(
            "<?xml version='1.0'?><{outer} xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{entries}</{outer}>"
        )
    };
    Some(match path {
        "/site/sitemap/index.xml" => {
            Reply::new(200, xml("sitemapindex", "sitemap")).header("Content-Type", "text/xml")
        }
        "/site/sitemap/even.xml.gz" => {
            let body = encode::chain("gzip", &xml("urlset", "url").into())?;
            Reply::new(200, body).header("Content-Type", "application/gzip")
        }
        "/site/sitemap/odd.xml" => {
            Reply::new(200, xml("urlset", "url")).header("Content-Type", "text/xml")
        }
        _ => return None,
    })
}
