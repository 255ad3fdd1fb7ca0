//! `postgres://…`: what it says, with what gather understands beyond the driver.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::postgres::tls::Verify;
use crate::sink::DatabaseUrl;

/// How long one address is tried, unless the URL says it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may leave sent bytes unacknowledged, unless the URL says it.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Where to connect to, and how.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    /// What is asked of the server's certificate.
    pub(crate) verify: Verify,
    /// A file of certificates to trust, in place of the usual ones.
    pub(crate) roots: Option<PathBuf>,
    /// The schema to write to, in place of the first of the search path.
    pub(crate) schema: Option<String>,
}

impl Target {
    /// Reads a URL. The password may stand in `PGPASSWORD` instead, as for psql.
    ///
    /// # Errors
    /// Says what is wrong, without a secret.
    pub(crate) fn new(url: &DatabaseUrl) -> Result<Self, String> {
        let (base, query) = url.expose().split_once('?').unwrap_or((url.expose(), ""));
        let (mut mode, mut roots, mut schema) = (None, None, None);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode_str(value).decode_utf8();
            let value = decoded.map_err(|_| format!("{key} is not UTF-8"))?.into_owned();
            match key {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(value),
                "schema" => schema = Some(value),
                _ => rest.push(pair),
            }
        }
        let plain = format!("{base}?{}", rest.join("&"));
        let config = Config::from_str(plain.trim_end_matches('?'));
        let mut config = config.map_err(|error| match error.source() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        let (mode, verify) = ssl_mode(mode.as_deref(), roots.is_some())?;
        config.ssl_mode(mode);
        defaults(&mut config);
        // The certificates of the build are what `system` asks for.
        let roots = roots.filter(|roots| roots != "system").map(PathBuf::from);
        Ok(Self { config, verify, roots, schema: schema.filter(|schema| !schema.is_empty()) })
    }
}

/// As libpq has it: `require` asks for encryption alone, unless roots are named.
fn ssl_mode(mode: Option<&str>, has_roots: bool) -> Result<(SslMode, Verify), String> {
    Ok(match mode {
        Some("disable") => (SslMode::Disable, Verify::Nothing),
        None | Some("prefer" | "allow") => (SslMode::Prefer, Verify::Nothing),
        Some("require") if !has_roots => (SslMode::Require, Verify::Nothing),
        Some("require" | "verify-ca") => (SslMode::Require, Verify::Issuer),
        Some("verify-full") => (SslMode::Require, Verify::IssuerAndName),
        Some(other) => {
            return Err(format!(
                "there is no sslmode {other}; there are disable, prefer, require, verify-ca and \
                 verify-full"
            ));
        }
    })
}

fn defaults(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("gather");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_MAX);
    }
    config.keepalives_idle(Duration::from_secs(30));
    if config.get_password().is_none()
        && let Some(password) = std::env::var_os("PGPASSWORD")
    {
        config.password(password.as_encoded_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let read = |url: &str| -> String {
            match Target::new(&DatabaseUrl::new(url)) {
                Err(why) => why,
                Ok(Target { config, verify, roots, schema }) => format!(
                    "{:?} {verify:?} roots={} schema={}",
                    config.get_ssl_mode(),
                    roots.unwrap_or_default().display(),
                    schema.unwrap_or_default(),
                ),
            }
        };
        let cases = [
            ("postgres://h/d", "Prefer Nothing roots= schema="),
            ("postgresql://u:p@h:5433/d?sslmode=disable", "Disable Nothing roots= schema="),
            (
                "postgres://h/d?sslmode=require&schema=My%20Data",
                "Require Nothing roots= schema=My Data",
            ),
            (
                "postgres://h/d?sslmode=require&sslrootcert=ca.pem",
                "Require Issuer roots=ca.pem schema=",
            ),
            ("postgres://h/d?sslmode=verify-ca", "Require Issuer roots= schema="),
            (
                "postgres://h/d?sslmode=verify-full&sslrootcert=system&application_name=x",
                "Require IssuerAndName roots= schema=",
            ),
            ("postgres:///d?host=/run/postgresql", "Prefer Nothing roots= schema="),
            (
                "postgres://h/d?sslmode=on",
                "there is no sslmode on; there are disable, prefer, require, verify-ca and verify-full",
            ),
            ("postgres://h/d?frobnicate=1", "unknown option `frobnicate`"),
            ("postgres://h:x/d", "invalid value for option `port`"),
            ("postgres:///d", "it names no host"),
        ];
        for (url, expected) in cases {
            assert_eq!(read(url), expected, "{url}");
        }
    }

    #[test]
    fn no_error_has_the_password() {
        for url in
            ["postgres://u:s3cret@h:x/d", "postgres://u:s3cret@h/d?a=b", "postgres://u:s3cret@"]
        {
            let why = Target::new(&DatabaseUrl::new(url)).err().unwrap();
            assert!(!why.contains("s3cret"), "{url}: {why}");
            assert!(!DatabaseUrl::new(url).to_string().contains("s3cret"), "{url}");
        }
    }
}
