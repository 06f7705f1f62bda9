//! The child of one owner. The order of its mailbox is the order in which the owner's codes are issued and tried.
//!
//! - **Owns:** the codes of one user or registration in `code_by_owner`; in memory only the timer of the next expiry.
//! - **Wakes on:** issue, verify, and the expiry of a valid code.
//! - **Promises:** one request of its owner at a time; only a transaction accepts a code.
//! - **Loses on crash:** the timer, which the next start sets again from the store.

use std::{sync::Arc, time::Duration};

use super::{
    context::OtpContext,
    expire,
    issue::{self, CodeOrder, Issued},
    verify::{self, CodeTry, Pretended, Tried},
};
use crate::{
    domain::otp::CodePurpose,
    supervision::{Cx, Message, Reply, Service, Timer},
    types::{Call, CallContext, Fault, Timestamp, Work, id::UserId},
};

/// The messages of a child of `OtpActor`.
pub enum OtpMessage {
    /// Sends a code, if the limits allow it.
    Issue(CallContext, CodePurpose, CodeOrder, Reply<Issued>),
    /// Costs the same as one of the others, for an owner that does not exist.
    Pretend(CallContext, Pretended, Reply<()>),
    /// Tries a code.
    Verify(CallContext, CodeTry, Reply<Tried>),
    /// Ends the codes that have expired.
    ExpireDue,
}

impl Message for OtpMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::Issue(..) => "issue",
            Self::Pretend(..) => "pretend",
            Self::Verify(..) => "verify",
            Self::ExpireDue => "expire_due",
        }
    }
}

/// The actor of one owner.
pub(super) struct OtpChild {
    context: Arc<OtpContext>,
    owner: UserId,
}

impl OtpChild {
    pub(super) fn new(context: Arc<OtpContext>, owner: UserId) -> Self {
        Self { context, owner }
    }

    /// Ends the expired codes, and sets the timer of the next expiry. The transaction follows every commit of an
    /// earlier child of the owner.
    async fn expire_due(&self, cx: &Cx<OtpMessage>, work: Work) -> Option<Timer> {
        let call = Call { work, context: CallContext::service("otp", "expire-due") };
        let next = expire::run(&self.context, &call, self.owner).await.unwrap_or_else(|fault| {
            // Upkeep ends expired codes of all owners too.
            tracing::debug!(%fault, "the expired codes of an owner were not ended");
            None
        });
        wake_at(cx, next)
    }
}

/// Sets the timer for `due` and shows the time to operators; `None`: no timer is needed.
fn wake_at(cx: &Cx<OtpMessage>, due: Option<Timestamp>) -> Option<Timer> {
    cx.wakes_at(due);
    let wait = due?.since(cx.system().clock().now()).max(Duration::from_millis(1));
    Some(cx.send_after(wait, || OtpMessage::ExpireDue))
}

impl Service for OtpChild {
    type Message = OtpMessage;
    type State = Option<Timer>;
    const KIND: &'static str = "otp_owner";

    async fn start(&self, cx: &Cx<OtpMessage>) -> Result<Option<Timer>, Fault> {
        let deadline = cx.system().clock().instant() + crate::types::limits::CALL_DEADLINE;
        Ok(self.expire_due(cx, Work::until(deadline)).await)
    }

    async fn handle(&self, cx: &Cx<OtpMessage>, state: &mut Option<Timer>, message: OtpMessage, work: Work) {
        match message {
            OtpMessage::Issue(context, purpose, order, reply) => {
                let call = Call { work, context };
                let issued = issue::run(&self.context, &call, (self.owner, purpose), order).await;
                if let Ok(Issued::Sent { expires_at, .. }) = &issued {
                    *state = wake_at(cx, Some(*expires_at));
                }
                reply.finish(issued);
            }
            OtpMessage::Pretend(context, pretended, reply) => {
                let call = Call { work, context };
                reply.finish(verify::pretend(&self.context, &call, pretended).await);
            }
            OtpMessage::Verify(context, attempt, reply) => {
                let call = Call { work, context };
                reply.finish(verify::run(&self.context, &call, self.owner, attempt).await);
            }
            OtpMessage::ExpireDue => *state = self.expire_due(cx, work).await,
        }
    }
}
