//! Rules as a user writes them, against pages: a table for each kind.

use gather_core::{FieldValue, FieldValues};
use gather_extract::{Extraction, Limits, Page, Rules, RulesSpec, Work};
use url::Url;

/// What a rule finds, as JSON-like text.
fn show(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => "null".into(),
        FieldValue::Bool(value) => value.to_string(),
        FieldValue::Int(value) => value.to_string(),
        FieldValue::Decimal(value) => value.to_string(),
        FieldValue::Text(value) => format!("{value:?}"),
        FieldValue::List(values) => {
            format!("[{}]", values.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    }
}

fn show_all(fields: &FieldValues) -> String {
    let all = fields.iter().map(|(name, value)| format!("{name}={}", show(value)));
    all.collect::<Vec<_>>().join(" ")
}

fn extract(spec: &RulesSpec, page: &Page<'_>) -> Extraction {
    let rules = Rules::compile(spec).unwrap_or_else(|error| panic!("{error}"));
    let limits = Limits::default();
    let work = Work::new(limits.steps_max, &|| false);
    rules.extract(page, &limits, &work).expect("the page is small")
}

fn spec(rules: &[&str]) -> RulesSpec {
    let mut spec = RulesSpec::default();
    rules.iter().for_each(|rule| spec.add(rule).unwrap());
    spec
}

/// Each rule by itself: what it finds in the page.
fn check(page: &Page<'_>, cases: &[(&str, &str)]) {
    for (rule, want) in cases {
        let found = extract(&spec(&[&format!("x={rule}")]), page);
        let missing = found.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(show_all(&found.fields) + &missing, *want, "{rule}");
    }
}

const SHOP: &str = r#"<!DOCTYPE html><html lang="de-AT"><head><meta charset="utf-8">
<title>  Lamps
 &amp; more </title><base href="/shop/">
<meta property="og:title" content="Lamp"><meta property="product:price:amount" content="1299.00">
<script type="application/ld+json">
{"@context":"https://schema.org","@graph":[{"@type":"BreadcrumbList"},
 {"@type":["Thing","https://schema.org/Product"],"name":"Lamp","image":{"@id":"https://a.example/1.jpg"},
  "offers":[{"@type":"Offer","price":1299.5,"priceCurrency":"EUR"},{"@type":"Offer","price":"1.399"}]}]}
</script><script type="application/ld+json">{broken</script></head>
<body><h1>  Big <b>Lamp</b><script>var hidden = 1</script></h1>
<div class="box" id="main"><p>one</p><p>two<br>three</p>  <p>  </p></div>
<table><tr><td>1</td><td>2</td></tr></table>
<span class="old price">€ 1.499,00</span> <span class="now price" data-p="1.299">1.299,00</span>
<ul><li><a href="p/1#top">First</a><li><a href="p/1">again</a><li><a href="//b.example/2">2</a>
<li><a href="mailto:x@a.example">mail</a><li><a>no address</a></ul>
<div itemscope itemtype="https://schema.org/Product"><span itemprop="name">Micro</span>
 <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
  <meta itemprop="price" content="17.50"><link itemprop="availability" href="https://schema.org/InStock">
  <span itemprop="name">offer's</span></div></div>
<p class="note">Only <i>3</i> left! Rated 4,5 of 5 (1.234 votes), since 5. März 2026</p>
<pre>
 a
  b</pre></body></html>"#;

fn shop_page<'a>(url: &'a Url, headers: &'a [(Box<str>, Box<str>)]) -> Page<'a> {
    Page { body: SHOP.as_bytes(), content_type: Some("text/html"), final_url: Some(url), headers }
}

#[test]
fn css_finds_texts_attributes_and_html() {
    let url = Url::parse("https://a.example/shop/list").unwrap();
    check(
        &shop_page(&url, &[]),
        &[
            ("css:h1", r#"x="Big Lamp""#),
            ("css:h1::text", r#"x="Big Lamp""#),
            ("css:h1::own", r#"x="Big""#),
            ("css:h1 | raw", r#"x="  Big Lampvar hidden = 1""#),
            ("css:h1 > b::html", r#"x="<b>Lamp</b>""#),
            ("css:#main::inner", r#"x="<p>one</p><p>two<br>three</p>  <p>  </p>""#),
            ("css:#main", r#"x="one two three""#),
            ("css:td | all", r#"x=["1", "2"]"#),
            ("css:table", r#"x="1 2""#),
            ("css:#main p | all", r#"x=["one", "two three"]"#),
            ("css:#main p | join \"; \"", r#"x="one; two three""#),
            ("css:li a@href", r#"x="p/1#top""#),
            (
                "css:ul a@href | all",
                r#"x=["p/1#top", "p/1", "//b.example/2", "mailto:x@a.example"]"#,
            ),
            ("css:.now@data-p", r#"x="1.299""#),
            ("css:.PRICE", "x=null"),
            (
                "css:p:has(i)::own",
                r#"x="Only left! Rated 4,5 of 5 (1.234 votes), since 5. März 2026""#,
            ),
            ("css:li:nth-child(3) a", r#"x="2""#),
            ("css:[itemprop=name], h1", r#"x="Big Lamp""#),
            ("css:h2 || css:h3 || css:h1 b", r#"x="Lamp""#),
            ("css:h2 | default none", r#"x="none""#),
            ("css:pre | raw", r#"x=" a\n  b""#),
            ("css:h2 | required", "rule 'x' found nothing"),
            (
                "css:script[type]::text | replace /\\s+/ '' | replace /.*graph/ '' | replace /,.*/ ''",
                r#"x="\":[{\"@type\":\"BreadcrumbList\"}""#,
            ),
        ],
    );
}

#[test]
fn texts_become_typed_values() {
    let url = Url::parse("https://a.example/shop/list").unwrap();
    check(
        &shop_page(&url, &[]),
        &[
            ("price:css:.now", r#"x=1299.00 x_currency="EUR""#),
            ("price:css:.now@data-p", r#"x=1.299 x_currency="EUR""#),
            ("price:css:.old || css:.now", r#"x=1499.00 x_currency="EUR""#),
            ("price:css:h1", "x=null x_currency=null"),
            ("price:css:h1 | required", r#"rule 'x' found "Big Lamp", which is no price"#),
            ("int:css:.note i", "x=3"),
            ("int:css:.note | replace /.*\\(/ ''", "x=1234"),
            ("decimal:css:.note | replace /.*Rated/ ''", "x=4.5"),
            ("date:css:.note | replace /.*since/ ''", r#"x="2026-03-05""#),
            ("url:css:li a@href", r#"x="https://a.example/shop/p/1#top""#),
            (
                "url:css:a@href | all",
                r#"x=["https://a.example/shop/p/1#top", "https://a.example/shop/p/1", "https://b.example/2", "mailto:x@a.example"]"#,
            ),
            ("bool:css:.note", "x=true"),
            ("bool:css:.sold-out | default false", "x=false"),
            ("bool:microdata:Product.offers.availability", "x=true"),
            ("int:css:h1 || css:.note i", "x=3"),
            ("int:css:h1 | required", r#"rule 'x' found "Big Lamp", which is no whole number"#),
            ("text:css:.note i", r#"x="3""#),
            ("css:td | all | join + | replace a b", r#"x="1+2""#),
        ],
    );
}

#[test]
fn pages_say_things_to_programs() {
    let url = Url::parse("https://a.example/shop/list").unwrap();
    let headers =
        [("ETag".into(), "\"a\"".into()), ("Via".into(), "1".into()), ("via".into(), "2".into())];
    check(
        &shop_page(&url, &headers),
        &[
            ("title", r#"x="Lamps & more""#),
            ("header:etag", r#"x="\"a\"""#),
            ("header:Via | all", r#"x=["1", "2"]"#),
            ("header:none", "x=null"),
            ("links", r#"x=["https://a.example/shop/p/1", "https://b.example/2"]"#),
            ("links:li:first-child", r#"x=["https://a.example/shop/p/1"]"#),
            ("jsonld:Product.name", r#"x="Lamp""#),
            ("jsonld:Product.offers.price", "x=1299.5"),
            ("jsonld:Product.offers.price | all", r#"x=[1299.5, "1.399"]"#),
            ("price:jsonld:Offer.price", "x=1299.5 x_currency=null"),
            ("jsonld:Offer.priceCurrency", r#"x="EUR""#),
            ("url:jsonld:*.image", r#"x="https://a.example/1.jpg""#),
            ("jsonld:$[1].offers[-1].price", r#"x="1.399""#),
            ("microdata:name", r#"x="Micro""#),
            ("microdata:Product.name | all", r#"x=["Micro"]"#),
            ("microdata:name | all", r#"x=["Micro", "offer's"]"#),
            ("microdata:Offer.name", r#"x="offer's""#),
            ("decimal:microdata:Product.offers.price", "x=17.50"),
            ("og:title", r#"x="Lamp""#),
            ("og:product:price:amount", r#"x="1299.00""#),
            (r"regex:Rated (\S+) of", r#"x="4,5""#),
            (r"regex:Rated (?<y>\d),(?<x>\d)", r#"x="5""#),
            (r"regex:p/\d | all", r#"x=["p/1", "p/1"]"#),
            (r"regex:x* | all", r#"x=["x", "x", "x", "x", "x", "x"]"#),
            (
                "json:$.a | required",
                "rule 'x' found nothing: the body is no JSON: expected value at line 1 column 1",
            ),
        ],
    );
}

#[test]
fn json_keeps_its_types() {
    let body = br#"{"a":17,"b":1299.5,"c":"x","d":true,"e":null,"f":[1,"2",2.5],"g":{"h":[{"p":"1,5"},{"p":3}]},
        "i":123456789012345678901234567890}"#;
    let page = Page { body, content_type: Some("application/json"), ..Page::default() };
    check(
        &page,
        &[
            ("json:$.a", "x=17"),
            ("json:$.b", "x=1299.5"),
            ("json:$.c", r#"x="x""#),
            ("json:$.d", "x=true"),
            ("json:$.e", "x=null"),
            ("json:$.f", r#"x=[1, "2", 2.5]"#),
            ("json:$.f[*] | all", r#"x=[1, "2", 2.5]"#),
            ("json:$.f[*] | join /", r#"x="1/2/2.5""#),
            ("json:$.g.h[0]", r#"x="{\"p\":\"1,5\"}""#),
            ("json:$..p | all", r#"x=["1,5", 3]"#),
            ("decimal:json:$..p | all", "x=[1.5, 3]"),
            ("json:$.g.h[?@.p == 3].p", "x=3"),
            ("text:json:$.a", r#"x="17""#),
            ("price:json:$.b", "x=1299.5 x_currency=null"),
            ("int:json:$.b | required", r#"rule 'x' found "1299.5", which is no whole number"#),
            ("json:$.nope | default 5", r#"x="5""#),
            ("int:json:$.nope | default 5", "x=5"),
            ("json:$.nope || json:$.c", r#"x="x""#),
        ],
    );
}

#[test]
fn rows_are_searched_one_by_one() {
    let body = r#"<html lang=en-US><title>List</title><div class=card data-id=1><h3>A</h3><b>$5.00</b></div>
        <div class=card data-id=2><h3>B</h3><i>from $7</i><a href=/b>b</a></div><div class=card data-id=3></div><h3>no</h3>"#;
    let url = Url::parse("https://a.example/l").unwrap();
    let page = Page { body: body.as_bytes(), final_url: Some(&url), ..Page::default() };
    let mut rules = spec(&[
        "id=int:css:@data-id",
        "name=css:h3",
        "price=price:css:b || css:i",
        "to=links",
        "list=title",
    ]);
    rules.each = Some("css:.card".into());
    rules.page = spec(&["n=css:.card | all"]).fields;
    let found = extract(&rules, &page);
    assert_eq!(show_all(&found.fields), r#"n=["A $5.00", "B from $7b"]"#);
    let rows: Vec<_> = found.rows.iter().map(show_all).collect();
    assert_eq!(
        rows,
        [
            r#"id=1 name="A" price=5.00 currency="USD" to=null list="List""#,
            r#"id=2 name="B" price=7 currency="USD" price_from=true to=["https://a.example/b"] list="List""#,
            r#"id=3 name=null price=null currency=null to=null list="List""#,
        ]
    );
    rules.fields = spec(&["name=css:h3 | required"]).fields;
    let missing: Vec<_> = extract(&rules, &page).missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["rule 'name' in row 3 found nothing"]);
    rules.each = Some("css:.none | required".into());
    let missing: Vec<_> = extract(&rules, &page).missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["rule 'each' found nothing"]);

    let body = br#"{"items":[{"n":"a","p":1.5},{"n":"b"}]}"#;
    let page = Page { body, ..Page::default() };
    let mut rules = spec(&["n=json:$.n", "p=decimal:json:$.p"]);
    rules.each = Some("json:$.items[*]".into());
    let rows: Vec<_> = extract(&rules, &page).rows.iter().map(show_all).collect();
    assert_eq!(rows, [r#"n="a" p=1.5"#, r#"n="b" p=null"#]);
}

#[test]
fn a_page_is_read_in_its_own_encoding() {
    let cases: &[(&[u8], &str)] = &[
        (b"<meta charset=windows-1251><h1>\xcf\xf0\xe8</h1>", r#"x="При""#),
        (b"\xff\xfe<\0h\x001\0>\0\xe4\0", r#"x="ä""#),
        ("<h1>ä</h1>".as_bytes(), r#"x="ä""#),
    ];
    for (body, want) in cases {
        check(&Page { body, ..Page::default() }, &[("css:h1", want)]);
    }
}

#[test]
fn a_bad_rule_is_told_with_its_place_and_a_remedy() {
    let cases = [
        ("x=css:a[", "rule 'x': it ends too early at the end of 'css:a['", "CSS Selectors"),
        ("x=css:.a > || css:b", "nothing follows the combinator at column", "CSS Selectors"),
        ("x=css:a::attr(href)", "there is no ::attr(href) at column 6 of", "write css:a@href"),
        ("x=css:a:hover", "pseudo-class or pseudo-element is not known", ""),
        ("x=css:a@", "this is no attribute", "the attribute comes last"),
        ("x=xpath://a", "there is no kind of rule 'xpath' at column 1", "write css:SELECTOR"),
        ("x=h1", "it does not say where to look", "write css:h1"),
        ("x=number:css:a", "there is no kind of rule 'number'", "int, decimal"),
        ("x=json:a.b", "column", "a path begins with $: json:$.a.b"),
        ("x=json:$.a[", "column", "RFC 9535"),
        ("x=json:", "nothing follows the colon at the end", "write json:$.price"),
        ("x=regex:(a", "unclosed group at column 7", "no look-around"),
        ("x=css:a | shout", "there is no step 'shout' at column 9", "trim, collapse"),
        ("x=css:a | replace a", "'replace' takes 2 texts", "replace \"a\" \"b\""),
        ("x=css:a | join 'x", "does not end at column 14", "end it with '"),
        ("x=css:a | trim || css:b", "another place to look after a step at column 14", "last"),
        ("x=int:css:a | default x", "the default 'x' is no whole number at column 13", ""),
        ("x=css:a | required | default x", "it is required and has a default", "leave one"),
        ("x=int:css:a || date:css:b", "it has two types at column 14", "once"),
        ("x=price:css:a | all", "a list of prices has no currencies", "--each"),
        ("x=css:@href", "there is no row to take it from", "each"),
        ("x y=css:a", "'x y' is no name for a field", "letters"),
        ("css:a", "it has no name", "write NAME=css:a"),
    ];
    for (rule, message, hint) in cases {
        let mut spec = RulesSpec::default();
        let error = spec.add(rule).and_then(|()| Rules::compile(&spec).map(drop)).unwrap_err();
        assert!(error.to_string().contains(message), "{rule}: {error}");
        assert!(error.hint.contains(hint), "{rule}: {}", error.hint);
    }
    let with_rows = |each: &str, rule: &str| {
        let spec = RulesSpec { each: Some(each.into()), ..spec(&[rule]) };
        Rules::compile(&spec).unwrap_err().to_string()
    };
    assert_eq!(with_rows("json:$.a[*]", "x=css:h1"), "rule 'x': a row of JSON has no HTML");
    assert_eq!(with_rows("css:.a", "x=json:$.b"), "rule 'x': a row of HTML is no JSON");
    assert_eq!(
        with_rows("title", "x=css:b"),
        "rule 'each': it gives no rows at column 1 of 'title'"
    );
    let twice = Rules::compile(&spec(&["x=css:a", "x=css:b"])).unwrap_err();
    assert_eq!(twice.to_string(), "rule 'x': there are two rules of this name");
}

#[test]
fn a_table_says_what_a_line_says() {
    let table = r#"{"each": "css:li", "page": {"t": "title"}, "fields": {
        "n": "css:b",
        "p": {"find": ["css:.a", "css:.b"], "type": "price", "required": true},
        "d": {"find": "css:i", "steps": ["trim", "replace x y"], "default": 3, "type": "int"},
        "currency": "css:u"}}"#;
    let spec: RulesSpec = serde_json::from_str(table).unwrap();
    let names: Vec<_> = spec.fields.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["n", "p", "d", "currency"]);
    let rules = Rules::compile(&spec).unwrap();
    let names = rules.names(gather_extract::Of::Row);
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["n", "p", "p_currency", "d", "currency"]
    );
    let unknown = serde_json::from_str::<RulesSpec>(r#"{"fields": {"a": {"fnd": "css:b"}}}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `fnd`"));
    let bad = r#"{"fields": {"a": {"find": "css:b", "type": "number"}}}"#;
    let error = Rules::compile(&serde_json::from_str(bad).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "rule 'a': there is no type 'number'");
}
