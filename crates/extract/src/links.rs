//! The links of a page, as a crawl follows them: read from the tags as they come, without a tree.

use std::ops::ControlFlow;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use url::Url;

/// How many links of a page are read, and how long they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Links of a page; those beyond it are passed over.
    pub links_max: usize,
    /// Bytes of a URL, as written and as resolved.
    pub url_bytes_max: usize,
}

impl Default for LinkLimits {
    /// 10,000 links of 8 KiB.
    fn default() -> Self {
        Self { links_max: 10_000, url_bytes_max: 8 << 10 }
    }
}

/// What a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `<a href>` or `<area href>`.
    Anchor,
    /// The next page of a list: `rel=next`, of a link or an anchor.
    Next,
    /// `<iframe src>` or `<frame src>`.
    Frame,
}

/// Whether a site asks that something not be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// It does not.
    #[default]
    Yes,
    /// `rel=nofollow` of a link, `nofollow` or `none` of a page.
    No,
}

/// A link of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageLink {
    /// Where it leads, resolved against the page's base.
    pub url: Url,
    /// What it is.
    pub kind: LinkKind,
    /// Whether the link itself says not to follow it.
    pub follow: Follow,
}

/// What a page says about where to go, and about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageLinks {
    /// Its links in their order, duplicates included.
    pub links: Vec<PageLink>,
    /// `<link rel=canonical>`: the URL under which the page wants to be known.
    pub canonical: Option<Url>,
    /// `<meta name=robots>`: whether its links may be followed.
    pub follow: Follow,
    /// `<meta name=robots>`: whether it asks not to be kept in an index.
    pub noindex: bool,
    /// Links that were passed over: too many, too long, or no URL.
    pub passed_over: usize,
}

/// The links of a page of HTML at `url`. `agent` is the product token, in lower case, whose
/// `<meta name=…>` counts like that of `robots`.
pub fn links_of(html: &str, url: &Url, agent: &str, limits: LinkLimits) -> PageLinks {
    let mut page = Page::new(url, agent, limits);
    let mut emitter =
        CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| -> Option<ControlFlow<()>> {
            page.note(&event);
            None
        });
    // Script and style are no markup.
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(html, emitter).for_each(drop);
    page.found
}

/// The tag at hand, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tag {
    A,
    Area,
    Link,
    Frame,
    Base,
    Meta,
    #[default]
    Other,
}

/// The attribute at hand, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Href,
    Rel,
    Name,
    Content,
}

struct Page<'a> {
    base: Url,
    has_base: bool,
    agent: &'a str,
    limits: LinkLimits,
    tag: Tag,
    attribute: Option<Attribute>,
    /// Values of the tag at hand, by [`Attribute`]; of one given twice the first counts.
    values: [Option<String>; 4],
    found: PageLinks,
}

impl<'a> Page<'a> {
    fn new(url: &Url, agent: &'a str, limits: LinkLimits) -> Self {
        Self {
            base: url.clone(),
            has_base: false,
            agent,
            limits,
            tag: Tag::Other,
            attribute: None,
            values: Default::default(),
            found: PageLinks::default(),
        }
    }

    fn note(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.values = Default::default();
                self.attribute = None;
                self.tag = match *name {
                    b"a" => Tag::A,
                    b"area" => Tag::Area,
                    b"link" => Tag::Link,
                    b"iframe" | b"frame" => Tag::Frame,
                    b"base" => Tag::Base,
                    b"meta" => Tag::Meta,
                    _ => Tag::Other,
                };
            }
            CallbackEvent::AttributeName { name } if self.tag != Tag::Other => {
                let attribute = match (self.tag, *name) {
                    (Tag::Frame, b"src") | (_, b"href") => Some(Attribute::Href),
                    (_, b"rel") => Some(Attribute::Rel),
                    (Tag::Meta, b"name") => Some(Attribute::Name),
                    (Tag::Meta, b"content") => Some(Attribute::Content),
                    _ => None,
                };
                self.attribute = attribute.filter(|&which| self.values[which as usize].is_none());
                // Without a value it is empty; then no value comes.
                if let Some(attribute) = self.attribute {
                    self.values[attribute as usize] = Some(String::new());
                }
            }
            CallbackEvent::AttributeValue { value } if self.tag != Tag::Other => {
                if let Some(attribute) = self.attribute.take() {
                    let text = String::from_utf8_lossy(value).into_owned();
                    self.values[attribute as usize] = Some(text);
                }
            }
            CallbackEvent::CloseStartTag { .. } if self.tag != Tag::Other => self.close(),
            _ => {}
        }
    }

    /// The tag at hand is whole.
    fn close(&mut self) {
        let tag = std::mem::take(&mut self.tag);
        let [href, rel, name, content] = std::mem::take(&mut self.values);
        if tag == Tag::Meta {
            return self.meta(name.as_deref(), content.as_deref());
        }
        let Some(href) = href else { return };
        let rel = rel.unwrap_or_default();
        let has = |word: &str| rel.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case(word));
        let kind = match tag {
            // The first base counts (HTML standard, 4.2.3).
            Tag::Base if self.has_base => return,
            Tag::Base => {
                self.has_base = true;
                if let Some(base) = self.resolve(&href) {
                    self.base = base;
                }
                return;
            }
            Tag::Link if has("canonical") => {
                self.found.canonical = self.found.canonical.take().or_else(|| self.resolve(&href));
                return;
            }
            Tag::Link if !has("next") => return,
            _ if has("next") => LinkKind::Next,
            Tag::Frame => LinkKind::Frame,
            _ => LinkKind::Anchor,
        };
        let follow = if has("nofollow") { Follow::No } else { Follow::Yes };
        match self.resolve(&href) {
            Some(url) if self.found.links.len() < self.limits.links_max => {
                self.found.links.push(PageLink { url, kind, follow });
            }
            Some(_) | None => self.found.passed_over += 1,
        }
    }

    /// `<meta name=robots content="noindex, nofollow">`.
    fn meta(&mut self, name: Option<&str>, content: Option<&str>) {
        let (Some(name), Some(content)) = (name, content) else { return };
        let is_for_us = name.eq_ignore_ascii_case("robots")
            || (!self.agent.is_empty() && name.eq_ignore_ascii_case(self.agent));
        if !is_for_us {
            return;
        }
        for word in content.split(',').map(str::trim) {
            let is = |known: &str| word.eq_ignore_ascii_case(known);
            if is("nofollow") || is("none") {
                self.found.follow = Follow::No;
            }
            self.found.noindex |= is("noindex") || is("none");
        }
    }

    fn resolve(&self, href: &str) -> Option<Url> {
        let max = self.limits.url_bytes_max;
        if href.len() > max {
            return None;
        }
        self.base.join(href).ok().filter(|url| url.as_str().len() <= max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(html: &str) -> PageLinks {
        let url = Url::parse("http://a.example/dir/page?q#f").expect("a URL");
        links_of(html, &url, "gather", LinkLimits::default())
    }

    /// The links of this page in a few words, one after the other.
    fn check(html: &str, expected: &str) {
        let told: Vec<String> = links(html)
            .links
            .iter()
            .map(|link| {
                let kind = match link.kind {
                    LinkKind::Anchor => "",
                    LinkKind::Next => "next ",
                    LinkKind::Frame => "frame ",
                };
                let follow = if link.follow == Follow::No { "nofollow " } else { "" };
                format!("{kind}{follow}{}", link.url)
            })
            .collect();
        assert_eq!(told.join(", "), expected, "{html}");
    }

    #[test]
    fn what_is_a_link() {
        check("<a href=x>", "http://a.example/dir/x");
        check("<A HREF='/x'>t</A><area href=\"//b/y\">", "http://a.example/x, http://b/y");
        check(
            "<a href='?p=2&amp;s=1'><a href='#top'><a href=''>",
            "http://a.example/dir/page?p=2&s=1, http://a.example/dir/page?q#top, http://a.example/dir/page?q",
        );
        check("<a name=x></a><link href=/s.css rel=stylesheet><img src=/i.png>", "");
        check("<a href=' /x\n'>", "http://a.example/x");
        check("<a href=mailto:a@b>", "mailto:a@b");
        check("<a href=/1 href=/2>", "http://a.example/1");
        check("<a rel='x NoFollow' href=/x>", "nofollow http://a.example/x");
        check(
            "<link rel=next href=?page=2><a rel=next href=3>",
            "next http://a.example/dir/page?page=2, next http://a.example/dir/3",
        );
        check(
            "<iframe src=/f></iframe><frame src=g>",
            "frame http://a.example/f, frame http://a.example/dir/g",
        );
        check(
            "<!-- <a href=/c> --><script>'<a href=/s>'</script><style><a href=/t></style><textarea><a href=/u></textarea><a href=/x>",
            "http://a.example/x",
        );
        check("<a title='<a href=/no>' href=/yes>", "http://a.example/yes");
        check("<a href=/cut", "");
        check("<a href='http://['>", "");
    }

    #[test]
    fn the_first_base_counts_for_what_follows() {
        check("<base href=/b/><base href=/c/><a href=x>", "http://a.example/b/x");
        check("<base href='http://b.example'><a href=x>", "http://b.example/x");
        check("<base target=_top><base href=/b/><a href=x>", "http://a.example/b/x");
    }

    #[test]
    fn what_a_page_says_of_itself() {
        let said = |html: &str| {
            let found = links(html);
            (found.follow == Follow::No, found.noindex)
        };
        assert_eq!(said("<meta name=robots content='index,follow'>"), (false, false));
        assert_eq!(said("<meta name=ROBOTS content='NOINDEX, NoFollow'>"), (true, true));
        assert_eq!(said("<meta name=robots content=none>"), (true, true));
        assert_eq!(said("<meta name=gather content=nofollow>"), (true, false));
        assert_eq!(said("<meta name=other content=none><meta content=none>"), (false, false));
        let canonical = links("<link rel=canonical href=/c><link rel=canonical href=/d>").canonical;
        assert_eq!(canonical.map(String::from).as_deref(), Some("http://a.example/c"));
    }

    #[test]
    fn there_are_limits() {
        let url = Url::parse("http://a.example/").expect("a URL");
        let limits = LinkLimits { links_max: 2, url_bytes_max: 30 };
        let long = format!("<a href=/{}>", "x".repeat(30));
        let found = links_of(&format!("{long}{}", "<a href=/x>".repeat(5)), &url, "", limits);
        assert_eq!((found.links.len(), found.passed_over), (2, 4));
    }

    proptest! {
        #[test]
        fn every_link_written_is_found_among_garbage(
            // No name of an element whose content is text.
            before in "[a-e <>=\"'/!-]{0,40}",
            numbers in prop::collection::vec(0_u32..100, 0..5),
        ) {
            // Whatever came before is ended: a quote, a tag, a comment.
            let end = ">\"'>--><p></p>";
            let written: String = numbers.iter().map(|n| format!("<a href='/{n}'>")).collect();
            let found = links(&format!("{before}{end}{written}"));
            let last = found.links.len().saturating_sub(numbers.len());
            let got: Vec<String> =
                found.links[last..].iter().map(|link| link.url.path()[1..].to_owned()).collect();
            let expected: Vec<String> = numbers.iter().map(u32::to_string).collect();
            prop_assert_eq!(got, expected, "{}", before);
        }
    }
}
