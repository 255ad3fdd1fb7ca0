//! CSS selectors: parsed once, matched against many pages by the `selectors` crate of Servo.

mod element;
mod lookup;

use std::fmt;

use cssparser::{ParseError, ToCss};
use html5ever::{LocalName, Namespace};
use precomputed_hash::PrecomputedHash;
use selectors::parser::{
    Component, NonTSPseudoClass, ParseRelative, Parser, PseudoElement, SelectorImpl, SelectorList,
    SelectorParseErrorKind,
};

pub(crate) use self::element::{Caches, Matcher};
pub(crate) use self::lookup::{Candidates, Lookup};

/// A list of selectors, separated by commas.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    list: SelectorList<Css>,
    /// What an element must have to be looked at, for each selector of the list.
    anchors: Vec<Anchor>,
}

/// The rarest thing that the last compound of a selector asks of an element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Anchor {
    Id(Box<str>),
    Class(Box<str>),
    Tag(LocalName),
    Attribute(LocalName),
    Anything,
}

/// What is wrong with a selector, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SelectorError {
    /// Bytes into the text.
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = cssparser::Parser::new(text);
        let list = SelectorList::parse(&Dialect, &mut parser, ParseRelative::No);
        let list =
            list.map_err(|error| SelectorError::new(parser.position().byte_index(), &error))?;
        let anchors = list.slice().iter().map(|selector| anchor(selector.iter())).collect();
        Ok(Self { list, anchors })
    }

    pub(crate) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }
}

/// What to look elements up by. An id is rarer than a class, a class than a name.
fn anchor<'a>(compound: impl Iterator<Item = &'a Component<Css>>) -> Anchor {
    let mut best = (0, Anchor::Anything);
    for part in compound {
        let found = match part {
            Component::ID(id) => (4, Anchor::Id((&*id.0).into())),
            Component::Class(class) => (3, Anchor::Class((&*class.0).into())),
            Component::AttributeInNoNamespaceExists { local_name, local_name_lower }
                if local_name == local_name_lower =>
            {
                (2, Anchor::Attribute(local_name.0.clone()))
            }
            Component::AttributeInNoNamespace { local_name, .. } => {
                (2, Anchor::Attribute(local_name.0.clone()))
            }
            Component::LocalName(name) if name.name == name.lower_name => {
                (1, Anchor::Tag(name.name.0.clone()))
            }
            _ => continue,
        };
        if found.0 > best.0 {
            best = found;
        }
    }
    best.1
}

impl SelectorError {
    fn new(at: usize, error: &ParseError<SelectorParseErrorKind>) -> Self {
        use cssparser::{BasicParseErrorKind, ParseErrorKind};
        let message = match &error.kind {
            ParseErrorKind::Basic(BasicParseErrorKind::EndOfInput) => "it ends too early".into(),
            ParseErrorKind::Basic(_) => "unexpected sign".into(),
            ParseErrorKind::Custom(kind) => match kind {
                SelectorParseErrorKind::EmptySelector => "there is no selector".into(),
                SelectorParseErrorKind::DanglingCombinator => {
                    "nothing follows the combinator".into()
                }
                SelectorParseErrorKind::UnsupportedPseudoClassOrElement => {
                    "this pseudo-class or pseudo-element is not known".to_owned()
                }
                SelectorParseErrorKind::ExpectedNamespace => {
                    "namespace prefixes are not known".into()
                }
                SelectorParseErrorKind::ClassNeedsIdent => "a class needs a name".into(),
                SelectorParseErrorKind::BadValueInAttr => {
                    "the attribute's value must be a name or in quotes".into()
                }
                _ => "unexpected sign".into(),
            },
        };
        Self { at, message }
    }
}

/// The selectors that are understood.
struct Dialect;

impl Parser<'_> for Dialect {
    type Impl = Css;
    type Error = SelectorParseErrorKind;

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_has(&self) -> bool {
        true
    }

    fn parse_nth_child_of(&self) -> bool {
        true
    }
}

/// The types that selectors are made of.
#[derive(Clone, Debug)]
pub(crate) struct Css;

impl SelectorImpl for Css {
    type ExtraMatchingData<'a> = ();
    type AttrValue = Text;
    type Identifier = Name;
    type LocalName = Name;
    type NamespaceUrl = Namespace;
    type NamespacePrefix = Name;
    type BorrowedNamespaceUrl = Namespace;
    type BorrowedLocalName = Name;
    type NonTSPseudoClass = Never;
    type PseudoElement = Never;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(String);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ToCss for Text {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_string(&self.0, out)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name(LocalName);

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl ToCss for Name {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_identifier(&self.0, out)
    }
}

impl PrecomputedHash for Name {
    fn precomputed_hash(&self) -> u32 {
        self.0.precomputed_hash()
    }
}

/// Pseudo-classes and pseudo-elements beyond those of the tree: there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Never {}

impl ToCss for Never {
    fn to_css<W: fmt::Write>(&self, _out: &mut W) -> fmt::Result {
        match *self {}
    }
}

impl NonTSPseudoClass for Never {
    fn is_active_or_hover(&self) -> bool {
        match *self {}
    }

    fn is_user_action_state(&self) -> bool {
        match *self {}
    }
}

impl PseudoElement for Never {}
