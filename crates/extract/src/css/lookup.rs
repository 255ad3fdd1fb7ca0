//! Elements that a selector may match, found for all selectors in one walk over the page.

use html5ever::{LocalName, ns};

use super::{Anchor, Selector};
use crate::clean::is_blank;
use crate::dom::{Dom, NodeId};
use crate::limits::{Stopped, Work};

/// Which selectors to try on an element, by what it has.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    selectors: Vec<Selector>,
    ids: Names,
    classes: Names,
    tags: Vec<(LocalName, Vec<u32>)>,
    attributes: Vec<(LocalName, Vec<u32>)>,
    anything: Vec<u32>,
}

/// Names, each with its selectors.
#[derive(Debug, Default)]
struct Names {
    sorted: Vec<(Box<str>, Vec<u32>)>,
    /// A bit for each length and first letter that is there: most names are passed over by it.
    bits: u64,
}

/// By selector: the elements that it may match, in document order.
#[derive(Debug)]
pub(crate) struct Candidates(Vec<Vec<NodeId>>);

impl Lookup {
    /// Adds a selector; its number.
    pub(crate) fn add(&mut self, selector: Selector) -> usize {
        let number = self.selectors.len() as u32;
        for anchor in selector.anchors() {
            match anchor {
                Anchor::Id(name) => self.ids.add(name, number),
                Anchor::Class(name) => self.classes.add(name, number),
                Anchor::Tag(name) => add(&mut self.tags, name, number),
                Anchor::Attribute(name) => add(&mut self.attributes, name, number),
                Anchor::Anything => self.anything.push(number),
            }
        }
        self.selectors.push(selector);
        number as usize
    }

    pub(crate) fn selector(&self, number: usize) -> &Selector {
        &self.selectors[number]
    }

    /// Walks over a page once.
    pub(crate) fn candidates(&self, dom: &Dom, work: &Work<'_>) -> Result<Candidates, Stopped> {
        let mut found = vec![Vec::new(); self.selectors.len()];
        for id in dom.in_order() {
            work.spend(1)?;
            let Some(element) = dom.element(*id) else { continue };
            let mut take = |numbers: &[u32]| {
                for number in numbers {
                    let list: &mut Vec<NodeId> = &mut found[*number as usize];
                    if list.last() != Some(id) {
                        list.push(*id);
                    }
                }
            };
            take(&self.anything);
            for (tag, numbers) in &self.tags {
                if *tag == element.name.local {
                    take(numbers);
                }
            }
            for attribute in dom.attributes(element) {
                for (name, numbers) in &self.attributes {
                    if *name == attribute.name.local {
                        take(numbers);
                    }
                }
                if attribute.name.ns != ns!() {
                    continue;
                }
                match &*attribute.name.local {
                    "class" if !self.classes.sorted.is_empty() => {
                        work.spend(attribute.value.len() as u64 / 16)?;
                        attribute.value.split(is_blank).for_each(|name| {
                            self.classes.find(name).into_iter().for_each(&mut take);
                        });
                    }
                    "id" => self.ids.find(&attribute.value).into_iter().for_each(&mut take),
                    _ => {}
                }
            }
        }
        Ok(Candidates(found))
    }
}

fn add(all: &mut Vec<(LocalName, Vec<u32>)>, name: &LocalName, number: u32) {
    match all.iter_mut().find(|(known, _)| known == name) {
        Some((_, numbers)) => numbers.push(number),
        None => all.push((name.clone(), vec![number])),
    }
}

impl Names {
    fn add(&mut self, name: &str, number: u32) {
        self.bits |= bit(name);
        match self.sorted.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(at) => self.sorted[at].1.push(number),
            Err(at) => self.sorted.insert(at, (name.into(), vec![number])),
        }
    }

    fn find(&self, name: &str) -> Option<&[u32]> {
        if self.bits & bit(name) == 0 {
            return None;
        }
        let at = self.sorted.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&self.sorted[at].1)
    }
}

fn bit(name: &str) -> u64 {
    let first = name.as_bytes().first().map_or(0, |byte| *byte);
    1 << ((usize::from(first) + name.len() * 7) % 64)
}

impl Candidates {
    /// The candidates of a selector strictly below an element, in document order; all of them
    /// without one.
    pub(crate) fn below<'a>(
        &'a self,
        number: usize,
        dom: &Dom,
        scope: Option<NodeId>,
    ) -> &'a [NodeId] {
        let all = &self.0[number][..];
        let Some(scope) = scope else { return all };
        let span = dom.span(scope);
        let start = all.partition_point(|id| dom.place(*id) <= span.start);
        let end = all.partition_point(|id| dom.place(*id) < span.end);
        &all[start..end]
    }
}
