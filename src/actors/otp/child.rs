//! The child of one owner: its mailbox is the order in which this owner's codes are issued and tried.

use std::{sync::Arc, time::Duration};

use super::{
    context::OtpContext,
    expire,
    issue::{self, CodeOrder, Issued},
    verify::{self, CodeTry, Tried},
};
use crate::{
    domain::otp::CodePurpose,
    supervision::{Cx, Message, Reply, Service, Timer},
    types::{Call, CallContext, Fault, Timestamp, Work, id::UserId},
};

/// What a child of `OtpActor` is told.
pub enum OtpMessage {
    /// Send a code, if one may be sent.
    Issue(CallContext, CodePurpose, CodeOrder, Reply<Issued>),
    /// Try a code.
    Verify(CallContext, CodeTry, Reply<Tried>),
    /// A code's time may be over.
    ExpireDue,
}

impl Message for OtpMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::Issue(..) => "issue",
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
        match expire::run(&self.context, &call, self.owner).await {
            Ok(next) => next.map(|due| self.arm(cx, due)),
            Err(fault) => {
                // The sweep over all owners ends it all the same.
                tracing::debug!(%fault, "codes of an owner could not be looked at");
                None
            }
        }
    }

    fn arm(&self, cx: &Cx<OtpMessage>, due: Timestamp) -> Timer {
        let wait = due.since(cx.system().clock().now()).max(Duration::from_millis(1));
        cx.send_after(wait, || OtpMessage::ExpireDue)
    }
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
                    *state = Some(self.arm(cx, *expires_at));
                }
                reply.finish(issued);
            }
            OtpMessage::Verify(context, attempt, reply) => {
                let call = Call { work, context };
                reply.finish(verify::run(&self.context, &call, self.owner, attempt).await);
            }
            OtpMessage::ExpireDue => *state = self.look(cx, work).await,
        }
    }
}
