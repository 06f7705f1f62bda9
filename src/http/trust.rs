//! Which proxies are believed when they name the client.
//!
//! ```text
//! client 198.51.100.7 -> proxy 10.0.0.2 (trusted) -> proxy 10.0.0.1 (trusted) -> here
//! X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.0.0.2          peer: 10.0.0.1
//!                  ^ the client's own invention   ^ the first untrusted from the right: the client
//! ```

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

use crate::types::{Cidr, limits};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Whether a proxy makes itself known by the header.
fn is_of_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "via" | "x-real-ip")
}

/// The proxies in front of this process (`edge.trusted_proxies`).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<Cidr>);

/// What the headers of proxies amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// The client behind trusted proxies, if there are any.
    pub client: Option<IpAddr>,
    /// How the client reached the outermost trusted proxy.
    pub transport: Transport,
    /// Whether there are such headers, and from whom.
    pub headers: ForwardedHeaders,
}

/// How a request travelled to the first machine we trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// In the clear, or not known.
    #[default]
    Plain,
    /// Over TLS.
    Tls,
}

/// Traces of proxies in the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeaders {
    /// None.
    #[default]
    None,
    /// From a peer that is trusted.
    Trusted,
    /// From a peer that is not: somebody invents them, or `edge.trusted_proxies` is incomplete.
    Untrusted,
}

impl TrustedProxies {
    /// Judges the headers of a request that came from `peer`.
    pub fn judge(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Forwarded {
        if !headers.keys().any(is_of_proxy) {
            return Forwarded::default();
        }
        let Some(peer) = peer.filter(|peer| self.contain(*peer)) else {
            return Forwarded { headers: ForwardedHeaders::Untrusted, ..Forwarded::default() };
        };
        let proto = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_tls = proto.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("https"));
        Forwarded {
            client: Some(self.first_untrusted(headers, peer)),
            transport: if is_tls { Transport::Tls } else { Transport::Plain },
            headers: ForwardedHeaders::Trusted,
        }
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// Walks `X-Forwarded-For` from the right; what cannot be read ends the walk at the last address that could.
    fn first_untrusted(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let mut nearest = peer;
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(limits::FORWARDED_HOPS_MAX);
        for hop in hops {
            let Some(address) = hop_address(hop.trim()) else { return nearest };
            if !self.contain(address) {
                return address;
            }
            nearest = address;
        }
        nearest
    }
}

/// `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:5678`.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{ForwardedHeaders, Transport, TrustedProxies};

    fn judged(peer: &str, lines: &[(&'static str, &'static str)]) -> (String, ForwardedHeaders, Transport) {
        let proxies = TrustedProxies(["10.0.0.0/8", "fd00::/8"].iter().map(|r| r.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let forwarded = proxies.judge(&headers, Some(peer.parse().unwrap()));
        (forwarded.client.map(|c| c.to_string()).unwrap_or_default(), forwarded.headers, forwarded.transport)
    }

    #[test]
    fn the_client_is_the_first_untrusted_address_from_the_right() {
        let told = |lines| judged("10.0.0.1", lines).0;
        assert_eq!(told(&[("x-forwarded-for", "1.1.1.1, 198.51.100.7, 10.0.0.2")]), "198.51.100.7");
        assert_eq!(told(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7:443")]), "198.51.100.7");
        assert_eq!(told(&[("x-forwarded-for", "[2001:db8::1]:9, fd00::2")]), "2001:db8::1");
        assert_eq!(told(&[("x-forwarded-for", "::ffff:198.51.100.7")]), "198.51.100.7");
        assert_eq!(told(&[("x-forwarded-for", "1.1.1.1, garbage, 10.0.0.9")]), "10.0.0.9");
        assert_eq!(told(&[("x-forwarded-for", "10.0.0.3")]), "10.0.0.3");
        assert_eq!(told(&[("via", "1.1 proxy")]), "10.0.0.1");
    }

    #[test]
    fn a_stranger_is_not_believed_but_noticed() {
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")];
        assert_eq!(judged("192.0.2.1", &lines), (String::new(), ForwardedHeaders::Untrusted, Transport::Plain));
        assert_eq!(judged("192.0.2.1", &[]).1, ForwardedHeaders::None);
        assert_eq!(judged("10.9.9.9", &lines), ("1.1.1.1".to_owned(), ForwardedHeaders::Trusted, Transport::Tls));
    }
}
