//! An element as the matcher asks about it. Every step counts as work.

use html5ever::{Namespace, ns};
use selectors::attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::matching::{
    ElementSelectorFlags, MatchingContext, MatchingForInvalidation, MatchingMode,
    NeedsSelectorFlags, QuirksMode, matches_selector,
};
use selectors::{Element, OpaqueElement};

use super::{Css, Name, Never, Selector, Text};
use crate::clean::is_blank;
use crate::dom::{Data, Dom, NONE, NodeId};
use crate::limits::Work;

/// What matching remembers from one element to the next; good for one page.
pub(crate) use selectors::matching::SelectorCaches as Caches;

/// Matches selectors against one page.
pub(crate) struct Matcher<'a> {
    pub(crate) dom: &'a Dom,
    pub(crate) work: &'a Work<'a>,
    pub(crate) caches: &'a mut Caches,
}

impl Matcher<'_> {
    /// Whether an element matches; `scope` is what `:scope` is, the root if there is none.
    ///
    /// Once the work is spent nothing matches: ask [`Work::check`] afterwards.
    pub(crate) fn matches(
        &mut self,
        selector: &Selector,
        id: NodeId,
        scope: Option<NodeId>,
    ) -> bool {
        let mut context = MatchingContext::<Css>::new(
            MatchingMode::Normal,
            None,
            self.caches,
            QuirksMode::NoQuirks,
            NeedsSelectorFlags::No,
            MatchingForInvalidation::No,
        );
        context.scope_element = scope.map(|id| OpaqueElement::new(self.dom.node(id)));
        let element = At { dom: self.dom, work: self.work, id };
        selector
            .list
            .slice()
            .iter()
            .any(|selector| matches_selector(selector, 0, None, &element, &mut context))
    }
}

/// An element of a page.
#[derive(Clone, Copy, Debug)]
struct At<'a> {
    dom: &'a Dom,
    work: &'a Work<'a>,
    id: NodeId,
}

impl<'a> At<'a> {
    fn element(&self) -> &'a crate::dom::Element {
        self.dom.element(self.id).expect("only elements are matched")
    }

    /// The first element on the way that `step` goes, if there is work left to go it.
    fn find(&self, start: NodeId, step: impl Fn(NodeId) -> NodeId) -> Option<Self> {
        let mut id = start;
        while id != NONE {
            self.work.spend(1).ok()?;
            if self.dom.element(id).is_some() {
                return Some(Self { id, ..*self });
            }
            id = step(id);
        }
        None
    }
}

impl Element for At<'_> {
    type Impl = Css;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(self.dom.node(self.id))
    }

    fn parent_element(&self) -> Option<Self> {
        self.find(self.dom.node(self.id).parent, |_| NONE)
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.find(self.dom.node(self.id).previous, |id| self.dom.node(id).previous)
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.find(self.dom.node(self.id).next, |id| self.dom.node(id).next)
    }

    fn first_element_child(&self) -> Option<Self> {
        self.find(self.dom.node(self.id).first_child, |id| self.dom.node(id).next)
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.element().name.ns == ns!(html)
    }

    fn has_local_name(&self, name: &Name) -> bool {
        self.element().name.local == name.0
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        self.element().name.ns == *namespace
    }

    fn is_same_type(&self, other: &Self) -> bool {
        let (name, other) = (&self.element().name, &other.element().name);
        name.local == other.local && name.ns == other.ns
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        local_name: &Name,
        operation: &AttrSelectorOperation<&Text>,
    ) -> bool {
        let is_meant = |of: &Namespace| match namespace {
            NamespaceConstraint::Any => true,
            NamespaceConstraint::Specific(meant) => *meant == of,
        };
        self.dom.attributes(self.element()).iter().any(|attribute| {
            attribute.name.local == local_name.0
                && is_meant(&attribute.name.ns)
                && self.work.spend(attribute.value.len() as u64 / 64).is_ok()
                && operation.eval_str(&attribute.value)
        })
    }

    fn match_non_ts_pseudo_class(&self, class: &Never, _: &mut MatchingContext<'_, Css>) -> bool {
        match *class {}
    }

    fn match_pseudo_element(&self, element: &Never, _: &mut MatchingContext<'_, Css>) -> bool {
        match *element {}
    }

    fn apply_selector_flags(&self, _flags: ElementSelectorFlags) {}

    fn is_link(&self) -> bool {
        let element = self.element();
        (element.is_html("a") || element.is_html("area"))
            && self.dom.attribute(element, "href").is_some()
    }

    fn is_html_slot_element(&self) -> bool {
        false
    }

    fn has_id(&self, id: &Name, case: CaseSensitivity) -> bool {
        let own = self.dom.attribute(self.element(), "id");
        own.is_some_and(|own| case.eq(own.as_bytes(), id.0.as_bytes()))
    }

    fn has_class(&self, name: &Name, case: CaseSensitivity) -> bool {
        let Some(classes) = self.dom.attribute(self.element(), "class") else { return false };
        self.work.spend(classes.len() as u64 / 64).is_ok()
            && classes.split(is_blank).any(|class| case.eq(class.as_bytes(), name.0.as_bytes()))
    }

    fn has_custom_state(&self, _name: &Name) -> bool {
        false
    }

    fn imported_part(&self, _name: &Name) -> Option<Name> {
        None
    }

    fn is_part(&self, _name: &Name) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        let children = self.dom.children(self.id);
        let mut children = children.take_while(|_| self.work.spend(1).is_ok());
        !children.any(|id| matches!(self.dom.node(id).data, Data::Element(_) | Data::Text(..)))
    }

    fn is_root(&self) -> bool {
        self.dom.node(self.id).parent == 0
    }

    fn add_element_unique_hashes(&self, _filter: &mut BloomFilter) -> bool {
        false
    }
}
