//! Issuing a code: for the event of a registration or reset, or because a request asks to have it sent again.

use std::sync::Arc;

use super::{context::OtpContext, writes};
use crate::{
    actors::relay::{AlreadySettled, HandOver},
    domain::otp::{CodeLimits, CodePurpose},
    persistence::{Decision, Tx},
    types::{
        Call, Failure, Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// A code is on its way.
    Sent {
        /// The id of this issue.
        code: CodeId,
        /// When it runs out.
        expires_at: Timestamp,
        /// From when on it may be sent again.
        resend_at: Timestamp,
    },
    /// Nothing is sent now.
    Wait {
        /// When asking again makes sense.
        until: Timestamp,
    },
    /// The owner has no address to send to: it is gone, or never was.
    Nobody,
}

/// What asks for the code.
#[derive(Debug, Clone)]
pub enum CodeOrder {
    /// An event; the delivery is settled in the same commit.
    Event(Box<HandOver>),
    /// A request, which may or may not be the owner's.
    Asked,
}

pub(super) async fn run(
    context: &Arc<OtpContext>,
    call: &Call,
    (owner, purpose): (UserId, CodePurpose),
    order: CodeOrder,
) -> Result<Issued, Fault> {
    let limits = context.limits;
    let write = match &order {
        CodeOrder::Event(hand_over) => hand_over.under_lease(context.write(call)),
        CodeOrder::Asked => context.write(call),
    };
    match context.store.decide(write, move |tx| commit(tx, (owner, purpose), &order, &limits)).await {
        Ok(issued) => Ok(issued),
        Err(Failure::Refused(AlreadySettled)) => Ok(Issued::Nobody),
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
        CodeOrder::Event(hand_over) => hand_over.settle(tx)?,
        CodeOrder::Asked => {}
    }
    Ok(writes::issue_code(tx, (owner, purpose), limits)?)
}
