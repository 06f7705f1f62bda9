//! The address of a mail server.
//!
//! ```text
//! smtp://host:port                     plain; sensible on loopback only            default port 587
//! smtp://user:password@host?tls=required       STARTTLS, refused without it        default port 587
//! smtp://user:password@host?tls=opportunistic  STARTTLS if the server offers it    default port 587
//! smtps://user:password@host           TLS from the first byte (RFC 8314)          default port 465
//! ```
//!
//! `@ : / ? # %` in user and password are percent-encoded: `%40 %3A %2F %3F %23 %25`.

use crate::types::{Invalid, Secret};

/// The encryption of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No encryption, also if the server offers it.
    Plain,
    /// By `STARTTLS` if the server offers it; an attacker on the path can prevent it.
    Opportunistic,
    /// By `STARTTLS`; without it no mail is sent.
    StartTls,
    /// From the first byte.
    Tls,
}

/// The mail server: its address, encryption and credentials.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Host name or IP address.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// User name and password.
    pub credentials: Option<(String, Secret)>,
}

const FORM: Invalid = Invalid::new(
    "smtp_url",
    "must be smtps://user:password@host, smtp://user:password@host:587?tls=required or smtp://host:port",
);

impl SmtpServer {
    /// Reads the form above. The error never contains the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // The parser drops a fragment, with the rest of a password, and a port out of range.
        let uri: http::Uri = text.parse().ok().filter(|_| !text.contains('#')).ok_or(FORM)?;
        let security = match (uri.scheme_str(), uri.query()) {
            (Some("smtps"), None) => Security::Tls,
            (Some("smtp"), None) => Security::Plain,
            (Some("smtp"), Some("tls=opportunistic")) => Security::Opportunistic,
            (Some("smtp"), Some("tls=required")) => Security::StartTls,
            (Some(_) | None, _) => return Err(FORM),
        };
        let authority = uri.authority().ok_or(FORM)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(FORM);
        }
        let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
        let port = match (host_and_port.strip_prefix(authority.host()), security) {
            (Some(""), Security::Tls) => 465,
            (Some(""), Security::Plain | Security::Opportunistic | Security::StartTls) => 587,
            (Some(_) | None, _) => authority.port_u16().filter(|port| *port > 0).ok_or(FORM)?,
        };
        let credentials = match authority.as_str().rsplit_once('@') {
            None => None,
            Some((pair, _)) => {
                let (user, password) = pair.split_once(':').ok_or(FORM)?;
                Some((decoded(user)?, Secret::new(decoded(password)?)))
            }
        };
        Ok(Self { host, port, security, credentials })
    }
}

/// Percent-decoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Result<String, Invalid> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let hex = text.get(text.len() - tail.len()..text.len() - tail.len() + 2).ok_or(FORM)?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| FORM)?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_says_host_port_security_and_credentials() {
        for (text, host, port, security, credentials) in [
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Security::Plain, None),
            ("smtp://[::1]:2525", "::1", 2525, Security::Plain, None),
            ("smtp://mail.example.com?tls=opportunistic", "mail.example.com", 587, Security::Opportunistic, None),
            ("smtp://u:p@mail.example.com?tls=required", "mail.example.com", 587, Security::StartTls, Some(("u", "p"))),
            (
                "smtps://u%40x:p%3A%2F%25@mail.example.com",
                "mail.example.com",
                465,
                Security::Tls,
                Some(("u@x", "p:/%")),
            ),
        ] {
            let url = SmtpServer::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.security), (host, port, security), "{text}");
            let found = url.credentials.as_ref().map(|(user, password)| (user.as_str(), password.reveal()));
            assert_eq!(found, credentials, "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused_without_being_repeated() {
        for text in [
            "mail.example.com",
            "http://u:hunter2@x",
            "smtp://hunter2@x",
            "smtp://u:%g1hunter2@x",
            "smtp://u:%4@x",
            "smtp://u:hunter2#@x",
            "smtp://x:65536",
            "smtp://x:0",
        ] {
            let refusal = SmtpServer::parse(text).unwrap_err();
            assert!(!format!("{refusal:?}").contains("hunter2"));
        }
    }
}
