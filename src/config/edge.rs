//! `[edge]`

use std::{net::SocketAddr, time::Duration};

use super::{ByteSize, HttpUrl, WebOrigin, section::section};
use crate::types::{Cidr, limits};

section! {
    /// The two listeners and what they put up with.
    pub struct EdgeConfig {
        /// Where apps and browsers are answered; port 0 takes a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// Where operators are answered: actors, events, dead letters, keys, snapshots.
        ops_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090));
        /// Whether production lets ops_listen be off loopback without TLS: only on a network that is yours alone,
        /// since the operators' credentials cross it in the clear.
        ops_plain: bool = false;
        /// Whether production shows /docs, and the operators' routes in /openapi.json, on the public listener;
        /// development does.
        docs_public: bool = false;
        /// Whether the public listener answers /metrics too, without a credential; the ops listener does to operators.
        metrics_public: bool = false;
        /// Peers whose X-Forwarded-For or Forwarded (RFC 7239) is believed: the addresses of your reverse proxies,
        /// never everybody. In production the public listener answers no other peer, but for /health.
        trusted_proxies: Vec<Cidr> = Vec::new();
        /// Where production sends browsers that open the public listener's bare address, such as your website; empty
        /// for 404. Development shows a page of its own there.
        root_redirect: Option<HttpUrl> = None;
        /// Origins whose scripts may call the API (CORS), exactly as browsers send them, of any scheme; in development
        /// every port of http://localhost, http://127.0.0.1 and http://[::1] may besides.
        cors_origins: Vec<WebOrigin> = Vec::new();
        /// Connections open at once on both listeners together, and at most the limit of open files less 256. One
        /// network (IPv4 /24, IPv6 /64) that is no trusted proxy has a quarter of them. At the limit idle ones are
        /// closed for new ones; while none is idle, new ones wait.
        max_connections: u32 = 10_000, within 1..=100_000;
        /// Size of a JSON body.
        body_max: ByteSize = ByteSize::kib(64), within ByteSize::kib(1)..=ByteSize::mib(1);
        /// How long the listener goes on accepting after it said "not ready", so that load balancers notice.
        drain_delay: Duration = Duration::ZERO, within Duration::ZERO..=Duration::from_secs(300);
    }
    with {
        /// How long a connection may take for what.
        timeouts: TimeoutsConfig,
        /// Requests a minute.
        rate_limits: RateLimitsConfig,
    }
}

section! {
    /// How long a connection may take for what.
    pub struct TimeoutsConfig {
        /// From the connection, or the request before, to the end of a request's headers.
        header_read: Duration = Duration::from_secs(10), within Duration::from_secs(1)..=Duration::from_secs(120);
        /// From the end of the headers to the end of the body; 10 seconds without a byte cut it off before.
        body: Duration = Duration::from_secs(15), within Duration::from_secs(1)..=Duration::from_secs(300);
        /// From the end of the body to the answer.
        handler: Duration = Duration::from_secs(30), within Duration::from_secs(1)..=Duration::from_secs(300);
        /// Without a request on an open connection.
        idle: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_secs(3_600);
    }
}

section! {
    /// Requests a minute; above them 429 with Retry-After. Health and the public keys are exempt.
    pub struct RateLimitsConfig {
        /// Whether requests are counted at all.
        enabled: bool = true;
        /// Anonymous and failed requests a minute from one address.
        anonymous: u32 = 100, within 1..=1_000_000;
        /// Requests a minute of one user or service.
        authenticated: u32 = 300, within 1..=1_000_000;
        /// Logins a minute from one address.
        login: u32 = 10, within 1..=1_000_000;
        /// Registrations a minute from one address.
        register: u32 = 5, within 1..=1_000_000;
        /// Requests for a code or a password reset a minute from one address.
        code: u32 = 5, within 1..=1_000_000;
    }
}

impl EdgeConfig {
    /// Whether forwarded headers of `peer` are believed.
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(peer))
    }

    /// Connections open at once on both listeners together.
    pub fn connections(&self) -> usize {
        usize::try_from(self.max_connections).unwrap_or(limits::CONNECTIONS_MAX)
    }
}
