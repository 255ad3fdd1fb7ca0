//! Bodies as answers: validators, compression, our own files, and what is said when all fails.

use std::io::Write;
use std::sync::OnceLock;

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use crate::assets::{ASSETS, Asset};
use crate::view::Plain;

/// Bytes below which compression saves less than it costs.
const GZIP_BYTES_MIN: usize = 1_024;

/// A body that was made once, for all who ask for it.
#[derive(Debug)]
pub(super) struct Made {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    gzip: OnceLock<Bytes>,
    tag: HeaderValue,
}

impl Made {
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        // Weak: the compressed body has the same.
        let tag = format!("W/\"{:016x}\"", xxh3_64(body.as_bytes()));
        let tag = HeaderValue::from_str(&tag).expect("hexadecimal is a header");
        Self { status, content_type, body: body.into(), gzip: OnceLock::new(), tag }
    }

    /// The answer to who asked with these headers.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, cookie"));
        if self.status == StatusCode::OK && is_known(asked, &self.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let body = match takes_gzip(asked) && self.body.len() >= GZIP_BYTES_MIN {
            true => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                self.gzip.get_or_init(|| gzip(&self.body)).clone()
            }
            false => self.body.clone(),
        };
        *response.status_mut() = self.status;
        *response.body_mut() = Body::from(body);
        response
    }
}

fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|tags| tags.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}

pub(super) fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings =
        accepted.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(4));
    encoder.write_all(body).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything").into()
}

/// One of our own files.
pub(super) fn asset(path: &str, asked: &HeaderMap) -> Option<Response> {
    static MADE: OnceLock<[Made; 3]> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        ASSETS.all().map(|Asset { content_type, content, .. }| {
            Made::new(StatusCode::OK, content_type, (*content).to_owned())
        })
    });
    let at = ASSETS.all().iter().position(|asset| Some(asset.name) == path.strip_prefix('/'))?;
    let mut response = made[at].answer(asked);
    // The name has the hash of what is in it.
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, for_ever);
    Some(response)
}

pub(super) fn is_asset(path: &str) -> bool {
    ASSETS.all().iter().any(|asset| Some(asset.name) == path.strip_prefix('/'))
}

/// The way to the root from this path; absolute from deeper than any page is.
pub(super) fn root_of(path: &str) -> &'static str {
    match path.bytes().filter(|byte| *byte == b'/').count() {
        0 | 1 => "",
        2 => "../",
        3 => "../../",
        4 => "../../../",
        _ => "/",
    }
}

/// A line of text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// What is wrong, for programs.
pub(super) fn problem(status: StatusCode, message: &str) -> Response {
    let body = json!({ "error": { "message": message } });
    (status, axum::Json(body)).into_response()
}

/// A page with a few words.
pub(super) fn html(status: StatusCode, page: &Plain<'_>) -> Response {
    let body = page.render().expect("a string takes everything");
    (status, axum::response::Html(body)).into_response()
}

/// There is no such page.
pub(super) fn missing(path: &str) -> Response {
    if path.starts_with("/api/") {
        return problem(StatusCode::NOT_FOUND, "there is no such thing");
    }
    words(StatusCode::NOT_FOUND, path, "Not found", "There is no such page, or not any more.")
}

/// The history cannot be read.
pub(super) fn unreadable(path: &str, text: &str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = match path.starts_with("/api/") {
        true => problem(status, text),
        false => words(status, path, "No answer", text),
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn words(status: StatusCode, path: &str, title: &str, text: &str) -> Response {
    let page = Plain {
        title,
        text,
        root: root_of(path),
        home: ".",
        style: ASSETS.style.name,
        icon: ASSETS.icon.name,
        to: "",
        is_login: false,
        is_wrong: false,
    };
    html(status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_sent_again() {
        let made = Made::new(StatusCode::OK, "text/html", "x".repeat(5_000));
        let tag = made.tag.to_str().unwrap();
        for (name, value, status, encoding) in [
            ("accept-encoding", "br, gzip", 200, Some("gzip")),
            ("accept-encoding", "gzip;q=0", 200, None),
            ("accept-encoding", "identity", 200, None),
            ("if-none-match", tag, 304, None),
            ("if-none-match", "\"other\", *", 304, None),
            ("if-none-match", "\"other\"", 200, None),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(name, HeaderValue::from_str(value).unwrap());
            let response = made.answer(&asked);
            assert_eq!(response.status(), status, "{name}: {value}");
            let given = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(given.map(|value| value.to_str().unwrap()), encoding, "{name}: {value}");
        }
    }
}
