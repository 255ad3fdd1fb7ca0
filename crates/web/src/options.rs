//! What a server is started with, and who may ask it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gather_core::time::{Duration, Time};
use gather_store::history::HistoryPlace;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Writes the metrics of the process in this format, piece by piece. It may take a lock, and is asked
/// on a thread that may block; an error of the writer means that nobody reads on.
pub type Metrics = Arc<dyn Fn(MetricsFormat, &mut dyn fmt::Write) -> fmt::Result + Send + Sync>;

/// The form in which metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// OpenMetrics' text, version 1.0.0.
    OpenMetrics,
}

/// Says whether the watch is well, or why not, in one line.
pub type HealthCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
/// Says what stands on top of every page, in a sentence, if anything does.
pub type Remark = Arc<dyn Fn() -> Option<String> + Send + Sync>;
/// Says what time it is, since the Unix epoch.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// What a server is started with.
#[derive(Clone)]
pub struct Options {
    /// The history that it shows. It need not exist yet.
    pub place: HistoryPlace,
    /// The site's name.
    pub title: String,
    /// Whoever asks must have it. Needed for any address but loopback: see [`check_listen`].
    pub token: Option<Token>,
    /// Names under which the site is reached, beside those of loopback and the address it listens
    /// on: `status.example.org`. A proxy in front hands on the name it was asked for.
    pub hosts: Vec<String>,
    /// The time zone that pages show.
    pub zone: TimeZone,
    /// How often pages refresh themselves, in whole seconds.
    pub refresh: Duration,
    /// What `/metrics` answers.
    pub metrics: Metrics,
    /// What `/healthz` answers.
    pub health: HealthCheck,
    /// What whoever runs the watch should know beside the figures; it stands on top of every page.
    pub remark: Remark,
    /// The clock.
    pub now: Now,
}

impl Options {
    /// A site that shows this history: UTC, refreshed each half minute, open to this machine only,
    /// with no metrics, and well.
    pub fn new(place: HistoryPlace) -> Self {
        Self {
            place,
            title: "Status".into(),
            token: None,
            hosts: Vec::new(),
            zone: TimeZone::UTC,
            refresh: Duration::from_secs(30),
            metrics: Arc::new(|_, _| Ok(())),
            health: Arc::new(|| Ok(())),
            remark: Arc::new(|| None),
            now: Arc::new(system_now),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("place", &self.place)
            .field("title", &self.title)
            .field("token", &self.token)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

fn system_now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What those who ask must have. It is never shown: only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    hash: [u8; 32],
    /// What a browser keeps in its place, so that a stolen cookie is not the token.
    session: String,
}

/// Bytes of a token at least: fewer could be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;

impl Token {
    /// A token of at least [`TOKEN_BYTES_MIN`] bytes.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn new(token: &str) -> Result<Self, AccessError> {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(AccessError::ShortToken);
        }
        let session = Sha256::digest(format!("gather status page session\n{token}"));
        let session = session.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { hash: Sha256::digest(token).into(), session })
    }

    /// Whether this is it. It takes as long whether or not.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.hash.ct_eq(&given).into()
    }

    /// Whether a browser keeps this since it gave the token.
    pub(crate) fn is_session(&self, given: &[u8]) -> bool {
        self.session.as_bytes().ct_eq(given).into()
    }

    pub(crate) fn session(&self) -> &str {
        &self.session
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a server may not listen where it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// Others could reach it, and there is no token.
    NoToken {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The token is too short.
    ShortToken,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken { listen } => write!(
                f,
                "the status page would be open to everybody who reaches {listen}\n\
                 hint: set `token = \"${{env:GATHER_TOKEN}}\"` under [web], or listen on 127.0.0.1 \
                 behind a proxy that asks who it is"
            ),
            Self::ShortToken => write!(
                f,
                "the token of the status page is shorter than {TOKEN_BYTES_MIN} characters\n\
                 hint: make one with `openssl rand -hex 32`"
            ),
        }
    }
}

impl std::error::Error for AccessError {}

/// Whether a server may listen there: without a token only on loopback.
///
/// # Errors
/// When others could reach it and there is no token; the message says what to do.
pub fn check_listen(listen: SocketAddr, token: Option<&Token>) -> Result<(), AccessError> {
    match token {
        None if !listen.ip().to_canonical().is_loopback() => Err(AccessError::NoToken { listen }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_goes_without_a_token() {
        let token = Token::new("0123456789abcdef").unwrap();
        for (listen, is_open) in [
            ("127.0.0.1:80", true),
            ("127.9.9.9:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.168.1.7:80", false),
            ("203.0.113.7:80", false),
        ] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(check_listen(listen, None).is_ok(), is_open, "{listen}");
            assert_eq!(check_listen(listen, Some(&token)), Ok(()), "{listen}");
        }
        let error = check_listen("0.0.0.0:80".parse().unwrap(), None).unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:80") && error.contains("hint: "), "{error}");
    }

    #[test]
    fn a_token_is_never_shown() {
        let secret = "canary-0123456789abcdef";
        let token = Token::new(secret).unwrap();
        let options = Options {
            token: Some(token.clone()),
            ..Options::new(HistoryPlace::Sqlite("gather.db".into()))
        };
        for text in [format!("{token:?}"), format!("{options:?}"), token.session().to_owned()] {
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(token.is(secret.as_bytes()));
        assert!(!token.is(b"canary-0123456789abcdeg"));
        assert!(!token.is(b""));
        assert!(token.is_session(token.session().as_bytes()));
        assert!(!token.is_session(secret.as_bytes()));
        assert_eq!(Token::new("short"), Err(AccessError::ShortToken));
    }
}
