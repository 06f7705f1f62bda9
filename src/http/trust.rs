//! Decides which proxies are trusted to name the client.
//!
//! ```text
//! client 198.51.100.7 -> proxy 10.0.0.2 (trusted) -> proxy 10.0.0.1 (trusted) -> here
//! X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.0.0.2          peer: 10.0.0.1
//!                  ^ the client's own invention   ^ the first untrusted from the right: the client
//! ```
//!
//! `Forwarded` (RFC 7239) is read in the same way if `X-Forwarded-For` contains no address.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::types::{Cidr, limits};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether only proxies send the header.
fn is_of_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "via" | "x-real-ip")
}

/// The proxies in front of this process (`edge.trusted_proxies`).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<Cidr>);

/// The result of reading the proxy headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// The client that the trusted proxies name, if any.
    pub client: Option<IpAddr>,
    /// The transport between the client and the outermost trusted proxy.
    pub transport: Transport,
    /// Whether there are proxy headers, and whether the peer is trusted.
    pub headers: ForwardedHeaders,
    /// The kind of the peer.
    pub peer: PeerKind,
}

/// The kind of the socket's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerKind {
    /// A client, or a proxy that is not trusted.
    #[default]
    Untrusted,
    /// A trusted proxy that names the client.
    Proxy,
    /// A trusted proxy without a readable client address: all its clients have the same address here.
    SilentProxy,
}

/// The transport of a request up to the first trusted machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Without TLS, or unknown.
    #[default]
    Plain,
    /// Over TLS.
    Tls,
}

/// The presence of proxy headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeaders {
    /// There are none.
    #[default]
    None,
    /// The peer that sent them is trusted.
    Trusted,
    /// The peer is not trusted: the client forged them, or `edge.trusted_proxies` is incomplete.
    Untrusted,
}

/// One proxy's record of its client.
struct Hop<'a> {
    /// The address as written in the header.
    address: &'a str,
    /// The scheme of the request to the proxy, if the header states it.
    proto: Option<&'a str>,
}

impl TrustedProxies {
    /// Reads the proxy headers of a request from `peer`.
    pub fn judge(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Forwarded {
        let has_traces = headers.keys().any(is_of_proxy);
        let Some(peer) = peer.filter(|peer| self.contain(*peer)) else {
            let headers = if has_traces { ForwardedHeaders::Untrusted } else { ForwardedHeaders::None };
            return Forwarded { headers, ..Forwarded::default() };
        };
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let named = self.first_untrusted(hops.map(|address| Hop { address: address.trim(), proto: None }));
        let named = named.or_else(|| self.first_untrusted(elements(headers).iter().rev().map(|pairs| hop(pairs))));
        let proto = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
        let proto = proto.and_then(|proto| proto.rsplit(',').next()).or(named.as_ref().and_then(|named| named.1));
        let is_tls = proto.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"));
        Forwarded {
            client: Some(named.map_or(peer, |(client, _)| client)),
            transport: if is_tls { Transport::Tls } else { Transport::Plain },
            headers: if has_traces { ForwardedHeaders::Trusted } else { ForwardedHeaders::None },
            peer: if named.is_some() { PeerKind::Proxy } else { PeerKind::SilentProxy },
        }
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// The first address, from the nearest hop, that is not a trusted proxy. An unreadable hop ends the search at the
    /// last readable address. `None` if the nearest hop is unreadable.
    fn first_untrusted<'a>(&self, hops: impl Iterator<Item = Hop<'a>>) -> Option<(IpAddr, Option<&'a str>)> {
        let mut nearest = None;
        for hop in hops.take(limits::FORWARDED_HOPS_MAX) {
            let Some(address) = hop_address(hop.address) else { return nearest };
            nearest = Some((address, hop.proto));
            if !self.contain(address) {
                return nearest;
            }
        }
        nearest
    }
}

/// The elements of `Forwarded`, each as its pairs, with quoted values unquoted (RFC 7239 section 4).
fn elements(headers: &HeaderMap) -> Vec<Vec<(&str, &str)>> {
    let lines = headers.get_all(header::FORWARDED).iter().map(|value| value.to_str().unwrap_or("?"));
    lines.flat_map(|line| outside_quotes(line, ',')).map(pairs).collect()
}

fn pairs(element: &str) -> Vec<(&str, &str)> {
    let pairs = outside_quotes(element, ';').into_iter().filter_map(|pair| pair.trim().split_once('='));
    pairs
        .map(|(name, value)| (name, value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)))
        .collect()
}

/// The hop of an element. Without exactly one `for` its address is unreadable.
fn hop<'a>(pairs: &[(&'a str, &'a str)]) -> Hop<'a> {
    let of = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value);
        values.next().filter(|_| values.next().is_none())
    };
    Hop { address: of("for").unwrap_or("unknown"), proto: of("proto") }
}

/// Splits `text` at separators outside quotes.
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let split = text.split(|character: char| {
        let separates = character == separator && !is_quoted;
        match (character, is_escaped) {
            ('\\', false) if is_quoted => is_escaped = true,
            ('"', false) => is_quoted = !is_quoted,
            _ => is_escaped = false,
        }
        separates
    });
    split.collect()
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

    use super::{ForwardedHeaders, PeerKind, Transport, TrustedProxies};

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
        let client_of = |lines| judged("10.0.0.1", lines).0;
        assert_eq!(client_of(&[("x-forwarded-for", "1.1.1.1, 198.51.100.7, 10.0.0.2")]), "198.51.100.7");
        assert_eq!(
            client_of(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.7:443")]),
            "198.51.100.7"
        );
        assert_eq!(client_of(&[("x-forwarded-for", "[2001:db8::1]:9, fd00::2")]), "2001:db8::1");
        assert_eq!(client_of(&[("x-forwarded-for", "::ffff:198.51.100.7")]), "198.51.100.7");
        assert_eq!(client_of(&[("x-forwarded-for", "1.1.1.1, garbage, 10.0.0.9")]), "10.0.0.9");
        assert_eq!(client_of(&[("x-forwarded-for", "10.0.0.3")]), "10.0.0.3");
        assert_eq!(client_of(&[("via", "1.1 proxy")]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_if_x_forwarded_for_names_no_client() {
        fn of(lines: &[(&'static str, &'static str)]) -> (String, bool) {
            let (client, _, transport) = judged("10.0.0.1", lines);
            (client, transport == Transport::Tls)
        }
        let one = |value: &'static str| of(&[("forwarded", value)]);
        assert_eq!(one("for=198.51.100.7"), ("198.51.100.7".to_owned(), false));
        assert_eq!(one("For=\"198.51.100.7:443\"; Proto=HTTPS;by=10.0.0.1"), ("198.51.100.7".to_owned(), true));
        assert_eq!(one("for=\"[2001:db8::1]:4711\""), ("2001:db8::1".to_owned(), false));
        assert_eq!(
            one("for=1.1.1.1;proto=https, for=198.51.100.7;proto=http, for=10.0.0.2;proto=https").0,
            "198.51.100.7"
        );
        assert!(!one("for=1.1.1.1;proto=https, for=198.51.100.7;proto=http, for=10.0.0.2;proto=https").1);
        // A comma in quotes is no separator.
        assert_eq!(one("for=198.51.100.7;host=\"a,for=1.1.1.1\"").0, "198.51.100.7");
        assert_eq!(one("for=198.51.100.7;host=\"a\\\",for=1.1.1.1\"").0, "198.51.100.7");
        assert_eq!(of(&[("forwarded", "for=1.1.1.1"), ("forwarded", "for=198.51.100.7")]).0, "198.51.100.7");
        assert_eq!(of(&[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=1.1.1.1")]).0, "198.51.100.7");
        assert_eq!(of(&[("x-forwarded-for", "unknown"), ("forwarded", "for=198.51.100.7")]).0, "198.51.100.7");
    }

    #[test]
    fn a_trusted_proxy_that_names_no_client_is_silent() {
        let proxies = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]);
        let kind = |peer: &str, lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            proxies.judge(&headers, Some(peer.parse().unwrap())).peer
        };
        let unreadable = ["unknown", "_hidden", "", "1.1.1.1, garbage", "198.51.100.7, unknown"];
        for value in unreadable {
            assert_eq!(kind("10.0.0.1", &[("x-forwarded-for", value)]), PeerKind::SilentProxy, "{value}");
        }
        for value in
            ["for=unknown", "for=_SEVKISEK", "proto=https", "for=1.1.1.1;for=2.2.2.2", "for", "?", "for=1.1.1.1,"]
        {
            assert_eq!(kind("10.0.0.1", &[("forwarded", value)]), PeerKind::SilentProxy, "{value}");
        }
        assert_eq!(kind("10.0.0.1", &[]), PeerKind::SilentProxy);
        assert_eq!(kind("10.0.0.1", &[("x-forwarded-for", "garbage, 198.51.100.7")]), PeerKind::Proxy);
        assert_eq!(kind("10.0.0.1", &[("x-forwarded-for", "10.0.0.7")]), PeerKind::Proxy);
        assert_eq!(kind("192.0.2.1", &[]), PeerKind::Untrusted);
        assert_eq!(kind("192.0.2.1", &[("x-forwarded-for", "1.1.1.1")]), PeerKind::Untrusted);
    }

    #[test]
    fn headers_of_an_untrusted_peer_are_ignored_and_recorded() {
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")];
        assert_eq!(judged("192.0.2.1", &lines), (String::new(), ForwardedHeaders::Untrusted, Transport::Plain));
        assert_eq!(judged("192.0.2.1", &[]).1, ForwardedHeaders::None);
        assert_eq!(judged("10.9.9.9", &lines), ("1.1.1.1".to_owned(), ForwardedHeaders::Trusted, Transport::Tls));
    }
}
