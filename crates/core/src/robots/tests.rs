//! The cases of RFC 9309 and of Google's parser as a table, and comparisons with a slow matcher.

use proptest::prelude::*;
use url::Url;

use super::*;

/// Says for each path whether `agent` may ask for it: `+/x` may, `-/x` may not.
fn check(robots: &str, agent: &str, expected: &str) {
    let read = Robots::parse(robots.as_bytes(), &Agent::of(agent));
    for case in expected.split_whitespace() {
        let (sign, path) = case.split_at(1);
        let url = Url::parse("http://a.example").and_then(|base| base.join(path)).expect(path);
        let access = if sign == "+" { Access::Allowed } else { Access::Disallowed };
        assert_eq!(read.access(&url), access, "{agent} {path} of {robots:.200}");
    }
}

/// As [`check`], for rules that stand in a group of `bot`.
fn rules(rules: &str, expected: &str) {
    check(&format!("user-agent: bot\n{}", rules.replace("; ", "\n")), "bot", expected);
}

#[test]
fn the_longest_rule_decides_and_allow_wins_a_tie() {
    rules("disallow: /x/page.html; allow: /x/", "-/x/page.html +/x/ +/y");
    rules("allow: /x/page.html; disallow: /x/", "+/x/page.html -/x/ -/x/page.htm");
    rules("disallow: ; allow: ", "+/ +/x");
    rules("disallow: /; allow: /", "+/ +/x");
    rules("disallow: /x; allow: /x/", "-/x +/x/ +/x/y -/xy");
    rules("allow: /x/; disallow: /x/y/", "+/x/page -/x/y/page");
    rules("allow: /page; disallow: /*.html", "-/page.html +/page");
    rules("allow: /x/page.; disallow: /*.html", "+/x/page.html -/x/y.html");
    rules("allow: /p; disallow: /", "+/page -/folder");
    rules("allow: /folder; disallow: /folder", "+/folder/page");
    rules("allow: /$; disallow: /", "+/ -/page.htm -/?q");
}

#[test]
fn wildcards_and_ends() {
    rules("disallow: /foo/*/qux", "-/foo/bar/qux -/foo//qux -/foo/x/y/quxx +/foo/qux +/foo/bar");
    rules("disallow: /foo$", "-/foo +/foo/ +/foo?x +/foobar");
    rules("disallow: /*.php$", "-/a.php -/a/b.php +/a.php?x +/a.php5 -/x.php.php");
    rules("disallow: *.php", "-/a.php +/a");
    rules("disallow: /*", "-/ -/a");
    rules("disallow: *$", "-/ -/a");
    rules("disallow: /a*b*c$", "-/abc -/axbxc -/abcbc +/abcd +/acb +/ab");
    rules("disallow: /a**b", "-/ab -/axb +/ba");
    rules("disallow: /a*a$", "-/aa -/aba +/a");
    rules("disallow: /x$y", "-/x$y -/x%24y +/x +/xy");
    rules("disallow: /x%24", "-/x$y +/x");
    rules("disallow: /x%2Ay", "-/x*y -/x%2ay +/xzy");
    rules("disallow: /x?y", "-/x?y +/xzy +/x%3Fy");
    rules("disallow: x", "+/x +/");
    rules("disallow: $", "+/ +/x");
    rules("disallow: /", "+/robots.txt -/robots.txt?x -/x/robots.txt");
}

#[test]
fn two_spellings_of_a_path_are_one() {
    rules("disallow: /a%3cd.html", "-/a%3Cd.html -/a%3cd.html +/a");
    rules("disallow: /a%3Cd.html", "-/a%3cd.html -/a<d.html");
    rules("disallow: /a%2fb.html", "-/a%2Fb.html +/a/b.html");
    rules("disallow: /%7ejoe/", "-/~joe/x -/%7Ejoe/");
    rules("disallow: /~joe/", "-/%7Ejoe/ -/%7ejoe/");
    rules("disallow: /foo/bar/ツ", "-/foo/bar/ツ -/foo/bar/%E3%83%84 -/foo/bar/%e3%83%84");
    rules("disallow: /foo/bar/%E3%83%84", "-/foo/bar/ツ");
    rules("disallow: /foo/bar/%62%61%7A", "-/foo/bar/baz");
    rules(
        "disallow: /foo/bar?qux=taz&baz=http://foo.bar?tar&par",
        "-/foo/bar?qux=taz&baz=http://foo.bar?tar&par +/foo",
    );
    rules("disallow: /100%", "-/100% -/100%25");
    rules("disallow: /%zz", "-/%zz");
    rules("disallow: /?q='a'", "-/?q='a' -/?q=%27a%27");
    rules("disallow: /A", "-/A +/a");
}

#[test]
fn groups_are_chosen_by_name_and_merged() {
    let two = "user-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\ndisallow: /\n\
        allow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\nallow: /z/\n";
    let text = format!("allow: /foo/bar/\n\n{two}");
    check(&text, "FooBot", "+/x/b +/z/d -/y/c -/foo/bar/");
    check(&text, "BarBot", "+/y/c +/w/a -/z/d -/foo/bar/");
    check(&text, "BazBot", "+/z/d +/y/c");
    check(&text, "QuxBot", "+/z/d +/ +/foo/bar/");
    let any = "user-agent: *\ndisallow: /x\nuser-agent: FooBot\ndisallow: /y\n\
        user-agent: *\ndisallow: /z\n";
    check(any, "FooBot", "+/x +/z -/y");
    check(any, "BarBot", "-/x -/z +/y");
    check(any, "", "-/x -/z +/y");
    check("user-agent: BarBot\nuser-agent: *\nuser-agent: FooBot\ndisallow: /x", "foobot", "-/x");
    check("user-agent: *\ndisallow: /\nuser-agent: FooBot\n", "FooBot", "+/x");
    check("user-agent: *\ndisallow: /\nuser-agent: FooBot\ndisallow:\n", "FooBot", "+/x");
    // What is no rule does not end the names of a group (RFC 9309 section 2.2.4).
    for between in ["Sitemap: https://a.example/s", "Unknown: x", "Crawl-delay: 1", "", "# x"] {
        let text = format!("user-agent: BarBot\n{between}\nuser-agent: *\ndisallow: /\n");
        check(&text, "FooBot", "-/x");
        check(&text, "BarBot", "-/x");
    }
}

#[test]
fn a_crawler_is_known_by_its_product_token() {
    let named = |name: &str| format!("user-agent: *\nallow: /\nuser-agent: {name}\ndisallow: /");
    for name in ["FooBot", "FOOBOT", "foobot", "FooBot/1.0", "FooBot 2", "FooBot*", "FooBot # x"] {
        for agent in ["FooBot", "foobot/2.1", "FooBot (+https://a.example)"] {
            check(&named(name), agent, "-/x");
        }
    }
    for name in ["Foo", "FooBot-Image", "FooBot_x", "MyFooBot", "Foo Bot", "", "(FooBot)"] {
        check(&named(name), "FooBot/2.1", "+/x");
    }
    check("user-agent: * x\ndisallow: /", "bot", "-/x");
    check("user-agent: *bot\ndisallow: /", "bot", "+/x");
    assert_eq!(Agent::of("gather/0.1 (+https://a.example)").as_str(), "gather");
    assert_eq!(Agent::of("(x)").as_str(), "");
}

#[test]
fn lines_are_read_with_the_liberties_that_sites_take() {
    let spellings = [
        "User-Agent: bot\nDisallow: /x",
        "USER-AGENT:bot\nDISALLOW:/x",
        "\u{feff}user-agent: bot\ndisallow: /x",
        "user-agent: bot\r\ndisallow: /x\r\n",
        "user-agent: bot\rdisallow: /x\r",
        "  user-agent :  bot  \n\tdisallow\t:\t/x\t",
        "user-agent: bot # us\ndisallow: /x # this",
        "user-agent bot\ndisallow /x",
        "useragent: bot\ndissallow: /x",
        "user agent: bot\ndissalow: /x",
        "user-agent: bot\ndisalow: /x",
        "user-agent: bot\ndiasllow: /x",
        "user-agent: bot\ndisallaw: /x",
        "<html>\nuser-agent: bot\n\n\ndisallow: /x",
    ];
    for text in spellings {
        check(text, "bot", "-/x +/y");
    }
    let meaningless = [
        "",
        "foo: bot\nbar: /x",
        "disallow: /x",
        "user-agent: bot\nnoindex: /x",
        "user-agent: bot\n# disallow: /x",
        "user-agent: bot\ndisallow /x y",
        "user-agent: bot\ndisallow",
        "user-agent: bot\ndisallow-all: /x",
        "<html><body>Not found</body></html>",
    ];
    for text in meaningless {
        check(text, "bot", "+/x +/");
    }
    for mark in [&b"\xef\xbb\xbf"[..], b"\xef\xbb", b"\xef"] {
        let text = [mark, b"user-agent: bot\ndisallow: /x"].concat();
        let read = Robots::parse(&text, &Agent::of("bot"));
        assert_eq!(read.judge("/x").0, Access::Disallowed, "{mark:?}");
    }
    let read = Robots::parse(b"user-agent: bot\ndisallow: /\xff\n\0\xfe", &Agent::of("bot"));
    assert_eq!(read.judge("/%FFx").0, Access::Disallowed);
}

#[test]
fn delays_and_sitemaps() {
    let delay = |text: &str| {
        let read = Robots::parse(text.as_bytes(), &Agent::of("bot"));
        read.crawl_delay().map(|delay| delay.as_millis())
    };
    assert_eq!(delay("user-agent: bot\ncrawl-delay: 2.5"), Some(2500));
    assert_eq!(
        delay("user-agent: *\nCrawl-delay: 10 # s\nuser-agent: botty\nallow: /"),
        Some(10_000)
    );
    assert_eq!(delay("user-agent: *\ncrawl-delay: 9\nallow: /\nuser-agent: bot\nallow: /"), None);
    assert_eq!(
        delay("user-agent: bot\ncrawl-delay: 1\ncrawl-delay: 3\ncrawl-delay: 2"),
        Some(3000)
    );
    assert_eq!(delay("crawl-delay: 1\nuser-agent: bot\nallow: /"), None);
    for wrong in ["", "x", "-1", "NaN", "inf", "1e300", "1s"] {
        assert_eq!(delay(&format!("user-agent: bot\ncrawl-delay: {wrong}")), None, "{wrong}");
    }
    let text = "sitemap: https://a.example/1\nuser-agent: x\nSite-map: /2\nSitemap:\n";
    let read = Robots::parse(text.as_bytes(), &Agent::of("bot"));
    assert_eq!(read.sitemaps().collect::<Vec<_>>(), ["https://a.example/1", "/2"]);
    let many = "sitemap: /x\n".repeat(SITEMAPS_MAX + 5);
    assert_eq!(Robots::parse(many.as_bytes(), &Agent::of("bot")).sitemaps().count(), SITEMAPS_MAX);
}

#[test]
fn a_file_is_cut_at_a_line() {
    let head = "user-agent: bot\nallow: /a/b\n";
    let last = "disallow: /a";
    let fill = "#".repeat(BYTES_MAX - head.len() - last.len() - 1);
    // The last line fits, or one byte of it does not.
    check(&format!("{head}{fill}\n{last}"), "bot", "-/a +/a/b");
    check(&format!("{head}{fill}#\n{last}"), "bot", "+/a +/a/b");
    check(&format!("{head}{fill}\n{last}\ndisallow: /"), "bot", "-/a +/b +/a/b");
    check(&"x".repeat(BYTES_MAX + 1), "bot", "+/a");
}

/// Bytes compared for one decision about a path of `path`, of a file full of `line`.
fn steps(line: &str, path: &str) -> u64 {
    let lines = line.repeat(BYTES_MAX / line.len());
    let read = Robots::parse(format!("user-agent: bot\n{lines}").as_bytes(), &Agent::of("bot"));
    read.judge(path).1
}

#[test]
fn hostile_files_cost_a_bounded_number_of_steps() {
    let path = format!("/{}", "a".repeat(8 << 10));
    let stars = format!("disallow: /{}b\n", "*a".repeat(3_000));
    let one_line = format!("disallow: /{}b\n", "*a".repeat(BYTES_MAX / 2 - 30));
    let hostile = ["disallow: /*b\n", "disallow: /*a*b$\n", "disallow: /**********b\n"];
    for line in hostile.into_iter().chain([stars.as_str(), one_line.as_str()]) {
        let most = STEPS_MAX + 2 * (BYTES_MAX + path.len()) as u64;
        let steps = steps(line, &path);
        assert!(steps <= most, "{steps} steps for {} bytes a line", line.len());
    }
    // The same rules are no trouble for paths as they are, and each rule is linear in both.
    for line in hostile {
        let short = steps(line, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert!(short <= 60 * (BYTES_MAX / line.len()) as u64, "{short} steps of {line}");
    }
    for length in [100, 1_000, 8_000] {
        let path = format!("/{}", "a".repeat(length));
        let rule = Rule::new(Access::Disallowed, b"/*aa*aaa*aaaa*ab*c").expect("a rule");
        let mut steps = 0;
        assert!(!rule.matches(&path, &mut steps));
        assert!(steps <= 2 * length as u64 + 40, "{steps} steps for {length} bytes");
    }
}

#[test]
fn too_costly_a_decision_forbids() {
    let path = format!("/{}", "a".repeat(8 << 10));
    let lines = "disallow: /*b\n".repeat(BYTES_MAX / 14 - 2);
    let read = Robots::parse(format!("user-agent: bot\n{lines}").as_bytes(), &Agent::of("bot"));
    assert_eq!(read.judge(&path).0, Access::Disallowed);
    assert_eq!(read.judge("/aaaa").0, Access::Allowed);
}

/// The definition, byte by byte: `may[i]` says that the pattern so far matches `path[..i]`.
fn matches_slowly(pattern: &str, path: &str) -> bool {
    let (pattern, is_anchored) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let path = path.as_bytes();
    let mut may = vec![false; path.len() + 1];
    may[0] = true;
    for byte in pattern.bytes() {
        let mut next = vec![false; path.len() + 1];
        for end in 0..=path.len() {
            next[end] = match byte {
                b'*' => may[..=end].contains(&true),
                byte => end > 0 && may[end - 1] && path[end - 1] == byte,
            };
        }
        may = next;
    }
    if is_anchored { may[path.len()] } else { may.contains(&true) }
}

/// The definition: of all rules that match, the longest, and of those one that allows.
fn judge_slowly(rules: &[(Access, String)], path: &str) -> Access {
    let matching =
        rules.iter().filter(|(_, pattern)| !pattern.is_empty() && matches_slowly(pattern, path));
    let longest = matching.clone().map(|(_, pattern)| pattern.len()).max();
    let allows = matching
        .filter(|(_, pattern)| Some(pattern.len()) == longest)
        .any(|(access, _)| *access == Access::Allowed);
    if longest.is_none() || allows { Access::Allowed } else { Access::Disallowed }
}

fn any_rules() -> impl Strategy<Value = Vec<(Access, String)>> {
    let access = prop_oneof![Just(Access::Allowed), Just(Access::Disallowed)];
    prop::collection::vec((access, "[/*][ab/*]{0,6}[$]{0,1}"), 0..8)
}

proptest! {
    #[test]
    fn it_judges_like_the_slow_matcher(rules in any_rules(), path in "/[ab/]{0,10}") {
        let mut text = String::from("user-agent: bot\n");
        for (access, pattern) in &rules {
            let field = if *access == Access::Allowed { "allow" } else { "disallow" };
            text += &format!("{field}: {pattern}\n");
        }
        let read = Robots::parse(text.as_bytes(), &Agent::of("bot"));
        prop_assert_eq!(read.judge(&path).0, judge_slowly(&rules, &path), "{} {}", text, path);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), path in ".*") {
        let read = Robots::parse(&bytes, &Agent::of("bot"));
        let base = Url::parse("http://a.example").expect("a URL");
        if let Ok(url) = base.join(&path) {
            read.access(&url);
        }
    }

    #[test]
    fn normal_paths_stay_as_they_are(path in "[ -~]{0,40}") {
        let once = pattern::normal_path(&path);
        prop_assert_eq!(pattern::normal_path(&once), once);
    }
}
