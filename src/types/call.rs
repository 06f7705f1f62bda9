//! One call on its way through a service: its work and its origin.

use super::{CallContext, Network, Work};

/// What a command is handed besides its own fields.
#[derive(Debug, Clone)]
pub struct Call {
    /// Deadline, permit and progress.
    pub work: Work,
    /// On whose behalf, and from where.
    pub context: CallContext,
}

impl Call {
    /// The network that limits are counted by; calls without a client address count as one network.
    pub fn network(&self) -> Network {
        self.context.client.map_or(Network::V4([0; 3]), Network::of)
    }
}
