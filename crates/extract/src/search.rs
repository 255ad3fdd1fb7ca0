//! One page searched by all rules: matches, clean-up, values.

use std::borrow::Cow;
use std::sync::Arc;

use gather_core::{FieldValue, FieldValues};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::css::{Lookup, Matcher};
use crate::dom::NodeId;
use crate::find::{Find, LinkedData, Take};
use crate::limits::Stopped;
use crate::page::Parsed;
use crate::price::{Beside, Price};
use crate::rule::Rule;
use crate::rules::Why;
use crate::structured;
use crate::value::{By, Context, Kind, Value, convert, decimal_value, url};

/// Bytes of a text that is told because it is no value.
const TOLD_CHARS_MAX: usize = 60;

/// What a rule is applied to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Row<'a> {
    Page,
    Element(NodeId),
    Json(&'a Json),
}

/// One match.
enum Match<'a> {
    Text(Cow<'a, str>, By),
    Json(&'a Json),
}

pub(crate) struct Search<'a> {
    parsed: &'a Parsed<'a>,
    lookup: &'a Lookup,
    /// Bytes of values so far.
    output_bytes: usize,
}

impl<'a> Search<'a> {
    pub(crate) fn new(parsed: &'a Parsed<'a>, lookup: &'a Lookup) -> Self {
        Self { parsed, lookup, output_bytes: 0 }
    }

    /// What gives rows: the matches of the first place where there are any.
    pub(crate) fn rows(&mut self, each: &Rule) -> Result<Vec<Row<'a>>, Stopped> {
        for find in &each.finds {
            let rows: Vec<_> = match find {
                Find::Css(Some(number), _) => {
                    let max = self.parsed.limits.matches_max;
                    let found = self.elements(*number, None, max + 1)?;
                    found.into_iter().map(Row::Element).collect()
                }
                Find::Json(path) => match self.parsed.json() {
                    Ok(json) => path.query(json).all().into_iter().map(Row::Json).collect(),
                    Err(_) => Vec::new(),
                },
                _ => Vec::new(),
            };
            self.check_count(rows.len())?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// Adds a field to `fields`; the reason if it is required and missing.
    pub(crate) fn field(
        &mut self,
        rule: &Rule,
        row: Row<'a>,
        fields: &mut FieldValues,
    ) -> Result<Option<Why>, Stopped> {
        let mut not = None;
        for find in &rule.finds {
            let matches = self.matches(rule, find, row)?;
            let mut values = Vec::new();
            for found in matches {
                let (value, told) = self.value(rule, found)?;
                match value {
                    Some(value) => values.push(value),
                    None => not = not.or(told),
                }
            }
            if let Some(joined) = self.joined(rule, &mut values)? {
                values = joined;
            }
            if values.is_empty() {
                continue;
            }
            self.put(rule, values, fields)?;
            return Ok(None);
        }
        if rule.required {
            let why = match not {
                Some(text) => Why::NotA(rule.kind.a(), text),
                None => self.why_nothing(rule),
            };
            return Ok(Some(why));
        }
        fields.push((Arc::clone(&rule.name), rule.default.clone().unwrap_or(FieldValue::Null)));
        if let Some(currency) = rule.beside.as_ref().and_then(|beside| beside.currency.clone()) {
            fields.push((currency, FieldValue::Null));
        }
        Ok(None)
    }

    /// Why a rule found nothing.
    pub(crate) fn why_nothing(&self, rule: &Rule) -> Why {
        let looks_at_json = rule.finds.iter().any(|find| matches!(find, Find::Json(_)));
        match self.parsed.json_error().filter(|_| looks_at_json) {
            Some(error) => Why::NoJson(error.into()),
            None => Why::NoMatch,
        }
    }

    /// With `join`: all texts as one, then as a value of the rule's type.
    fn joined(&self, rule: &Rule, values: &mut [Value]) -> Result<Option<Vec<Value>>, Stopped> {
        let (Some(with), false) = (&rule.join, values.is_empty()) else { return Ok(None) };
        let texts: Vec<&str> = values
            .iter()
            .map(|value| match value {
                Value::One(FieldValue::Text(text)) => &**text,
                _ => "",
            })
            .collect();
        let text = texts.join(with);
        self.parsed.work.spend(text.len() as u64 / 64)?;
        Ok(Some(convert(rule.kind, &text, &self.context(By::People)).into_iter().collect()))
    }

    /// Adds values as fields.
    fn put(
        &mut self,
        rule: &Rule,
        mut values: Vec<Value>,
        fields: &mut FieldValues,
    ) -> Result<(), Stopped> {
        for value in &values {
            self.output_bytes += match value {
                Value::One(FieldValue::Text(text) | FieldValue::Decimal(text)) => text.len() + 16,
                _ => 16,
            };
        }
        if self.output_bytes > self.parsed.limits.output_bytes_max {
            return Err(Stopped::OutputBytes(self.parsed.limits.output_bytes_max));
        }
        let name = Arc::clone(&rule.name);
        if rule.all && rule.join.is_none() {
            let values = values.into_iter().map(|value| match value {
                Value::One(value) => value,
                Value::Price(price) => decimal_value(&price.amount),
            });
            fields.push((name, FieldValue::List(values.collect())));
            return Ok(());
        }
        match values.swap_remove(0) {
            Value::One(value) => fields.push((name, value)),
            Value::Price(price) => put_price(rule, &price, fields),
        }
        Ok(())
    }

    /// All matches of a place to look, or the first.
    fn matches(
        &mut self,
        rule: &Rule,
        find: &Find,
        row: Row<'a>,
    ) -> Result<Vec<Match<'a>>, Stopped> {
        let parsed = self.parsed;
        let max = if rule.all { parsed.limits.matches_max + 1 } else { 1 };
        let program = |text: &'a str| Match::Text(Cow::Borrowed(text), By::Program);
        let scope = match row {
            Row::Element(id) => Some(id),
            Row::Page | Row::Json(_) => None,
        };
        let found: Vec<Match<'a>> = match find {
            Find::Css(number, take) => {
                return self.css(rule, *number, take, scope, max);
            }
            Find::Json(path) => {
                let json = match row {
                    Row::Json(json) => Ok(json),
                    Row::Page | Row::Element(_) => parsed.json(),
                };
                let Ok(json) = json else { return Ok(Vec::new()) };
                let nodes = path.query(json);
                let nodes = nodes.into_iter().filter(|node| !node.is_null());
                nodes.take(max).map(Match::Json).collect()
            }
            Find::Regex(pattern, group) => self.regex(pattern, *group, row, max)?,
            Find::Header(name) => parsed.header(name).take(max).map(program).collect(),
            Find::Links(number) => self.links(*number, scope)?,
            Find::Title => {
                let dom = &parsed.html()?.dom;
                let title = dom.elements_in(0).find(|(_, element)| element.is_html("title"));
                match title {
                    Some((id, _)) => {
                        let text = dom.shown_text(id, parsed.work)?;
                        vec![Match::Text(text.into(), By::People)]
                    }
                    None => Vec::new(),
                }
            }
            Find::JsonLd(_) | Find::Microdata(_) | Find::OpenGraph(_) => {
                self.structured(find, scope, max)?
            }
        };
        self.check_count(found.len())?;
        Ok(found)
    }

    /// What a page says to programs.
    fn structured(
        &self,
        find: &Find,
        scope: Option<NodeId>,
        max: usize,
    ) -> Result<Vec<Match<'a>>, Stopped> {
        let parsed = self.parsed;
        let program = |text: &'a str| Match::Text(Cow::Borrowed(text), By::Program);
        Ok(match find {
            Find::JsonLd(LinkedData::Path(path)) => {
                let nodes = path.query(parsed.linked_data()?);
                nodes.into_iter().take(max).map(Match::Json).collect()
            }
            Find::JsonLd(LinkedData::Members(kind, members)) => {
                let nodes = parsed.linked_data()?;
                let kind = kind.as_deref();
                let found = structured::members_of(nodes, kind, members, max, parsed.work)?;
                found.into_iter().map(Match::Json).collect()
            }
            Find::Microdata(names) => {
                let dom = &parsed.html()?.dom;
                let scope = scope.unwrap_or(0);
                let mut found = Vec::new();
                for id in structured::microdata(dom, scope, names, max, parsed.work)? {
                    found.push(match structured::value_attribute(dom, id) {
                        Some(value) => program(value),
                        None => Match::Text(dom.shown_text(id, parsed.work)?.into(), By::People),
                    });
                }
                found
            }
            Find::OpenGraph(name) => {
                let dom = &parsed.html()?.dom;
                let found = structured::open_graph(dom, name, max, parsed.work)?;
                found.into_iter().map(program).collect()
            }
            _ => Vec::new(),
        })
    }

    fn check_count(&self, count: usize) -> Result<(), Stopped> {
        let max = self.parsed.limits.matches_max;
        if count > max { Err(Stopped::Matches(max)) } else { Ok(()) }
    }

    /// The elements that a selector matches, in document order.
    fn elements(
        &mut self,
        number: usize,
        scope: Option<NodeId>,
        max: usize,
    ) -> Result<Vec<NodeId>, Stopped> {
        let html = self.parsed.html()?;
        let mut caches = self.parsed.caches.borrow_mut();
        let work = self.parsed.work;
        let mut matcher = Matcher { dom: &html.dom, work, caches: &mut caches };
        let selector = self.lookup.selector(number);
        let mut found = Vec::new();
        for id in html.candidates.below(number, &html.dom, scope) {
            work.spend(1)?;
            if matcher.matches(selector, *id, scope) {
                found.push(*id);
                if found.len() >= max {
                    break;
                }
            }
        }
        work.check()?;
        Ok(found)
    }

    fn css(
        &mut self,
        rule: &Rule,
        number: Option<usize>,
        take: &Take,
        scope: Option<NodeId>,
        max: usize,
    ) -> Result<Vec<Match<'a>>, Stopped> {
        // An element without the attribute is passed over, so the first with it may come later.
        let elements_max = match take {
            Take::Attribute(_) => self.parsed.limits.matches_max + 1,
            _ => max,
        };
        let elements = match number {
            Some(number) => self.elements(number, scope, elements_max)?,
            None => scope.into_iter().collect(),
        };
        self.check_count(elements.len())?;
        let dom = &self.parsed.html()?.dom;
        let work = self.parsed.work;
        let mut found = Vec::new();
        for id in elements {
            let text = match take {
                Take::Text if rule.raw => dom.raw_text(id, work)?,
                Take::Text => dom.shown_text(id, work)?,
                Take::Own if rule.raw => dom.own_text(id, work)?,
                Take::Own => crate::clean::collapse(&dom.own_text(id, work)?),
                Take::Html => dom.outer_html(id, work)?,
                Take::Inner => dom.inner_html(id, work)?,
                Take::Attribute(name) => {
                    let element = dom.element(id);
                    let value = element.and_then(|element| dom.attribute(element, name));
                    found.extend(value.map(|value| Match::Text(value.into(), By::Program)));
                    if found.len() >= max {
                        break;
                    }
                    continue;
                }
            };
            found.push(Match::Text(text.into(), By::People));
        }
        Ok(found)
    }

    /// Addresses of all links, each once, without their fragments.
    fn links(
        &mut self,
        number: Option<usize>,
        scope: Option<NodeId>,
    ) -> Result<Vec<Match<'a>>, Stopped> {
        let max = self.parsed.limits.matches_max;
        let within = match number {
            Some(number) => self.elements(number, scope, max + 1)?,
            None => vec![scope.unwrap_or(0)],
        };
        let dom = &self.parsed.html()?.dom;
        let base = self.parsed.base();
        let mut seen = std::collections::HashSet::new();
        let mut found = Vec::new();
        // Of elements inside one another only the outer one is walked.
        let mut end = 0;
        for id in within {
            let span = dom.span(id);
            if span.start < end {
                continue;
            }
            end = span.end;
            self.parsed.work.spend(u64::from(span.end - span.start))?;
            for (_, element) in dom.elements_in(id) {
                if !element.is_html("a") && !element.is_html("area") {
                    continue;
                }
                let Some(href) = dom.attribute(element, "href") else { continue };
                self.parsed.work.spend(1 + href.len() as u64 / 16)?;
                let Some(mut link) = url(href, base) else { continue };
                if !matches!(link.scheme(), "http" | "https") {
                    continue;
                }
                link.set_fragment(None);
                if seen.insert(link.to_string()) {
                    found.push(Match::Text(Cow::Owned(link.into()), By::Program));
                }
            }
            self.check_count(found.len())?;
        }
        Ok(found)
    }

    /// Matches of a pattern in the page's source, or in a row's.
    fn regex(
        &self,
        pattern: &regex::Regex,
        group: usize,
        row: Row<'a>,
        max: usize,
    ) -> Result<Vec<Match<'a>>, Stopped> {
        let work = self.parsed.work;
        let text: Cow<'a, str> = match row {
            Row::Page => Cow::Borrowed(self.parsed.text()),
            Row::Element(id) => Cow::Owned(self.parsed.html()?.dom.outer_html(id, work)?),
            Row::Json(json) => Cow::Owned(json.to_string()),
        };
        let mut found = Vec::new();
        let mut at = 0;
        while found.len() < max && at <= text.len() {
            // Each search may read on to the end, whatever it finds.
            work.spend(1 + (text.len() - at) as u64 / 32)?;
            let Some(captures) = pattern.captures_at(&text, at) else { break };
            let whole = captures.get_match().range();
            if let Some(part) = captures.get(group) {
                let part: Cow<'a, str> = match &text {
                    Cow::Borrowed(text) => Cow::Borrowed(&text[part.range()]),
                    Cow::Owned(_) => Cow::Owned(part.as_str().to_owned()),
                };
                found.push(Match::Text(part, By::People));
            }
            at = match whole.is_empty() {
                // An empty match does not move on by itself.
                true => whole.end + text[whole.end..].chars().next().map_or(1, char::len_utf8),
                false => whole.end,
            };
        }
        Ok(found)
    }

    fn context(&self, by: By) -> Context<'a> {
        Context {
            language: self.parsed.language(),
            host: self.parsed.host(),
            base: self.parsed.base(),
            by,
        }
    }

    /// The value of a match; else the beginning of its text, if there is any.
    fn value(
        &self,
        rule: &Rule,
        found: Match<'a>,
    ) -> Result<(Option<Value>, Option<Box<str>>), Stopped> {
        let (text, by) = match found {
            Match::Text(text, by) => (text, by),
            Match::Json(json) => {
                if let Some(value) = json_value(rule, json) {
                    return Ok((Some(value), None));
                }
                (json_text(json), By::Program)
            }
        };
        self.parsed.work.spend(1 + text.len() as u64 / 64)?;
        let text = rule.steps.iter().fold(text, |text, step| step.apply(text));
        if text.is_empty() {
            return Ok((None, None));
        }
        // Joined texts become a value together.
        let kind = if rule.join.is_some() { Kind::Text } else { rule.kind };
        let value = match kind {
            Kind::Found | Kind::Text => Some(Value::One(FieldValue::Text(text.as_ref().into()))),
            kind => convert(kind, &text, &self.context(by)),
        };
        let told = || text.chars().take(TOLD_CHARS_MAX).collect::<String>().into();
        Ok(match value {
            Some(value) => (Some(value), None),
            None => (None, Some(told())),
        })
    }
}

/// What a JSON value is without any reading: of the type that JSON has.
fn json_value(rule: &Rule, json: &Json) -> Option<Value> {
    if !rule.steps.is_empty() || rule.join.is_some() {
        return None;
    }
    let number = |number: &serde_json::Number| -> Option<Decimal> {
        let text = number.to_string();
        text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
    };
    Some(Value::One(match (rule.kind, json) {
        (Kind::Found | Kind::Bool, Json::Bool(value)) => FieldValue::Bool(*value),
        (Kind::Found | Kind::Int, Json::Number(value)) if value.is_i64() => {
            FieldValue::Int(value.as_i64()?)
        }
        (Kind::Found, Json::Number(value)) => FieldValue::Decimal(value.to_string().into()),
        (Kind::Decimal, Json::Number(value)) => decimal_value(&number(value)?),
        (Kind::Price, Json::Number(value)) => {
            return Some(Value::Price(Price {
                amount: number(value)?,
                currency: None,
                beside: Beside::Nothing,
            }));
        }
        (Kind::Found, Json::Array(values)) if values.iter().all(is_scalar) => {
            let values = values.iter().map(|value| match value {
                Json::Bool(value) => FieldValue::Bool(*value),
                Json::Number(value) => match value.as_i64() {
                    Some(value) => FieldValue::Int(value),
                    None => FieldValue::Decimal(value.to_string().into()),
                },
                Json::String(text) => FieldValue::Text(text.as_str().into()),
                Json::Null | Json::Array(_) | Json::Object(_) => FieldValue::Null,
            });
            FieldValue::List(values.collect())
        }
        _ => return None,
    }))
}

fn is_scalar(json: &Json) -> bool {
    !json.is_array() && !json.is_object()
}

/// A JSON value as text: a string as it is, linked data by its value or address, else as JSON.
fn json_text(json: &Json) -> Cow<'_, str> {
    match json {
        Json::String(text) => Cow::Borrowed(text),
        Json::Object(object) => match object.get("@value").or(object.get("@id")) {
            Some(Json::String(text)) => Cow::Borrowed(text),
            _ => Cow::Owned(json.to_string()),
        },
        _ => Cow::Owned(json.to_string()),
    }
}

/// The fields of a price.
fn put_price(rule: &Rule, price: &Price, fields: &mut FieldValues) {
    fields.push((Arc::clone(&rule.name), decimal_value(&price.amount)));
    let Some(beside) = &rule.beside else { return };
    if let Some(name) = &beside.currency {
        let currency = price.currency.map(|code| FieldValue::Text(code.into()));
        fields.push((Arc::clone(name), currency.unwrap_or(FieldValue::Null)));
    }
    let (name, value) = match price.beside {
        Beside::Nothing => return,
        Beside::From => (&beside.from, FieldValue::Bool(true)),
        Beside::To(high) => (&beside.to, decimal_value(&high)),
        Beside::List(list) => (&beside.list, decimal_value(&list)),
    };
    fields.push((Arc::clone(name), value));
}
