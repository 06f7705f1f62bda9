//! The context that the children of `OtpActor` share.

use std::sync::Arc;

use crate::{
    config,
    crypto::link_secret::{LinkKeys, LinkedCode},
    domain::otp::{CodeLimits, OneTimeCode},
    persistence::{Store, Write},
    supervision::System,
    types::Call,
};

/// The dependencies and limits of the children.
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

    /// The write of a transaction of `call`.
    pub(super) fn write(&self, call: &Call) -> Write {
        Write::of(call, self.system.stamp())
    }
}

/// The values from which the secret of the code's link is derived.
pub(super) fn linked(code: &OneTimeCode) -> LinkedCode {
    LinkedCode { owner: code.owner, purpose: code.purpose.as_str(), code: code.id }
}
