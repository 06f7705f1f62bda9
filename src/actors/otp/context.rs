//! What the children of `OtpActor` share.

use std::sync::Arc;

use crate::{
    config,
    crypto::link_secret::{LinkKeys, LinkedCode},
    domain::otp::{CodeLimits, OneTimeCode},
    persistence::{Store, Write},
    supervision::System,
    types::Call,
};

/// The store, the system, the numbers, and the keys of links.
pub(super) struct OtpContext {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) limits: CodeLimits,
    pub(super) links: Arc<LinkKeys>,
}

impl OtpContext {
    pub(super) fn new(system: System, store: Store, settings: &config::AuthConfig) -> Arc<Self> {
        let links = Arc::new(LinkKeys::new(store.subkeys("link_secret")));
        Arc::new(Self { system, store, limits: settings.into(), links })
    }

    /// What accompanies a transaction of `call`.
    pub(super) fn write(&self, call: &Call) -> Write {
        Write::of(call, self.system.stamp())
    }
}

/// The code as the secret of its link names it.
pub(super) fn linked(code: &OneTimeCode) -> LinkedCode {
    LinkedCode { owner: code.owner, purpose: code.purpose.as_str(), code: code.id }
}
