//! Issues a code: on the event of a registration or a password reset, or on a request to send it again.

use std::sync::Arc;

use super::{context::OtpContext, writes};
use crate::{
    actors::relay::{AlreadySettled, HandOver},
    domain::{
        audit::AuditRecord,
        auth::actions::AuthAction,
        otp::{CodeLimits, CodePurpose},
    },
    persistence::{Decision, Tx},
    types::{
        Call, Failure, Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// The result of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// A code was issued; its event starts the delivery.
    Sent {
        /// The id of this issue.
        code: CodeId,
        expires_at: Timestamp,
        /// The time from which the code can be sent again.
        resend_at: Timestamp,
    },
    /// The limits allow no code now.
    Wait {
        /// The time from which the next code can be requested.
        until: Timestamp,
    },
    /// The owner has no address to send to, or does not exist.
    NoOwner,
}

/// The cause of an issue.
#[derive(Debug, Clone)]
pub enum CodeOrder {
    /// An event, whose hand-over is settled in the same commit.
    Event(Box<HandOver>),
    /// The event of a request to reset the password of an unknown address, settled in the same commit. The code is
    /// stored for the limits on sending, and not sent.
    Unmatched(Box<HandOver>),
    /// A request, which may come from another person than the owner.
    Asked,
    /// The request of an administrator, which has an audit entry of its own if a code is sent.
    Administrator,
}

pub(super) async fn run(
    context: &Arc<OtpContext>,
    call: &Call,
    (owner, purpose): (UserId, CodePurpose),
    order: CodeOrder,
) -> Result<Issued, Fault> {
    let limits = context.limits;
    let write = match &order {
        CodeOrder::Event(hand_over) | CodeOrder::Unmatched(hand_over) => hand_over.under_lease(context.write(call)),
        CodeOrder::Asked | CodeOrder::Administrator => context.write(call),
    };
    match context.store.decide(write, move |tx| commit(tx, (owner, purpose), &order, &limits)).await {
        Ok(issued) => Ok(issued),
        Err(Failure::Refused(AlreadySettled)) => Ok(Issued::NoOwner),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

fn commit(
    tx: &mut Tx<'_>,
    (owner, purpose): (UserId, CodePurpose),
    order: &CodeOrder,
    limits: &CodeLimits,
) -> Decision<Issued, AlreadySettled> {
    match order {
        CodeOrder::Event(hand_over) | CodeOrder::Unmatched(hand_over) => hand_over.settle(tx)?,
        CodeOrder::Asked | CodeOrder::Administrator => {}
    }
    let issued = writes::issue_code(tx, (owner, purpose), order, limits)?;
    match (order, issued) {
        (CodeOrder::Administrator, Issued::Sent { .. }) => {
            tx.audit(AuditRecord::done(AuthAction::ResendRegistration, owner))?;
        }
        (CodeOrder::Administrator, Issued::Wait { .. } | Issued::NoOwner)
        | (CodeOrder::Event(_) | CodeOrder::Unmatched(_) | CodeOrder::Asked, _) => {}
    }
    Ok(issued)
}
