//! Ends the expired registrations, invitations, codes, sessions, failed logins, counts of wrong codes, requests to
//! reset a password and outcomes.

use std::{sync::Arc, time::Duration};

use super::batch;
use crate::{
    actors::{
        auth::writes::drop_registration, leased::LeasedWorker, otp::writes::end_code, user::writes::drop_invitation,
    },
    persistence::{
        Lease, Store, Tx, TxFault,
        tables::{
            code,
            failure::{self, Walked},
            invitation, outcome, refused_codes, registration, reset, session,
        },
    },
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two runs.
const EVERY: Duration = Duration::from_secs(30);
/// The maximum number of rows of one kind in one transaction.
const BATCH: usize = 100;

/// The worker that ends expired records.
pub struct Expirer {
    store: Store,
    /// The position of the walk over failed logins, which begins again after a crash.
    walked: Walked,
}

impl Expirer {
    /// A worker over `store`.
    pub fn new(store: Store) -> Self {
        Self { store, walked: None }
    }
}

impl LeasedWorker for Expirer {
    const KIND: &'static str = "expirer";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        if !cx.system().clock().may_remove() {
            // Commands refuse expired records themselves, so nothing has to be deleted by a clock that may be wrong.
            return Ok(Next::Within(EVERY));
        }
        let mut full = false;
        for step in [registrations, invitations, codes, sessions, resets, outcomes, refused] {
            if cx.stopping().is_cancelled() {
                return Ok(Next::Within(EVERY));
            }
            let removed = self.store.write(batch((cx, lease), "expire"), step).await?;
            full |= removed >= BATCH;
        }
        let walked = self.walked;
        let forget = move |tx: &mut Tx<'_>| failure::remove_forgotten(tx, walked, BATCH);
        let (removed, walked) = self.store.write(batch((cx, lease), "expire"), forget).await?;
        self.walked = walked;
        full |= removed >= BATCH;
        Ok(if full { Next::Now } else { Next::Within(EVERY) })
    }
}

fn registrations(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    let ended = registration::ended(tx, tx.now(), BATCH)?;
    for id in &ended {
        if let Some(ended) = registration::find(tx, *id)? {
            drop_registration(tx, &ended)?;
        }
    }
    Ok(ended.len())
}

fn invitations(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    let ended = invitation::ended(tx, tx.now(), BATCH)?;
    for id in &ended {
        if let Some(ended) = invitation::find(tx, *id)? {
            drop_invitation(tx, &ended)?;
        }
    }
    Ok(ended.len())
}

fn codes(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    let due = code::all_due(tx, tx.now(), BATCH)?;
    for over in &due {
        end_code(tx, over)?;
    }
    Ok(due.len())
}

/// Removes expired sessions. No event is written, because an expired session gives no access.
fn sessions(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    let ended = session::ended(tx, tx.now(), BATCH)?;
    for id in &ended {
        session::remove(tx, *id)?;
    }
    Ok(ended.len())
}

fn resets(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    reset::remove_ended(tx, BATCH)
}

fn outcomes(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    outcome::remove_ended(tx, BATCH)
}

fn refused(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    refused_codes::remove_ended(tx, BATCH)
}
