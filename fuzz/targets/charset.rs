//! Bytes in any charset, as the header, the page and the bytes themselves say; and rules over the page.
#![no_main]

use std::sync::LazyLock;

use gather::extract::{Limits, Named, Page, RuleSpec, Rules, RulesSpec, Work};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rule = |name: &str, line: &str| (name.to_owned(), RuleSpec::Line(line.to_owned()));
    let page = vec![
        rule("title", "css:title"),
        rule("price", "price:css:b || regex:([0-9.,]+)"),
        rule("first", "json:$..*"),
        rule("link", "url:css:a@href"),
        rule("when", "date:css:time || structured:datePublished"),
    ];
    let page: Vec<_> = page
        .into_iter()
        .filter(|(name, spec)| {
            let one = RulesSpec {
                page: Named(vec![(name.clone(), spec.clone())]),
                ..RulesSpec::default()
            };
            Rules::compile(&one).is_ok()
        })
        .collect();
    assert!(page.len() >= 3, "the rules are written as they should be");
    Rules::compile(&RulesSpec { page: Named(page), ..RulesSpec::default() }).expect("rules")
});

fuzz_target!(|data: &[u8]| {
    // The first line is the Content-Type.
    let (kind, body) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(0));
    let kind = String::from_utf8_lossy(kind);
    let limits = Limits::default();
    let page = Page { body, content_type: Some(&kind), ..Page::default() };
    let _ = RULES.extract(&page, &limits, &Work::new(limits.steps_max, &|| false));
});
