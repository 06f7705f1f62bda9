//! What handlers and the frame reach: the handles of the services, and what the edge itself needs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{
    credential::{Authenticator, ControlToken},
    limits::Limiter,
    trust::{Telltale, TrustedProxies},
};
use crate::{
    actors::{audit::Audit, auth::Auth, notifier::Notifier, operations::Operations, relay::Relays, user::Users},
    config::{self, Config, Mode, WebOrigin},
    types::{Clock, Entropy, Timestamp, limits},
};

/// The state of both routers. Handlers take it as `State(services): State<Services>`.
#[derive(Clone)]
pub struct Services {
    /// What the frame of every request needs.
    pub edge: Arc<Edge>,
    /// The house as operators see it.
    pub operations: Operations,
    /// The door.
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
pub struct Edge {
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
    pub allowance: Allowance,
    /// Origins whose scripts may call the public listener.
    pub cors_origins: Vec<WebOrigin>,
    /// When a peer that is not trusted last sent headers of a proxy; zero is never.
    untrusted_proxy_at: AtomicI64,
}

/// What one request may use up.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// A body that is read into memory, from its beginning to its end.
    pub body: Duration,
    /// A handler, its body included.
    pub handler: Duration,
    /// Bytes of a body, unless the route says otherwise.
    pub body_max: usize,
}

impl Allowance {
    fn new(edge: &config::Edge) -> Self {
        let body = edge.timeouts.body;
        Self { body, handler: body + edge.timeouts.handler, body_max: edge.body_max.as_usize() }
    }
}

/// What the edge needs and the configuration does not hold.
pub struct Seams {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Proves access tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// The operator's credential.
    pub control: ControlToken,
}

impl Edge {
    /// As `config` says.
    pub fn new(config: &Config, seams: Seams) -> Self {
        let Seams { clock, entropy, authenticator, control } = seams;
        Self {
            mode: config.mode,
            public_url: config.public_url(),
            limiter: Limiter::new(&config.edge.rate_limits, clock.instant()),
            proxies: TrustedProxies(config.edge.trusted_proxies.clone()),
            allowance: Allowance::new(&config.edge),
            cors_origins: config.edge.cors_origins.clone(),
            untrusted_proxy_at: AtomicI64::new(0),
            clock,
            entropy,
            authenticator,
            control,
        }
    }

    /// Remembers that somebody who is not trusted speaks like a proxy.
    pub fn note_proxy(&self, telltale: Telltale) {
        match telltale {
            Telltale::None | Telltale::Trusted => {}
            Telltale::Untrusted => self.untrusted_proxy_at.store(self.clock.now().as_micros(), Ordering::Relaxed),
        }
    }

    /// When that was last, if it is recent enough for health to say `proxy_untrusted`.
    pub fn untrusted_proxy(&self) -> Option<Timestamp> {
        let at = self.untrusted_proxy_at.load(Ordering::Relaxed);
        let at = (at != 0).then(|| Timestamp::from_micros(at))?;
        (self.clock.now().since(at) < limits::UNTRUSTED_PROXY_SHOWN).then_some(at)
    }
}
