//! The request of a target: constant headers built once, credentials only for their origin.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use gather_core::attempt::ChainLink;
use gather_core::cache::Stored;
use gather_core::target::has_userinfo;
use gather_core::{ErrorKind, Failure, HostKey, Method, Target};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, Request, StatusCode, Uri};
use url::{Position, Url};

use crate::conn::{Link, RequestBody};
use crate::decode;
use crate::dial::Protocol;
use crate::pool::Origin;

/// A credential: never in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be sent and not to be shown.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Adds to each request what only its final form allows: a signature, a fresh token.
///
/// It is asked only for requests to the origin of the target's own URL.
pub trait Sign: Send + Sync {
    /// What it adds, as a number that differs whenever that may differ; `None` where it cannot be
    /// said beforehand. Answers are only taken from a cache where it can.
    fn fingerprint(&self) -> Option<u64> {
        None
    }

    /// May add to `headers`, or replace some. An error fails the try as `input.invalid`, with
    /// its text as the message.
    fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String>;
}

/// The keys of queries whose values are secrets (`--redact-query`): they are replaced with `***`
/// wherever a URL is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedactQuery(Arc<[Box<str>]>);

impl RedactQuery {
    /// These keys, whatever their case.
    pub fn new<S: Into<Box<str>>>(keys: impl IntoIterator<Item = S>) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The URL with the values of the keys replaced.
    pub fn url<'u>(&self, url: &'u Url) -> Cow<'u, Url> {
        match url.query().and_then(|query| self.query(query)) {
            None => Cow::Borrowed(url),
            Some(query) => {
                let mut url = url.clone();
                url.set_query(Some(&query));
                Cow::Owned(url)
            }
        }
    }

    /// A text that ends with a URL, the values in its query replaced; `None` if there is none of them.
    pub fn text(&self, text: &str) -> Option<String> {
        let (before, rest) = text.split_once('?')?;
        let (query, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
        Some(format!("{before}?{}{fragment}", self.query(query)?))
    }

    /// The query (what follows `?`) with the values replaced; `None` if there is none of them.
    pub fn query(&self, query: &str) -> Option<String> {
        let is_secret = |pair: &&str| {
            let (key, _) = pair.split_once('=').unwrap_or((pair, ""));
            let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
            self.0.iter().any(|known| known.eq_ignore_ascii_case(&key))
        };
        if self.0.is_empty() || !query.split('&').any(|pair| is_secret(&pair)) {
            return None;
        }
        let pairs: Vec<Cow<'_, str>> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, _)) if is_secret(&pair) => format!("{key}={REDACTED}").into(),
                _ => pair.into(),
            })
            .collect();
        Some(pairs.join("&"))
    }
}

/// What stands where a secret stood.
const REDACTED: &str = "***";

/// Headers that tell nothing about who asks; any other may be a key.
const HARMLESS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "host",
    "if-modified-since",
    "if-none-match",
    "pragma",
    "range",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
];

/// The head of a request to `url` as it is sent over HTTP/1.1 (and in that form for HTTP/2), but
/// for headers that were given to us and may be a secret: their values are replaced.
pub(crate) fn archived_head(request: &Request<RequestBody>, url: &Url) -> Bytes {
    let mut head = BytesMut::new();
    let is_absolute = request.uri().scheme().is_some() && request.headers().contains_key(HOST);
    let target = match is_absolute {
        true => &url[..Position::AfterQuery],
        false => &url[Position::BeforePath..Position::AfterQuery],
    };
    head.extend_from_slice(format!("{} {target} HTTP/1.1\r\n", request.method()).as_bytes());
    if !request.headers().contains_key(HOST) {
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        header_line(&mut head, "host", authority.as_bytes());
    }
    for (name, value) in request.headers() {
        let is_secret = value.is_sensitive() && !HARMLESS.contains(&name.as_str());
        let value = if is_secret { REDACTED.as_bytes() } else { value.as_bytes() };
        header_line(&mut head, name.as_str(), value);
    }
    head.extend_from_slice(b"\r\n");
    head.freeze()
}

pub(crate) fn header_line(head: &mut BytesMut, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// Which codings are offered in `Accept-Encoding`. Whatever comes is decoded all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// All that can be decoded.
    #[default]
    All,
    /// The header is not sent.
    Unsaid,
}

/// What all requests of a run have in common.
pub(crate) struct RequestDefaults {
    pub(crate) method: Method,
    pub(crate) body: Option<Bytes>,
    /// Without `Host`: that is the origin's.
    headers: HeaderMap,
    /// The same without anything that could be a credential.
    bare_headers: HeaderMap,
    pub(crate) signer: Option<Arc<dyn Sign>>,
    /// The map of the response that was read last, emptied: with room for the next request and, as
    /// hyper reads its response into the same one, for the lines of that.
    spare: RefCell<HeaderMap>,
}

/// The parts of `ClientOptions` that become headers.
pub(crate) struct HeaderOptions<'a> {
    pub(crate) headers: &'a [(String, String)],
    pub(crate) user_agent: &'a str,
    pub(crate) basic_auth: Option<&'a Secret>,
    pub(crate) cookies: Option<&'a Secret>,
    pub(crate) accept_encoding: AcceptEncoding,
}

impl RequestDefaults {
    /// # Errors
    /// The name of the header that cannot be sent.
    pub(crate) fn new(
        method: Method,
        body: Option<Bytes>,
        options: &HeaderOptions<'_>,
        signer: Option<Arc<dyn Sign>>,
    ) -> Result<Self, String> {
        let mut bare_headers = HeaderMap::new();
        if !options.user_agent.is_empty() {
            bare_headers.insert(USER_AGENT, header_value("user-agent", options.user_agent)?);
        }
        bare_headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if options.accept_encoding == AcceptEncoding::All {
            bare_headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(decode::OFFERED));
        }
        let mut headers = bare_headers.clone();
        if let Some(user_password) = options.basic_auth {
            headers.insert(AUTHORIZATION, basic(user_password.expose()));
        }
        if let Some(cookies) = options.cookies {
            headers.insert(COOKIE, secret(header_value("cookie", cookies.expose())?));
        }
        override_headers(&mut headers, options.headers)?;
        if let Some(user_agent) = headers.get(USER_AGENT) {
            bare_headers.insert(USER_AGENT, user_agent.clone());
        }
        Ok(Self { method, body, headers, bare_headers, signer, spare: RefCell::default() })
    }

    /// Takes back the headers of a response that are read.
    pub(crate) fn reuse(&self, mut headers: HeaderMap) {
        headers.clear();
        self.spare.replace(headers);
    }
}

/// What a redirect makes of the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MethodAfter {
    /// The same, with the same body.
    Stays,
    /// GET without a body.
    BecomesGet,
}

/// What is sent: derived from the target, the URL and the redirects so far.
pub(crate) struct Outgoing<'a> {
    target: &'a Target,
    defaults: &'a RequestDefaults,
    pub(crate) method: Method,
    pub(crate) body: Option<Bytes>,
    /// What the answer is compared with, as long as no redirect was followed.
    stored: Option<&'a Stored>,
    /// `Authorization` from the target's URL.
    userinfo: Option<HeaderValue>,
}

impl<'a> Outgoing<'a> {
    /// Whether an answer of this status has no body, whatever it says (RFC 9112 section 6.3).
    pub(crate) fn is_bodiless(&self, status: StatusCode) -> bool {
        self.method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    pub(crate) fn new(
        target: &'a Target,
        defaults: &'a RequestDefaults,
        chain: &[ChainLink],
    ) -> Self {
        let spec = target.request.as_deref();
        let method = spec.and_then(|spec| spec.method.clone());
        let mut outgoing = Self {
            target,
            defaults,
            method: method.unwrap_or_else(|| defaults.method.clone()),
            body: spec.and_then(|spec| spec.body.clone()).or_else(|| defaults.body.clone()),
            stored: target.cache.as_ref().and_then(|ticket| ticket.stored.as_ref()),
            userinfo: userinfo(&target.url),
        };
        for link in chain {
            outgoing.redirected(link.status);
        }
        outgoing
    }

    /// What a redirect of this status makes of the method (RFC 9110 section 15.4).
    pub(crate) fn after_redirect(&self, status: u16) -> MethodAfter {
        let to_get = match status {
            303 => !matches!(self.method.as_str(), "GET" | "HEAD"),
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if to_get { MethodAfter::BecomesGet } else { MethodAfter::Stays }
    }

    /// Changes method and body as a redirect of this status asks.
    pub(crate) fn redirected(&mut self, status: u16) {
        self.stored = None;
        if self.after_redirect(status) == MethodAfter::BecomesGet {
            self.becomes_get();
        }
    }

    /// Makes it a request for nothing but an answer.
    pub(crate) fn becomes_get(&mut self) {
        self.method = Method::GET;
        self.body = None;
    }

    /// The request for `url` over a connection of `origin`.
    ///
    /// # Errors
    /// `input.invalid` when a header of the target, or the signer, makes it impossible.
    pub(crate) fn request(
        &self,
        url: &Url,
        origin: &Origin,
        link: &Link,
        protocol: Protocol,
    ) -> Result<Request<RequestBody>, Failure> {
        let mut request = Request::new(RequestBody::new(self.body.clone().unwrap_or_default()));
        *request.method_mut() = match self.method.as_str() {
            "GET" => http::Method::GET,
            name => http::Method::from_bytes(name.as_bytes()).map_err(|_| invalid("method"))?,
        };
        *request.uri_mut() = self.uri(url, link, protocol)?;
        *request.headers_mut() = self.headers(url, origin, protocol)?;
        if let Some(authorization) =
            link.forward_proxy.as_ref().and_then(|proxy| proxy.authorization.as_ref())
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    /// Origin-form; absolute-form for HTTP/2 and proxies (RFC 9112 section 3.2).
    fn uri(&self, url: &Url, link: &Link, protocol: Protocol) -> Result<Uri, Failure> {
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let text = if protocol == Protocol::Http2 || link.forward_proxy.is_some() {
            let authority = &url[Position::BeforeHost..Position::AfterPort];
            Bytes::from(format!("{}://{authority}{path}", url.scheme()))
        } else {
            Bytes::copy_from_slice(path.as_bytes())
        };
        Uri::from_maybe_shared(text).map_err(|_| invalid("path"))
    }

    fn headers(
        &self,
        url: &Url,
        origin: &Origin,
        protocol: Protocol,
    ) -> Result<HeaderMap, Failure> {
        let is_own = origin.key == self.target.host;
        let constant = match is_own {
            true => origin.headers.get_or_init(|| with_host(&self.defaults.headers, &origin.key)),
            false => origin
                .bare_headers
                .get_or_init(|| with_host(&self.defaults.bare_headers, &origin.key)),
        };
        let mut headers = self.defaults.spare.take();
        headers.extend(constant.iter().map(|(name, value)| (name.clone(), value.clone())));
        if protocol == Protocol::Http2 {
            // `:authority` says it (RFC 9113 section 8.3.1).
            headers.remove(HOST);
        }
        if is_own {
            self.add_own(url, &mut headers)?;
        }
        let expects_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        match &self.body {
            Some(body) => headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len())),
            None if expects_body => headers.insert(CONTENT_LENGTH, HeaderValue::from(0)),
            None if self.target.request.is_some() || self.defaults.signer.is_some() => {
                headers.remove(CONTENT_LENGTH)
            }
            // The constant ones have none.
            None => None,
        };
        Ok(headers)
    }

    /// What goes to the origin of the target's own URL only.
    fn add_own(&self, url: &Url, headers: &mut HeaderMap) -> Result<(), Failure> {
        if let Some(userinfo) = &self.userinfo {
            headers.insert(AUTHORIZATION, userinfo.clone());
        }
        if let Some(spec) = self.target.request.as_deref() {
            override_headers(headers, &spec.headers).map_err(|name| invalid(&name))?;
        }
        if let Some(stored) = self.stored {
            add_conditions(stored, headers);
        }
        if let Some(signer) = &self.defaults.signer {
            let body = self.body.as_deref().unwrap_or_default();
            let before = headers.clone();
            let signed = signer.sign(&self.method, url, headers, body);
            signed.map_err(|error| Failure::new(ErrorKind::InputInvalid, error))?;
            for (name, value) in headers.iter_mut() {
                if !before.get_all(name).iter().any(|known| known == value) {
                    value.set_sensitive(true);
                }
            }
        }
        Ok(())
    }
}

/// Asks for an answer only if it is another one (RFC 9111 section 4.3.1). What the caller asked for
/// stands.
fn add_conditions(stored: &Stored, headers: &mut HeaderMap) {
    let conditions = [(IF_NONE_MATCH, &stored.etag), (IF_MODIFIED_SINCE, &stored.last_modified)];
    for (name, validator) in conditions {
        if let Some(value) = validator.as_deref().and_then(|text| HeaderValue::from_str(text).ok())
        {
            headers.entry(name).or_insert(value);
        }
    }
}

/// The same URL without user and password.
pub(crate) fn without_userinfo(mut url: Cow<'_, Url>) -> Cow<'_, Url> {
    if has_userinfo(&url) {
        let url = url.to_mut();
        // They fail only where there is no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url
}

fn userinfo(url: &Url) -> Option<HeaderValue> {
    if !has_userinfo(url) {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    Some(basic(pair))
}

/// RFC 7617.
fn basic(user_password: impl AsRef<[u8]>) -> HeaderValue {
    let text = format!("Basic {}", BASE64.encode(user_password));
    secret(HeaderValue::try_from(text).expect("base64 is visible ASCII"))
}

fn with_host(headers: &HeaderMap, key: &HostKey) -> HeaderMap {
    let mut with_host = HeaderMap::with_capacity(headers.len() + 2);
    let default_port = key.port() == key.scheme().default_port();
    let host = match default_port {
        true => key.host().to_owned(),
        false => format!("{}:{}", key.host(), key.port()),
    };
    // A host that is no header value is no host either; the server then says so.
    let host = HeaderValue::try_from(host).unwrap_or(HeaderValue::from_static(""));
    with_host.insert(HOST, host);
    with_host.extend(headers.clone());
    // A body that is sent says it.
    with_host.remove(CONTENT_LENGTH);
    with_host
}

/// Puts `overrides` in place of headers of the same name. A name given several times is sent so
/// often; one with an empty value is not sent at all (as curl's `-H 'Accept:'`).
fn override_headers(headers: &mut HeaderMap, overrides: &[(String, String)]) -> Result<(), String> {
    for (i, (name, text)) in overrides.iter().enumerate() {
        let parsed = HeaderName::try_from(name.as_str()).map_err(|_| name.clone())?;
        let is_first = !overrides[..i].iter().any(|(before, _)| before.eq_ignore_ascii_case(name));
        if text.is_empty() {
            headers.remove(&parsed);
        } else if is_first {
            headers.insert(parsed, secret(header_value(name, text)?));
        } else {
            headers.append(parsed, secret(header_value(name, text)?));
        }
    }
    Ok(())
}

fn header_value(name: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| name.to_owned())
}

/// Keeps the value out of `Debug`, and out of HTTP/2's compression tables.
fn secret(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn invalid(what: &str) -> Failure {
    Failure::new(ErrorKind::InputInvalid, format!("the request's {what} cannot be sent"))
}
