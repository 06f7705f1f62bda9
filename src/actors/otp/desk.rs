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
pub(super) struct Desk {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) limits: CodeLimits,
}

impl Desk {
    pub(super) fn new(system: System, store: Store, settings: &config::Code) -> Arc<Self> {
        let limits = CodeLimits {
            lifetime: settings.lifetime,
            tries: u8::try_from(settings.tries).unwrap_or(u8::MAX),
            resend_after: settings.resend_after,
            renew_under: settings.renew_under,
            hourly: usize::try_from(settings.hourly).unwrap_or(usize::MAX),
            daily: usize::try_from(settings.daily).unwrap_or(usize::MAX),
        };
        Arc::new(Self { system, store, limits })
    }
}

/// Digits and id for a code, should one be needed; drawn from the transaction's own stream.
pub(super) fn draw(tx: &mut Tx<'_>) -> FreshCode {
    let digits = code::Digits::draw(|| tx.random()).for_record();
    FreshCode { id: tx.id(), digits }
}
