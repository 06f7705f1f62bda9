//! What the children of `OtpActor` share.

use std::sync::Arc;

use crate::{
    config,
    crypto::code,
    domain::otp::{CodeLimits, FreshCode},
    persistence::{Store, Tx},
    supervision::System,
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
}

/// Digits and id for a code, should one be needed; drawn from the transaction's own stream.
pub(super) fn draw(tx: &mut Tx<'_>) -> FreshCode {
    let digits = code::CodeDigits::draw(|| tx.random()).for_record();
    FreshCode { id: tx.id(), digits }
}
