//! The tree of pages against scraper's, which uses html5ever from text to tree: for generated pages
//! of any kind, each selector matches the same elements in the same order.

use gather_core::FieldValue;
use gather_extract::{Limits, Page, Rules, RulesSpec, Work};
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use proptest::prelude::*;
use scraper::{Html, HtmlTreeSink, Selector};

const SELECTORS: &[&str] = &[
    "*",
    "p",
    "div p",
    "div > p",
    "b, i",
    ".a",
    ".a.b",
    "#x",
    "[t]",
    "[t=q]",
    "table td",
    "p + p",
    "li ~ li",
    "a[href^='/']",
    ":not(p)",
    "p:first-child",
    "li:nth-child(2n+1)",
    "div:has(> b)",
    "td:last-of-type",
    "svg *",
    "option",
    "p:empty",
    "body > *",
    ".a > .b",
    "form input",
];

/// What each selector matches in scraper's tree: the raw texts.
fn by_scraper(page: &str) -> Vec<Vec<String>> {
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts { scripting_enabled: false, ..Default::default() },
        ..Default::default()
    };
    let html = parse_document(HtmlTreeSink::new(Html::new_document()), options).one(page);
    let matched = |text: &&str| {
        let selector = Selector::parse(text).unwrap();
        // `Html::select` would give what was taken out of the tree, too, and not in its order.
        let root = html.root_element();
        let first = selector.matches(&root).then_some(root);
        let all = first.into_iter().chain(root.select(&selector));
        all.map(|found| found.text().collect::<String>()).collect()
    };
    SELECTORS.iter().map(matched).collect()
}

fn by_rules(page: &str) -> Vec<Vec<String>> {
    let mut spec = RulesSpec::default();
    for (at, selector) in SELECTORS.iter().enumerate() {
        spec.add(&format!("r{at}=css:{selector} | all | raw")).unwrap();
    }
    let rules = Rules::compile(&spec).unwrap();
    let limits = Limits::default();
    let page = Page {
        body: page.as_bytes(),
        content_type: Some("text/html; charset=utf-8"),
        ..Page::default()
    };
    let found = rules.extract(&page, &limits, &Work::new(limits.steps_max, &|| false)).unwrap();
    let texts = |value: FieldValue| match value {
        FieldValue::List(values) => values
            .into_iter()
            .map(|value| match value {
                FieldValue::Text(text) => text.into(),
                other => panic!("{other:?}"),
            })
            .collect(),
        FieldValue::Null => Vec::new(),
        other => panic!("{other:?}"),
    };
    found.fields.into_iter().map(|(_, value)| texts(value)).collect()
}

/// Empty texts are no matches, so they are left out on both sides.
fn check(page: &str) {
    let mut wanted = by_scraper(page);
    wanted.iter_mut().for_each(|texts| texts.retain(|text| !text.is_empty()));
    let found = by_rules(page);
    for ((selector, wanted), found) in SELECTORS.iter().zip(wanted).zip(found) {
        assert_eq!(found, wanted, "{selector} in {page:?}");
    }
}

/// Tags of pages.
const TAGS: &str = "\
    p div b i a table tr td ul li form input br svg select option title script style \
    textarea noscript math mi h1 button nobr frameset body html head caption col pre \
    plaintext foreignObject desc xmp iframe dd rt ruby image font object";

/// Attributes of a tag, and what ends it.
const ATTRIBUTES: &[&str] = &[
    "",
    " class=a",
    " class='b a'",
    " CLASS=\"a\tb\"",
    " id=x",
    " t",
    " t=q",
    " t='&lt;&amp' T=2",
    " href=/p",
    " href='&copy;x'",
    " class=A",
    "/",
    " a=b/",
    " type=hidden",
    " color=red",
    " encoding='text/html'",
];

/// What is no tag.
const TEXTS: &[&str] = &[
    "x",
    " ",
    "\n",
    "a b",
    "&amp;",
    "&notin;",
    "&notit;",
    "&#x80;",
    "&#0;",
    "&bogus;",
    "é",
    "\u{a0}",
    "\r\n",
    "\r",
    "<",
    "</",
    "</ >",
    "<3",
    "<!-- c -->",
    "<!-->",
    "<!--x",
    "--!>",
    "<!doctype html>",
    "<![CDATA[y]]>",
    "<?pi?>",
    "]]>",
    "\0",
    "&",
    "&#",
    "&amp",
    "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 3.2//EN\">",
];

/// Pages of everything but `<template>`: scraper has what is in it in the tree, too, but as if it
/// stood alone.
fn page() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(TAGS.split(' ').collect::<Vec<_>>());
    let attribute = prop::sample::select(ATTRIBUTES);
    let start = (tag.clone(), attribute).prop_map(|(tag, attribute)| format!("<{tag}{attribute}>"));
    let end = tag.prop_map(|tag| format!("</{tag}>"));
    let text = prop::sample::select(TEXTS);
    let piece = prop_oneof![4 => start, 3 => end, 3 => text.prop_map(ToOwned::to_owned)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn generated_pages_are_the_same_tree(page in page()) {
        check(&page);
    }

    #[test]
    fn any_text_is_the_same_tree(page in "[<>/!a-c&;#=\"' \n-]{0,60}") {
        check(&page);
    }
}

#[test]
fn known_pages_are_the_same_tree() {
    let pages = [
        "",
        "plain",
        "<table>x<tr>y<td>z</table>w",
        "<p>a<p>b<div>c</p>d",
        "<b><p>1</b>2</p>",
        "<a>1<div>2<a>3</div>4",
        "<pre>\n\nx</pre><textarea>\ny</textarea>",
        "<script><!--<script>x</script>--></script>y",
        "<svg><title>t</title><foreignObject><p>x</svg>y",
        "<select><option>1<option>2</select>",
    ];
    pages.iter().for_each(|page| check(page));
}
