//! Ends expired codes: emits the event, and removes the records that no limit on sending needs.

use super::{context::OtpContext, writes};
use std::time::Duration;

use crate::{
    domain::otp::CodeStage,
    persistence::{Tx, TxFault, tables::code},
    types::{Call, Fault, Timestamp, id::UserId},
};

/// The interval at which codes are read again that are due while the clock may not decide their end.
const HELD_FOR: Duration = Duration::from_secs(60);

/// Ends the due codes of `owner`; none while the clock may not decide that. Returns the time of the next expiry.
pub(super) async fn run(context: &OtpContext, call: &Call, owner: UserId) -> Result<Option<Timestamp>, Fault> {
    let may_end = context.system.clock().may_remove();
    let write = context.write(call).reclaim();
    // Without codes to end, this still waits until the commits before it are visible.
    context.store.write(write, move |tx| if may_end { commit(tx, owner) } else { hold(tx, owner) }).await
}

fn commit(tx: &mut Tx<'_>, owner: UserId) -> Result<Option<Timestamp>, TxFault> {
    let codes = code::of_owner(tx, owner)?;
    let (due, later): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| code::due(code) <= tx.now());
    for over in &due {
        writes::end_code(tx, over)?;
    }
    Ok(later.iter().filter(|code| code.state == CodeStage::Live).map(|code| code.expires_at).min())
}

fn hold(tx: &mut Tx<'_>, owner: UserId) -> Result<Option<Timestamp>, TxFault> {
    let codes = code::of_owner(tx, owner)?;
    let next = codes.iter().filter(|code| code.state == CodeStage::Live).map(|code| code.expires_at).min();
    Ok(next.map(|next| next.max(tx.now().plus(HELD_FOR))))
}
