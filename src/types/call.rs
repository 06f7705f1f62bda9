//! A call to a service: its work and its context.

use super::{CallContext, Network, Work};

/// The context that a command receives with its own fields.
#[derive(Debug, Clone)]
pub struct Call {
    /// Deadline, permit and progress.
    pub work: Work,
    /// The caller and its origin.
    pub context: CallContext,
}

impl Call {
    /// The network for rate limits; calls without a client address count as one network.
    pub fn network(&self) -> Network {
        self.context.network()
    }
}
