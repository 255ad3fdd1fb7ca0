//! A sign of life for an outside watcher, for as long as the watch is well.

use std::time::Duration;

use gather_core::Method;
use url::Url;

use super::http::HttpRequest;

/// Where to say it, and how often.
#[derive(Clone)]
pub(super) struct Heartbeat {
    pub(super) url: Url,
    /// Told at once, and again each time, when the watch is not well; without it, nothing is said.
    pub(super) fail: Option<Url>,
    pub(super) every: Duration,
    pub(super) method: Method,
    pub(super) headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heartbeat").field("every", &self.every).finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// What to send, by whether the watch is well.
    pub(super) fn request(&self, health: &Result<(), String>) -> Option<HttpRequest> {
        let (url, body) = match health {
            Ok(()) => (&self.url, ""),
            Err(why) => (self.fail.as_ref()?, why.as_str()),
        };
        let is_bodiless = self.method == Method::GET || self.method == Method::HEAD;
        Some(HttpRequest {
            url: url.clone(),
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: if is_bodiless { Vec::new() } else { body.as_bytes().to_vec() },
        })
    }
}
