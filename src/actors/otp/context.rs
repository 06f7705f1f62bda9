//! What the children of `OtpActor` share.

use std::sync::Arc;

use crate::{
    config,
    domain::otp::CodeLimits,
    persistence::{Store, Write},
    supervision::System,
    types::Call,
};

/// The store, the system and the numbers.
pub(super) struct OtpContext {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) limits: CodeLimits,
}

impl OtpContext {
    pub(super) fn new(system: System, store: Store, settings: &config::CodeConfig) -> Arc<Self> {
        Arc::new(Self { system, store, limits: settings.into() })
    }

    /// What accompanies a transaction of `call`.
    pub(super) fn write(&self, call: &Call) -> Write {
        Write::of(call, self.system.stamp())
    }
}
