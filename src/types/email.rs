//! E-mail addresses: the form as typed, and the normal form that is unique.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{Invalid, limits};

/// An e-mail address: `local@domain`, as typed except for white space at the ends.
///
/// ASCII local parts by RFC 5321 section 4.1.2 (dot-atoms, no quoting). Unicode ones (RFC 6531) are refused, since two
/// addresses could look the same. Domains may be international; they are stored in the form of IDNA (RFC 5891).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    typed: String,
    at: usize,
}

const FORMAT: Invalid = Invalid::new("email_format", "must be an e-mail address such as name@example.com");

impl EmailAddress {
    /// Checks the form. Full-width and other compatibility forms are folded first (NFKC), so that variants of one
    /// address cannot be registered separately.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > limits::EMAIL_INPUT_MAX {
            return Err(Invalid::detailed("length", format!("must be at most {} characters", limits::EMAIL_MAX)));
        }
        let text: String = text.trim().nfkc().collect();
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("control_character", "must not contain control characters"));
        }
        let (local, domain) = text.rsplit_once('@').ok_or(FORMAT)?;
        if !local.is_ascii() {
            return Err(Invalid::new("email_local_part", "the part before '@' must be plain ASCII"));
        }
        if !is_dot_atom(local) || local.len() > 64 {
            return Err(FORMAT);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| FORMAT)?;
        let labels_ok = domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty() && label.len() <= 63)
            && domain.parse::<std::net::Ipv4Addr>().is_err();
        if !labels_ok || local.len() + 1 + domain.len() > limits::EMAIL_MAX {
            return Err(FORMAT);
        }
        let at = local.len();
        Ok(Self { typed: format!("{local}@{domain}"), at })
    }

    /// The address for sending: local part as typed, domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The part before `@`, as typed.
    pub fn local_part(&self) -> &str {
        &self.typed[..self.at]
    }

    /// The part after `@`, in lower-case ASCII.
    pub fn domain(&self) -> &str {
        &self.typed[self.at + 1..]
    }

    /// The unique form: all in lower case.
    pub fn normal(&self) -> String {
        self.typed.to_ascii_lowercase()
    }

    /// For logs: `a***@example.com`.
    pub fn shortened(&self) -> String {
        let first = self.typed.chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

fn is_dot_atom(local: &str) -> bool {
    const SPECIAL: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    !local.is_empty()
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || SPECIAL.contains(&b)))
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shortened())
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.typed
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}
