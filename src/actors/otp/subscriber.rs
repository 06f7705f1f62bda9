//! The events that `OtpActor` subscribes to: a registration or a request to reset a password needs a code.

use futures::{FutureExt, future::BoxFuture};

use super::{CodeOrder, Issued, Otp};
use crate::{
    actors::relay::{HandOver, NotTaken, Subscriber},
    domain::{auth::events::AuthEvent, event::EventKind, otp::CodePurpose},
    types::id::UserId,
};

/// The subscriber's name in the catalogue of events and in the store.
const NAME: &str = "otp";

/// Issues the codes of events.
pub struct OtpSubscriber {
    otp: Otp,
}

impl OtpSubscriber {
    /// The subscriber of `otp`.
    pub fn new(otp: Otp) -> Self {
        Self { otp }
    }

    async fn take(&self, hand_over: HandOver) -> Result<(), NotTaken> {
        let Some(needed) = hand_over.event.kind.as_ref().and_then(ordered) else {
            return Err(NotTaken::Never("not an event that needs a code".to_owned()));
        };
        let (context, subject) = (hand_over.context(), hand_over.event.subject);
        let (owner, purpose, order) = match needed {
            NeededCode::Of(owner, purpose) => (owner, purpose, CodeOrder::Event(Box::new(hand_over))),
            NeededCode::OfUnknown => (subject, CodePurpose::ResetPassword, CodeOrder::Unmatched(Box::new(hand_over))),
        };
        match self.otp.issue(context, owner, purpose, order).await? {
            Issued::Sent { .. } | Issued::Wait { .. } | Issued::NoOwner => Ok(()),
        }
    }
}

/// The code that an event requires.
enum NeededCode {
    /// One of this owner.
    Of(UserId, CodePurpose),
    /// One that is not sent, of the stand-in of an unknown address: the subject of the event.
    OfUnknown,
}

/// The code that an event requires; `None`: no code.
fn ordered(kind: &EventKind) -> Option<NeededCode> {
    match kind {
        EventKind::Auth(AuthEvent::UserRegistered(event)) => Some(NeededCode::Of(event.user, CodePurpose::VerifyEmail)),
        EventKind::Auth(AuthEvent::PasswordResetRequested(event)) => {
            Some(NeededCode::Of(event.user, CodePurpose::ResetPassword))
        }
        EventKind::Auth(AuthEvent::PasswordResetUnmatched(_)) => Some(NeededCode::OfUnknown),
        _ => None,
    }
}

impl Subscriber for OtpSubscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        self.take(hand_over).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventType;

    #[test]
    fn a_code_is_issued_for_each_subscribed_type_and_for_no_other() {
        let heard = EventType::subscribed_by(NAME);
        assert!(!heard.is_empty());
        for event in EventKind::samples() {
            let event_type = event.event_type();
            assert_eq!(ordered(&event).is_some(), heard.contains(&event_type), "{event_type}");
        }
    }
}
