//! A page as a tree in flat arrays: built by the rules of HTML5, numbered in document order.
//!
//! html5gum splits the text into tokens, html5ever's tree builder makes a tree of them, and both are
//! driven from here, so that a page is given up the moment it costs more than it may. Nothing is
//! recursive: no depth of nesting can overflow a stack, in building, walking or dropping.

mod build;
mod text;
mod tokens;

use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName, ns};

use crate::limits::{Limits, Stopped, Work};

/// The number of a node, by creation. 0 is the document.
pub(crate) type NodeId = u32;

/// No node.
pub(crate) const NONE: NodeId = u32::MAX;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    pub(crate) previous: NodeId,
    pub(crate) next: NodeId,
    pub(crate) first_child: NodeId,
    last_child: NodeId,
    /// Elements above it, by when it was put there.
    depth: u16,
    pub(crate) data: Data,
}

#[derive(Debug)]
pub(crate) enum Data {
    Document,
    /// What is kept of comments, doctypes and processing instructions: that there was one.
    Other,
    /// A range of [`Dom::text`]. Neighbours may both be texts.
    Text(u32, u32),
    Element(Element),
}

#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: QualName,
    /// Its range in [`Dom::attributes`].
    attributes: (u32, u32),
    kind: Kind,
}

/// What an element does to the text in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inline,
    /// Begins and ends a line.
    Block,
    /// Its content is not shown: script, style, template.
    Hidden,
}

/// A parsed page.
#[derive(Debug)]
pub(crate) struct Dom {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// All texts, one after the other.
    text: String,
    /// The nodes of the tree in document order.
    order: Vec<NodeId>,
    /// By node: its place in `order`, and where its descendants end.
    spans: Vec<(u32, u32)>,
}

impl Dom {
    /// Builds the tree of a page.
    ///
    /// # Errors
    /// A cap that the page would exceed, or the work is spent.
    pub(crate) fn parse(html: &str, limits: &Limits, work: &Work<'_>) -> Result<Self, Stopped> {
        let mut dom = tokens::parse(html, limits, work)?;
        dom.number(limits)?;
        Ok(dom)
    }

    /// Numbers the tree in document order.
    fn number(&mut self, limits: &Limits) -> Result<(), Stopped> {
        self.order = Vec::with_capacity(self.nodes.len());
        self.spans = vec![(NONE, NONE); self.nodes.len()];
        let (mut at, mut depth) = (0, 0_u16);
        loop {
            self.spans[at as usize].0 = self.order.len() as u32;
            self.order.push(at);
            let node = &self.nodes[at as usize];
            if node.first_child != NONE {
                at = node.first_child;
                depth += 1;
                // Deeper than it was built: the tree builder moves what is misnested.
                if depth > limits.depth_max {
                    return Err(Stopped::Depth(limits.depth_max));
                }
                continue;
            }
            loop {
                self.spans[at as usize].1 = self.order.len() as u32;
                let node = &self.nodes[at as usize];
                if node.next != NONE {
                    at = node.next;
                    break;
                }
                if node.parent == NONE {
                    return Ok(());
                }
                at = node.parent;
                depth -= 1;
            }
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The element with this number, if it is one.
    pub(crate) fn element(&self, id: NodeId) -> Option<&Element> {
        match &self.node(id).data {
            Data::Element(element) => Some(element),
            _ => None,
        }
    }

    /// All nodes in document order.
    pub(crate) fn in_order(&self) -> &[NodeId] {
        &self.order
    }

    /// Where a node and its descendants are in document order.
    pub(crate) fn span(&self, id: NodeId) -> std::ops::Range<u32> {
        let (start, end) = self.spans[id as usize];
        start..end
    }

    /// A node's place in document order.
    pub(crate) fn place(&self, id: NodeId) -> u32 {
        self.spans[id as usize].0
    }

    /// The children of a node.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let some = |id: NodeId| (id != NONE).then_some(id);
        std::iter::successors(some(self.node(id).first_child), move |id| some(self.node(*id).next))
    }

    /// The elements at or below a node, in document order.
    pub(crate) fn elements_in(&self, id: NodeId) -> impl Iterator<Item = (NodeId, &Element)> {
        let span = self.span(id);
        let nodes = &self.order[span.start as usize..span.end as usize];
        nodes.iter().filter_map(|id| Some((*id, self.element(*id)?)))
    }

    /// An element's attributes.
    pub(crate) fn attributes(&self, element: &Element) -> &[Attribute] {
        let (start, end) = element.attributes;
        &self.attributes[start as usize..end as usize]
    }

    /// The value of an attribute, by its name in lower case.
    pub(crate) fn attribute(&self, element: &Element, name: &str) -> Option<&str> {
        let mut all = self.attributes(element).iter();
        let found = all.find(|attr| attr.name.ns == ns!() && *attr.name.local == *name)?;
        Some(&found.value)
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        &self.text[start as usize..end as usize]
    }
}

impl Element {
    pub(crate) fn is_html(&self, name: &str) -> bool {
        self.name.ns == ns!(html) && *self.name.local == *name
    }
}

fn text_of(tendril: &StrTendril) -> &str {
    tendril
}
