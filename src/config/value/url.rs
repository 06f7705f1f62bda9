//! URLs of this server, or of an issuer.

use std::fmt;

use super::Text;

/// An `http` or `https` URL without user, query or fragment, and without a slash at the end. It is kept byte for byte,
/// because verifiers of tokens compare issuers byte for byte (RFC 7519 section 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text for HttpUrl {
    fn notation() -> String {
        "an address such as \"https://id.example.com\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = str::to_owned;
        let uri: http::Uri = text.parse().map_err(|_| refused("not an address"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refused("not http or https"));
        }
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        if authority.contains('@') {
            return Err(refused("a user or password does not belong here"));
        }
        if uri.host().is_none_or(str::is_empty) || authority.ends_with(':') {
            return Err(refused("no host, or no port behind the colon"));
        }
        if text.contains(['?', '#']) {
            return Err(refused("a query or fragment does not belong here"));
        }
        if text.ends_with('/') {
            return Err(refused("a slash at the end does not belong here"));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_byte_for_byte() {
        for text in ["https://id.example.com", "http://127.0.0.1:8080", "https://example.com/id", "http://[::1]:8080"] {
            assert_eq!(HttpUrl::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_a_verifier_would_stumble_over_is_refused() {
        for text in [
            "example.com",
            "ftp://example.com",
            "https://",
            "https://u:p@example.com",
            "https://example.com/",
            "https://example.com?x",
            "https://example.com#x",
            "https://example.com:",
            "//example.com",
            "/x",
        ] {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }
}
