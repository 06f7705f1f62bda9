//! The first access token of a generation was seen: its refresh token's predecessor may from now on be repeated for the
//! grace only. No caller waits: if it is lost, the next request of the generation starts it again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::AuthContext;
use crate::{
    domain::auth::Session,
    persistence::{Tx, TxFault, tables::session},
    supervision::Command,
    types::{Call, Failure, id::SessionId, limits},
};

/// The session, and its generation that is in use.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkUsed {
    pub(super) session: SessionId,
    pub(super) generation: u32,
}

impl Command<AuthContext> for MarkUsed {
    type Answer = ();
    type Refusal = Infallible;
    const KIND: &'static str = "mark_used";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<Infallible>> {
        let write = context.write(&call).reclaim();
        Ok(context.store.write(write, move |tx| commit(tx, self)).await?)
    }
}

fn commit(tx: &mut Tx<'_>, seen: MarkUsed) -> Result<(), TxFault> {
    let Some(found) = session::find(tx, seen.session)? else { return Ok(()) };
    match found.refresh.mark_used(seen.generation, tx.now()) {
        Some(marked) => session::update(tx, &Session { refresh: marked, ..found }),
        None => Ok(()),
    }
}
