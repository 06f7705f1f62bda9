//! Ends expired codes: emits the event, and removes the records that no limit on sending needs.

use super::{context::OtpContext, writes};
use crate::{
    domain::otp::CodeStage,
    persistence::{Tx, TxFault, tables::code},
    types::{Call, Fault, Timestamp, id::UserId},
};

/// Ends the due codes of `owner`. Returns the time of the next expiry.
pub(super) async fn run(context: &OtpContext, call: &Call, owner: UserId) -> Result<Option<Timestamp>, Fault> {
    context.store.write(context.write(call).reclaim(), move |tx| commit(tx, owner)).await
}

fn commit(tx: &mut Tx<'_>, owner: UserId) -> Result<Option<Timestamp>, TxFault> {
    let mut next = None;
    for found in code::of_owner(tx, owner)? {
        if code::due(&found) <= tx.now() {
            writes::end_code(tx, &found)?;
        } else if found.state == CodeStage::Live {
            next = Some(next.map_or(found.expires_at, |soonest: Timestamp| soonest.min(found.expires_at)));
        }
    }
    Ok(next)
}
