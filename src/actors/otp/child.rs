//! The child of one owner: its mailbox is the order in which this owner's codes are issued and tried.
//!
//! - **Owns:** the codes of one user or registration in `code_by_owner`; in memory only the timer of the next end.
//! - **Wakes on:** issue, verify, and the end of a live code's time.
//! - **Promises:** one request of its owner at a time; a code is accepted by a transaction, never by what it remembers.
//! - **Loses on crash:** the timer, which the next start arms again from the store.

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

/// What a child of `OtpActor` is sent.
pub enum OtpMessage {
    /// Send a code, if one may be sent.
    Issue(CallContext, CodePurpose, CodeOrder, Reply<Issued>),
    /// Cost what one of the others costs, and change nothing.
    Pretend(CallContext, Pretended, Reply<()>),
    /// Try a code.
    Verify(CallContext, CodeTry, Reply<Tried>),
    /// A code's time may be over.
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

    /// Ends what is over, behind every commit of an earlier life, and arms the timer for what is not.
    async fn look(&self, cx: &Cx<OtpMessage>, work: Work) -> Option<Timer> {
        let call = Call { work, context: CallContext::service("otp", "expire-due") };
        let next = expire::run(&self.context, &call, self.owner).await.unwrap_or_else(|fault| {
            // The sweep over all owners ends it all the same.
            tracing::debug!(%fault, "codes of an owner could not be looked at");
            None
        });
        wake_at(cx, next)
    }
}

/// Arms the timer for `due`, and shows operators when that is; without a time there is no timer.
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
        Ok(self.look(cx, Work::until(deadline)).await)
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
            OtpMessage::ExpireDue => *state = self.look(cx, work).await,
        }
    }
}
