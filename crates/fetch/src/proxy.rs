//! Proxies: which one is used for what, from `-x` or the environment.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gather_core::{HostKey, Scheme};
use http::HeaderValue;
use percent_encoding::percent_decode_str;

use crate::options::{OptionsError, parse_host, parse_port, split_host};

/// The port of a proxy whose URL names none; 443 for `https://`. As curl has it.
const DEFAULT_PORT: u16 = 1080;
/// The longest user name or password of SOCKS (RFC 1929 section 2).
const SOCKS_CREDENTIAL_BYTES_MAX: usize = 255;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP: absolute URLs for http, CONNECT for https (RFC 9110 section 9.3.6).
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 (RFC 1928); names are resolved here.
    Socks5,
    /// SOCKS 5; names are resolved by the proxy.
    Socks5h,
}

impl ProxyKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

/// A proxy. Its credentials are not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) kind: ProxyKind,
    /// As in a URL, IPv6 in brackets.
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) credentials: Option<Credentials>,
}

/// Who we are to a proxy; decoded, never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Box<[u8]>,
    pub(crate) password: Box<[u8]>,
}

impl Proxy {
    /// Reads `[scheme://][user:password@]host[:port]`; the scheme is `http`, `https`, `socks5`
    /// or `socks5h`, and `http` where none is said. User and password are percent-decoded.
    ///
    /// # Errors
    /// Anything else. The message never holds what was given, as that may hold a password.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let error = |why: String| OptionsError::new(format!("proxy: {why}"));
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            other => {
                return Err(error(format!(
                    "the scheme `{other}` is not supported, use http, https, socks5 or socks5h"
                )));
            }
        };
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => {
                let credentials = Credentials::parse(credentials, kind).map_err(error)?;
                (Some(credentials), address)
            }
            None => (None, rest),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) = split_host(address).map_err(&error)?;
        let default = if kind == ProxyKind::Https { 443 } else { DEFAULT_PORT };
        let port = port.map_or(Ok(default), parse_port).map_err(&error)?;
        let host = parse_host(host).map_err(error)?;
        Ok(Self { kind, host, port, credentials })
    }

    /// The value of `Proxy-Authorization` (RFC 7617), marked as sensitive.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let Credentials { user, password } = self.credentials.as_ref()?;
        let joined = [user, &b":"[..], password].concat();
        let text = format!("Basic {}", STANDARD.encode(joined));
        let mut value = HeaderValue::from_str(&text).expect("base64 is a valid header value");
        value.set_sensitive(true);
        Some(value)
    }
}

impl Credentials {
    fn parse(text: &str, kind: ProxyKind) -> Result<Self, String> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |part: &str| percent_decode_str(part).collect::<Vec<u8>>().into_boxed_slice();
        let own = Self { user: decode(user), password: decode(password) };
        let is_socks = matches!(kind, ProxyKind::Socks5 | ProxyKind::Socks5h);
        let too_long = |part: &[u8]| part.len() > SOCKS_CREDENTIAL_BYTES_MAX;
        if is_socks && (too_long(&own.user) || too_long(&own.password)) {
            return Err(format!(
                "SOCKS takes user and password of at most {SOCKS_CREDENTIAL_BYTES_MAX} bytes"
            ));
        }
        if is_socks && own.user.is_empty() {
            return Err("SOCKS takes no password without a user".to_owned());
        }
        if !is_socks && own.user.contains(&b':') {
            return Err("HTTP takes no user with a colon".to_owned());
        }
        Ok(own)
    }
}

/// `scheme://host:port`, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.kind.as_str(), self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which proxy is used for what; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    except: NoProxy,
}

impl Proxies {
    /// This proxy for everything but the exceptions.
    pub fn all(proxy: Proxy, except: NoProxy) -> Self {
        let proxy = Arc::new(proxy);
        Self { http: Some(Arc::clone(&proxy)), https: Some(proxy), except }
    }

    /// What `http_proxy`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in curl's way: lower
    /// case before upper case, and no `HTTP_PROXY` within CGI, where a client could set it.
    /// `lookup` reads a variable.
    ///
    /// # Errors
    /// A variable that holds no proxy; the message names the variable.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, OptionsError> {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|&name| {
                lookup(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
            })
        };
        let proxy = |names: &[&'static str]| {
            first(names)
                .map(|(name, value)| {
                    Proxy::parse(value.trim())
                        .map(Arc::new)
                        .map_err(|error| OptionsError::new(format!("{name}: {error}")))
                })
                .transpose()
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let http: &[&'static str] = if is_cgi {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        let except = first(&["no_proxy", "NO_PROXY"])
            .map(|(_, value)| NoProxy::parse(&value))
            .unwrap_or_default();
        Ok(Self {
            http: proxy(http)?,
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            except,
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxy for this host, if any.
    pub fn of(&self, host: &HostKey) -> Option<&Proxy> {
        let proxy = match host.scheme() {
            Scheme::Http => self.http.as_deref(),
            Scheme::Https => self.https.as_deref(),
        };
        proxy.filter(|_| !self.except.matches(host.host(), host.port()))
    }
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    what: Except,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Except {
    Everything,
    /// A name and all below it.
    Name(Box<str>),
    /// Addresses whose first bits are these.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads a list as in `NO_PROXY`, at commas or spaces: names (with those below them; a
    /// leading dot changes nothing), addresses, networks (`10.0.0.0/8`), each with a port if
    /// need be, or `*` for everything. What can match nothing is passed over.
    pub fn parse(list: &str) -> Self {
        let items = list.split(|c: char| c == ',' || c.is_whitespace());
        Self(items.filter(|item| !item.is_empty()).filter_map(Exception::parse).collect())
    }

    /// Whether a host (as in a URL) is reached without a proxy.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let address: Option<IpAddr> = bare.parse().ok();
        let name = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|exception| {
            exception.port.is_none_or(|own| own == port)
                && match &exception.what {
                    Except::Everything => true,
                    Except::Name(own) => {
                        address.is_none()
                            && name
                                .strip_suffix(&**own)
                                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
                    }
                    Except::Network(network, bits) => {
                        address.is_some_and(|address| is_within(address, *network, *bits))
                    }
                }
        })
    }
}

impl Exception {
    fn parse(item: &str) -> Option<Self> {
        if item == "*" {
            return Some(Self { what: Except::Everything, port: None });
        }
        if let Ok(address) = item.parse::<IpAddr>() {
            return Some(Self { what: Except::Network(address, bits_of(address)), port: None });
        }
        if let Some((network, bits)) = item.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let bits: u32 = bits.parse().ok().filter(|bits| *bits <= bits_of(network))?;
            return Some(Self { what: Except::Network(network, bits), port: None });
        }
        let (host, port) = split_host(item).ok()?;
        let port = port.map(parse_port).transpose().ok()?;
        let host = host.strip_prefix("*.").or(host.strip_prefix('.')).unwrap_or(host);
        let host = parse_host(host.strip_suffix('.').unwrap_or(host)).ok()?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&host);
        let what = match bare.parse::<IpAddr>() {
            Ok(address) => Except::Network(address, bits_of(address)),
            Err(_) => Except::Name(host),
        };
        Some(Self { what, port })
    }
}

const fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { u32::BITS } else { u128::BITS }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let difference = address.to_bits() ^ network.to_bits();
            difference.checked_shr(u32::BITS - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let difference = address.to_bits() ^ network.to_bits();
            difference.checked_shr(u128::BITS - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// What a request through an HTTP proxy carries: its target is the whole URL (RFC 9112 section
/// 3.2.2), and this header if there are credentials.
#[derive(Clone, Debug, Default)]
pub struct ProxyHeader {
    /// The value of `Proxy-Authorization`; sensitive.
    pub authorization: Option<HeaderValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_read_as_curl_reads_them() {
        let check = |text: &str, expected: &str| {
            let got = match Proxy::parse(text) {
                Ok(proxy) => {
                    let credentials = proxy.credentials.as_ref().map_or(String::new(), |own| {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        format!(" {} {}", text(&own.user), text(&own.password))
                    });
                    format!("{proxy}{credentials}")
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        };
        check("proxy.example:3128", "http://proxy.example:3128");
        check("http://proxy.example", "http://proxy.example:1080");
        check("https://Proxy.Example/", "https://proxy.example:443");
        check("socks5h://[::1]:9050", "socks5h://[::1]:9050");
        check("http://me:p%40ss:w@10.0.0.1:80", "http://10.0.0.1:80 me p@ss:w");
        check("socks5://me@10.0.0.1", "socks5://10.0.0.1:1080 me ");
        check(
            "socks4://10.0.0.1",
            "proxy: the scheme `socks4` is not supported, use http, https, socks5 or socks5h",
        );
        check("http://me:secret@h:x", "proxy: `x` is no port (1 to 65535)");
        check("http://me:secret@", "proxy: `` is no host: empty host");
        check("http://a%3ab:secret@h", "proxy: HTTP takes no user with a colon");
        let long = format!("socks5://{}@h", "x".repeat(256));
        check(&long, "proxy: SOCKS takes user and password of at most 255 bytes");
    }

    #[test]
    fn credentials_are_sent_and_never_shown() {
        let proxy = Proxy::parse("http://me:s3cret@h:1").expect("a proxy");
        let value = proxy.authorization().expect("there are credentials");
        assert_eq!(value.as_bytes(), b"Basic bWU6czNjcmV0");
        let options = crate::NetOptions {
            proxies: Proxies::all(proxy, NoProxy::default()),
            ..crate::NetOptions::default()
        };
        let shown = format!("{options:?} {value:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("bWU6"), "{shown}");
    }

    #[test]
    fn exceptions_match_names_addresses_and_networks() {
        let check = |list: &str, hosts: &[&str], others: &[&str]| {
            let list = NoProxy::parse(list);
            let matches = |host: &str| {
                let (host, port) = host.split_once(' ').unwrap_or((host, "80"));
                list.matches(host, port.parse().expect("a port"))
            };
            hosts.iter().for_each(|host| assert!(matches(host), "{list:?} {host}"));
            others.iter().for_each(|host| assert!(!matches(host), "{list:?} {host}"));
        };
        check("", &[], &["a.example"]);
        check("*", &["a.example", "10.0.0.1", "[::1]"], &[]);
        check(
            "a.example, .b.example *.c.example",
            &["a.example", "x.a.example", "a.example.", "b.example", "y.b.example", "c.example"],
            &["xa.example", "example", "a.example.org"],
        );
        check("10.0.0.1,::1", &["10.0.0.1", "[::1]"], &["10.0.0.2", "[::2]"]);
        check("[::1]", &["[::1]"], &["[::2]"]);
        check("10.0.0.0/8,2001:db8::/32", &["10.9.9.9", "[2001:db8:1::1]"], &["11.0.0.1"]);
        check("0.0.0.0/0", &["11.0.0.1"], &["a.example", "[::1]"]);
        check("10.0.0.0/33,nonsense:x:y", &[], &["10.0.0.0", "nonsense"]);
        check("a.example:8080", &["a.example 8080"], &["a.example 80"]);
        check("A.Example", &["a.example"], &[]);
    }

    #[test]
    fn the_environment_reads_as_curl_reads_it() {
        let check = |env: &[(&str, &str)], url: &str, expected: &str| {
            let proxies = Proxies::from_env(|name| {
                env.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            });
            let url = url::Url::parse(url).expect("a URL");
            let host = HostKey::of(&url).expect("a host");
            let got = match proxies {
                Ok(proxies) => proxies.of(&host).map_or("none".to_owned(), ToString::to_string),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{env:?} {url}");
        };
        check(&[], "http://a/", "none");
        check(&[("http_proxy", "h:1"), ("HTTP_PROXY", "h:2")], "http://a/", "http://h:1");
        check(&[("http_proxy", "h:1")], "https://a/", "none");
        check(&[("HTTPS_PROXY", "h:1")], "https://a/", "http://h:1");
        check(&[("ALL_PROXY", "socks5://h")], "https://a/", "socks5://h:1080");
        check(&[("ALL_PROXY", "h:1"), ("https_proxy", "h:2")], "https://a/", "http://h:2");
        check(&[("http_proxy", ""), ("ALL_PROXY", "h:1")], "http://a/", "http://h:1");
        check(&[("HTTP_PROXY", "h:1"), ("REQUEST_METHOD", "GET")], "http://a/", "none");
        check(&[("ALL_PROXY", "h:1"), ("NO_PROXY", "a")], "http://x.a/", "none");
        check(
            &[("HTTP_PROXY", "h:x")],
            "http://a/",
            "HTTP_PROXY: proxy: `x` is no port (1 to 65535)",
        );
    }
}
