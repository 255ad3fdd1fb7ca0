//! The closed set of reasons why a target has no good answer.

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// Why a target failed or was skipped: the closed set that `error.kind` is from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $variant,)+ }

        impl ErrorKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As written in a record.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

error_kinds! {
    /// The input is no URL that can be fetched.
    InputInvalid = "input.invalid",
    /// The input line or its URL is longer than the limit.
    InputTooLong = "input.too_long",
    /// The address policy forbids the address.
    BlockedAddress = "blocked.address",
    /// robots.txt forbids the URL.
    BlockedRobots = "blocked.robots",
    /// robots.txt could not be read, so nothing may be fetched.
    BlockedRobotsUnreachable = "blocked.robots_unreachable",
    /// Neither http nor https.
    BlockedScheme = "blocked.scheme",
    /// The name does not exist.
    DnsNotFound = "dns.not_found",
    /// The name servers did not give a useful answer; they may later.
    DnsTemporary = "dns.temporary",
    /// No answer from the name servers in time.
    TimeoutDns = "timeout.dns",
    /// No TCP connection in time.
    TimeoutConnect = "timeout.connect",
    /// No TLS session in time.
    TimeoutTls = "timeout.tls",
    /// Not a byte of the response in time.
    TimeoutFirstByte = "timeout.first_byte",
    /// The body fell silent.
    TimeoutBody = "timeout.body",
    /// The body came more slowly than `min-speed`.
    TimeoutSlow = "timeout.slow",
    /// The body was still coming when the time for the whole try ran out.
    TimeoutTotal = "timeout.total",
    /// Nothing listens there.
    ConnectRefused = "connect.refused",
    /// The connection was reset.
    ConnectReset = "connect.reset",
    /// No route, or no address could be dialled.
    ConnectUnreachable = "connect.unreachable",
    /// The proxy refused or failed.
    ConnectProxy = "connect.proxy",
    /// The certificate has expired.
    TlsExpired = "tls.expired",
    /// The certificate is not valid yet.
    TlsNotYetValid = "tls.not_yet_valid",
    /// The certificate is signed by nobody we trust.
    TlsUnknownIssuer = "tls.unknown_issuer",
    /// The certificate is for another name.
    TlsWrongHost = "tls.wrong_host",
    /// The handshake failed.
    TlsHandshake = "tls.handshake",
    /// Another failure of TLS.
    TlsOther = "tls.other",
    /// The response was cut off.
    ProtocolTruncated = "protocol.truncated",
    /// The response contradicts itself about where it ends.
    ProtocolFraming = "protocol.framing",
    /// The HTTP/2 stream or connection failed.
    ProtocolHttp2 = "protocol.http2",
    /// The response is not HTTP.
    ProtocolOther = "protocol.other",
    /// More or longer headers than the limit.
    LimitHeaders = "limit.headers",
    /// The body is larger than the limit.
    LimitBody = "limit.body",
    /// The decoded body is larger than the limit.
    LimitDecoded = "limit.decoded",
    /// More content codings than the limit, or one that is not known.
    LimitEncodings = "limit.encodings",
    /// More redirects than the limit.
    RedirectLimit = "redirect.limit",
    /// A redirect to a URL that was already visited in this chain.
    RedirectLoop = "redirect.loop",
    /// A redirect to a scheme that is not fetched.
    RedirectScheme = "redirect.scheme",
    /// A redirect from https to http.
    RedirectDowngrade = "redirect.downgrade",
    /// A redirect that names no valid URL.
    RedirectInvalid = "redirect.invalid",
    /// A final status outside `accept`.
    HttpStatus = "http.status",
    /// The host went on refusing with 429.
    HttpRateLimited = "http.rate_limited",
    /// Never tried: its host is dead.
    HostParked = "host.parked",
    /// A required field could not be extracted.
    ExtractFailed = "extract.failed",
    /// A request that must not be repeated was under way when the run was killed.
    Interrupted = "interrupted",
    /// Given up because the run was stopped.
    Cancelled = "cancelled",
    /// It ended the process that fetched it, twice.
    Poison = "poison",
}

impl ErrorKind {
    /// The kind of this name; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The part before the dot: `timeout` of `timeout.body`.
    pub fn family(self) -> &'static str {
        let name = self.as_str();
        name.split_once('.').map_or(name, |(family, _)| family)
    }
}
