//! Watches the store: free space, a stuck writer, a failed store. Closes the store when it is stopped.
//!
//! - **Owns:** nothing; the store's writer has a thread of its own.
//! - **Wakes on:** its timer, and the store's failure.
//! - **Promises:** a failed store ends the process, so that the next start checks it. After the stop of this actor the
//!   store accepts no write, and its directory is closed cleanly.
//! - **Loses on crash:** nothing.
//!
//! Must not know: tables, flows. Begin with `supervised`.

use std::time::Duration;

use crate::{
    persistence::Store,
    supervision::{Spec, Supervisor, TaskCx},
    types::Fault,
};

/// The interval between two checks of the free space and the writer.
const EVERY: Duration = Duration::from_secs(1);

/// Adds the actor for `store` to the tree.
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
            // This actor holds the store and so the sender: the channel stays open.
            _ = lost.changed() => {}
        }
    }
}
