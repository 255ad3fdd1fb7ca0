//! What the operator chose about the network: plain data, parsed from curl's notation.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gather_core::AddressPolicy;

use crate::proxy::Proxies;
use crate::transport::Transport;

/// Lookups under way at once in one shard, where nothing else was chosen. Each may hold two
/// sockets (A and AAAA), so this bounds the descriptors that DNS takes.
pub const DNS_CONCURRENCY: u16 = 128;

/// Everything that decides where and how a connection is made. Secrets have no `Debug`.
#[derive(Clone, Debug)]
pub struct NetOptions {
    /// Addresses in place of DNS (`--resolve`); the first that matches counts.
    pub resolve: Vec<ResolveOverride>,
    /// Another host and port to dial (`--connect-to`); the first that matches counts. TLS and
    /// the request still name the host of the URL.
    pub connect_to: Vec<ConnectTo>,
    /// Which proxy is used for what (`-x`, or the environment if the caller asks for it).
    pub proxies: Proxies,
    /// Which addresses are dialled (`-4`, `-6`).
    pub family: Family,
    /// Which protocol is offered.
    pub http: HttpChoice,
    /// Whom to trust and who we are.
    pub tls: TlsOptions,
    /// Lookups under way at once in one shard.
    pub dns_concurrency: u16,
    /// Name servers in place of the system's; empty means the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// The hosts file in place of the system's.
    pub hosts_file: Option<PathBuf>,
    /// From the start of a dial until TLS stands.
    pub connect_timeout: Duration,
    /// Which addresses may be dialled. What the operator mapped with `resolve` and `connect_to`,
    /// and the proxy itself, always may.
    pub addresses: AddressPolicy,
    /// What connections are made of.
    pub transport: Transport,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            resolve: Vec::new(),
            connect_to: Vec::new(),
            proxies: Proxies::default(),
            family: Family::Any,
            http: HttpChoice::Auto,
            tls: TlsOptions::default(),
            dns_concurrency: DNS_CONCURRENCY,
            dns_servers: Vec::new(),
            hosts_file: None,
            connect_timeout: Duration::from_secs(5),
            addresses: AddressPolicy::default(),
            transport: Transport::default(),
        }
    }
}

/// Which addresses are asked for and dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both, IPv6 first (RFC 8305).
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// Whether an address belongs to it.
    pub const fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    /// As it reads before "address".
    pub(crate) const fn adjective(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::V4 => "IPv4 ",
            Self::V6 => "IPv6 ",
        }
    }
}

/// Which protocol is offered to servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpChoice {
    /// HTTP/2 or HTTP/1.1 by ALPN; HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone; without TLS by prior knowledge (RFC 9113 section 3.3).
    Http2,
}

impl HttpChoice {
    /// Refuses what this program was built without.
    pub(crate) fn check_built(self) -> Result<(), OptionsError> {
        if self == Self::Http2 && cfg!(not(feature = "http2")) {
            return Err(not_built("HTTP/2", "http2"));
        }
        Ok(())
    }
}

/// Whom TLS trusts and who we are.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Whether certificates are checked.
    pub verify: Verify,
    /// PEM files of roots; if there are any, they replace `roots`.
    pub ca_files: Vec<PathBuf>,
    /// The roots where there are no `ca_files`.
    pub roots: Roots,
    /// What we answer when a server asks who we are.
    pub identity: Option<ClientIdentity>,
}

/// Whether the server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Chain, name and time.
    #[default]
    Full,
    /// Nothing (`-k`).
    Nothing,
}

/// Where trust comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's, as built in.
    #[default]
    Bundled,
    /// The operating system's.
    System,
}

/// A client certificate, in PEM files.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate and its chain.
    pub cert: PathBuf,
    /// The private key (PKCS 8, PKCS 1 or SEC 1); in `cert` if not said.
    pub key: Option<PathBuf>,
}

/// Addresses in place of DNS, curl's `--resolve HOST:PORT:ADDR[,ADDR]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    from: Pattern,
    pub(crate) addresses: Vec<IpAddr>,
}

impl ResolveOverride {
    /// Reads `HOST:PORT:ADDR[,ADDR]`; host and port may be `*`, IPv6 hosts stand in brackets.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let error = |why: &str| OptionsError::new(format!("--resolve `{text}`: {why}"));
        // curl's `+` only says when an entry may be dropped from a cache; ours never is.
        let body = text.strip_prefix('+').unwrap_or(text);
        if body.starts_with('-') {
            return Err(error("removing entries is not supported"));
        }
        let (host, rest) = split_host(body).map_err(|why| error(&why))?;
        let (port, list) = rest
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| error("expected HOST:PORT:ADDR[,ADDR]"))?;
        if host.is_empty() || port.is_empty() {
            return Err(error("expected HOST:PORT:ADDR[,ADDR], `*` for any host or port"));
        }
        let from = Pattern::parse(host, port).map_err(|why| error(&why))?;
        let addresses = list
            .split(',')
            .map(|item| {
                let bare = item.trim();
                let bare = bare.strip_prefix('[').and_then(|b| b.strip_suffix(']')).unwrap_or(bare);
                bare.parse().map_err(|_| error(&format!("`{item}` is no IP address")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { from, addresses })
    }

    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        self.from.matches(host, port)
    }
}

/// Another place to dial, curl's `--connect-to HOST1:PORT1:HOST2:PORT2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    from: Pattern,
    pub(crate) host: Option<Box<str>>,
    pub(crate) port: Option<u16>,
}

impl ConnectTo {
    /// Reads `HOST1:PORT1:HOST2:PORT2`. An empty part (or `*` in the first two) means any host
    /// or port, and in the last two the same as before; IPv6 hosts stand in brackets.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let error = |why: &str| OptionsError::new(format!("--connect-to `{text}`: {why}"));
        const FORM: &str = "expected HOST1:PORT1:HOST2:PORT2";
        let (host1, rest) = split_host(text).map_err(|why| error(&why))?;
        let (port1, rest) =
            rest.and_then(|rest| rest.split_once(':')).ok_or_else(|| error(FORM))?;
        let (host2, port2) = split_host(rest).map_err(|why| error(&why))?;
        let port2 = port2.ok_or_else(|| error(FORM))?;
        Ok(Self {
            from: Pattern::parse(host1, port1).map_err(|why| error(&why))?,
            host: match host2 {
                "" => None,
                host => Some(parse_host(host).map_err(|why| error(&why))?),
            },
            port: match port2 {
                "" => None,
                port => Some(parse_port(port).map_err(|why| error(&why))?),
            },
        })
    }

    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        self.from.matches(host, port)
    }
}

/// An option that cannot be: one line that says what, where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsError(Box<str>);

impl OptionsError {
    pub(crate) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptionsError {}

/// What the error of an option says that needs a feature.
pub(crate) fn not_built(what: &str, feature: &str) -> OptionsError {
    OptionsError::new(format!(
        "{what} is not built in; hint: enable the feature `{feature}` of the crate gather"
    ))
}

/// A host and port to compare with; `None` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    host: Option<Box<str>>,
    port: Option<u16>,
}

impl Pattern {
    fn parse(host: &str, port: &str) -> Result<Self, String> {
        Ok(Self {
            host: match host {
                "" | "*" => None,
                host => Some(parse_host(host)?),
            },
            port: match port {
                "" | "*" => None,
                port => Some(parse_port(port)?),
            },
        })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        self.host.as_deref().is_none_or(|own| own == host)
            && self.port.is_none_or(|own| own == port)
    }
}

/// The host as it stands in a parsed URL: lower case, punycode, IPv6 in brackets.
pub(crate) fn parse_host(host: &str) -> Result<Box<str>, String> {
    match url::Host::parse(host) {
        Ok(host) => Ok(host.to_string().into()),
        Err(error) => Err(format!("`{host}` is no host: {error}")),
    }
}

pub(crate) fn parse_port(port: &str) -> Result<u16, String> {
    port.parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or_else(|| format!("`{port}` is no port (1 to 65535)"))
}

/// Splits `host[:rest]`, where a host in brackets may hold colons.
pub(crate) fn split_host(text: &str) -> Result<(&str, Option<&str>), String> {
    if !text.starts_with('[') {
        return Ok(text.split_once(':').map_or((text, None), |(host, rest)| (host, Some(rest))));
    }
    let end = text.find(']').ok_or("a bracket is not closed")? + 1;
    match text[end..].strip_prefix(':') {
        Some(rest) => Ok((&text[..end], Some(rest))),
        None if end == text.len() => Ok((text, None)),
        None => Err("expected `:` after the bracket".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::TlsConfigs;

    #[test]
    fn resolve_overrides_read_as_curl_reads_them() {
        let check = |text: &str, host: &str, port: u16, expected: Option<&[&str]>| {
            let rule = ResolveOverride::parse(text).expect(text);
            let got: Vec<String> = rule.addresses.iter().map(ToString::to_string).collect();
            let matched = rule.matches(host, port).then_some(got);
            let expected: Option<Vec<String>> =
                expected.map(|list| list.iter().map(ToString::to_string).collect());
            assert_eq!(matched, expected, "{text} for {host}:{port}");
        };
        check("a.example:80:127.0.0.1", "a.example", 80, Some(&["127.0.0.1"]));
        check("A.Example:80:127.0.0.1", "a.example", 80, Some(&["127.0.0.1"]));
        check("+a.example:80:127.0.0.1", "a.example", 80, Some(&["127.0.0.1"]));
        check("a.example:80:127.0.0.1", "a.example", 81, None);
        check("a.example:80:127.0.0.1", "b.example", 80, None);
        check("a.example:*:10.0.0.1,::1", "a.example", 8443, Some(&["10.0.0.1", "::1"]));
        check("*:443:[::1],[2001:db8::1]", "x.example", 443, Some(&["::1", "2001:db8::1"]));
        check("[::1]:80:127.0.0.1", "[::1]", 80, Some(&["127.0.0.1"]));
    }

    #[test]
    fn connect_to_reads_as_curl_reads_it() {
        let check = |text: &str, host: &str, port: u16, expected: Option<(&str, u16)>| {
            let rule = ConnectTo::parse(text).expect(text);
            let got = rule.matches(host, port).then(|| {
                (rule.host.as_deref().unwrap_or(host).to_owned(), rule.port.unwrap_or(port))
            });
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(got, expected, "{text} for {host}:{port}");
        };
        check("a.example:80:b.example:81", "a.example", 80, Some(("b.example", 81)));
        check("a.example:80:b.example:81", "a.example", 443, None);
        check("a.example::b.example:", "a.example", 443, Some(("b.example", 443)));
        check("::127.0.0.1:8080", "any.example", 443, Some(("127.0.0.1", 8080)));
        check("*:443::8443", "any.example", 443, Some(("any.example", 8443)));
        check("[::1]:80:[::2]:81", "[::1]", 80, Some(("[::2]", 81)));
        check(":::", "a.example", 80, Some(("a.example", 80)));
    }

    #[test]
    fn broken_rules_say_what_is_wrong() {
        let check = |got: Result<String, OptionsError>, expected: &str| {
            assert_eq!(got.expect_err(expected).to_string(), expected);
        };
        let resolve = |text| ResolveOverride::parse(text).map(|rule| format!("{rule:?}"));
        let connect = |text| ConnectTo::parse(text).map(|rule| format!("{rule:?}"));
        check(resolve("a"), "--resolve `a`: expected HOST:PORT:ADDR[,ADDR]");
        check(resolve("a:80"), "--resolve `a:80`: expected HOST:PORT:ADDR[,ADDR]");
        check(resolve("a:80:b"), "--resolve `a:80:b`: `b` is no IP address");
        check(resolve("a:x:1.2.3.4"), "--resolve `a:x:1.2.3.4`: `x` is no port (1 to 65535)");
        check(resolve("-a:80"), "--resolve `-a:80`: removing entries is not supported");
        check(resolve("[::1:80:1.2.3.4"), "--resolve `[::1:80:1.2.3.4`: a bracket is not closed");
        check(connect("a:80"), "--connect-to `a:80`: expected HOST1:PORT1:HOST2:PORT2");
        check(connect("a:80:b"), "--connect-to `a:80:b`: expected HOST1:PORT1:HOST2:PORT2");
        check(connect("a:80:b:0"), "--connect-to `a:80:b:0`: `0` is no port (1 to 65535)");
        check(
            connect("[::1]x:80:b:81"),
            "--connect-to `[::1]x:80:b:81`: expected `:` after the bracket",
        );
    }

    #[test]
    fn what_is_not_built_is_refused_with_its_feature_named() {
        let check = |is_built: bool, feature: &str, made: Result<(), OptionsError>| match made {
            Ok(()) => assert!(is_built, "{feature}"),
            Err(error) => {
                assert!(!is_built, "{error}");
                assert!(error.to_string().contains(&format!("the feature `{feature}`")), "{error}");
            }
        };
        let tls = |options: TlsOptions, http| TlsConfigs::new(&options, http).map(drop);
        let http2 = tls(TlsOptions::default(), HttpChoice::Http2);
        check(cfg!(feature = "http2"), "http2", http2);
        let system = TlsOptions { roots: Roots::System, ..TlsOptions::default() };
        check(cfg!(feature = "system-roots"), "system-roots", tls(system, HttpChoice::Auto));
        assert_eq!(tls(TlsOptions::default(), HttpChoice::Auto), Ok(()));
    }
}
