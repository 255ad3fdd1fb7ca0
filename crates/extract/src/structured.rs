//! Data that pages carry for programs: JSON-LD, microdata, OpenGraph.

use serde_json::Value;

use crate::dom::{Dom, NodeId};
use crate::find::is_type;
use crate::limits::{Stopped, Work};

/// The nodes of all `<script type="application/ld+json">` of a page, lists and graphs opened.
pub(crate) fn linked_data(dom: &Dom, work: &Work<'_>) -> Result<Value, Stopped> {
    let mut nodes = Vec::new();
    for (id, element) in dom.elements_in(0) {
        let kind = dom.attribute(element, "type");
        let is_meant = element.is_html("script")
            && kind.is_some_and(|kind| {
                kind.split(';').next().unwrap_or_default().trim() == "application/ld+json"
            });
        if !is_meant {
            continue;
        }
        let text = dom.raw_text(id, work)?;
        work.spend(text.len() as u64 / 16)?;
        // What cannot be read is left out: pages have several, and one bad one is common.
        let Ok(value) = serde_json::from_str(unwrapped(&text)) else { continue };
        open(value, &mut nodes);
    }
    Ok(Value::Array(nodes))
}

/// The text without what old pages put around scripts.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("<!--").unwrap_or(text);
    let text = text.strip_suffix("-->").unwrap_or(text);
    let text = text.trim().strip_prefix("//<![CDATA[").unwrap_or(text);
    text.trim().strip_suffix("//]]>").unwrap_or(text).trim().trim_end_matches(';')
}

fn open(value: Value, nodes: &mut Vec<Value>) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| open(value, nodes)),
        Value::Object(mut object) => {
            let graph = object.remove("@graph");
            if object.keys().any(|key| key != "@context") {
                nodes.push(Value::Object(object));
            }
            if let Some(graph) = graph {
                open(graph, nodes);
            }
        }
        _ => {}
    }
}

/// The values of members in the nodes of a type, wherever those are, at most `max`.
pub(crate) fn members_of<'a>(
    nodes: &'a Value,
    kind: Option<&str>,
    members: &[Box<str>],
    max: usize,
    work: &Work<'_>,
) -> Result<Vec<&'a Value>, Stopped> {
    let mut found = Vec::new();
    // Depth first, in the order of the page. The depth is that of serde_json, 128.
    let mut stack = vec![nodes];
    while let Some(value) = stack.pop() {
        work.spend(1)?;
        match value {
            Value::Array(values) => stack.extend(values.iter().rev()),
            Value::Object(object) => {
                if kind.is_none_or(|kind| is_of_type(object.get("@type"), kind)) {
                    follow(value, members, &mut found, max);
                    if found.len() >= max {
                        break;
                    }
                }
                let inner: Vec<_> = object.values().collect();
                stack.extend(inner.into_iter().rev());
            }
            _ => {}
        }
    }
    found.truncate(max);
    Ok(found)
}

fn is_of_type(value: Option<&Value>, kind: &str) -> bool {
    match value {
        Some(Value::String(name)) => last_part(name) == kind,
        Some(Value::Array(names)) => names.iter().any(|name| is_of_type(Some(name), kind)),
        _ => false,
    }
}

/// A type's name without the address of its vocabulary.
fn last_part(name: &str) -> &str {
    name.trim_end_matches('/').rsplit(['/', '#']).next().unwrap_or(name)
}

fn follow<'a>(value: &'a Value, members: &[Box<str>], found: &mut Vec<&'a Value>, max: usize) {
    match value {
        _ if found.len() >= max => {}
        Value::Array(values) => values.iter().for_each(|value| follow(value, members, found, max)),
        Value::Object(object) if !members.is_empty() => {
            if let Some(value) = object.get(&*members[0]) {
                follow(value, &members[1..], found, max);
            }
        }
        Value::Null => {}
        _ if members.is_empty() => found.push(value),
        _ => {}
    }
}

/// The elements of a property, or of a property inside it; the first name may be a type.
pub(crate) fn microdata(
    dom: &Dom,
    scope: NodeId,
    names: &[Box<str>],
    max: usize,
    work: &Work<'_>,
) -> Result<Vec<NodeId>, Stopped> {
    let span = dom.span(scope);
    work.spend(u64::from(span.end - span.start))?;
    let mut items: Vec<Option<NodeId>> = vec![None];
    let mut names = names;
    if let Some((first, rest)) = names.split_first()
        && is_type(first)
    {
        let is_meant = |element| {
            let kinds = dom.attribute(element, "itemtype").unwrap_or_default();
            kinds.split_whitespace().any(|kind| last_part(kind) == &**first)
        };
        let all = dom.elements_in(scope);
        items = all.filter(|(_, element)| is_meant(element)).map(|(id, _)| Some(id)).collect();
        names = rest;
    }
    for (at, name) in names.iter().enumerate() {
        let is_last = at + 1 == names.len();
        let mut next = Vec::new();
        for item in items {
            let within = item.unwrap_or(scope);
            let span = dom.span(within);
            work.spend(u64::from(span.end - span.start))?;
            for (id, element) in dom.elements_in(within) {
                let props = dom.attribute(element, "itemprop").unwrap_or_default();
                let is_named = props.split_whitespace().any(|prop| prop == &**name);
                let is_own = item.is_none_or(|item| item_of(dom, id, work) == Some(item));
                let is_item = dom.attribute(element, "itemscope").is_some();
                if is_named && is_own && (is_last || is_item) {
                    next.push(Some(id));
                }
            }
            if next.len() >= max {
                break;
            }
        }
        items = next;
    }
    work.check()?;
    Ok(items.into_iter().flatten().take(max).collect())
}

/// The item that a property belongs to: the nearest one above it.
fn item_of(dom: &Dom, id: NodeId, work: &Work<'_>) -> Option<NodeId> {
    let mut at = dom.node(id).parent;
    while let Some(element) = dom.element(at) {
        work.spend(1).ok()?;
        if dom.attribute(element, "itemscope").is_some() {
            return Some(at);
        }
        at = dom.node(at).parent;
    }
    None
}

/// The attribute that holds a property's value; its text if none does.
pub(crate) fn value_attribute(dom: &Dom, id: NodeId) -> Option<&str> {
    let element = dom.element(id)?;
    // By HTML only a `<meta>` has it; shops put it everywhere.
    if let Some(content) = dom.attribute(element, "content") {
        return Some(content);
    }
    let name = match &*element.name.local {
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => "src",
        "a" | "area" | "link" => "href",
        "object" => "data",
        "data" | "meter" => "value",
        "time" => "datetime",
        _ => return None,
    };
    dom.attribute(element, name)
}

/// The contents of `<meta property="og:NAME">`, or of `NAME` itself: `product:price:amount`.
pub(crate) fn open_graph<'a>(
    dom: &'a Dom,
    name: &str,
    max: usize,
    work: &Work<'_>,
) -> Result<Vec<&'a str>, Stopped> {
    work.spend(dom.in_order().len() as u64)?;
    let is_named = |property: &str| {
        let property = property.trim();
        property == name || property.strip_prefix("og:") == Some(name)
    };
    let metas = dom.elements_in(0).filter(|(_, element)| element.is_html("meta"));
    let contents = metas.filter_map(|(_, element)| {
        let property = dom.attribute(element, "property").or(dom.attribute(element, "name"))?;
        dom.attribute(element, "content").filter(|_| is_named(property))
    });
    Ok(contents.take(max).collect())
}
