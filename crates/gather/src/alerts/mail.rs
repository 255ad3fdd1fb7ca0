//! Mail: a message as text and as HTML, given to an SMTP server.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use gather_fetch::{Roots, Secret, TlsOptions, Verify};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::key::hashed;
use super::message::Message;
use super::secrets::Secrets;
use super::value::{ConfigError, Fields, Step, Text};
use crate::human;

const ADDRESS_HINT: &str = "write ops@example.com or \"Operations <ops@example.com>\"";
const SERVER_HINT: &str =
    "write mail.example.com, mail.example.com:587 or smtps://mail.example.com";

/// The server, who writes and to whom.
#[derive(Clone)]
pub(super) struct Mail {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, Secret)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, port) = (&self.host, self.port);
        f.debug_struct("Mail").field("host", host).field("port", &port).finish_non_exhaustive()
    }
}

/// When a connection becomes private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// It is from the start (port 465).
    Tls,
    /// Before anything is said (RFC 3207); a server that cannot is left.
    StartTls,
    /// Never: only to this machine.
    Plain,
}

/// What went wrong with a mail.
pub(super) struct MailError {
    /// For people, secrets and all.
    pub(super) message: String,
    /// Whether the server refused this mail for good (RFC 5321 section 4.2.1).
    pub(super) is_final: bool,
}

pub(super) fn parse(
    fields: &mut Fields<'_>,
    secrets: &mut Secrets,
) -> Result<(Mail, String), ConfigError> {
    let server = fields.needed("smtp", SERVER_HINT)?;
    let wrong = |why: &str| ConfigError::new(why, SERVER_HINT).under("smtp");
    let (scheme, authority) = match server.expose().split_once("://") {
        None => ("", server.expose()),
        Some((scheme @ ("smtp" | "smtps"), rest)) => (scheme, rest.trim_end_matches('/')),
        Some(_) => return Err(wrong("it is neither smtp nor smtps")),
    };
    if authority.contains('@') {
        return Err(wrong("user and password stand in keys of their own, `user` and `password`"));
    }
    let (host, port) = host_and_port(authority).ok_or_else(|| wrong("it is no server"))?;
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let security = match (fields.text("tls")?.map(Text::expose), scheme, port) {
        (Some("tls"), ..) | (None, "smtps", _) | (None, _, Some(465)) => Security::Tls,
        (Some("starttls"), ..) => Security::StartTls,
        (Some("none"), ..) if is_local => Security::Plain,
        (Some("none"), ..) => {
            let message = "mail goes without encryption only to a server on this machine";
            return Err(ConfigError::new(message, "write tls or starttls").under("tls"));
        }
        (Some(_), ..) => {
            let hint = "write tls, starttls, or none for a server on this machine";
            return Err(ConfigError::new("it is unknown", hint).under("tls"));
        }
        (None, ..) if is_local => Security::Plain,
        (None, ..) => Security::StartTls,
    };
    let port = port.unwrap_or(match security {
        Security::Tls => 465,
        Security::StartTls => 587,
        Security::Plain => 25,
    });
    let login = match (fields.text("user")?, fields.text("password")?) {
        (None, None) => None,
        (Some(user), Some(password)) => {
            secrets.add(password.expose());
            Some((user.expose().to_owned(), Secret::new(password.expose())))
        }
        (Some(_), None) => {
            let hint = "write password = \"${env:SMTP_PASSWORD}\"";
            return Err(ConfigError::new("there is no `password` for the user", hint));
        }
        (None, Some(_)) => {
            return Err(ConfigError::new("there is no `user` for the password", "write user"));
        }
    };
    let from = fields.needed("from", ADDRESS_HINT)?;
    let from = mailbox(from).map_err(|error| error.under("from"))?;
    let to = fields.texts("to")?;
    if to.is_empty() {
        return Err(ConfigError::new("there is no `to`", ADDRESS_HINT));
    }
    let to = to
        .iter()
        .enumerate()
        .map(|(at, text)| mailbox(text).map_err(|error| error.within(Step::Item(at)).under("to")));
    let to = to.collect::<Result<Vec<_>, _>>()?;
    let place = format!("{host}:{port}, for {}", human::counted(to.len() as u64, "recipient"));
    Ok((Mail { host, port, security, login, from, to }, place))
}

/// A host and, where there is one, a port; an IPv6 address in brackets.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:".contains(&b);
    let is_host = !host.is_empty() && host.bytes().all(allowed);
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0));
    match port {
        _ if !is_host => None,
        Some(None) => None,
        Some(port) => Some((host.to_owned(), port)),
        None => Some((host.to_owned(), None)),
    }
}

fn mailbox(text: &Text) -> Result<Mailbox, ConfigError> {
    let mailbox = text.expose().parse();
    mailbox.map_err(|_| ConfigError::new("it is no mail address", ADDRESS_HINT))
}

impl Mail {
    /// Sends one mail to all addresses.
    ///
    /// # Errors
    /// What the server said, or why nothing was heard of it.
    pub(super) async fn send(
        &self,
        message: &Message,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<String, MailError> {
        let ours = |message: String| MailError { message, is_final: false };
        let mail = self.mail(message).map_err(|why| MailError { message: why, is_final: true })?;
        let transport = self.transport(trust, timeout).await.map_err(ours)?;
        match tokio::time::timeout(timeout, transport.send(mail)).await {
            Ok(Ok(response)) => Ok(format!("{}", response.code())),
            Ok(Err(error)) => {
                // A wrong password may be put right; a refused mail stays as it is.
                let code = error.status().map_or(0, u16::from);
                let is_login = matches!(code, 530 | 534 | 535 | 538);
                let is_final = error.is_permanent() && !is_login;
                Err(MailError { message: said(&error), is_final })
            }
            Err(_) => Err(ours(format!("no answer within {timeout:?}"))),
        }
    }

    async fn transport(
        &self,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let security = match self.security {
            Security::Tls => Tls::Wrapper(trust.parameters(&self.host).await?),
            Security::StartTls => Tls::Required(trust.parameters(&self.host).await?),
            Security::Plain => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.host)
            .port(self.port)
            .tls(security)
            .timeout(Some(timeout));
        if let Some((user, password)) = &self.login {
            let password = password.expose().to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        Ok(transport.build())
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, String> {
        let domain = self.from.email.domain();
        let id = |of: &str| format!("<{}@{domain}>", hashed([of]));
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(one_line(&message.title))
            .message_id(Some(id(&message.key)))
            .date_now();
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        if let Some(facts) = message.only() {
            // Readers show the end of an incident beside its beginning.
            mail = mail.references(id(&facts.thread));
        }
        let header = |name| HeaderName::new_from_ascii_str(name);
        // RFC 3834: nobody answers that they are on holiday.
        let automatic = HeaderValue::new(header("Auto-Submitted"), "auto-generated".to_owned());
        mail.raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(message.text.clone(), html(message)))
            .map_err(|error| format!("the mail cannot be written: {error}"))
    }
}

/// Whom mail servers are trusted by: the same as all others.
#[derive(Clone)]
pub(super) struct Trust {
    roots: Roots,
    verify: Verify,
    /// Of files, in place of the roots; or why they cannot be used.
    own: Result<Vec<Certificate>, String>,
}

impl Trust {
    /// Reads the files that the options name.
    pub(super) fn read(tls: &TlsOptions) -> Self {
        let own = tls.ca_files.iter().map(|path| {
            #[expect(clippy::disallowed_methods, reason = "read before anything is sent")]
            let pem = std::fs::read(path);
            let pem = pem.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Certificate::from_pem(&pem)
                .map_err(|error| format!("{} is no certificate: {error}", path.display()))
        });
        Self { roots: tls.roots, verify: tls.verify, own: own.collect() }
    }

    async fn parameters(&self, host: &str) -> Result<TlsParameters, String> {
        let own = self.own.clone()?;
        let mut parameters = TlsParameters::builder(host.to_owned());
        parameters = parameters.certificate_store(match (own.is_empty(), self.roots) {
            (false, _) => CertificateStore::None,
            (true, Roots::Bundled) => CertificateStore::WebpkiRoots,
            (true, Roots::System) => CertificateStore::Default,
        });
        for root in own {
            parameters = parameters.add_root_certificate(root);
        }
        if self.verify == Verify::Nothing {
            parameters = parameters.dangerous_accept_invalid_certs(true);
        }
        // The system's roots are hundreds of files.
        let built = tokio::task::spawn_blocking(move || parameters.build()).await;
        match built {
            Ok(Ok(parameters)) => Ok(parameters),
            Ok(Err(error)) => Err(format!("TLS cannot be set up: {error}")),
            Err(error) => Err(format!("TLS cannot be set up: {error}")),
        }
    }
}

/// An error with its causes, which it does not say by itself.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            write!(text, ": {inner_text}").expect("a string takes everything");
        }
        cause = inner.source();
    }
    text
}

/// A header is one line: what could end it becomes a space.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same as the text, as a page of its own; everything is escaped.
fn html(message: &Message) -> String {
    let mut html = String::from("<!DOCTYPE html><html><body style=\"font-family:sans-serif\">");
    let mut add = |text: std::fmt::Arguments<'_>| {
        html.write_fmt(text).expect("a string takes everything");
    };
    add(format_args!("<h2>{}</h2>", escaped(&message.title)));
    match message.only() {
        Some(facts) => {
            add(format_args!("<table>"));
            for (name, value) in facts.details() {
                let (name, value) = (escaped(name), escaped(&value));
                add(format_args!("<tr><th align=\"left\">{name}</th><td>{value}</td></tr>"));
            }
            add(format_args!("</table>"));
        }
        None => {
            let lines = message.rest().lines();
            for line in lines {
                add(format_args!("<p>{}</p>", escaped(line)));
            }
        }
    }
    if let Some(link) = &message.first().link {
        add(format_args!("<p><a href=\"{0}\">{0}</a></p>", escaped(link)));
    }
    add(format_args!("</body></html>"));
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
