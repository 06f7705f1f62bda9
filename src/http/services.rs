//! What handlers and the frame reach: the handles of the services, and what the edge itself needs.

use std::sync::Arc;

use super::{
    credential::{Authenticator, ControlToken},
    trust::TrustedProxies,
};
use crate::types::{Clock, Entropy};

/// The state of both routers. Handlers take it as `State(services): State<Services>`.
#[derive(Clone)]
pub struct Services {
    /// What the frame of every request needs.
    pub edge: Arc<Edge>,
}

/// What the frame of every request needs.
pub struct Edge {
    /// How this process is run.
    pub mode: Mode,
    /// The URL clients know this installation by, without a slash at the end; empty if it is not configured.
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
}

/// How much is answered without a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `/dev/*` is there, and loopback may read the ops listener without a token.
    Development,
    /// Neither.
    Production,
}
