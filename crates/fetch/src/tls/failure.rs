//! What an error of TLS means: one table from rustls's errors to kinds.

use std::io;

use gather_core::{ErrorKind, Failure};
use rustls::{CertificateError, Error, InvalidMessage};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names of a certificate that a message lists.
const NAMES_SHOWN_MAX: usize = 3;

/// The failure that TLS left in an error of reading or writing after the handshake; `None` if
/// the error is not TLS's. A server that refuses our certificate says so only here (RFC 8446
/// section 4.4.2.4).
pub fn failure_of_io(error: &io::Error, host: &str) -> Option<Failure> {
    Some(failure_of(tls_error(error)?, host, None))
}

/// What a failed handshake with `host` means; `leaf` is the certificate that was refused.
pub(super) fn failure_of_handshake(error: &io::Error, host: &str, leaf: Option<&[u8]>) -> Failure {
    if let Some(error) = tls_error(error) {
        return failure_of(error, host, leaf);
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Failure::new(
            ErrorKind::ConnectReset,
            format!("{host} reset the connection during the TLS handshake"),
        ),
        io::ErrorKind::UnexpectedEof => Failure::new(
            ErrorKind::TlsHandshake,
            format!("{host} closed the connection during the TLS handshake"),
        ),
        _ => Failure::new(
            ErrorKind::TlsHandshake,
            format!("the TLS handshake with {host} failed: {error}"),
        ),
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn failure_of(error: &Error, host: &str, leaf: Option<&[u8]>) -> Failure {
    let (kind, message) = match error {
        Error::InvalidCertificate(error) => return certificate_failure(error, host, leaf),
        Error::NoCertificatesPresented => {
            (ErrorKind::TlsHandshake, format!("{host} presented no certificate"))
        }
        Error::AlertReceived(alert) => {
            (ErrorKind::TlsHandshake, format!("{host} ended TLS with the alert {alert:?}"))
        }
        Error::NoApplicationProtocol => {
            (ErrorKind::TlsHandshake, format!("{host} speaks none of the protocols offered"))
        }
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => (ErrorKind::TlsHandshake, format!("what {host} answered is not TLS")),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::DecryptError
        | Error::HandshakeNotComplete => {
            (ErrorKind::TlsHandshake, format!("the TLS handshake with {host} failed: {error}"))
        }
        _ => (ErrorKind::TlsOther, format!("TLS with {host} failed: {error}")),
    };
    Failure::new(kind, message)
}

fn certificate_failure(error: &CertificateError, host: &str, leaf: Option<&[u8]>) -> Failure {
    let (kind, what) = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (ErrorKind::TlsExpired, "has expired".to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (ErrorKind::TlsNotYetValid, "is not valid yet".to_owned())
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (ErrorKind::TlsWrongHost, names_shown(leaf))
        }
        // webpki stops at a self-signed certificate because it is a CA's, not for its issuer.
        _ if leaf.is_some_and(is_self_signed) => {
            (ErrorKind::TlsUnknownIssuer, "is self-signed".to_owned())
        }
        CertificateError::UnknownIssuer => {
            (ErrorKind::TlsUnknownIssuer, "is signed by nobody we trust".to_owned())
        }
        // Without a refused certificate it is the handshake's signature that is bad.
        CertificateError::BadSignature if leaf.is_some() => {
            (ErrorKind::TlsUnknownIssuer, "was not signed by the issuer it names".to_owned())
        }
        other => (ErrorKind::TlsOther, format!("is refused: {other}")),
    };
    Failure::new(kind, format!("the certificate of {host} {what}"))
}

/// "is for a.example, b.example", from the certificate itself.
fn names_shown(leaf: Option<&[u8]>) -> String {
    let names = leaf.map(|leaf| super::info_of_leaf(leaf, "").san).unwrap_or_default();
    let few = names.iter().take(NAMES_SHOWN_MAX).map(|name| &**name).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "is for another host".to_owned(),
        n if n > NAMES_SHOWN_MAX => format!("is for {few} and {} more", n - NAMES_SHOWN_MAX),
        _ => format!("is for {few}"),
    }
}

fn is_self_signed(leaf: &[u8]) -> bool {
    X509Certificate::from_der(leaf).is_ok_and(|(_, leaf)| leaf.subject() == leaf.issuer())
}
