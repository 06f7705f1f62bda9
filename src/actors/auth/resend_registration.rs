//! Sends the code of a registration again, for an administrator.

use std::{sync::Arc, time::Duration};

use super::AuthContext;
use crate::{
    actors::otp::{CodeOrder, Issued},
    domain::otp::CodePurpose,
    persistence::tables::registration,
    supervision::Command,
    types::{Call, Failure, Timestamp, id::UserId, limits},
};

/// Sends the code of a registration again, within the limits on sending.
#[derive(Debug, Clone, Copy)]
pub struct ResendRegistration {
    pub id: UserId,
}

/// The code that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationResent {
    /// The expiry of the code.
    pub expires_at: Timestamp,
    /// The time from which it can be sent again.
    pub resend_at: Timestamp,
}

/// The reason why no code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendRefusal {
    /// No registration has this id, it has expired, or no code can turn it into a user.
    NotFound,
    /// The limits on sending allow no code now.
    TooSoon {
        /// The time until the next code can be requested.
        wait: Duration,
    },
}

impl Command<AuthContext> for ResendRegistration {
    type Answer = RegistrationResent;
    type Refusal = ResendRefusal;
    const KIND: &'static str = "resend_registration";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<RegistrationResent, Failure<ResendRefusal>> {
        let now = context.system.clock().now();
        let found = context.store.read(move |view| registration::find(view, self.id)).await?;
        if !found.is_some_and(|found| found.is_verifiable(now)) {
            return Err(Failure::Refused(ResendRefusal::NotFound));
        }
        let order = CodeOrder::Administrator;
        match context.otp.issue(call.context.clone(), self.id, CodePurpose::VerifyEmail, order).await? {
            Issued::Sent { expires_at, resend_at, .. } => Ok(RegistrationResent { expires_at, resend_at }),
            Issued::Wait { until } => Err(Failure::Refused(ResendRefusal::TooSoon { wait: until.since(now) })),
            Issued::NoOwner => Err(Failure::Refused(ResendRefusal::NotFound)),
        }
    }
}
