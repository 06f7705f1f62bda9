//! Origins of browsers, for CORS.

use std::fmt;

use super::Text;

/// An origin as browsers send it (RFC 6454 section 6.2): scheme, host, port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The text browsers send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text for WebOrigin {
    fn notation() -> String {
        "an exact origin such as \"https://app.example.com\" or \"http://localhost:5173\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = str::to_owned;
        let (scheme, authority) = text.split_once("://").ok_or_else(|| refused("not an origin"))?;
        let own_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(refused("not http or https")),
        };
        if text.contains('*') {
            return Err(refused("origins are compared exactly, '*' stands for nothing"));
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) || authority.ends_with(own_port) {
            return Err(refused("browsers send origins in lower case and without the scheme's own port"));
        }
        let known: http::uri::Authority = authority.parse().map_err(|_| refused("not a host"))?;
        let has_path = authority.contains(['/', '?', '#', '@']);
        if has_path || known.host().is_empty() || authority.ends_with(':') {
            return Err(refused("an origin is scheme, host and port alone"));
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
    fn exact_origins_are_taken() {
        for text in ["https://app.example.com", "http://localhost:5173", "https://app.example.com:8443"] {
            assert_eq!(WebOrigin::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "*",
            "https://*.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "app.example.com",
            "https://app.example.com:443",
            "null",
            "https://",
            "https://u@example.com",
            "file://x",
        ] {
            assert!(WebOrigin::parse(text).is_err(), "{text}");
        }
    }
}
