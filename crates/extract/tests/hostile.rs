//! Pages made to stall or to overflow: each is given up at a cap, or read to its end.

use std::cell::Cell;

use gather_extract::{Extraction, Limits, Page, Rules, RulesSpec, Stopped, Work};

/// Fewer steps than by default, so that what is given up is given up soon.
const STEPS_MAX: u64 = 1_000_000;

fn limits() -> Limits {
    Limits { steps_max: STEPS_MAX, ..Limits::default() }
}

fn extract(rule: &str, body: &[u8], limits: &Limits) -> Result<Extraction, Stopped> {
    let mut spec = RulesSpec::default();
    spec.add(&format!("x={rule}")).unwrap();
    let rules = Rules::compile(&spec).unwrap();
    let page = Page { body, ..Page::default() };
    rules.extract(&page, limits, &Work::new(limits.steps_max, &|| false))
}

#[test]
fn nothing_nests_deeper_than_it_may() {
    let pieces = [
        "<div>",
        "<b>",
        "<b a=1><b a=2>",
        "<a><div>",
        "<table><div>",
        "<table><tr><td>",
        "<svg><g>",
        "<ul><li>",
        "<p><b>",
        "<select><div>",
        "<math><mi>",
        "<button>",
        "<template><div>",
        "<template>",
        "<font><p>",
        "<nobr><i>",
        "<frameset>",
        "<ruby><rt>",
        "<table><a>",
        "<object>",
    ];
    for piece in pieces {
        let page = piece.repeat(20_000);
        let found = extract("css:div", page.as_bytes(), &limits());
        let is_kept =
            matches!(found, Err(Stopped::Depth(_) | Stopped::Nodes(_) | Stopped::Steps(_)));
        assert!(is_kept || found.is_ok(), "{piece}: {found:?}");
    }
    let million = "<div>".repeat(1_000_000);
    assert_eq!(extract("css:div", million.as_bytes(), &limits()), Err(Stopped::Depth(1024)));
    let nested = "<div>".repeat(1000) + "x";
    let found = extract("css:div div | all", nested.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(found.fields.len(), 1);
    // The matcher of `:has()` goes down by recursion, as far as a page may be deep.
    let found =
        extract("css:body:has(u) || css:div:not(:has(u))::own", nested.as_bytes(), &limits());
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn misnested_pages_end() {
    // Each makes the tree builder look back, move or copy what it has.
    let pieces = [
        "<table>x<td>y</td>",
        "<b><p></b></p>",
        "<a><b></a>",
        "<a href=x><p><b><i></a>",
        "</p>",
        "<p><a><font><b><i><u><s><em></p>",
        "</b></i></a></div>",
        "<tr><td><table>",
        "x\0",
        "<br a/>",
        "<li><p><dd><option>",
        "&amp;&#x41;&notit;&",
        "<!--><!---><!-- - -- -->",
        "<![CDATA[x]]>",
        "<html a=1><body b=2>",
        "<svg></p><desc><p>",
        "<script><!--<script></script>",
        "<title>",
    ];
    for piece in pieces {
        let page = piece.repeat(200_000 / piece.len());
        let found = extract("css:p:nth-last-child(2)", page.as_bytes(), &limits());
        let kept =
            matches!(found, Ok(_) | Err(Stopped::Depth(_) | Stopped::Nodes(_) | Stopped::Steps(_)));
        assert!(kept, "{piece}: {found:?}");
    }
}

#[test]
fn an_element_has_only_so_many_attributes() {
    let many = (0..200_000).map(|at| format!("a{at} ")).collect::<String>();
    let page = format!("<p {many}>");
    assert_eq!(extract("css:p", page.as_bytes(), &limits()), Err(Stopped::Attributes(1024)));
    // The same one again and again is one; so are those that `<html>` gets later.
    let page = format!("<p {}>x", "a=1 ".repeat(200_000));
    assert!(extract("css:p", page.as_bytes(), &limits()).is_ok());
    let page: String = (0..20_000).map(|at| format!("<html b{at}=1>")).collect();
    assert_eq!(extract("css:p", page.as_bytes(), &limits()), Err(Stopped::Attributes(1024)));
}

#[test]
fn selectors_that_look_around_are_counted() {
    let siblings = "<i></i>".repeat(30_000) + "<b></b>";
    let cases = [
        "css:u ~ i",
        "css:i:has(~ u)",
        "css:i:has(+ u ~ u)",
        "css:body:has(u) i ~ i ~ u ~ i",
        "css:i:not(u ~ i):nth-child(7n of u ~ i)",
    ];
    for rule in cases {
        let found = extract(rule, siblings.as_bytes(), &limits());
        assert_eq!(found, Err(Stopped::Steps(STEPS_MAX)), "{rule}");
    }
    // These remember what they have counted.
    for rule in ["css:i:nth-child(3n)", "css:i:nth-last-of-type(5)", "css:i + b"] {
        assert!(extract(rule, siblings.as_bytes(), &limits()).is_ok(), "{rule}");
    }
}

#[test]
fn patterns_that_read_on_are_counted() {
    let text = "A".repeat(200_000);
    let found = extract("regex:.*[^A-Z]|[A-Z] | all", text.as_bytes(), &limits());
    assert_eq!(found, Err(Stopped::Steps(STEPS_MAX)));
}

#[test]
fn json_may_nest_as_it_likes() {
    let page = "[".repeat(1_000_000);
    let found = extract("json:$..a | required", page.as_bytes(), &limits()).unwrap();
    let missing = found.missing[0].to_string();
    assert!(missing.contains("recursion limit exceeded"), "{missing}");
    let page = format!("<script type='application/ld+json'>{page}</script>");
    assert!(extract("jsonld:Product.name", page.as_bytes(), &limits()).is_ok());
}

#[test]
fn caps_are_kept_to_the_unit() {
    let page = "<p>1234567890</p>".repeat(10);
    let page = page.as_bytes();
    let small = |change: fn(&mut Limits)| {
        let mut limits = limits();
        change(&mut limits);
        extract("css:p | all", page, &limits).map(|found| found.fields.len())
    };
    assert_eq!(small(|limits| limits.page_bytes_max = 170), Ok(1));
    assert_eq!(small(|limits| limits.page_bytes_max = 169), Err(Stopped::PageBytes(169)));
    assert_eq!(small(|limits| limits.matches_max = 10), Ok(1));
    assert_eq!(small(|limits| limits.matches_max = 9), Err(Stopped::Matches(9)));
    assert_eq!(small(|limits| limits.output_bytes_max = 260), Ok(1));
    assert_eq!(small(|limits| limits.output_bytes_max = 259), Err(Stopped::OutputBytes(259)));
    // The document, html, head, body; then two for each paragraph.
    assert_eq!(small(|limits| limits.nodes_max = 24), Ok(1));
    assert_eq!(small(|limits| limits.nodes_max = 23), Err(Stopped::Nodes(23)));
    // Below the document: html, body, p, its text.
    assert_eq!(small(|limits| limits.depth_max = 4), Ok(1));
    assert_eq!(small(|limits| limits.depth_max = 3), Err(Stopped::Depth(3)));
}

#[test]
fn the_callers_time_ends_a_page() {
    let page = "<p>x</p>".repeat(20_000);
    let mut spec = RulesSpec::default();
    spec.add("x=css:p | all").unwrap();
    let rules = Rules::compile(&spec).unwrap();
    let page = Page { body: page.as_bytes(), ..Page::default() };
    let limits = Limits::default();
    let asked = Cell::new(0);
    let late = || asked.replace(asked.get() + 1) == 3;
    let found = rules.extract(&page, &limits, &Work::new(limits.steps_max, &late));
    assert_eq!(found, Err(Stopped::Time));
    assert_eq!(asked.get(), 4);
}
