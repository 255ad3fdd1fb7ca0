//! Extraction beside its peers: the same rules over the same pages, the same results, CPU per page.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::{Client, time};
use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};
use crate::repo;

pub(super) const CASES: &[Case] = &[
    Case { name: "css-page", rounds: 5, run: |bench| beside(bench, &CSS_PAGE) },
    Case { name: "css-rows", rounds: 5, run: |bench| beside(bench, &CSS_ROWS) },
    Case { name: "json", rounds: 5, run: |bench| beside(bench, &JSON) },
    Case { name: "stall", rounds: 3, run: stall },
];

/// Bytes of a page.
const PAGE_BYTES: usize = 100_000;
/// Pages of a pass.
const PAGES: usize = 20;
/// Passes that are timed, beside one that is not: the start of a process is no extraction.
const PASSES: usize = 10;
const RIVALS: &[&str] = &["parsel==1.12.1", "jsonpath-ng==1.16.0"];

/// Pages that are fetched and searched while the loops are watched.
const FETCHED: usize = 3_000;
/// The longest that a loop may be held up, by its own CPU clock.
const STALL_MS_MAX: f64 = 50.0;

/// Rules in both syntaxes.
struct Set {
    rival: &'static str,
    kind: &'static str,
    /// Ours and the rival's.
    each: Option<(&'static str, &'static str)>,
    /// A name, ours, the rival's.
    rules: &'static [(&'static str, &'static str, &'static str)],
    page: fn(&mut fastrand::Rng, usize) -> String,
    /// Of the rival's CPU, at most.
    share_max: f64,
}

const CSS_PAGE: Set = Set {
    rival: "parsel",
    kind: "css",
    each: None,
    rules: &[
        ("title", "css:title", "title::text"),
        ("heading", "css:h1.page-title", "h1.page-title::text"),
        ("shown", "css:p.results strong", "p.results strong::text"),
        ("canonical", "css:link[rel=canonical]@href", "link[rel=canonical]::attr(href)"),
        ("next", "css:a.next@href", "a.next::attr(href)"),
        ("id", "css:article.product-card@data-id", "article.product-card::attr(data-id)"),
        ("sku", "css:article.product-card@data-sku", "article.product-card::attr(data-sku)"),
        ("name", "css:.card__title a", ".card__title a::text"),
        ("url", "css:.card__title a@href", ".card__title a::attr(href)"),
        ("brand", "css:.card__brand a", ".card__brand a::text"),
        ("text", "css:.card__text", ".card__text::text"),
        ("price", "css:.price.now", ".price.now::text"),
        ("amount", "css:.price.now@content", ".price.now::attr(content)"),
        ("old", "css:.old-price", ".old-price::text"),
        ("badge", "css:.badge--sale", ".badge--sale::text"),
        ("image", "css:img.thumb@data-src", "img.thumb::attr(data-src)"),
        ("score", "css:.rating@data-score", ".rating::attr(data-score)"),
        ("count", "css:.rating > .count", ".rating > .count::text"),
        ("stock", "css:.stock em", ".stock em::text"),
        ("size", "css:ul.specs > li:first-child span", "ul.specs > li:first-child span::text"),
    ],
    page: listing,
    share_max: 0.2,
};

const CSS_ROWS: Set = Set {
    each: Some(("css:article.product-card", "article.product-card")),
    rules: &[
        ("id", "css:@data-id", "::attr(data-id)"),
        ("sku", "css:@data-sku", "::attr(data-sku)"),
        ("name", "css:.card__title a", ".card__title a::text"),
        ("url", "css:.card__title a@href", ".card__title a::attr(href)"),
        ("link", "css:.card__link@href", ".card__link::attr(href)"),
        ("hint", "css:.card__link@title", ".card__link::attr(title)"),
        ("brand", "css:.card__brand a", ".card__brand a::text"),
        ("brand_url", "css:.card__brand a@href", ".card__brand a::attr(href)"),
        ("text", "css:.card__text", ".card__text::text"),
        ("price", "css:.price.now", ".price.now::text"),
        ("amount", "css:.price.now@content", ".price.now::attr(content)"),
        ("old", "css:.old-price", ".old-price::text"),
        ("badge", "css:.badge--sale", ".badge--sale::text"),
        ("image", "css:img.thumb@data-src", "img.thumb::attr(data-src)"),
        ("alt", "css:img.thumb@alt", "img.thumb::attr(alt)"),
        ("score", "css:.rating@data-score", ".rating::attr(data-score)"),
        ("count", "css:.rating > .count", ".rating > .count::text"),
        ("stock", "css:.stock em", ".stock em::text"),
        ("size", "css:ul.specs > li:first-child span", "ul.specs > li:first-child span::text"),
        ("cart", "css:form input@value", "form input::attr(value)"),
    ],
    ..CSS_PAGE
};

const JSON: Set = Set {
    rival: "jsonpath-ng",
    kind: "json",
    each: None,
    rules: &[
        ("total", "json:$.meta.total", "$.meta.total"),
        ("next", "json:$.meta.links.next", "$.meta.links.next"),
        ("id", "json:$.items[*].id", "$.items[*].id"),
        ("name", "json:$.items[*].name", "$.items[*].name"),
        ("price", "json:$.items[*].offers.price", "$.items[*].offers.price"),
        ("currency", "json:$.items[*].offers.currency", "$.items[*].offers.currency"),
        ("tag", "json:$.items[*].tags[0]", "$.items[*].tags[0]"),
        ("all_tags", "json:$.items[*].tags[*]", "$.items[*].tags[*]"),
        ("first", "json:$.items[0].name", "$.items[0].name"),
        ("qty", "json:$..qty", "$..qty"),
    ],
    page: api,
    share_max: 0.1,
};

/// Both over the same files, in turn.
fn beside(bench: &mut Bench, set: &Set) -> Result<Vec<Sample>> {
    let folder = bench.folder.path().join(set.kind);
    let pages = folder.join("pages");
    fs::create_dir_all(&pages)?;
    let mut bytes = 0;
    for number in 0..PAGES {
        let page = (set.page)(&mut bench.rng, number);
        bytes += page.len();
        fs::write(pages.join(format!("{number:03}")), page)?;
    }
    let (ours, theirs) = (folder.join("ours.json"), folder.join("theirs.json"));
    fs::write(&ours, set.ours().to_string())?;
    fs::write(&theirs, set.theirs().to_string())?;
    let passes = if bench.args.quick { 1 } else { PASSES };
    let program = vec![example()?.into(), ours.into()];
    let script = repo::root().join("benches/extract/rival.py");
    let rival = vec![python()?.into(), script.into(), theirs.into()];
    let (ours_ms, ours_found) = cost(&folder, &program, &pages, passes)?;
    let (theirs_ms, theirs_found) = cost(&folder, &rival, &pages, passes)?;
    let differ = differences(&ours_found, &theirs_found);
    if let Some(first) = differ.first() {
        eprintln!("first difference: {first}");
    }
    Ok(vec![
        Sample::new("bytes a page", "", bytes as f64 / PAGES as f64),
        Sample::new("values found", "", count(&ours_found) as f64),
        Sample::new("values that differ", "", differ.len() as f64).exactly(0.0),
        Sample::new("CPU a page", "ms", ours_ms),
        Sample::new(format!("CPU a page, {}", set.rival), "ms", theirs_ms),
        Sample::new("share of the rival's CPU", "", ours_ms / theirs_ms).at_most(set.share_max),
        Sample::new("times as fast", "x", theirs_ms / ours_ms),
    ])
}

/// A run over listing pages, with all processors busy extracting their rows: what its loops bear.
fn stall(bench: &mut Bench) -> Result<Vec<Sample>> {
    let program = match &bench.args.program {
        Some(program) => program.clone(),
        None => super::build("gather-cli", "gather")?,
    };
    let nginx = Nginx::start(4)?;
    let (mut rows, fetched) = (0, if bench.args.quick { 300 } else { FETCHED });
    for number in 0..PAGES {
        let page = listing(&mut bench.rng, number);
        rows += page.matches("<article").count() * fetched / PAGES;
        nginx.serve(&format!("{number}.html"), &page)?;
    }
    let folder = bench.folder.path();
    let (rules, found) = (folder.join("rules.toml"), folder.join("rows.jsonl"));
    let lines = CSS_ROWS.rules.iter().map(|(name, ours, _)| format!("{name} = {ours:?}\n"));
    let each = CSS_ROWS.each.map_or("", |(each, _)| each);
    fs::write(&rules, format!("each = {each:?}\n[fields]\n{}", lines.collect::<String>()))?;
    let urls = (0..fetched).map(|at| nginx.url(at, &format!("/files/{}.html", at % PAGES)));
    let list = bench.write_list(urls)?;
    let paths = [rules.display().to_string(), found.display().to_string()];
    let flags = ["-c", "100", "--rules", &paths[0], "--rows", &paths[1]];
    let mut client = Client::new(program, bench.folder.path());
    let run = client.fetch(&list, &flags)?;
    let lines = fs::read(&found)?.iter().filter(|byte| **byte == b'\n').count();
    Ok(vec![
        Sample::new("records ok", "", run.records.ok as f64).exactly(fetched as f64),
        Sample::new("rows", "", lines as f64).exactly(rows as f64),
        Sample::new("longest stall, CPU clock", "ms", run.stall_cpu_ms().unwrap_or(f64::NAN))
            .each_at_most(STALL_MS_MAX),
        Sample::new("longest stall, wall", "ms", run.stall_wall_ms().unwrap_or(f64::NAN)),
        Sample::new("pages", "/s", fetched as f64 / run.cost.wall_s),
        Sample::new("peak memory", "MB", run.cost.peak_mb()),
    ])
}

impl Set {
    fn ours(&self) -> Value {
        let all = if self.each.is_some() { "" } else { " | all" };
        let rules = self.rules.iter();
        let fields: Value = rules
            .map(|(name, ours, _)| ((*name).to_owned(), json!(format!("{ours}{all}"))))
            .collect();
        match self.each {
            Some((each, _)) => json!({ "each": each, "fields": fields }),
            None => json!({ "fields": fields }),
        }
    }

    fn theirs(&self) -> Value {
        let rules = self.rules.iter();
        let fields: Value =
            rules.map(|(name, _, theirs)| ((*name).to_owned(), json!(theirs))).collect();
        json!({ "kind": self.kind, "each": self.each.map(|(_, each)| each), "fields": fields })
    }
}

/// User and system time of one page, in ms, and what was found.
fn cost(folder: &Path, command: &[OsString], pages: &Path, passes: usize) -> Result<(f64, Value)> {
    let run = |passes: usize| -> Result<(f64, String)> {
        let args = [pages.into(), passes.to_string().into()];
        let (cost, code, stdout) = time(folder, &[command, &args].concat())?;
        ensure!(code == Some(0), "{command:?} ended with {code:?}");
        Ok((cost.cpu_s(), stdout))
    };
    let (once, _) = run(1)?;
    let (again, found) = run(1 + passes)?;
    let per_page = (again - once).max(0.0) / (passes * PAGES) as f64;
    Ok((per_page * 1e3, serde_json::from_str(&found)?))
}

/// Each value that both do not have alike. Nothing found is nothing in any form.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let is_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let mut found = Vec::new();
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| found.extend(differences(a, b)));
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            for (name, a) in a {
                found.extend(differences(a, b.get(name).unwrap_or(&Value::Null)));
            }
        }
        (a, b) if is_nothing(a) && is_nothing(b) => {}
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{a} and {b}")),
    }
    found
}

fn count(found: &Value) -> usize {
    match found {
        Value::Array(all) => all.iter().map(count).sum(),
        Value::Object(all) => all.values().map(count).sum(),
        Value::Null => 0,
        _ => 1,
    }
}

/// Builds what is timed.
fn example() -> Result<PathBuf> {
    let args = ["build", "--quiet", "--release", "-p", "gather-extract", "--example", "measure"];
    repo::output(repo::cargo().args(args))?;
    Ok(repo::target_dir()?.join("release/examples/measure"))
}

/// A Python with the rivals, installed once beside what cargo builds.
fn python() -> Result<PathBuf> {
    let folder = repo::target_dir()?.join("bench-python");
    let python = folder.join("bin/python");
    let has_rivals = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-c", "import parsel, jsonpath_ng.ext"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    if !has_rivals(&python) {
        repo::output(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("benches of extraction need python3 with venv")?;
        let install = ["-m", "pip", "install", "--quiet"];
        repo::output(Command::new(&python).args(install).args(RIVALS))?;
    }
    Ok(python)
}

const WORDS: &[&str] = &[
    "light", "canvas", "steel", "garden", "leather", "classic", "water", "travel", "cotton",
    "kitchen", "wireless", "outdoor", "compact", "premium", "solar",
];

fn words(rng: &mut fastrand::Rng, count: usize) -> String {
    let all = (0..count).map(|_| *rng.choice(WORDS).unwrap_or(&""));
    all.collect::<Vec<_>>().join(" ")
}

/// A page of a shop with cards for [`PAGE_BYTES`].
fn listing(rng: &mut fastrand::Rng, number: usize) -> String {
    let nav: String = (0..60)
        .map(|at| {
            let name = words(rng, 1);
            format!("<li class=\"nav__item\"><a href=\"/c/{at}\" class=\"nav__link\">{name} {at}</a></li>")
        })
        .collect();
    let script = "function f(){return 1<2&&3>1;}\n".repeat(60);
    let style = ".a{color:red}\n".repeat(60);
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"de\"><head><meta charset=\"utf-8\"><title>Listing {number}</title>\
         <link rel=\"canonical\" href=\"https://shop.example/l/{number}\"><script>{script}</script>\
         <style>{style}</style></head><body><header class=\"top\"><nav><ul class=\"nav\">{nav}</ul></nav>\
         <h1 class=\"page-title\">All things {number}</h1><p class=\"results\">Showing <strong>1-48</strong> \
         of 1.234</p></header><main><ul class=\"grid\">\n"
    );
    let mut at = number * 100;
    while page.len() < PAGE_BYTES - 1500 {
        card(&mut page, rng, at);
        at += 1;
    }
    page.push_str(
        "</ul><nav class=\"pager\"><a class=\"prev\" href=\"?p=0\">Prev</a><a class=\"next\" rel=\"next\" \
         href=\"?p=2\">Next</a></nav></main><footer id=\"foot\"><p>Imprint</p></footer></body></html>\n",
    );
    page
}

fn card(page: &mut String, rng: &mut fastrand::Rng, at: usize) {
    let (hint, alt) = (words(rng, 4), words(rng, 5));
    let (name, more, brand) = (words(rng, 3), words(rng, 2), words(rng, 1));
    let (text, rest, colour) = (words(rng, 14), words(rng, 10), words(rng, 1));
    let (percent, euros, tenths) = (rng.u32(5..60), at % 900, at % 10);
    let written = write!(
        page,
        r#"<li class="col-xs-6 col-sm-4 col-md-3">
  <article class="card product-card" data-id="{at}" data-sku="SKU-{at:06}">
    <div class="card__media"><a href="/p/{at}.html" class="card__link" title="{hint}"><img class="thumb lazy" src="/static/blank.gif" data-src="//cdn.example/img/{at}.jpg" alt="{alt}" width="240" height="240"></a>
      <span class="badge badge--sale">-{percent}%</span></div>
    <div class="card__body">
      <h3 class="card__title"><a href="/p/{at}.html?ref=list&amp;pos={at}">{name} &ndash; {more}</a></h3>
      <p class="card__brand">by <a href="/b/{tenths}">{brand} &amp; Co</a></p>
      <p class="card__text">{text}. {rest}.</p>
      <ul class="specs"><li class="spec"><b>Size</b> <span>{tenths}</span></li><li class="spec"><b>Colour</b> <span>{colour}</span></li><li class="spec"><b>Weight</b> <span>{tenths}.5 kg</span></li></ul>
      <div class="rating" data-score="4.{tenths}"><span class="stars" aria-label="{tenths} of 5">*****</span> <span class="count">({euros})</span></div>
      <div class="price-box"><span class="price old-price">&euro; 1.{euros:03},00</span> <span class="price now" itemprop="price" content="{euros}.99">&euro; {euros},99</span></div>
      <p class="stock in-stock">In stock, <em>{tenths}</em> left</p>
      <form action="/cart" method="post"><input type="hidden" name="sku" value="{at}"><button type="submit" class="btn btn-primary add">Add to cart</button></form>
    </div>
  </article>
</li>
"#
    );
    written.expect("memory takes text");
}

/// An answer of an API with items for [`PAGE_BYTES`].
fn api(rng: &mut fastrand::Rng, number: usize) -> String {
    let mut items = Vec::new();
    let mut bytes = 0;
    while bytes < PAGE_BYTES {
        let at = number * 1000 + items.len();
        let item = json!({
            "id": at, "name": words(rng, 3), "description": words(rng, 20),
            "offers": { "price": at as f64 / 4.0, "currency": "EUR", "stock": { "qty": at % 40 } },
            "tags": [words(rng, 1), words(rng, 1)], "active": at.is_multiple_of(2),
        });
        bytes += item.to_string().len() + 1;
        items.push(item);
    }
    let links = json!({ "next": format!("/items?page={number}") });
    json!({ "meta": { "total": items.len(), "links": links }, "items": items }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_compared_value_by_value() {
        let cases = [
            (json!([{"a": ["x"]}]), json!([{"a": ["x"]}]), 0),
            (json!([{"a": null}]), json!([{"a": []}]), 0),
            (json!([{"a": ["x", "y"]}]), json!([{"a": ["x", "z"]}]), 1),
            (json!([{"a": ["x", "y"]}]), json!([{"a": ["x"]}]), 1),
            (json!([{"a": 1.0}]), json!([{"a": 1}]), 0),
            (json!([{"a": "1"}]), json!([{"b": "1"}]), 1),
        ];
        for (ours, theirs, want) in cases {
            assert_eq!(differences(&ours, &theirs).len(), want, "{ours} {theirs}");
        }
    }
}
