//! The text of an element as a reader sees it, and its HTML.

use html5ever::{LocalName, local_name, ns};

use super::{Data, Dom, Element, Kind, NodeId};
use crate::limits::{Stopped, Work};

impl Dom {
    /// The text at and below a node with white space as a browser shows it: runs collapsed, one
    /// blank where a line begins or ends. Scripts, styles and templates inside it are left out.
    pub(crate) fn shown_text(&self, id: NodeId, work: &Work<'_>) -> Result<String, Stopped> {
        let span = self.span(id);
        work.spend(u64::from(span.end - span.start))?;
        let mut shown = Shown::default();
        // Ends of the blocks that are open.
        let mut blocks: Vec<u32> = Vec::new();
        let mut at = span.start;
        while at < span.end {
            while blocks.last().is_some_and(|end| *end <= at) {
                blocks.pop();
                shown.blank();
            }
            let inner = self.order[at as usize];
            match &self.node(inner).data {
                Data::Text(start, end) => {
                    work.spend(u64::from(end - start) / 64)?;
                    shown.push(self.slice(*start, *end));
                }
                Data::Element(element) => match element.kind {
                    Kind::Hidden if inner != id => {
                        at = self.span(inner).end;
                        continue;
                    }
                    Kind::Block => {
                        shown.blank();
                        blocks.push(self.span(inner).end);
                    }
                    Kind::Hidden | Kind::Inline => {}
                },
                _ => {}
            }
            at += 1;
        }
        Ok(shown.text)
    }

    /// All text at and below a node, exactly as the page has it: `textContent`.
    pub(crate) fn raw_text(&self, id: NodeId, work: &Work<'_>) -> Result<String, Stopped> {
        let span = self.span(id);
        work.spend(u64::from(span.end - span.start))?;
        let nodes = &self.order[span.start as usize..span.end as usize];
        self.join(nodes.iter().copied(), work)
    }

    /// The texts that are children of a node, exactly as the page has them.
    pub(crate) fn own_text(&self, id: NodeId, work: &Work<'_>) -> Result<String, Stopped> {
        self.join(self.children(id), work)
    }

    fn join(
        &self,
        nodes: impl Iterator<Item = NodeId>,
        work: &Work<'_>,
    ) -> Result<String, Stopped> {
        let mut text = String::new();
        for id in nodes {
            if let Data::Text(start, end) = self.node(id).data {
                work.spend(1 + u64::from(end - start) / 64)?;
                text.push_str(self.slice(start, end));
            }
        }
        Ok(text)
    }

    /// An element as HTML with its own tags, by HTML's rules for serialising fragments. Comments
    /// are left out.
    pub(crate) fn outer_html(&self, id: NodeId, work: &Work<'_>) -> Result<String, Stopped> {
        let mut out = String::new();
        self.write_html(self.span(id), &mut out, work)?;
        Ok(out)
    }

    /// What is inside an element, as HTML.
    pub(crate) fn inner_html(&self, id: NodeId, work: &Work<'_>) -> Result<String, Stopped> {
        let mut out = String::new();
        let span = self.span(id);
        self.write_html(span.start + 1..span.end, &mut out, work)?;
        Ok(out)
    }

    fn write_html(
        &self,
        span: std::ops::Range<u32>,
        out: &mut String,
        work: &Work<'_>,
    ) -> Result<(), Stopped> {
        // Elements whose end tag is still to come, with where they end.
        let mut open: Vec<(&LocalName, u32)> = Vec::new();
        for at in span.clone() {
            while let Some((name, _)) = open.pop_if(|(_, end)| *end <= at) {
                end_tag(out, name);
            }
            let before = out.len();
            let id = self.order[at as usize];
            match &self.node(id).data {
                Data::Text(start, end) if self.is_raw(self.node(id).parent) => {
                    out.push_str(self.slice(*start, *end));
                }
                Data::Text(start, end) => escape(out, self.slice(*start, *end), Where::Text),
                Data::Element(element) => {
                    self.start_tag(out, element);
                    if !is_void(element) {
                        open.push((&element.name.local, self.span(id).end));
                    }
                }
                _ => {}
            }
            work.spend(1 + (out.len() - before) as u64 / 64)?;
        }
        open.iter().rev().for_each(|(name, _)| end_tag(out, name));
        Ok(())
    }

    fn start_tag(&self, out: &mut String, element: &Element) {
        out.push('<');
        out.push_str(&element.name.local);
        for attribute in self.attributes(element) {
            out.push(' ');
            if let Some(prefix) = &attribute.name.prefix {
                out.push_str(prefix);
                out.push(':');
            }
            out.push_str(&attribute.name.local);
            out.push_str("=\"");
            escape(out, &attribute.value, Where::Attribute);
            out.push('"');
        }
        out.push('>');
    }

    /// Whether text in it is written as it is.
    fn is_raw(&self, parent: NodeId) -> bool {
        let Some(element) = self.element(parent) else { return false };
        element.name.ns == ns!(html)
            && matches!(
                element.name.local,
                local_name!("style")
                    | local_name!("script")
                    | local_name!("xmp")
                    | local_name!("iframe")
                    | local_name!("noembed")
                    | local_name!("noframes")
                    | local_name!("plaintext")
            )
    }
}

fn end_tag(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn is_void(element: &Element) -> bool {
    element.name.ns == ns!(html)
        && matches!(
            &*element.name.local,
            "area"
                | "base"
                | "basefont"
                | "bgsound"
                | "br"
                | "col"
                | "embed"
                | "frame"
                | "hr"
                | "img"
                | "input"
                | "keygen"
                | "link"
                | "meta"
                | "param"
                | "source"
                | "track"
                | "wbr"
        )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Text,
    Attribute,
}

fn escape(out: &mut String, text: &str, at: Where) {
    let mut rest = text;
    let special = |c: char| match c {
        '&' | '\u{a0}' => true,
        '"' => at == Where::Attribute,
        '<' | '>' => true,
        _ => false,
    };
    while let Some(found) = rest.find(special) {
        out.push_str(&rest[..found]);
        let c = rest[found..].chars().next().expect("a character was found there");
        out.push_str(match c {
            '&' => "&amp;",
            '\u{a0}' => "&nbsp;",
            '"' => "&quot;",
            '<' => "&lt;",
            _ => "&gt;",
        });
        rest = &rest[found + c.len_utf8()..];
    }
    out.push_str(rest);
}

/// Text with its white space collapsed as it is put together.
#[derive(Debug, Default)]
struct Shown {
    text: String,
    blank: bool,
}

impl Shown {
    fn blank(&mut self) {
        self.blank = true;
    }

    fn push(&mut self, text: &str) {
        let mut words = text.split(crate::clean::is_blank).peekable();
        // A text that begins with white space is apart from what was before it.
        while let Some(word) = words.next() {
            if !word.is_empty() {
                if self.blank && !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(word);
                self.blank = false;
            }
            self.blank |= words.peek().is_some();
        }
    }
}
