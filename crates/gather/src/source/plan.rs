//! What is made of each argument or row: its URL, its request and its tags.

use std::sync::Arc;

use bytes::Bytes;
use gather_core::target::{RequestSpec, Tags};

use super::SourceError;
use super::batch::Extras;
use super::parse::Reject;
use super::template::{Axes, Position, Syntax, Template};

/// The run's request, whose headers and body may be templates.
#[derive(Clone, Default)]
pub(super) struct RequestPlan {
    spec: Option<Arc<RequestSpec>>,
    /// Header values, in order; empty if the whole request is literal.
    headers: Vec<Template>,
    body: Option<Template>,
}

impl RequestPlan {
    pub(super) fn new(spec: Option<Arc<RequestSpec>>) -> Result<Self, SourceError> {
        let mut plan = Self { spec, ..Self::default() };
        let Some(spec) = &plan.spec else { return Ok(plan) };
        let headers = spec
            .headers
            .iter()
            .map(|(_, value)| Template::parse(value, Syntax::Text))
            .collect::<Result<Vec<_>, _>>()?;
        let body = spec.body.as_deref().and_then(|body| std::str::from_utf8(body).ok());
        let body = body.map(|text| Template::parse(text, Syntax::Text)).transpose()?;
        plan.body = body.filter(|body| !body.is_literal());
        if plan.body.is_some() || headers.iter().any(|header| !header.is_literal()) {
            plan.headers = headers;
        }
        Ok(plan)
    }

    /// The error that the templates list values although no URL template is expanded with them.
    pub(super) fn check_no_lists(&self) -> Result<(), SourceError> {
        self.headers.iter().chain(&self.body).find_map(Template::no_lists_here).map_or(Ok(()), Err)
    }

    /// The request for one target; `own`, from its row, goes before the run's.
    pub(super) fn fill(
        &self,
        axes: &Axes,
        at: &Position,
        row: &Tags,
        own: Option<RequestSpec>,
    ) -> Result<Option<Arc<RequestSpec>>, Reject> {
        let is_literal = self.headers.is_empty() && self.body.is_none();
        let spec = match (&self.spec, own) {
            (None, None) => return Ok(None),
            (None, Some(own)) => own,
            (Some(spec), None) if is_literal => return Ok(Some(Arc::clone(spec))),
            (Some(spec), own) => merge(self.expand(spec, axes, at, row), own.unwrap_or_default()),
        };
        check_headers(&spec)?;
        Ok(Some(Arc::new(spec)))
    }

    fn expand(&self, spec: &RequestSpec, axes: &Axes, at: &Position, row: &Tags) -> RequestSpec {
        let fill = |template: &Template| {
            template.expand(axes, at, row).expect("text keeps a placeholder it cannot fill")
        };
        let mut spec = spec.clone();
        for ((_, value), template) in spec.headers.iter_mut().zip(&self.headers) {
            *value = fill(template);
        }
        if let Some(body) = &self.body {
            spec.body = Some(Bytes::from(fill(body)));
        }
        spec
    }

    fn templates_mut(&mut self) -> impl Iterator<Item = &mut Template> {
        self.headers.iter_mut().chain(&mut self.body)
    }
}

fn merge(run: RequestSpec, own: RequestSpec) -> RequestSpec {
    let mut headers = run.headers;
    headers.retain(|(name, _)| !own.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
    headers.extend(own.headers);
    RequestSpec {
        method: own.method.or(run.method),
        headers,
        body: own.body.or(run.body),
        timeout: own.timeout.or(run.timeout),
        avoid: own.avoid.or(run.avoid),
        extract: own.extract.or(run.extract),
    }
}

/// A value from a row must not become a header of its own (RFC 9110 section 5.5).
fn check_headers(spec: &RequestSpec) -> Result<(), Reject> {
    for (name, value) in &spec.headers {
        if gather_core::Method::from_name(name).is_none() {
            return Err(Reject::invalid(format!("{name:?} is no header name")));
        }
        if value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
            let message = format!("the value of header {name} contains a control character");
            return Err(Reject::invalid(message));
        }
    }
    Ok(())
}

/// A URL template with the request that is expanded together with it.
pub(super) struct UrlPlan {
    text: Box<str>,
    url: Template,
    request: RequestPlan,
    axes: Axes,
}

impl UrlPlan {
    pub(super) fn new(text: &str, request: &RequestPlan) -> Result<Self, SourceError> {
        check_glob(text)?;
        let mut url = Template::parse(text, Syntax::Url)?;
        let mut request = request.clone();
        let mut templates: Vec<&mut Template> = vec![&mut url];
        templates.extend(request.templates_mut());
        let axes = Axes::of(&mut templates)?;
        Ok(Self { text: text.into(), url, request, axes })
    }

    /// As it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether its URL can only be filled from a row.
    pub(super) fn needs_row(&self) -> bool {
        self.url.first_column().is_some()
    }

    /// The error that there are no rows, or that they do not have a column.
    pub(super) fn no_column(&self, columns: Option<&[Arc<str>]>) -> Option<SourceError> {
        let name = self.url.first_column()?;
        let message = match columns {
            None => format!(
                "nothing fills {{{name}}}: list its values ({{{name}:A,B}}), or give rows with -i \
                 FILE.csv; write {{{{ and }}}} for the characters"
            ),
            Some(columns) if columns.iter().all(|column| **column != *name) => {
                format!("no column {name:?}; there are {columns:?}")
            }
            Some(_) => return None,
        };
        Some(self.url.no_column(name, message))
    }

    pub(super) fn first(&self) -> Position {
        self.axes.first()
    }

    pub(super) fn advance(&self, at: &mut Position) -> bool {
        self.axes.advance(at)
    }

    /// URL and extras of one combination with one row.
    pub(super) fn fill(
        &self,
        at: &Position,
        row: &Tags,
        own: Option<RequestSpec>,
    ) -> Result<(String, Extras), Reject> {
        let url = self.url.expand(&self.axes, at, row);
        let url =
            url.map_err(|name| Reject::invalid(format!("the row has no value for {{{name}}}")))?;
        let request = self.request.fill(&self.axes, at, row, own)?;
        let mut tags: Tags = self.axes.tags(at).collect();
        tags.extend(row.iter().filter(|(_, value)| !value.is_empty()).cloned());
        Ok((url, Extras { request, tags }))
    }
}

/// curl's `[0-49]` would be sent as it stands.
fn check_glob(text: &str) -> Result<(), SourceError> {
    for (start, _) in text.match_indices('[') {
        let Some(end) = text[start..].find(']') else { continue };
        let Some((first, last)) = text[start + 1..start + end].split_once('-') else { continue };
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_letter =
            |text: &str| matches!(text.as_bytes(), [byte] if byte.is_ascii_alphabetic());
        if (is_number(first) && is_number(last)) || (is_letter(first) && is_letter(last)) {
            return Err(SourceError::Template {
                text: text.to_owned(),
                position: text[..start].chars().count() + 1,
                message: format!(
                    "a range is written {{{first}..{last}}}; write %5B and %5D for the characters"
                ),
            });
        }
    }
    Ok(())
}
