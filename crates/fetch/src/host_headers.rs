//! Headers for single hosts, added to their requests alone.

use std::collections::HashMap;

use gather_core::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::client::ClientError;
use crate::request::Sign;

/// Headers by host, such as an API's token. As with every [`Sign`], a redirect to another origin
/// never carries them along.
pub struct HostHeaders(HashMap<String, HeaderMap>);

impl HostHeaders {
    /// Headers for each host, named `api.example` or `api.example:8443` (which wins); they take
    /// the place of general ones of the same name.
    ///
    /// # Errors
    /// The name of a header that cannot be sent.
    pub fn new(
        hosts: impl IntoIterator<Item = (String, Vec<(String, String)>)>,
    ) -> Result<Self, ClientError> {
        let mut by_host = HashMap::new();
        for (host, pairs) in hosts {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let wrong = || ClientError::Header(name.clone());
                let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
                let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
                value.set_sensitive(true);
                headers.append(key, value);
            }
            by_host.insert(host.to_ascii_lowercase(), headers);
        }
        Ok(Self(by_host))
    }

    fn of(&self, url: &Url) -> Option<&HeaderMap> {
        let host = url.host_str()?;
        let port = url.port_or_known_default()?;
        self.0.get(&format!("{host}:{port}")).or_else(|| self.0.get(host))
    }
}

impl Sign for HostHeaders {
    fn fingerprint(&self) -> Option<u64> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .flat_map(|(host, headers)| {
                headers.iter().map(move |(name, value)| (host, name.as_str(), value.as_bytes()))
            })
            .collect();
        all.sort_unstable();
        let mut hash = Sha256::new();
        for (host, name, value) in all {
            for part in [host.as_bytes(), name.as_bytes(), value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        hash.finalize().first_chunk().map(|first| u64::from_le_bytes(*first))
    }

    fn sign(
        &self,
        _method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        _body: &[u8],
    ) -> Result<(), String> {
        let Some(own) = self.of(url) else { return Ok(()) };
        for name in own.keys() {
            headers.remove(name);
            for value in own.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gets_its_own_headers_and_no_other_does() {
        let list = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        let own = HostHeaders::new([
            ("API.example".to_owned(), list(&[("Authorization", "a"), ("X", "1"), ("X", "2")])),
            ("api.example:8443".to_owned(), list(&[("Authorization", "b")])),
        ])
        .expect("headers that can be sent");
        for (url, expected) in [
            ("https://api.example/x", "authorization=a x=1 x=2"),
            ("http://api.example:8080/", "authorization=a x=1 x=2"),
            ("https://api.example:8443/", "authorization=b x=general"),
            ("https://www.api.example/", "x=general"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x", HeaderValue::from_static("general"));
            let url = Url::parse(url).expect("a URL");
            own.sign(&Method::GET, &url, &mut headers, b"").expect("nothing can fail");
            let mut sent: Vec<String> = headers
                .iter()
                .map(|(name, value)| format!("{name}={}", value.to_str().expect("text")))
                .collect();
            sent.sort();
            assert_eq!(sent.join(" "), expected, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (name, value) in [("a b", "x"), ("a", "x\ny")] {
            let headers = vec![(name.to_owned(), value.to_owned())];
            assert!(HostHeaders::new([("h".to_owned(), headers)]).is_err(), "{name}: {value:?}");
        }
    }
}
