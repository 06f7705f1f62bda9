//! `[edge]`

use std::{net::SocketAddr, time::Duration};

use super::{ByteSize, HttpUrl, WebOrigin, section::section};
use crate::types::{Cidr, limits};

section! {
    /// The two listeners and their limits.
    pub struct EdgeConfig {
        /// The address of the listener for apps and browsers; port 0 takes a free port.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// The address of the listener for operators: actors, events, dead letters, keys, snapshots.
        ops_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090));
        /// Whether production accepts an ops_listen address off loopback without TLS. The operators' credentials are
        /// sent in the clear, so use it only on a private network.
        ops_plain: bool = false;
        /// Whether production serves /docs, and the operators' routes in /openapi.json, on the public listener;
        /// development serves them always.
        docs_public: bool = false;
        /// Whether the public listener serves /metrics too, without a credential; the ops listener serves them to
        /// operators.
        metrics_public: bool = false;
        /// Peers whose X-Forwarded-For or Forwarded (RFC 7239) is trusted: the addresses of your reverse proxies, never
        /// every address. In production the public listener answers no other peer, except for /health.
        trusted_proxies: Vec<Cidr> = Vec::new();
        /// Where production sends browsers that open the public listener's bare address, such as your website; empty
        /// for 404. Development shows a page of its own there.
        root_redirect: Option<HttpUrl> = None;
        /// Origins whose scripts may call the API (CORS), exactly as browsers send them, of any scheme; in development
        /// also every port of http://localhost, http://127.0.0.1 and http://[::1].
        cors_origins: Vec<WebOrigin> = Vec::new();
        /// The highest number of open connections of both listeners together, and at most the limit of open files less
        /// 256. One network (IPv4 /24, IPv6 /64) that is no trusted proxy may use a quarter of them. At the limit an
        /// idle connection is closed for each new one; while none is idle, new ones wait.
        max_connections: u32 = 10_000, within 1..=100_000;
        /// The highest size of a JSON body.
        body_max: ByteSize = ByteSize::kib(64), within ByteSize::kib(1)..=ByteSize::mib(1);
        /// How long the listener accepts connections after it reports "not ready", so that load balancers notice.
        drain_delay: Duration = Duration::ZERO, within Duration::ZERO..=Duration::from_secs(300);
    }
    with {
        /// Time limits of a connection.
        timeouts: TimeoutsConfig,
        /// Limits on requests per minute.
        rate_limits: RateLimitsConfig,
    }
}

section! {
    /// Time limits of a connection.
    pub struct TimeoutsConfig {
        /// From the connection, or the previous request, to the end of a request's headers.
        header_read: Duration = Duration::from_secs(10), within Duration::from_secs(1)..=Duration::from_secs(120);
        /// From the end of the headers to the end of the body; 10 seconds without a byte end it earlier.
        body: Duration = Duration::from_secs(15), within Duration::from_secs(1)..=Duration::from_secs(300);
        /// From the end of the body to the response.
        handler: Duration = Duration::from_secs(30), within Duration::from_secs(1)..=Duration::from_secs(300);
        /// An open connection without a request.
        idle: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_secs(3_600);
    }
}

section! {
    /// Limits on requests per minute; above them 429 with Retry-After. Health and the public keys are exempt.
    pub struct RateLimitsConfig {
        /// Whether requests are limited.
        enabled: bool = true;
        /// Anonymous and failed requests per minute from one address.
        anonymous: u32 = 100, within 1..=1_000_000;
        /// Requests per minute of one user or service.
        authenticated: u32 = 300, within 1..=1_000_000;
        /// Logins per minute from one address.
        login: u32 = 10, within 1..=1_000_000;
        /// Registrations per minute from one address.
        register: u32 = 5, within 1..=1_000_000;
        /// Requests for a code or a password reset per minute from one address.
        code: u32 = 5, within 1..=1_000_000;
    }
}

impl EdgeConfig {
    /// Whether forwarded headers of `peer` are trusted.
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(peer))
    }

    /// The highest number of open connections of both listeners together.
    pub fn connections(&self) -> usize {
        usize::try_from(self.max_connections).unwrap_or(limits::CONNECTIONS_MAX)
    }
}
