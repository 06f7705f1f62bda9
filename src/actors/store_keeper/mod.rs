//! Looks after the store: free space, a writer that hangs, a store that is lost. Closes it when it is stopped.
//!
//! - **Owns:** nothing; the store's writer has a thread of its own.
//! - **Wakes on:** its timer, and the store's word that it cannot go on.
//! - **Promises:** a store that is lost ends the process, so that the next start checks it. Once this has stopped, the
//!   store takes no write and its directory is closed cleanly.
//! - **Loses on crash:** nothing.
//!
//! Must not know: tables, flows. Begin with `supervised`.

use std::time::Duration;

use crate::{
    persistence::Store,
    supervision::{Spec, Supervisor, TaskCx},
    types::Fault,
};

/// How often free space and the writer are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Puts the watch over `store`, and its closing, into the tree.
pub fn supervised(supervisor: &mut Supervisor, spec: Spec, store: &Store) {
    let store = store.clone();
    supervisor.task(spec.kind("store_keeper"), move |cx| keep(store.clone(), cx));
}

async fn keep(store: Store, cx: TaskCx) -> Result<(), Fault> {
    let mut lost = store.lost();
    let mut ticks = tokio::time::interval(EVERY);
    cx.ready();
    loop {
        if let Some(reason) = lost.borrow_and_update().clone() {
            return Err(Fault::unknown(reason));
        }
        tokio::select! {
            () = cx.stopping().cancelled() => {
                store.close().await;
                return Ok(());
            }
            _ = ticks.tick() => store.tend(),
            // The sender lives in the store, which is held here.
            _ = lost.changed() => {}
        }
    }
}
