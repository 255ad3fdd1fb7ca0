//! Where a rule looks: one of a few schemes, each with its own expression.

use serde_json_path::JsonPath;

use crate::css::{Lookup, Selector};
use crate::error::Fault;
use crate::rule::line::pattern;

/// The kinds of places to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Css,
    Json,
    Regex,
    Header,
    Links,
    Title,
    JsonLd,
    Microdata,
    OpenGraph,
}

const SCHEMES: &[(&str, Scheme)] = &[
    ("css", Scheme::Css),
    ("json", Scheme::Json),
    ("regex", Scheme::Regex),
    ("header", Scheme::Header),
    ("links", Scheme::Links),
    ("title", Scheme::Title),
    ("jsonld", Scheme::JsonLd),
    ("microdata", Scheme::Microdata),
    ("og", Scheme::OpenGraph),
];

/// The scheme that a text begins with, and what follows its colon.
pub(crate) fn scheme(text: &str) -> Option<(Scheme, Option<&str>)> {
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text.split_whitespace().next().unwrap_or_default(), None),
    };
    let (_, scheme) = SCHEMES.iter().find(|(known, _)| *known == name.trim())?;
    Some((*scheme, rest))
}

/// A place to look, ready.
#[derive(Debug)]
pub(crate) enum Find {
    /// Elements by the number of their selector in the lookup; the row itself without one.
    Css(Option<usize>, Take),
    Json(JsonPath),
    /// A pattern, and the group that counts.
    Regex(regex::Regex, usize),
    /// By its name in lower case.
    Header(Box<str>),
    /// Links at or below what a selector matches; all without one.
    Links(Option<usize>),
    Title,
    JsonLd(LinkedData),
    /// Names of properties, one inside the other; the first may be a type.
    Microdata(Box<[Box<str>]>),
    OpenGraph(Box<str>),
}

/// What of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    Text,
    /// Text that is not in an element within it.
    Own,
    /// With its own tags.
    Html,
    /// Without them.
    Inner,
    Attribute(Box<str>),
}

/// Where in linked data.
#[derive(Debug)]
pub(crate) enum LinkedData {
    /// From a list of all nodes.
    Path(JsonPath),
    /// From each node of a type, or of any, member by member.
    Members(Option<Box<str>>, Box<[Box<str>]>),
}

impl Find {
    /// Reads a place to look; selectors are added to the lookup.
    pub(crate) fn parse(text: &str, field: &str, lookup: &mut Lookup) -> Result<Self, Fault> {
        let Some((scheme, rest)) = scheme(text) else { return Err(no_scheme(text)) };
        let at = rest.map_or(text.len(), |rest| text.len() - rest.len());
        let found = Self::parse_in(scheme, rest.unwrap_or_default(), field, lookup);
        found.map_err(|fault| fault.moved(at))
    }

    fn parse_in(
        scheme: Scheme,
        rest: &str,
        field: &str,
        lookup: &mut Lookup,
    ) -> Result<Self, Fault> {
        let needs = |form: &str| match rest.trim().is_empty() {
            true => Err(Fault::new(0, "nothing follows the colon", format!("write {form}"))),
            false => Ok(()),
        };
        match scheme {
            Scheme::Css => css(rest, lookup),
            Scheme::Json => {
                needs("json:$.price")?;
                json_path(rest).map(Self::Json)
            }
            Scheme::Regex => {
                needs(r"regex:price: (\d+)")?;
                let pattern = pattern(rest)?;
                // The group of the field's name, else the first, else all of it.
                let named = pattern.capture_names().position(|name| name == Some(field));
                let group = named.unwrap_or(usize::from(pattern.captures_len() > 1));
                Ok(Self::Regex(pattern, group))
            }
            Scheme::Header => {
                needs("header:last-modified")?;
                Ok(Self::Header(rest.trim().to_ascii_lowercase().into()))
            }
            Scheme::Links if rest.trim().is_empty() => Ok(Self::Links(None)),
            Scheme::Links => selector(rest, lookup).map(|number| Self::Links(Some(number))),
            Scheme::Title => match rest.trim().is_empty() {
                true => Ok(Self::Title),
                false => Err(Fault::new(0, "title takes nothing", "write title")),
            },
            Scheme::JsonLd => {
                needs("jsonld:Product.offers.price")?;
                linked_data(rest).map(Self::JsonLd)
            }
            Scheme::Microdata => {
                needs("microdata:Product.offers.price")?;
                members(rest).map(Self::Microdata)
            }
            Scheme::OpenGraph => {
                needs("og:title")?;
                Ok(Self::OpenGraph(rest.trim().into()))
            }
        }
    }

    /// What an `each` gives rows by: elements or JSON values.
    pub(crate) fn gives_rows(&self) -> bool {
        matches!(self, Self::Css(Some(_), Take::Text) | Self::Json(_))
    }

    /// Whether it looks at the page as a tree of HTML.
    pub(crate) fn is_html(&self) -> bool {
        match self {
            Self::Css(..) | Self::Links(_) | Self::Title => true,
            Self::JsonLd(_) | Self::Microdata(_) | Self::OpenGraph(_) => true,
            Self::Json(_) | Self::Regex(..) | Self::Header(_) => false,
        }
    }
}

fn no_scheme(text: &str) -> Fault {
    let known: Vec<_> = SCHEMES.iter().map(|(name, _)| *name).collect();
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let name = name.trim();
    if name == "xpath" {
        let hint =
            "XPath is not supported; write css:SELECTOR, which can say :has() and :nth-child()";
        return Fault::new(0, "there is no kind of rule 'xpath'", hint);
    }
    let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_word && !rest.is_empty() {
        let hint = format!(
            "the kinds are {}, with a type before them: {}",
            known.join(", "),
            crate::value::KINDS
        );
        return Fault::new(0, format!("there is no kind of rule '{name}'"), hint);
    }
    Fault::new(0, "it does not say where to look", format!("write css:{text} for a selector"))
}

/// `SELECTOR`, `SELECTOR@attribute`, `SELECTOR::html`; without a selector, of the row itself.
fn css(text: &str, lookup: &mut Lookup) -> Result<Find, Fault> {
    let (selector_text, take) = take(text)?;
    if selector_text.trim().is_empty() {
        return Ok(Find::Css(None, take));
    }
    Ok(Find::Css(Some(selector(selector_text, lookup)?), take))
}

fn selector(text: &str, lookup: &mut Lookup) -> Result<usize, Fault> {
    let selector = Selector::parse(text).map_err(|error| {
        let hint = "selectors are those of CSS Selectors 4: css:.card > a[href^='/p/']";
        Fault::new(error.at, error.message, hint)
    })?;
    Ok(lookup.add(selector))
}

/// What is taken of an element, from the end of the text.
fn take(text: &str) -> Result<(&str, Take), Fault> {
    // The last `@` or `::` outside of quotes and brackets.
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let mut found = None;
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            _ if quote.is_some() => quote = quote.filter(|open| *open != c),
            '"' | '\'' => quote = Some(c),
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '@' if depth == 0 => found = Some(at),
            ':' if depth == 0 && text[at..].starts_with("::") => found = Some(at),
            _ => {}
        }
    }
    let Some(at) = found else { return Ok((text, Take::Text)) };
    let (selector, end) = text.split_at(at);
    if let Some(name) = end.strip_prefix('@') {
        let name = name.trim();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "\"'>/=,".contains(c)) {
            let hint = "write css:a@href; the attribute comes last";
            return Err(Fault::new(at, "this is no attribute", hint));
        }
        return Ok((selector, Take::Attribute(name.to_ascii_lowercase().into())));
    }
    let take = match end[2..].trim() {
        "text" => Take::Text,
        "own" => Take::Own,
        "html" => Take::Html,
        "inner" => Take::Inner,
        other => {
            let attribute = other.strip_prefix("attr(").and_then(|rest| rest.strip_suffix(')'));
            let hint = match attribute {
                Some(name) => format!("write css:{}@{}", selector.trim(), name.trim()),
                None => "write ::text, ::own, ::html or ::inner, or @ATTRIBUTE".into(),
            };
            return Err(Fault::new(at, format!("there is no ::{other}"), hint));
        }
    };
    Ok((selector, take))
}

fn json_path(text: &str) -> Result<JsonPath, Fault> {
    JsonPath::parse(text.trim()).map_err(|error| {
        let lead = text.len() - text.trim_start().len();
        let hint = match text.trim().starts_with('$') {
            true => "paths are those of RFC 9535: $.items[?@.price > 10].name".into(),
            false => format!("a path begins with $: json:$.{}", text.trim()),
        };
        Fault::new(lead + error.position(), error.message(), hint)
    })
}

fn linked_data(text: &str) -> Result<LinkedData, Fault> {
    if text.trim().starts_with('$') {
        return json_path(text).map(LinkedData::Path);
    }
    let names = members(text)?.into_vec();
    // A type begins with a capital, a member does not.
    let (kind, members) = match names.split_first() {
        Some((first, rest)) if is_type(first) => (Some(first.clone()), rest.to_vec()),
        Some((first, rest)) if **first == *"*" => (None, rest.to_vec()),
        _ => (None, names),
    };
    Ok(LinkedData::Members(kind, members.into()))
}

/// Whether a name is that of a type.
pub(crate) fn is_type(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

fn members(text: &str) -> Result<Box<[Box<str>]>, Fault> {
    let mut at = 0;
    text.trim()
        .split('.')
        .map(|name| {
            let here = at;
            at += name.len() + 1;
            match name.trim() {
                "" => Err(Fault::new(here, "a name is missing", "write Product.offers.price")),
                name => Ok(name.into()),
            }
        })
        .collect()
}
