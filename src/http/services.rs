//! The state of handlers and edge code: the handles of the services, and the dependencies of the edge.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    credential::{Authenticator, ControlToken},
    limits::Limiter,
    openapi::Documents,
    route::Listener,
    trust::{Forwarded, ForwardedHeaders, PeerKind, TrustedProxies},
};
use crate::{
    actors::{audit::Audit, auth::Auth, notifier::Notifier, operations::Operations, relay::Relays, user::Users},
    config::{self, Config, HttpUrl, Mode, WebOrigin},
    domain::auth::password_policy::PasswordPolicy,
    telemetry::{health::HealthReason, metrics::http::HttpMetrics},
    types::{Clock, Entropy, Timestamp, limits},
};

/// Where metrics are scraped.
pub const METRICS: &str = "/metrics";

/// The state of both routers. Handlers take it as `State(services): State<EdgeServices>`.
#[derive(Clone)]
pub struct EdgeServices {
    /// The state of the edge code.
    pub edge: Arc<EdgeContext>,
    /// The process as operators see it: actors, health, store.
    pub operations: Operations,
    /// Sign-in.
    pub auth: Auth,
    /// Users.
    pub users: Users,
    /// Mail, and the development inbox.
    pub notifier: Notifier,
    /// The event log and its subscribers.
    pub relays: Relays,
    /// The audit log.
    pub audit: Audit,
}

/// The state of the edge code, shared by all requests.
pub struct EdgeContext {
    /// Development or production; decides what is answered without a credential.
    pub mode: Mode,
    /// Whether production shows the operators' routes on the public listener (`edge.docs_public`).
    docs_public: bool,
    /// Whether the public listener answers with metrics, without a credential.
    metrics_public: bool,
    /// Where production sends requests for `/` (`edge.root_redirect`).
    pub root_redirect: Option<HttpUrl>,
    /// The address of the ops listener, which the page at `/` names in development.
    pub ops_listen: SocketAddr,
    /// Counters of requests.
    pub metrics: HttpMetrics,
    /// The public URL of this installation, without a slash at the end.
    pub public_url: String,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Verifies access tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The operator's credential.
    pub control: ControlToken,
    /// The proxies whose headers are trusted.
    pub proxies: TrustedProxies,
    /// The rate limits.
    pub limiter: Limiter,
    /// The limits of a request: body time, handler time, body size.
    pub limits: RequestLimits,
    /// The rules for new passwords.
    pub password_policy: PasswordPolicy,
    /// The origins whose scripts may call the public listener.
    pub cors_origins: Vec<WebOrigin>,
    /// The OpenAPI documents of the listeners.
    pub documents: Documents,
    /// The untrusted peer that last sent proxy headers.
    untrusted_proxy: Mutex<Option<ProxyNote>>,
    /// The trusted proxy that last sent a request without a client address.
    silent_proxy: Mutex<Option<ProxyNote>>,
}

/// A peer with wrong proxy headers: an untrusted peer that sends them, or a proxy that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyNote {
    /// The peer's address, if the listener knows it.
    pub peer: Option<IpAddr>,
    /// The last time it happened.
    pub at: Timestamp,
    /// The last time it was logged.
    logged_at: Timestamp,
}

impl fmt::Display for ProxyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{peer}"),
            None => f.write_str("an unknown address"),
        }
    }
}

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// The longest time to read a body into memory.
    pub body: Duration,
    /// The longest time of a handler, including its body.
    pub handler: Duration,
    /// The largest body in bytes, unless the route sets its own limit.
    pub body_max: usize,
}

impl RequestLimits {
    fn new(edge: &config::EdgeConfig) -> Self {
        let body = edge.timeouts.body;
        Self { body, handler: body + edge.timeouts.handler, body_max: edge.body_max.as_usize() }
    }
}

/// The dependencies of the edge that are not in the configuration.
pub struct EdgeDependencies {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Verifies access tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The operator's credential.
    pub control: ControlToken,
}

impl EdgeContext {
    /// The context for `config`.
    pub fn new(config: &Config, dependencies: EdgeDependencies) -> Self {
        let EdgeDependencies { clock, entropy, authenticator, control } = dependencies;
        Self {
            mode: config.mode,
            docs_public: config.edge.docs_public,
            metrics_public: config.edge.metrics_public,
            root_redirect: config.edge.root_redirect.clone(),
            ops_listen: config.edge.ops_listen,
            metrics: HttpMetrics::default(),
            public_url: config.public_url(),
            limiter: Limiter::new(&config.edge.rate_limits, clock.instant()),
            proxies: TrustedProxies(config.edge.trusted_proxies.clone()),
            limits: RequestLimits::new(&config.edge),
            password_policy: PasswordPolicy::from(&config.auth.password),
            cors_origins: config.edge.cors_origins.clone(),
            documents: Documents::new(config),
            untrusted_proxy: Mutex::default(),
            silent_proxy: Mutex::default(),
            clock,
            entropy,
            authenticator,
            control,
        }
    }

    /// The path that precedes `/problems` for clients of `listener`: that of the public URL, where a proxy serves the
    /// public listener below a path.
    pub fn problem_base(&self, listener: Listener) -> &str {
        let host_and_path = self.public_url.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
        match listener {
            Listener::Public => host_and_path.find('/').map_or("", |at| &host_and_path[at..]),
            Listener::Ops => "",
        }
    }

    /// Whether `listener` serves the API page, and its OpenAPI document contains the operators' routes.
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

    /// Records an untrusted peer that sends proxy headers, or a trusted proxy that names no client, and logs it. The
    /// log is rate limited, because any client can send such headers.
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

    /// Records `peer` in `place`. Returns the note if it is due to be logged.
    fn note(&self, place: &Mutex<Option<ProxyNote>>, peer: Option<IpAddr>) -> Option<ProxyNote> {
        let at = self.clock.now();
        let mut known = place.lock().unwrap_or_else(PoisonError::into_inner);
        let logged_at = known.map(|known| known.logged_at);
        let was_logged =
            logged_at.is_some_and(|logged_at| logged_at.is_within(limits::UNTRUSTED_PROXY_LOGGED_EVERY, at));
        let note = ProxyNote { peer, at, logged_at: logged_at.filter(|_| was_logged).unwrap_or(at) };
        *known = Some(note);
        (!was_logged).then_some(note)
    }

    /// The last untrusted peer with proxy headers, if it is recent enough for the health reason `proxy_untrusted`.
    pub fn untrusted_proxy(&self) -> Option<ProxyNote> {
        self.recent(&self.untrusted_proxy)
    }

    fn recent(&self, place: &Mutex<Option<ProxyNote>>) -> Option<ProxyNote> {
        let note = (*place.lock().unwrap_or_else(PoisonError::into_inner))?;
        note.at.is_within(limits::UNTRUSTED_PROXY_SHOWN, self.clock.now()).then_some(note)
    }

    /// The problems of the edge, as health reports them.
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
