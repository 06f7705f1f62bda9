//! What `OtpActor` hears: a registration or a request to reset a password needs a code.

use futures::{FutureExt, future::BoxFuture};

use super::{Issued, Order, Otp};
use crate::{
    actors::relay::{Delivery, NotTaken, Subscriber},
    domain::{
        event::{EventKind, EventType},
        otp::CodePurpose,
    },
};

/// The subscriber.
pub struct OtpNews {
    otp: Otp,
}

impl OtpNews {
    /// Hears for `otp`.
    pub fn new(otp: Otp) -> Self {
        Self { otp }
    }

    async fn take(&self, delivery: Delivery) -> Result<(), NotTaken> {
        let (owner, purpose) = match &delivery.event.kind {
            EventKind::UserRegistered { user, .. } => (*user, CodePurpose::VerifyEmail),
            EventKind::PasswordResetRequested { user, .. } => (*user, CodePurpose::ResetPassword),
            _ => return Err(NotTaken::Never("not an event that needs a code".to_owned())),
        };
        let context = delivery.context();
        match self.otp.issue(context, owner, purpose, Order::Event(Box::new(delivery))).await? {
            Issued::Sent { .. } | Issued::Wait { .. } | Issued::Nobody => Ok(()),
        }
    }
}

impl Subscriber for OtpNews {
    fn name(&self) -> &'static str {
        "otp"
    }

    fn types(&self) -> &'static [EventType] {
        &[EventType::UserRegistered, EventType::PasswordResetRequested]
    }

    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), NotTaken>> {
        self.take(delivery).boxed()
    }
}
