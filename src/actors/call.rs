//! One call on its way through a service: its work and its origin.

use crate::{
    persistence::Write,
    supervision::System,
    types::{CallContext, Network, Work},
};

/// What a flow is handed besides its command.
#[derive(Debug, Clone)]
pub struct Call {
    /// Deadline, permit and progress.
    pub work: Work,
    /// Who asks, and from where.
    pub context: CallContext,
}

impl Call {
    /// The network limits are counted by; calls without a client's address count as one.
    pub fn network(&self) -> Network {
        self.context.client.map_or(Network::V4([0; 3]), Network::of)
    }

    /// What accompanies one transaction of this call; time and chance are sampled now.
    pub fn write(&self, system: &System) -> Write {
        Write { work: self.work.clone(), stamp: system.stamp(), context: self.context.clone() }
    }
}
