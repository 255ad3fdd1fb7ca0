//! What is sent, and over what.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gather::core::address::{AddressMode, ThroughProxy};
use gather::core::{AddressPolicy, Config, Method, RequestSpec};
use gather::fetch::{
    ClientIdentity, ClientOptions, ConnectTo, Family, HostHeaders, HttpChoice, Keep, NetOptions,
    NoProxy, Proxies, Proxy, RedactQuery, ResolveOverride, Roots, Secret, TlsOptions, Verify,
};

use crate::args::{AddressArgs, AddressesArg, FetchArgs, HttpArgs, RootsArg};
use crate::error::CliError;
use crate::resolve::{host_headers, input};
use crate::settings::Settings;

/// Files of headers and bodies are read whole: larger ones are a mistake.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// How requests are made: what is the same for all of them, and what depends on a row.
pub(super) struct Requests {
    /// The same for all.
    pub(super) client: ClientOptions,
    /// Headers and a body that hold a `{column}`.
    pub(super) by_row: Option<Arc<RequestSpec>>,
}

/// Reads the files that headers and body come from, and everything else about requests.
///
/// # Errors
/// When a header or method cannot be sent, a file cannot be read, or an address is no address.
pub(super) fn requests(
    settings: &Settings,
    config: &Config,
    keep: Keep,
) -> Result<Requests, CliError> {
    let args = &settings.args.http;
    let body = args.data.as_deref().map(body).transpose()?;
    let method = method(args.method.as_deref(), args.head, body.is_some())?;
    let mut headers = Vec::new();
    for header in &args.header {
        headers.extend(header_lines(header)?);
    }
    let is_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if body.is_some() && !headers.iter().any(is_type) {
        // As curl does with -d.
        let form = "application/x-www-form-urlencoded";
        headers.push(("content-type".to_owned(), form.to_owned()));
    }
    let has_rows = !settings.args.input.input.is_empty();
    let is_by_row = |text: &str| has_rows && input::has_column(text);
    let (by_row, headers) = headers.into_iter().partition(|(_, value)| is_by_row(value));
    let body_is_by_row =
        body.as_deref().is_some_and(|body| std::str::from_utf8(body).is_ok_and(is_by_row));
    let (row_body, body) = if body_is_by_row { (body, None) } else { (None, body) };
    let by_row =
        RequestSpec { headers: by_row, body: row_body.map(Bytes::from), ..RequestSpec::default() };
    let defaults = ClientOptions::default();
    let client = ClientOptions {
        net: net(&settings.args, config)?,
        method,
        body: body.map(Bytes::from),
        headers,
        user_agent: args.user_agent.clone().unwrap_or(defaults.user_agent),
        basic_auth: args.user.as_deref().map(Secret::new),
        cookies: args.cookie.as_deref().map(Secret::new),
        timeout: config.timeout,
        min_speed: config.min_speed,
        caps: config.caps,
        redirects: config.redirects,
        keep,
        redact_query: RedactQuery::new(
            settings.args.output.redact_query.iter().map(String::as_str),
        ),
        signer: match host_headers(settings)? {
            hosts if hosts.is_empty() => None,
            hosts => Some(Arc::new(HostHeaders::new(hosts).map_err(|e| said("[hosts]", &e))?)),
        },
        ..defaults
    };
    let by_row = (by_row != RequestSpec::default()).then(|| Arc::new(by_row));
    Ok(Requests { client, by_row })
}

fn net(all: &FetchArgs, config: &Config) -> Result<NetOptions, CliError> {
    let args = &all.http;
    let resolve = args.resolve.iter().map(|rule| ResolveOverride::parse(rule));
    let connect_to = args.connect_to.iter().map(|rule| ConnectTo::parse(rule));
    Ok(NetOptions {
        resolve: resolve.collect::<Result<_, _>>().map_err(|error| said("", &error))?,
        connect_to: connect_to.collect::<Result<_, _>>().map_err(|error| said("", &error))?,
        proxies: proxies(args.proxy.as_deref())?,
        family: match (args.ipv4, args.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        http: match (args.http1_1, args.http2) {
            (true, _) => HttpChoice::Http1,
            (_, true) => HttpChoice::Http2,
            _ => HttpChoice::Auto,
        },
        tls: tls(args)?,
        connect_timeout: config.connect_timeout,
        addresses: addresses(&all.addresses),
        ..NetOptions::default()
    })
}

fn addresses(args: &AddressArgs) -> AddressPolicy {
    AddressPolicy {
        mode: match args.addresses {
            AddressesArg::Open => AddressMode::Open,
            AddressesArg::Public => AddressMode::Public,
        },
        allow: args.allow_address.clone(),
        deny: args.deny_address.clone(),
        through_proxy: match args.trust_proxy {
            true => ThroughProxy::Always,
            false => ThroughProxy::WhereOpen,
        },
    }
}

/// `-x`, or what the environment says; `-x ''` is none. `NO_PROXY` counts in both cases.
fn proxies(typed: Option<&str>) -> Result<Proxies, CliError> {
    let variable = |name: &str| std::env::var(name).ok();
    match typed {
        None => Proxies::from_env(variable).map_err(|error| said("", &error)),
        Some("") => Ok(Proxies::default()),
        Some(proxy) => {
            let proxy = Proxy::parse(proxy).map_err(|error| said("--proxy", &error))?;
            let except = variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default();
            Ok(Proxies::all(proxy, NoProxy::parse(&except)))
        }
    }
}

fn tls(args: &HttpArgs) -> Result<TlsOptions, CliError> {
    let ca_file = match (&args.cacert, std::env::var_os("SSL_CERT_FILE")) {
        (Some(path), _) => Some(readable("--cacert", path)?),
        (None, Some(path)) if !path.is_empty() => {
            Some(readable("SSL_CERT_FILE", Path::new(&path))?)
        }
        _ => None,
    };
    let identity = match &args.cert {
        Some(cert) => Some(ClientIdentity {
            cert: readable("--cert", cert)?,
            key: args.key.as_deref().map(|key| readable("--key", key)).transpose()?,
        }),
        None => None,
    };
    Ok(TlsOptions {
        verify: if args.insecure { Verify::Nothing } else { Verify::Full },
        ca_files: ca_file.into_iter().collect(),
        roots: match args.roots {
            RootsArg::Bundled => Roots::Bundled,
            RootsArg::System => Roots::System,
        },
        identity,
    })
}

/// What a library says about something typed, under its name.
fn said(name: &str, error: &dyn fmt::Display) -> CliError {
    let colon = if name.is_empty() { "" } else { ": " };
    CliError::usage(format!("{name}{colon}{error}"), "")
}

fn method(named: Option<&str>, head: bool, has_body: bool) -> Result<Method, CliError> {
    match named {
        Some(name) => Method::from_name(name).ok_or_else(|| {
            CliError::usage(format!("--method: '{name}' is no method"), "write POST, PUT or DELETE")
        }),
        None if head => Ok(Method::HEAD),
        None if has_body => Ok(Method::POST),
        None => Ok(Method::GET),
    }
}

/// A header, or those of a file: a line each, blank lines and `#` left out.
fn header_lines(header: &str) -> Result<Vec<(String, String)>, CliError> {
    let Some(path) = header.strip_prefix('@') else {
        return one_header(header).map(|one| vec![one]);
    };
    let bytes = read("--header", Path::new(path))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("--header: {path} is not UTF-8"), ""))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            one_header(line).map_err(|error| CliError {
                message: format!("{path}:{}: {}", at + 1, error.message),
                ..error
            })
        })
        .collect()
}

fn one_header(header: &str) -> Result<(String, String), CliError> {
    let wrong = |why: &str| {
        CliError::usage(format!("--header: {why}"), "write -H 'Name: value', or -H @FILE")
    };
    // The text itself may be a secret: it is not part of the message.
    let (name, value) = header.split_once(':').ok_or_else(|| wrong("there is no colon in it"))?;
    let (name, value) = (name.trim(), value.trim());
    if Method::from_name(name).is_none() {
        return Err(wrong("its name holds a character that cannot be sent"));
    }
    if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        return Err(wrong(&format!("the value of {name} holds a control character")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn body(data: &str) -> Result<Vec<u8>, CliError> {
    match data.strip_prefix('@') {
        Some(path) => read("--data", Path::new(path)),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn read(flag: &str, path: &Path) -> Result<Vec<u8>, CliError> {
    use std::io::Read;
    let cannot = |why: &dyn fmt::Display| {
        CliError::usage(format!("{flag}: cannot read {}: {why}", path.display()), "")
    };
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(cannot(&"it is larger than 64M"));
    }
    Ok(bytes)
}

/// Checks now that a file can be opened, so that it is said before anything starts.
fn readable(name: &str, path: &Path) -> Result<PathBuf, CliError> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(CliError::usage(
            format!("{name}: cannot read {}: {error}", path.display()),
            "name a file in PEM form",
        )),
    }
}
