//! The end of codes nobody used: told once, and their records removed when no limit looks back to them any more.

use super::context::OtpContext;
use crate::{
    domain::{
        event::{Event, EventKind, Personal},
        otp::{CodeStage, OneTimeCode},
    },
    persistence::{Tx, TxFault, Verdict, Write, tables::code},
    types::{Call, Fault, Timestamp, id::UserId},
};

/// Ends what is over of one owner's codes. Gives when the next one is due.
pub(super) async fn run(context: &OtpContext, call: &Call, owner: UserId) -> Result<Option<Timestamp>, Fault> {
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()).reclaim(), move |tx| {
            let mut next = None;
            let mut ended = false;
            for found in code::of_owner(tx, owner)? {
                if code::due(&found) <= tx.now() {
                    end(tx, &found)?;
                    ended = true;
                } else if found.state == CodeStage::Live {
                    next = Some(next.map_or(found.expires_at, |soonest: Timestamp| soonest.min(found.expires_at)));
                }
            }
            Ok(if ended { Verdict::Commit(next) } else { Verdict::Discard(next) })
        })
        .await
}

/// Ends a code that is due: one that lived is told and kept for the limits, one that did not is removed.
pub(crate) fn end(tx: &mut Tx<'_>, over: &OneTimeCode) -> Result<(), TxFault> {
    match over.state {
        CodeStage::Used | CodeStage::Void => code::remove(tx, over.owner, over.purpose),
        CodeStage::Live => {
            code::put(tx, &OneTimeCode { state: CodeStage::Void, ..over.clone() })?;
            tx.emit(Event {
                subject: over.owner,
                kind: EventKind::OtpExpired { owner: over.owner, code: over.id, purpose: over.purpose },
                personal: Personal::default(),
            })?;
            Ok(())
        }
    }
}
