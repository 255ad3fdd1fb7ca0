//! From text to tokens: html5gum's tokenizer, feeding html5ever's tree builder.

use std::collections::HashSet;

use html5ever::interface::TreeSink;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Doctype, Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, ns};
use html5gum::{Emitter, Error, State, Tokenizer};

use super::Dom;
use super::build::{Builder, Handle};
use crate::limits::{Limits, Stopped, Work};

/// Attributes beyond which repeated names are looked up instead of compared one by one.
const ATTRIBUTES_COMPARED_MAX: usize = 16;

pub(super) fn parse(html: &str, limits: &Limits, work: &Work<'_>) -> Result<Dom, Stopped> {
    let builder = Builder::new(html.len(), limits, work);
    // There are no scripts here, so what pages have for readers without them is part of the page.
    let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let mut feeder = Feeder::new(TreeBuilder::new(builder, options), limits, work);
    // Its only token is that it was stopped.
    if let Some(Ok(stopped)) = Tokenizer::new_with_emitter(html, &mut feeder).next() {
        return Err(stopped);
    }
    work.check()?;
    Ok(feeder.tree.sink.finish())
}

/// Takes the tokenizer's pieces, and gives whole tokens to the tree builder.
struct Feeder<'a> {
    tree: TreeBuilder<Handle, Builder<'a>>,
    limits: &'a Limits,
    work: &'a Work<'a>,
    text: Vec<u8>,
    comment: bool,
    kind: TagKind,
    name: Vec<u8>,
    self_closing: bool,
    attributes: Vec<Attribute>,
    /// The names of `attributes`, once they are many.
    names: HashSet<LocalName>,
    attribute_name: Vec<u8>,
    attribute_value: Vec<u8>,
    in_attribute: bool,
    last_start_tag: Vec<u8>,
    doctype: Doctype,
    doctype_name: Vec<u8>,
    public_id: Option<Vec<u8>>,
    system_id: Option<Vec<u8>>,
    told: bool,
}

impl<'a> Feeder<'a> {
    fn new(tree: TreeBuilder<Handle, Builder<'a>>, limits: &'a Limits, work: &'a Work<'a>) -> Self {
        Self {
            tree,
            limits,
            work,
            text: Vec::new(),
            comment: false,
            kind: TagKind::StartTag,
            name: Vec::new(),
            self_closing: false,
            attributes: Vec::new(),
            names: HashSet::new(),
            attribute_name: Vec::new(),
            attribute_value: Vec::new(),
            in_attribute: false,
            last_start_tag: Vec::new(),
            doctype: Doctype::default(),
            doctype_name: Vec::new(),
            public_id: None,
            system_id: None,
            told: false,
        }
    }

    fn feed(&mut self, token: Token) -> Option<State> {
        if self.work.stopped().is_some() {
            return None;
        }
        match self.tree.process_token(token, 1) {
            TokenSinkResult::Continue | TokenSinkResult::EncodingIndicator(_) => None,
            TokenSinkResult::Script(_) => Some(State::Data),
            TokenSinkResult::Plaintext => Some(State::PlainText),
            TokenSinkResult::RawData(RawKind::Rcdata) => Some(State::RcData),
            TokenSinkResult::RawData(RawKind::Rawtext) => Some(State::RawText),
            TokenSinkResult::RawData(RawKind::ScriptData | RawKind::ScriptDataEscaped(_)) => {
                Some(State::ScriptData)
            }
        }
    }

    /// Gives the text so far to the tree builder, which wants to see zeros apart.
    fn flush_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        // Spent on behalf of the tokenizer, which has been here once.
        let _spent = self.work.spend(text.len() as u64 / 64);
        let mut rest = &text[..];
        while !rest.is_empty() {
            let zero = rest.iter().position(|byte| *byte == 0);
            let (part, more) = rest.split_at(zero.unwrap_or(rest.len()));
            if !part.is_empty() {
                self.feed(Token::CharacterTokens(tendril(part)));
            }
            rest = match more.split_first() {
                Some((_zero, more)) => {
                    let _spent = self.work.spend(1);
                    self.feed(Token::NullCharacterToken);
                    more
                }
                None => more,
            };
        }
        self.text = text;
        self.text.clear();
    }

    fn flush_attribute(&mut self) {
        if !std::mem::take(&mut self.in_attribute) {
            return;
        }
        // An end tag has none.
        if self.kind == TagKind::EndTag {
            return;
        }
        if self.attributes.len() >= self.limits.attributes_max {
            return self.work.stop(Stopped::Attributes(self.limits.attributes_max));
        }
        let name = local_name(&self.attribute_name);
        let is_known = if self.attributes.len() < ATTRIBUTES_COMPARED_MAX {
            self.attributes.iter().any(|known| known.name.local == name)
        } else {
            if self.names.is_empty() {
                self.names.extend(self.attributes.iter().map(|known| known.name.local.clone()));
            }
            !self.names.insert(name.clone())
        };
        if !is_known {
            let name = QualName::new(None, ns!(), name);
            self.attributes.push(Attribute { name, value: tendril(&self.attribute_value) });
        }
    }
}

fn tendril(bytes: &[u8]) -> StrTendril {
    match std::str::from_utf8(bytes) {
        Ok(text) => StrTendril::from_slice(text),
        Err(_) => StrTendril::from_slice(&String::from_utf8_lossy(bytes)),
    }
}

fn local_name(bytes: &[u8]) -> LocalName {
    LocalName::from(String::from_utf8_lossy(bytes))
}

impl Emitter for &mut Feeder<'_> {
    type Token = Stopped;

    fn set_last_start_tag(&mut self, last_start_tag: Option<&[u8]>) {
        self.last_start_tag.clear();
        self.last_start_tag.extend(last_start_tag.unwrap_or_default());
    }

    fn emit_eof(&mut self) {
        self.flush_text();
        self.feed(Token::EOFToken);
    }

    fn emit_error(&mut self, _error: Error) {}

    #[inline]
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    /// The tokenizer asks after each change of its state: it stops when told so.
    #[inline]
    fn pop_token(&mut self) -> Option<Stopped> {
        match self.work.stopped() {
            Some(stopped) if !self.told => {
                self.told = true;
                Some(stopped)
            }
            _ => None,
        }
    }

    #[inline]
    fn emit_string(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    fn init_start_tag(&mut self) {
        self.kind = TagKind::StartTag;
        self.name.clear();
        self.self_closing = false;
        self.attributes.clear();
        self.names.clear();
        self.in_attribute = false;
    }

    fn init_end_tag(&mut self) {
        self.init_start_tag();
        self.kind = TagKind::EndTag;
    }

    fn init_comment(&mut self) {
        self.comment = true;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.flush_text();
        self.flush_attribute();
        if self.kind == TagKind::StartTag {
            self.last_start_tag.clear();
            self.last_start_tag.extend_from_slice(&self.name);
        }
        let tag = Tag {
            kind: self.kind,
            name: local_name(&self.name),
            self_closing: self.self_closing,
            attrs: std::mem::take(&mut self.attributes),
            had_duplicate_attributes: false,
        };
        // What the tree builder may do for a tag without anything that is put into the tree.
        let _spent = self.work.spend(4);
        self.feed(Token::TagToken(tag))
    }

    fn emit_current_comment(&mut self) {
        self.comment = false;
        self.flush_text();
        self.feed(Token::CommentToken(StrTendril::new()));
    }

    fn emit_current_doctype(&mut self) {
        self.flush_text();
        let doctype = Doctype {
            name: (!self.doctype_name.is_empty()).then(|| tendril(&self.doctype_name)),
            public_id: self.public_id.as_deref().map(tendril),
            system_id: self.system_id.as_deref().map(tendril),
            force_quirks: self.doctype.force_quirks,
        };
        self.feed(Token::DoctypeToken(doctype));
    }

    fn set_self_closing(&mut self) {
        self.self_closing = self.kind == TagKind::StartTag;
    }

    fn set_force_quirks(&mut self) {
        self.doctype.force_quirks = true;
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        self.name.extend_from_slice(name);
    }

    fn push_comment(&mut self, _text: &[u8]) {}

    fn push_doctype_name(&mut self, name: &[u8]) {
        self.doctype_name.extend_from_slice(name);
    }

    fn init_doctype(&mut self) {
        self.doctype.force_quirks = false;
        self.doctype_name.clear();
        (self.public_id, self.system_id) = (None, None);
    }

    fn init_attribute(&mut self) {
        self.flush_attribute();
        self.attribute_name.clear();
        self.attribute_value.clear();
        self.in_attribute = true;
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        self.attribute_name.extend_from_slice(name);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        self.attribute_value.extend_from_slice(value);
    }

    fn set_doctype_public_identifier(&mut self, value: &[u8]) {
        self.public_id = Some(value.to_vec());
    }

    fn set_doctype_system_identifier(&mut self, value: &[u8]) {
        self.system_id = Some(value.to_vec());
    }

    fn push_doctype_public_identifier(&mut self, value: &[u8]) {
        self.public_id.get_or_insert_default().extend_from_slice(value);
    }

    fn push_doctype_system_identifier(&mut self, value: &[u8]) {
        self.system_id.get_or_insert_default().extend_from_slice(value);
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.kind == TagKind::EndTag
            && !self.last_start_tag.is_empty()
            && self.last_start_tag == self.name
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.tree.adjusted_current_node_present_but_not_in_html_namespace()
    }
}
