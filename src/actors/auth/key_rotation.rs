//! Rotates the signing keys when they are due; not while the clock is not trusted.

use std::{sync::Arc, time::Duration};

use super::{Auth, AuthContext, keys};
use crate::{
    actors::leased::LeasedWorker,
    domain::auth::key_rotation::Urgency,
    persistence::Lease,
    supervision::{Next, TaskCx},
    types::{Call, CallContext, Fault, Work, limits},
};

/// The interval between two runs.
const EVERY: Duration = Duration::from_secs(60);

/// The worker that rotates the signing keys.
pub struct KeyRotation {
    context: Arc<AuthContext>,
}

impl KeyRotation {
    /// A worker for the keys of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self { context: Arc::clone(auth.context()) }
    }
}

impl LeasedWorker for KeyRotation {
    const KIND: &'static str = "key_rotation";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        let clock = cx.system().clock();
        if clock.may_remove() {
            let work = Work::until(clock.instant() + limits::CALL_DEADLINE);
            let call = Call { work, context: CallContext::service("auth", "keys-due") };
            let write = self.context.write(&call).under(lease.fence());
            keys::advance(&self.context, write, Urgency::WhenDue).await?;
        }
        Ok(Next::Within(EVERY))
    }
}
