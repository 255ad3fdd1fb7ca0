//! The tree as html5ever's tree builder makes it.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, Namespace, QualName, local_name, ns};

use super::{Data, Dom, Element, Kind, NONE, Node, NodeId, text_of};
use crate::limits::{Limits, Stopped, Work};

/// What the tree builder knows a node by: its number, and its name so that asking costs nothing.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    id: NodeId,
    name: Option<QualName>,
}

#[derive(Debug)]
pub(super) struct Named<'a>(&'a QualName);

impl ElemName for Named<'_> {
    #[inline]
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    #[inline]
    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

/// A tree in the making.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    dom: RefCell<Dom>,
    limits: &'a Limits,
    work: &'a Work<'a>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text_bytes: usize, limits: &'a Limits, work: &'a Work<'a>) -> Self {
        let dom = Dom {
            // A node for every 24 bytes is what pages have.
            nodes: Vec::with_capacity(text_bytes / 24 + 8),
            attributes: Vec::with_capacity(text_bytes / 32),
            text: String::with_capacity(text_bytes / 2),
            order: Vec::new(),
            spans: Vec::new(),
        };
        let builder = Self { dom: RefCell::new(dom), limits, work };
        builder.create(Data::Document);
        builder
    }

    fn create(&self, data: Data) -> NodeId {
        let nodes = &mut self.dom.borrow_mut().nodes;
        if nodes.len() >= self.limits.nodes_max as usize {
            // The tokenizer looks at it before the next token.
            self.work.stop(Stopped::Nodes(self.limits.nodes_max));
        }
        let id = nodes.len() as NodeId;
        nodes.push(Node {
            parent: NONE,
            previous: NONE,
            next: NONE,
            first_child: NONE,
            last_child: NONE,
            depth: 0,
            data,
        });
        id
    }

    /// Steps are as many as the tree builder may look at: the elements that are open.
    fn sink(&self, depth: u16) {
        if depth > self.limits.depth_max {
            self.work.stop(Stopped::Depth(self.limits.depth_max));
        }
        // It stays spent, and is looked at before the next token.
        let _spent = self.work.spend(1 + u64::from(depth));
    }

    fn append_node(&self, parent: NodeId, id: NodeId) {
        let nodes = &mut self.dom.borrow_mut().nodes;
        detach(nodes, id);
        let (last, depth) = {
            let parent = &mut nodes[parent as usize];
            (std::mem::replace(&mut parent.last_child, id), parent.depth.saturating_add(1))
        };
        match last {
            NONE => nodes[parent as usize].first_child = id,
            last => nodes[last as usize].next = id,
        }
        let node = &mut nodes[id as usize];
        (node.parent, node.previous, node.depth) = (parent, last, depth);
        self.sink(depth);
    }

    fn insert_before(&self, sibling: NodeId, id: NodeId) {
        let nodes = &mut self.dom.borrow_mut().nodes;
        detach(nodes, id);
        let (parent, previous, depth) = {
            let sibling = &mut nodes[sibling as usize];
            (sibling.parent, std::mem::replace(&mut sibling.previous, id), sibling.depth)
        };
        match previous {
            NONE if parent != NONE => nodes[parent as usize].first_child = id,
            NONE => {}
            previous => nodes[previous as usize].next = id,
        }
        let node = &mut nodes[id as usize];
        (node.parent, node.previous, node.next, node.depth) = (parent, previous, sibling, depth);
        self.sink(depth);
    }

    /// Takes up a text; `None` if it goes on where the text `after` ends.
    ///
    /// Texts that are neighbours and lie apart stay two nodes: copying them together again and
    /// again would cost the square of a hostile page's length.
    fn text(&self, text: &StrTendril, after: NodeId) -> Option<NodeId> {
        let data = {
            let dom = &mut *self.dom.borrow_mut();
            let start = dom.text.len() as u32;
            dom.text.push_str(text_of(text));
            let end = dom.text.len() as u32;
            if after != NONE
                && let Data::Text(_, last) = &mut dom.nodes[after as usize].data
                && *last == start
            {
                *last = end;
                return None;
            }
            Data::Text(start, end)
        };
        Some(self.create(data))
    }
}

fn detach(nodes: &mut [Node], id: NodeId) {
    let node = &mut nodes[id as usize];
    let (parent, previous, next) = (node.parent, node.previous, node.next);
    if parent == NONE {
        return;
    }
    (node.parent, node.previous, node.next) = (NONE, NONE, NONE);
    match previous {
        NONE => nodes[parent as usize].first_child = next,
        previous => nodes[previous as usize].next = next,
    }
    match next {
        NONE => nodes[parent as usize].last_child = previous,
        next => nodes[next as usize].previous = previous,
    }
}

impl TreeSink for Builder<'_> {
    type Handle = Handle;
    type Output = Dom;
    type ElemName<'b>
        = Named<'b>
    where
        Self: 'b;

    fn finish(self) -> Dom {
        self.dom.into_inner()
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle { id: 0, name: None }
    }

    #[inline]
    fn elem_name<'b>(&'b self, target: &'b Handle) -> Named<'b> {
        Named(target.name.as_ref().expect("the tree builder asks elements only"))
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, _: ElementFlags) -> Handle {
        let attributes = {
            let all = &mut self.dom.borrow_mut().attributes;
            let start = all.len() as u32;
            all.extend(attrs);
            (start, all.len() as u32)
        };
        let element = Element { name: name.clone(), attributes, kind: kind_of(&name) };
        Handle { id: self.create(Data::Element(element)), name: Some(name) }
    }

    fn create_comment(&self, _text: StrTendril) -> Handle {
        Handle { id: self.create(Data::Other), name: None }
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Handle {
        Handle { id: self.create(Data::Other), name: None }
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        let id = match child {
            NodeOrText::AppendNode(node) => node.id,
            NodeOrText::AppendText(text) => {
                let last = self.dom.borrow().nodes[parent.id as usize].last_child;
                match self.text(&text, last) {
                    Some(id) => id,
                    None => return self.sink(0),
                }
            }
        };
        self.append_node(parent.id, id);
    }

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let id = match child {
            NodeOrText::AppendNode(node) => node.id,
            NodeOrText::AppendText(text) => {
                let previous = self.dom.borrow().nodes[sibling.id as usize].previous;
                match self.text(&text, previous) {
                    Some(id) => id,
                    None => return self.sink(0),
                }
            }
        };
        self.insert_before(sibling.id, id);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        prev_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        let has_parent = self.dom.borrow().nodes[element.id as usize].parent != NONE;
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(prev_element, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {
        let id = self.create(Data::Other);
        self.append_node(0, id);
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        // In a browser it is apart from the tree, for scripts to take. None run here, so it stays
        // where it stands and rules find it.
        target.clone()
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    /// Classes and ids are compared by case on every page, as rules are written for many.
    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        let dom = &mut *self.dom.borrow_mut();
        let Data::Element(element) = &mut dom.nodes[target.id as usize].data else { return };
        let (start, end) = element.attributes;
        let known = start as usize..end as usize;
        let has =
            |attr: &Attribute| dom.attributes[known.clone()].iter().any(|a| a.name == attr.name);
        let new: Vec<_> = attrs.into_iter().filter(|attr| !has(attr)).collect();
        if new.is_empty() {
            return;
        }
        let all = known.len() + new.len();
        if all > self.limits.attributes_max {
            return self.work.stop(Stopped::Attributes(self.limits.attributes_max));
        }
        let _spent = self.work.spend(all as u64);
        let moved = dom.attributes.len() as u32;
        dom.attributes.extend_from_within(known);
        dom.attributes.extend(new);
        element.attributes = (moved, dom.attributes.len() as u32);
    }

    fn remove_from_parent(&self, target: &Handle) {
        detach(&mut self.dom.borrow_mut().nodes, target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        loop {
            let child = self.dom.borrow().nodes[node.id as usize].first_child;
            if child == NONE {
                break;
            }
            self.append_node(new_parent.id, child);
        }
    }
}

/// What the element does to the text in it, by the style sheet that HTML suggests.
fn kind_of(name: &QualName) -> Kind {
    if name.ns != ns!(html) {
        return Kind::Inline;
    }
    match name.local {
        local_name!("script") | local_name!("style") | local_name!("template") => Kind::Hidden,
        local_name!("address")
        | local_name!("article")
        | local_name!("aside")
        | local_name!("blockquote")
        | local_name!("br")
        | local_name!("dd")
        | local_name!("details")
        | local_name!("dialog")
        | local_name!("div")
        | local_name!("dl")
        | local_name!("dt")
        | local_name!("fieldset")
        | local_name!("figcaption")
        | local_name!("figure")
        | local_name!("footer")
        | local_name!("form")
        | local_name!("h1")
        | local_name!("h2")
        | local_name!("h3")
        | local_name!("h4")
        | local_name!("h5")
        | local_name!("h6")
        | local_name!("header")
        | local_name!("hr")
        | local_name!("li")
        | local_name!("main")
        | local_name!("nav")
        | local_name!("ol")
        | local_name!("optgroup")
        | local_name!("option")
        | local_name!("p")
        | local_name!("pre")
        | local_name!("section")
        | local_name!("summary")
        | local_name!("table")
        | local_name!("tbody")
        | local_name!("td")
        | local_name!("tfoot")
        | local_name!("th")
        | local_name!("thead")
        | local_name!("title")
        | local_name!("tr")
        | local_name!("ul") => Kind::Block,
        _ => Kind::Inline,
    }
}
