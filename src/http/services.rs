//! What handlers and the frame reach: the handles of the services, and what the edge itself needs.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    credential::{Authenticator, ControlToken},
    limits::Limiter,
    trust::{ForwardedHeaders, TrustedProxies},
};
use crate::{
    actors::{audit::Audit, auth::Auth, notifier::Notifier, operations::Operations, relay::Relays, user::Users},
    config::{self, Config, Mode, WebOrigin},
    types::{Clock, Entropy, Timestamp, limits},
};

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
    untrusted_proxy: Mutex<Option<UntrustedProxy>>,
}

/// A peer that speaks like a proxy and is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntrustedProxy {
    /// Its address, where the listener knows it.
    pub peer: Option<IpAddr>,
    /// When it last did so.
    pub at: Timestamp,
    /// When the log last spoke of one.
    told_at: Timestamp,
}

impl fmt::Display for UntrustedProxy {
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
            public_url: config.public_url(),
            limiter: Limiter::new(&config.edge.rate_limits, clock.instant()),
            proxies: TrustedProxies(config.edge.trusted_proxies.clone()),
            limits: RequestLimits::new(&config.edge),
            cors_origins: config.edge.cors_origins.clone(),
            untrusted_proxy: Mutex::default(),
            clock,
            entropy,
            authenticator,
            control,
        }
    }

    /// Remembers that a peer that is not trusted speaks like a proxy, and says so in the log, though not of each
    /// request: anybody can send such headers.
    pub fn note_proxy(&self, headers: ForwardedHeaders, peer: Option<IpAddr>) {
        match headers {
            ForwardedHeaders::None | ForwardedHeaders::Trusted => {}
            ForwardedHeaders::Untrusted => self.note_untrusted_proxy(peer),
        }
    }

    fn note_untrusted_proxy(&self, peer: Option<IpAddr>) {
        let at = self.clock.now();
        let mut known = self.last_untrusted_proxy();
        let told_at = known.map(|known| known.told_at);
        let is_told = told_at.is_some_and(|told_at| at.since(told_at) < limits::UNTRUSTED_PROXY_TOLD_EVERY);
        let untrusted_proxy = UntrustedProxy { peer, at, told_at: told_at.filter(|_| is_told).unwrap_or(at) };
        *known = Some(untrusted_proxy);
        drop(known);
        if !is_told {
            tracing::warn!(
                peer = %untrusted_proxy,
                "headers of a proxy came from an address that is not in edge.trusted_proxies; they are ignored"
            );
        }
    }

    /// Who that was last, if it is recent enough for health to say `proxy_untrusted`.
    pub fn untrusted_proxy(&self) -> Option<UntrustedProxy> {
        let untrusted_proxy = (*self.last_untrusted_proxy())?;
        (self.clock.now().since(untrusted_proxy.at) < limits::UNTRUSTED_PROXY_SHOWN).then_some(untrusted_proxy)
    }

    fn last_untrusted_proxy(&self) -> MutexGuard<'_, Option<UntrustedProxy>> {
        self.untrusted_proxy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
