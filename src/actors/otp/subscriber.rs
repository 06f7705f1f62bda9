//! The events that `OtpActor` subscribes to: a registration or a request to reset a password needs a code.

use futures::{FutureExt, future::BoxFuture};

use super::{CodeOrder, Issued, Otp};
use crate::{
    actors::relay::{HandOver, NotTaken, Subscriber},
    domain::{
        event::{EventKind, EventType},
        otp::CodePurpose,
    },
};

/// The subscriber.
pub struct OtpSubscriber {
    otp: Otp,
}

impl OtpSubscriber {
    /// Hears for `otp`.
    pub fn new(otp: Otp) -> Self {
        Self { otp }
    }

    async fn take(&self, hand_over: HandOver) -> Result<(), NotTaken> {
        let (owner, purpose) = match &hand_over.event.kind {
            EventKind::UserRegistered { user, .. } => (*user, CodePurpose::VerifyEmail),
            EventKind::PasswordResetRequested { user, .. } => (*user, CodePurpose::ResetPassword),
            _ => return Err(NotTaken::Never("not an event that needs a code".to_owned())),
        };
        let context = hand_over.context();
        match self.otp.issue(context, owner, purpose, CodeOrder::Event(Box::new(hand_over))).await? {
            Issued::Sent { .. } | Issued::Wait { .. } | Issued::Nobody => Ok(()),
        }
    }
}

impl Subscriber for OtpSubscriber {
    fn name(&self) -> &'static str {
        "otp"
    }

    fn types(&self) -> &'static [EventType] {
        &[EventType::UserRegistered, EventType::PasswordResetRequested]
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        self.take(hand_over).boxed()
    }
}
