//! A page under extraction: parsed at most once in each way that its rules need.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use serde_json::Value;
use url::Url;

use crate::charset;
use crate::css::{Caches, Candidates, Lookup};
use crate::dom::Dom;
use crate::limits::{Limits, Stopped, Work};

/// What was fetched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// The body, decoded from its transfer and content codings.
    pub body: &'a [u8],
    /// The `Content-Type` as sent.
    pub content_type: Option<&'a str>,
    /// Where it came from; relative URLs are resolved by it.
    pub final_url: Option<&'a Url>,
    /// The response's headers, names in any case.
    pub headers: &'a [(Box<str>, Box<str>)],
}

/// A page, and what was made of it so far.
pub(crate) struct Parsed<'a> {
    pub(crate) page: &'a Page<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) work: &'a Work<'a>,
    lookup: &'a Lookup,
    text: OnceCell<Cow<'a, str>>,
    html: OnceCell<Result<Html, Stopped>>,
    json: OnceCell<Result<Value, Box<str>>>,
    linked_data: OnceCell<Result<Value, Stopped>>,
    base: OnceCell<Option<Url>>,
    pub(crate) caches: RefCell<Caches>,
}

/// The tree, and what the selectors may match in it.
#[derive(Debug)]
pub(crate) struct Html {
    pub(crate) dom: Dom,
    pub(crate) candidates: Candidates,
}

impl<'a> Parsed<'a> {
    pub(crate) fn new(
        page: &'a Page<'a>,
        lookup: &'a Lookup,
        limits: &'a Limits,
        work: &'a Work<'a>,
    ) -> Result<Self, Stopped> {
        if page.body.len() > limits.page_bytes_max.min(u32::MAX as usize / 4) {
            return Err(Stopped::PageBytes(limits.page_bytes_max));
        }
        Ok(Self {
            page,
            limits,
            work,
            lookup,
            text: OnceCell::new(),
            html: OnceCell::new(),
            json: OnceCell::new(),
            linked_data: OnceCell::new(),
            base: OnceCell::new(),
            caches: RefCell::default(),
        })
    }

    /// The host it came from.
    pub(crate) fn host(&self) -> Option<&'a str> {
        self.page.final_url?.host_str()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        self.text
            .get_or_init(|| charset::decode(self.page.body, self.page.content_type, self.host()).0)
    }

    /// The body as a tree.
    pub(crate) fn html(&self) -> Result<&Html, Stopped> {
        let parse = || {
            let dom = Dom::parse(self.text(), self.limits, self.work)?;
            let candidates = self.lookup.candidates(&dom, self.work)?;
            Ok(Html { dom, candidates })
        };
        self.html.get_or_init(parse).as_ref().map_err(|stopped| *stopped)
    }

    /// The body as JSON, or why it is none.
    pub(crate) fn json(&self) -> Result<&Value, &str> {
        let parse = || {
            // Steps for every byte: building the values takes longer than reading them.
            let _spent = self.work.spend(self.page.body.len() as u64 / 16);
            serde_json::from_str(self.text()).map_err(|error| error.to_string().into())
        };
        self.json.get_or_init(parse).as_ref().map_err(|error| &**error)
    }

    /// Why the body is no JSON, if somebody asked for it as such.
    pub(crate) fn json_error(&self) -> Option<&str> {
        self.json.get()?.as_ref().err().map(|error| &**error)
    }

    /// The nodes of its JSON-LD.
    pub(crate) fn linked_data(&self) -> Result<&Value, Stopped> {
        let parse = || crate::structured::linked_data(&self.html()?.dom, self.work);
        self.linked_data.get_or_init(parse).as_ref().map_err(|stopped| *stopped)
    }

    /// What relative URLs are resolved by: `<base href>`, else the page's address.
    pub(crate) fn base(&self) -> Option<&Url> {
        let find = || {
            let own = self.page.final_url;
            // A page that is not needed as a tree for anything else has no base to look for.
            let Some(Ok(Html { dom, .. })) = self.html.get() else { return own.cloned() };
            let mut bases = dom.elements_in(0).filter(|(_, element)| element.is_html("base"));
            let href = bases.find_map(|(_, element)| dom.attribute(element, "href"));
            let base = href.and_then(|href| crate::value::url(href, own));
            base.filter(|base| matches!(base.scheme(), "http" | "https")).or(own.cloned())
        };
        self.base.get_or_init(find).as_ref()
    }

    /// Its language, as `<html lang>` or the header has it.
    pub(crate) fn language(&self) -> Option<&str> {
        let declared = match self.html.get() {
            Some(Ok(Html { dom, .. })) => {
                let mut all = dom.elements_in(0).filter(|(_, element)| element.is_html("html"));
                all.find_map(|(_, element)| dom.attribute(element, "lang"))
            }
            _ => None,
        };
        let declared = declared.map(str::trim).filter(|language| !language.is_empty());
        declared.or_else(|| {
            let header = self.header("content-language").next()?;
            Some(header.split(',').next().unwrap_or_default().trim())
        })
    }

    /// The values of a header.
    pub(crate) fn header<'b>(&self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        let all = self.page.headers.iter();
        all.filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}
