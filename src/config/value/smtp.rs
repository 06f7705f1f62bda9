//! The mail server.

use std::net::IpAddr;

use super::Text;
use crate::types::Secret;

/// The URL of a mail server. It contains user and password, so it is never printed:
/// `smtps://user:password@host` (TLS), `smtp://user:password@host:587?tls=required` (STARTTLS),
/// `smtp://host?tls=opportunistic`, `smtp://127.0.0.1:2525` (plain).
#[derive(Debug, Clone)]
pub struct SmtpUrl {
    whole: Secret,
    host: String,
    tls: bool,
}

impl SmtpUrl {
    /// The whole URL, with its password.
    pub fn reveal(&self) -> &str {
        self.whole.reveal()
    }

    /// The host of the mail server; it may be printed.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the connection requires TLS.
    pub fn demands_tls(&self) -> bool {
        self.tls
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl Text for SmtpUrl {
    const SECRET: bool = true;

    fn notation() -> String {
        "a mail server such as \"smtps://user:password@mail.example.com\" or \
         \"smtp://user:password@mail.example.com:587?tls=required\""
            .to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = str::to_owned;
        // A fragment is dropped by the parser, with the rest of a password.
        if text.contains('#') {
            return Err(refused(ESCAPES));
        }
        let uri: http::Uri = text.parse().map_err(|_| refused(ESCAPES))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| refused("no host"))?;
        if !matches!(uri.path(), "" | "/") {
            return Err(refused(ESCAPES));
        }
        if !port_is_valid(&uri) {
            return Err(refused("the port must be 1 to 65535"));
        }
        let pair = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
        if pair.is_some_and(|(pair, _)| !is_user_and_password(pair)) {
            return Err(refused(ESCAPES));
        }
        let tls = match (uri.scheme_str(), uri.query()) {
            (Some("smtps"), None) | (Some("smtp"), Some("tls=required")) => true,
            (Some("smtp"), None | Some("tls=opportunistic")) => false,
            (Some("smtp" | "smtps"), Some(_)) => {
                return Err(refused("behind '?' only smtp:// takes tls=required or tls=opportunistic"));
            }
            (Some(_) | None, _) => return Err(refused("not smtp or smtps")),
        };
        Ok(Self { whole: Secret::new(text), host: host.to_owned(), tls })
    }

    fn text(&self) -> String {
        self.whole.reveal().to_owned()
    }
}

const ESCAPES: &str = "not an address (in user and password, write '@', ':', '/', '?', '#' and '%' as \
                       %40, %3A, %2F, %3F, %23 and %25)";

/// Whether the port is absent or in range. The parser treats a port out of range as absent.
fn port_is_valid(uri: &http::Uri) -> bool {
    let Some(authority) = uri.authority() else { return true };
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    match host_and_port.strip_prefix(authority.host()) {
        Some("") => true,
        Some(_) | None => authority.port_u16().is_some_and(|port| port > 0),
    }
}

/// Whether `pair` is `user:password` without characters to escape.
fn is_user_and_password(pair: &str) -> bool {
    let Some((user, password)) = pair.split_once(':') else { return false };
    let escaped = |text: &str| {
        text.split('%').skip(1).all(|rest| rest.get(..2).is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok()))
    };
    !user.is_empty() && !password.contains([':', '@']) && escaped(user) && escaped(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_and_loopback_follow_from_the_address() {
        for (text, tls, loopback) in [
            ("smtps://u:p@mail.example.com", true, false),
            ("smtp://u:p%40@mail.example.com:587?tls=required", true, false),
            ("smtp://mail.example.com?tls=opportunistic", false, false),
            ("smtp://127.0.0.1:2525", false, true),
            ("smtp://localhost:2525", false, true),
            ("smtp://[::1]:2525", false, true),
        ] {
            let url = SmtpUrl::parse(text).unwrap();
            assert_eq!((url.demands_tls(), url.is_loopback()), (tls, loopback), "{text}");
            assert!(!format!("{url:?}").contains("u:p"));
        }
    }

    #[test]
    fn a_number_sign_and_a_port_out_of_range_are_refused_in_words() {
        for (text, words) in [
            ("smtps://u:hun#ter2@mail.example.com", "%23"),
            ("smtp://mail.example.com:2525#x", "%23"),
            ("smtp://mail.example.com:65536", "1 to 65535"),
            ("smtp://u:p@mail.example.com:0", "1 to 65535"),
            ("smtp://u:p@[::1]:99999", "1 to 65535"),
            ("smtp://mail.example.com:", "1 to 65535"),
        ] {
            let refusal = SmtpUrl::parse(text).unwrap_err();
            assert!(refusal.contains(words) && !refusal.contains("hun"), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_the_address() {
        for text in [
            "mail.example.com",
            "http://u:hunter2@x",
            "smtp://u:hunter2@x?tls=maybe",
            "smtps://u:hunter2@x?tls=required",
            "smtp://u:hun ter2@x",
            "",
        ] {
            let refusal = SmtpUrl::parse(text).unwrap_err();
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}
