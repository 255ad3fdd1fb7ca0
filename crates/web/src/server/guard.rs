//! What every request passes, and every answer carries.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::answer;
use super::login;
use super::routes::SharedSite;
use crate::options::Options;

/// The address that a connection came in on.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalAddress(pub(super) IpAddr);

/// Nothing is loaded from elsewhere, nothing is framed, and nothing that a page shows can run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Host, method and token, in this order; then the answer with its headers.
pub(super) async fn guard(
    State(site): State<SharedSite>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&site.options, &request) {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    let cache = HeaderValue::from_static("no-cache");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(cache);
    response
}

fn refusal(options: &Options, request: &Request) -> Option<Response> {
    let local = request.extensions().get::<LocalAddress>().map(|local| local.0);
    if !is_known_host(options, request, local) {
        let text = "This site is not known under that name. Names go into `hosts` under [web].";
        return Some(answer::plain(StatusCode::MISDIRECTED_REQUEST, text));
    }
    let path = request.uri().path();
    let is_login = path == "/login";
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::POST if is_login => {}
        _ => {
            let mut refused = answer::plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(refused);
        }
    }
    let Some(token) = &options.token else { return None };
    let is_open = is_login || path == "/healthz" || answer::is_asset(path);
    if is_open || login::may_enter(token, request.headers()) {
        return None;
    }
    Some(login::ask(request, &options.title))
}

/// A page elsewhere can make a browser ask this address under a name of its own (DNS rebinding).
/// So the name asked for must be one that is known.
fn is_known_host(options: &Options, request: &Request, local: Option<IpAddr>) -> bool {
    let mut given = request.headers().get_all(header::HOST).iter();
    let host = match (request.uri().host(), given.next(), given.next()) {
        (_, _, Some(_)) | (None, None, _) => return false,
        (Some(host), _, None) => host,
        (None, Some(host), None) => match host.to_str() {
            Ok(host) => without_port(host),
            Err(_) => return false,
        },
    };
    let host = host.trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if let Ok(address) = address {
        let address = address.to_canonical();
        let is_own = local.is_some_and(|local| local.to_canonical() == address);
        return is_own || address.is_loopback() || options.hosts.iter().any(|known| known == host);
    }
    let is_loopback = host.eq_ignore_ascii_case("localhost");
    is_loopback || options.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // `::1` without brackets has a colon and no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// The name and scheme under which this request came, for links that must be whole.
pub(super) fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if is_https(headers) { "https" } else { "http" };
    let prefix = headers.get("x-forwarded-prefix").and_then(|prefix| prefix.to_str().ok());
    let is_path = |prefix: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        prefix.starts_with('/') && prefix.bytes().all(is_plain)
    };
    let prefix = prefix.filter(is_path).unwrap_or("").trim_end_matches('/');
    format!("{scheme}://{host}{prefix}/")
}

/// Whether a proxy in front says that it was asked by https.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

/// What is said where there is nothing.
pub(super) async fn nothing(request: Request) -> Response {
    match answer::asset(request.uri().path(), request.headers()) {
        Some(asset) => asset,
        None => answer::missing(request.uri().path()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use gather_store::history::HistoryPlace;

    #[test]
    fn a_site_answers_to_its_own_names_only() {
        let options = Options {
            hosts: vec!["status.example.org".into(), "192.0.2.9".into()],
            ..Options::new(HistoryPlace::Sqlite("gather.db".into()))
        };
        let local = Some("203.0.113.7".parse().unwrap());
        for (host, is_known) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]", true),
            ("203.0.113.7:80", true),
            ("status.example.org", true),
            ("Status.Example.ORG:443", true),
            ("192.0.2.9", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("203.0.113.8", false),
            ("127.0.0.1.evil.example", false),
            ("status.example.org.evil.example", false),
            ("", false),
        ] {
            let request = Request::builder().uri("/").header("host", host).body(Body::empty());
            assert_eq!(is_known_host(&options, &request.unwrap(), local), is_known, "{host}");
        }
        let none = Request::builder().uri("/").body(Body::empty()).unwrap();
        assert!(!is_known_host(&options, &none, local));
        let two = Request::builder().header("host", "localhost").header("host", "evil.example");
        assert!(!is_known_host(&options, &two.body(Body::empty()).unwrap(), local));
        let whole = Request::builder().uri("http://evil.example/").header("host", "localhost");
        assert!(!is_known_host(&options, &whole.body(Body::empty()).unwrap(), local));
    }
}
