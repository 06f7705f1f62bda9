//! Origins of browsers, for CORS.

use std::fmt;

use super::Text;

/// An origin as browsers send it (RFC 6454 section 6.2): scheme, host, and the port if it is not the scheme's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The text that browsers send.
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
        "an exact origin such as \"https://app.example.com\", \"http://localhost:5173\" or \"capacitor://localhost\""
            .to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = str::to_owned;
        let (scheme, authority) = text.split_once("://").ok_or_else(|| refused("not an origin"))?;
        if text.contains('*') {
            return Err(refused("origins are compared exactly, '*' is no wildcard"));
        }
        let own_port = match scheme {
            "http" => Some(":80"),
            "https" => Some(":443"),
            // Their origin is opaque (RFC 6454 section 4): browsers send "null".
            "file" | "data" | "blob" | "javascript" | "about" => {
                return Err(refused("pages of this scheme have no origin"));
            }
            _ => None,
        };
        if text.bytes().any(|b| b.is_ascii_uppercase()) || own_port.is_some_and(|port| authority.ends_with(port)) {
            return Err(refused("browsers send origins in lower case and without the scheme's own port"));
        }
        if !is_scheme(scheme) {
            return Err(refused("not a scheme"));
        }
        let known: http::uri::Authority = authority.parse().map_err(|_| refused("not a host"))?;
        let has_path = authority.contains(['/', '?', '#', '@']);
        let port = authority.strip_prefix(known.host()).unwrap_or(authority);
        let has_port = port.is_empty() || known.port_u16().is_some();
        if has_path || known.host().is_empty() || !has_port {
            return Err(refused("an origin is scheme, host and port alone"));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A scheme by RFC 3986 section 3.1, in lower case.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_origins_are_taken() {
        for text in [
            "https://app.example.com",
            "http://localhost:5173",
            "https://app.example.com:8443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost:1430",
            "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
            "app+x-1.y://obsidian.md",
            "http://[::1]:3000",
        ] {
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
            "data://x",
            "blob://x",
            "1app://x",
            "app_1://x",
            "://x",
            "Capacitor://localhost",
            "capacitor://localhost/",
            "capacitor://*",
            "capacitor://",
            "app://x:99999",
        ] {
            assert!(WebOrigin::parse(text).is_err(), "{text}");
        }
    }
}
