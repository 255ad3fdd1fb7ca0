//! Who may enter: by a header, or by a form that leaves a cookie.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::answer::{self, root_of};
use super::asked::Asks;
use super::guard::is_https;
use super::routes::SharedSite;
use crate::assets::ASSETS;
use crate::options::Token;
use crate::view::Plain;

/// Sent along also where a link in an alert leads here (`Lax`): nothing here changes anything.
const COOKIE: &str = "gather_session";
/// A month: then the token is asked for again.
const COOKIE_SECONDS: u32 = 30 * 86_400;
/// Bytes of the form.
const FORM_BYTES_MAX: usize = 4_096;
/// Until the form is there.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the address to go back to.
const TO_BYTES_MAX: usize = 1_024;

/// What the form sends.
#[derive(Deserialize)]
struct Form {
    token: String,
    #[serde(default)]
    to: String,
}

/// Where the form leads to when it is asked for by itself.
#[derive(Default, Deserialize)]
pub(super) struct To {
    #[serde(default)]
    to: String,
}

/// Whether these headers have the token, or what a browser keeps in its place.
pub(super) fn may_enter(token: &Token, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| {
        let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(rest.trim_ascii())
    });
    given.is_some_and(|given| token.is(given)) || has_session(token, headers)
}

fn has_session(token: &Token, headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.any(|pair| {
        let (name, value) = pair.trim().split_once('=').unwrap_or_default();
        name == COOKIE && token.is_session(value.as_bytes())
    })
}

/// The answer to who may not enter: the form for people, a status for programs.
pub(super) fn ask(request: &Request, title: &str) -> Response {
    let uri = request.uri();
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_page = accepts.is_some_and(|accepts| accepts.contains("text/html"))
        && !uri.path().starts_with("/api/")
        && !request.headers().contains_key(header::AUTHORIZATION);
    let mut response = match is_page && request.method() == Method::GET {
        true => {
            let to = uri.path_and_query().map_or("", |to| to.as_str());
            form(title, uri.path(), to.trim_start_matches('/'), Wrong::No)
        }
        false => {
            answer::problem(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer")
        }
    };
    let bearer = HeaderValue::from_static("Bearer realm=\"gather\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    response
}

/// Whether a token was given that is not the one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    No,
    Yes,
}

fn form(title: &str, path: &str, to: &str, wrong: Wrong) -> Response {
    let text = match wrong {
        Wrong::No => "This page is for those who have its token.",
        Wrong::Yes => "That is not the token.",
    };
    let root = root_of(path);
    let is_wrong = wrong == Wrong::Yes;
    let to = if to.len() > TO_BYTES_MAX { "" } else { to };
    let (style, icon) = (ASSETS.style.name, ASSETS.icon.name);
    let page = Plain { title, text, root, home: ".", style, icon, to, is_login: true, is_wrong };
    answer::html(StatusCode::UNAUTHORIZED, &page)
}

/// `GET /login`.
pub(super) async fn show(State(site): State<SharedSite>, Asks(to): Asks<To>) -> Response {
    match site.options.token {
        Some(_) => form(&site.options.title, "/login", &to.to, Wrong::No),
        None => back(&to.to),
    }
}

/// `POST /login`.
pub(super) async fn enter(State(site): State<SharedSite>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Some(token) = &site.options.token else { return back("") };
    if !is_own_form(&headers) {
        return answer::problem(StatusCode::FORBIDDEN, "the form was sent by another site");
    }
    let body = axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX);
    let Ok(Ok(body)) = tokio::time::timeout(FORM_TIMEOUT, body).await else {
        return answer::problem(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long, or too slow");
    };
    let as_form = Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .expect("it is a request");
    let parsed = <axum::Form<Form> as axum::extract::FromRequest<()>>::from_request(as_form, &());
    let Ok(axum::Form(form_given)) = parsed.await else {
        return answer::problem(StatusCode::BAD_REQUEST, "the form has no token");
    };
    if !token.is(form_given.token.as_bytes()) {
        return form(&site.options.title, "/login", &form_given.to, Wrong::Yes);
    }
    let secure = if is_https(&headers) { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={}; HttpOnly; SameSite=Lax; Path=/; Max-Age={COOKIE_SECONDS}{secure}",
        token.session()
    );
    with_cookie(back(&form_given.to), &cookie)
}

/// `GET /logout`.
pub(super) async fn leave() -> Response {
    with_cookie(back(""), &format!("{COOKIE}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let cookie = HeaderValue::from_str(cookie).expect("a hash in hexadecimal is a header");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Back to a page of this site: what was asked for is a path below where this was sent to, whatever
/// it says.
fn back(to: &str) -> Response {
    let location = HeaderValue::from_str(&format!("./{to}"));
    let location = location.unwrap_or(HeaderValue::from_static("./"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// Whether a form comes from a page of this site: browsers say where it stood.
fn is_own_form(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null")) {
        None => true,
        // `Referrer-Policy: no-referrer` makes browsers say `null`; then they say this instead.
        Some("null") => headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin"),
        Some(origin) => origin.split_once("://").is_some_and(|(_, of)| of == host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(header).collect()
    }

    #[test]
    fn a_token_is_a_header_or_a_session() {
        let token = Token::new("0123456789abcdef").unwrap();
        let session = format!("a=b; gather_session={}; c=d", token.session());
        for (pairs, may) in [
            (vec![("authorization", "Bearer 0123456789abcdef")], true),
            (vec![("authorization", "bearer  0123456789abcdef")], true),
            (vec![("authorization", "Bearer 0123456789abcdeF")], false),
            (vec![("authorization", "Basic 0123456789abcdef")], false),
            (vec![("authorization", "Bearer ")], false),
            (vec![("cookie", session.as_str())], true),
            (vec![("cookie", "gather_session=0123456789abcdef")], false),
            (vec![("cookie", "gather_session=")], false),
            (vec![], false),
        ] {
            assert_eq!(may_enter(&token, &headers(&pairs)), may, "{pairs:?}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let host = ("host", "status.example.org");
        for (pairs, is_own) in [
            (vec![host], true),
            (vec![host, ("origin", "https://status.example.org")], true),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("origin", "null"), ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("origin", "null"), ("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(is_own_form(&headers(&pairs)), is_own, "{pairs:?}");
        }
    }

    #[test]
    fn the_way_back_stays_on_this_site() {
        for to in ["targets/5?x=1", "//evil.example", "https://evil.example", "\r\nset-cookie: a=b"]
        {
            let response = back(to);
            let location = response.headers()[header::LOCATION].to_str().unwrap();
            assert!(location.starts_with("./"), "{location}");
        }
    }
}
