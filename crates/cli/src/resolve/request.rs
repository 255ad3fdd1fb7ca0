//! What is sent, and over what.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gather::core::{Method, RequestSpec};

use crate::error::CliError;
use crate::resolve::{host_headers, input};
use crate::settings::Settings;

/// Files of headers and bodies are read whole: larger ones are a mistake.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is sent, and over what. No `Debug` of values: they may be secrets.
#[derive(Clone)]
pub(crate) struct RequestSettings {
    /// The method.
    pub(crate) method: Method,
    /// Headers of every request, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Headers of single hosts.
    pub(crate) host_headers: Vec<(String, Vec<(String, String)>)>,
    /// The body.
    pub(crate) body: Option<Vec<u8>>,
    /// In place of our own name.
    pub(crate) user_agent: Option<String>,
    /// `name:password`.
    pub(crate) user: Option<String>,
    /// The Cookie header.
    pub(crate) cookie: Option<String>,
    /// `-x`.
    pub(crate) proxy: Option<String>,
    /// `--resolve`, as typed.
    pub(crate) resolve: Vec<String>,
    /// `--connect-to`, as typed.
    pub(crate) connect_to: Vec<String>,
    /// Whether certificates are checked.
    pub(crate) verify: Verify,
    /// Trusted certificates.
    pub(crate) cacert: Option<PathBuf>,
    /// Our certificate and its key.
    pub(crate) cert: Option<(PathBuf, Option<PathBuf>)>,
    /// Which addresses.
    pub(crate) family: Family,
    /// Which protocol.
    pub(crate) protocol: Protocol,
}

/// Whether certificates are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// They are.
    Full,
    /// They are not (`-k`).
    Nothing,
}

/// Which addresses are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Both.
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// As the server chooses.
    Auto,
    /// `--http1.1`.
    Http1,
    /// `--http2`.
    Http2,
}

impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSettings").field("method", &self.method).finish_non_exhaustive()
    }
}

impl RequestSettings {
    /// Reads the files that headers and body come from.
    ///
    /// # Errors
    /// When a header or method cannot be sent, or a file cannot be read.
    pub(crate) fn try_new(settings: &Settings) -> Result<Self, CliError> {
        let args = &settings.args.http;
        let body = args.data.as_deref().map(body).transpose()?;
        let mut headers = Vec::new();
        for header in &args.header {
            headers.extend(header_lines(header)?);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            // As curl does with -d.
            let form = "application/x-www-form-urlencoded";
            headers.push(("content-type".to_owned(), form.to_owned()));
        }
        Ok(Self {
            method: method(args.method.as_deref(), args.head, body.is_some())?,
            headers,
            host_headers: host_headers(settings)?,
            body,
            user_agent: args.user_agent.clone(),
            user: args.user.clone(),
            cookie: args.cookie.clone(),
            proxy: args.proxy.clone(),
            resolve: args.resolve.clone(),
            connect_to: args.connect_to.clone(),
            verify: if args.insecure { Verify::Nothing } else { Verify::Full },
            cacert: args.cacert.as_deref().map(readable("--cacert")).transpose()?,
            cert: match &args.cert {
                Some(cert) => Some((
                    readable("--cert")(cert)?,
                    args.key.as_deref().map(readable("--key")).transpose()?,
                )),
                None => None,
            },
            family: match (args.ipv4, args.ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            protocol: match (args.http1_1, args.http2) {
                (true, _) => Protocol::Http1,
                (_, true) => Protocol::Http2,
                _ => Protocol::Auto,
            },
        })
    }
}

impl RequestSettings {
    /// What depends on the rows of a file (`{column}` in a header or the body) apart from what
    /// is the same for all requests.
    pub(super) fn split(mut self, without_files: bool) -> (Self, Option<Arc<RequestSpec>>) {
        if without_files {
            return (self, None);
        }
        let (filled, same) =
            self.headers.into_iter().partition(|(_, value)| input::has_column(value));
        self.headers = same;
        let is_filled = |body: &Vec<u8>| std::str::from_utf8(body).is_ok_and(input::has_column);
        let body = self.body.take_if(|body| is_filled(body));
        let spec = RequestSpec { headers: filled, body: body.map(Bytes::from), ..RequestSpec::default() };
        let spec = (spec != RequestSpec::default()).then(|| Arc::new(spec));
        (self, spec)
    }
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
    let Some(path) = header.strip_prefix('@') else { return one_header(header).map(|one| vec![one]) };
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
fn readable(flag: &str) -> impl Fn(&Path) -> Result<PathBuf, CliError> {
    move |path| match std::fs::File::open(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(CliError::usage(
            format!("{flag}: cannot read {}: {error}", path.display()),
            "name a file in PEM form",
        )),
    }
}
