//! What handlers and the frame reach: the handles of the services, and what the edge itself needs.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    credential::{Authenticator, ControlToken},
    limits::Limiter,
    route::Listener,
    trust::{Forwarded, ForwardedHeaders, PeerKind, TrustedProxies},
};
use crate::{
    actors::{audit::Audit, auth::Auth, notifier::Notifier, operations::Operations, relay::Relays, user::Users},
    config::{self, Config, Mode, WebOrigin},
    telemetry::{health::HealthReason, metrics::http::HttpMetrics},
    types::{Clock, Entropy, Timestamp, limits},
};

/// Where metrics are scraped.
pub const METRICS: &str = "/metrics";

/// The state of both routers. Handlers take it as `State(services): State<EdgeServices>`.
#[derive(Clone)]
pub struct EdgeServices {
    /// What the frame of every request needs.
    pub edge: Arc<EdgeContext>,
    /// The process as operators see it.
    pub operations: Operations,
    /// Sign-in.
    pub auth: Auth,
    /// Users.
    pub users: Users,
    /// Mail, and the development inbox.
    pub notifier: Notifier,
    /// The event log, and who hears it.
    pub relays: Relays,
    /// The audit trail.
    pub audit: Audit,
}

/// What the frame of every request needs.
pub struct EdgeContext {
    /// How much is answered without a credential.
    pub mode: Mode,
    /// Whether production shows on the public listener what operators can do.
    docs_public: bool,
    /// Whether the public listener answers with metrics, without a credential.
    metrics_public: bool,
    /// Counters of requests.
    pub metrics: HttpMetrics,
    /// The URL clients know this installation by, without a slash at the end.
    pub public_url: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Proves access tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The operator's credential.
    pub control: ControlToken,
    /// Proxies that are believed.
    pub proxies: TrustedProxies,
    /// Counts of requests.
    pub limiter: Limiter,
    /// How long a body may take, how long a handler, and how large a body may be.
    pub limits: RequestLimits,
    /// Origins whose scripts may call the public listener.
    pub cors_origins: Vec<WebOrigin>,
    /// The peer that last sent headers of a proxy without being trusted.
    untrusted_proxy: Mutex<Option<ProxyNote>>,
    /// The trusted proxy that last named no client.
    silent_proxy: Mutex<Option<ProxyNote>>,
}

/// A peer whose headers say less than they should, or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyNote {
    /// Its address, where the listener knows it.
    pub peer: Option<IpAddr>,
    /// When it last did so.
    pub at: Timestamp,
    /// When the log last spoke of one.
    told_at: Timestamp,
}

impl fmt::Display for ProxyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{peer}"),
            None => f.write_str("an unknown address"),
        }
    }
}

/// What one request may use up.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// A body that is read into memory, from its beginning to its end.
    pub body: Duration,
    /// A handler, its body included.
    pub handler: Duration,
    /// Bytes of a body, unless the route says otherwise.
    pub body_max: usize,
}

impl RequestLimits {
    fn new(edge: &config::EdgeConfig) -> Self {
        let body = edge.timeouts.body;
        Self { body, handler: body + edge.timeouts.handler, body_max: edge.body_max.as_usize() }
    }
}

/// What the edge needs and the configuration does not hold.
pub struct EdgeDependencies {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Proves access tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The operator's credential.
    pub control: ControlToken,
}

impl EdgeContext {
    /// As `config` says.
    pub fn new(config: &Config, dependencies: EdgeDependencies) -> Self {
        let EdgeDependencies { clock, entropy, authenticator, control } = dependencies;
        Self {
            mode: config.mode,
            docs_public: config.edge.docs_public,
            metrics_public: config.edge.metrics_public,
            metrics: HttpMetrics::default(),
            public_url: config.public_url(),
            limiter: Limiter::new(&config.edge.rate_limits, clock.instant()),
            proxies: TrustedProxies(config.edge.trusted_proxies.clone()),
            limits: RequestLimits::new(&config.edge),
            cors_origins: config.edge.cors_origins.clone(),
            untrusted_proxy: Mutex::default(),
            silent_proxy: Mutex::default(),
            clock,
            entropy,
            authenticator,
            control,
        }
    }

    /// Whether `listener` shows the page of the API, and the operators' routes in its document.
    pub fn shows_operations_on(&self, listener: Listener) -> bool {
        match (listener, self.mode) {
            (Listener::Ops, _) | (Listener::Public, Mode::Development) => true,
            (Listener::Public, Mode::Production) => self.docs_public,
        }
    }

    /// Whether `path` is that of the metrics and `listener` answers it without a credential.
    pub fn shows_metrics_to_all(&self, listener: Listener, path: &str) -> bool {
        path == METRICS && listener == Listener::Public && self.metrics_public
    }

    /// Remembers that a peer that is not trusted speaks like a proxy, or that a trusted one names no client, and says
    /// so in the log, though not of each request: anybody can send such headers.
    pub fn note_proxy(&self, forwarded: Forwarded, peer: Option<IpAddr>) {
        if forwarded.headers == ForwardedHeaders::Untrusted
            && let Some(note) = self.note(&self.untrusted_proxy, peer)
        {
            tracing::warn!(
                peer = %note,
                "headers of a proxy came from an address that is not in edge.trusted_proxies; they are ignored"
            );
        }
        if forwarded.peer == PeerKind::SilentProxy
            && let Some(note) = self.note(&self.silent_proxy, peer)
        {
            tracing::warn!(
                peer = %note,
                "a proxy of edge.trusted_proxies names no client, neither in X-Forwarded-For nor in Forwarded; all its \
                 clients count as one"
            );
        }
    }

    /// Notes `peer` in `place`; gives the note if the log has to speak of it.
    fn note(&self, place: &Mutex<Option<ProxyNote>>, peer: Option<IpAddr>) -> Option<ProxyNote> {
        let at = self.clock.now();
        let mut known = place.lock().unwrap_or_else(PoisonError::into_inner);
        let told_at = known.map(|known| known.told_at);
        let is_told = told_at.is_some_and(|told_at| at.since(told_at) < limits::UNTRUSTED_PROXY_TOLD_EVERY);
        let note = ProxyNote { peer, at, told_at: told_at.filter(|_| is_told).unwrap_or(at) };
        *known = Some(note);
        (!is_told).then_some(note)
    }

    /// Who that was last, if it is recent enough for health to say `proxy_untrusted`.
    pub fn untrusted_proxy(&self) -> Option<ProxyNote> {
        self.recent(&self.untrusted_proxy)
    }

    fn recent(&self, place: &Mutex<Option<ProxyNote>>) -> Option<ProxyNote> {
        let note = (*place.lock().unwrap_or_else(PoisonError::into_inner))?;
        (self.clock.now().since(note.at) < limits::UNTRUSTED_PROXY_SHOWN).then_some(note)
    }

    /// What is wrong with the edge, as health says it.
    pub fn health_reasons(&self) -> Vec<String> {
        let untrusted = self.recent(&self.untrusted_proxy).map(|note| {
            let name = HealthReason::ProxyUntrusted.as_str();
            format!("{name}: headers of a proxy came from {note}, which is not trusted ({})", note.at)
        });
        let silent = self.recent(&self.silent_proxy).map(|note| {
            let name = HealthReason::ProxySilent.as_str();
            format!("{name}: the proxy {note} names no client ({})", note.at)
        });
        untrusted.into_iter().chain(silent).collect()
    }
}
