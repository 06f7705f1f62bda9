//! The backend in this process: a queue, one writer, groups over an overlay, one journal, one tree.

use std::sync::{Arc, atomic::Ordering};

use tokio::sync::watch;

use crate::{
    persistence::machinery::{
        lease::{Lease, LeaseSource},
        log::{Log, LogHead},
        reader::TxFault,
        report::{self, StoreCondition},
        shared::Shared,
        snapshot::SnapshotError,
        upkeep::Upkeep,
        view::View,
        writer::{Write, job::Job},
    },
    types::Fault,
};

/// The store in this process; clones are handles of the same store.
#[derive(Clone)]
pub(in crate::persistence::machinery) struct Embedded {
    shared: Arc<Shared>,
    /// Snapshots and disk space; `None`: in memory.
    upkeep: Option<Upkeep>,
    leases: Arc<dyn LeaseSource>,
}

impl Embedded {
    pub(in crate::persistence::machinery) fn new(
        shared: Arc<Shared>,
        upkeep: Option<Upkeep>,
        leases: Arc<dyn LeaseSource>,
    ) -> Self {
        Self { shared, upkeep, leases }
    }

    pub(in crate::persistence::machinery) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(in crate::persistence::machinery) fn upkeep(&self) -> Option<&Upkeep> {
        self.upkeep.as_ref()
    }

    pub(super) async fn transact(&self, job: Box<dyn Job>) {
        let Write { room, lane, work, .. } = job.write();
        let (room, lane, deadline) = (*room, *lane, work.deadline);
        let place = match self.shared.check_space(room) {
            Ok(()) => self.shared.queue.place(lane, deadline).await,
            Err(fault) => Err(fault),
        };
        let refused = match place {
            Ok(place) => self.shared.queue.push(job, place).map_err(|job| (job, Fault::Unavailable)),
            Err(fault) => Err((job, fault)),
        };
        if let Err((job, fault)) = refused {
            job.answer(Err(fault));
        }
    }

    /// Runs `f` at once, on the caller's thread.
    pub(super) fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, TxFault>) -> Result<T, Fault> {
        self.shared.read(f)
    }

    pub(super) fn log_head(&self, log: &Log) -> LogHead {
        self.shared.log_head(log)
    }

    pub(super) fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        self.shared.log_changed(log)
    }

    pub(super) async fn lease(&self, name: Arc<str>) -> Result<Lease, Fault> {
        let (mut lost, mut ended) = (self.shared.lost.subscribe(), self.shared.ended.subscribe());
        tokio::select! {
            biased;
            // Neither sender is dropped while `shared` is held.
            _ = lost.wait_for(Option::is_some) => Err(Fault::Unavailable),
            _ = ended.wait_for(|ended| *ended) => Err(Fault::Unavailable),
            lease = self.leases.take(name) => Ok(lease),
        }
    }

    pub(super) fn stop(&self) {
        self.shared.queue.close();
    }

    /// Records that a restored store may send.
    pub(in crate::persistence::machinery) fn allow_sending(&self) -> Result<(), SnapshotError> {
        if let Some(upkeep) = &self.upkeep {
            upkeep.allow_sending()?;
        }
        self.shared.restored.store(false, Ordering::Release);
        Ok(())
    }

    /// Measures free space, and looks at the lock and the files of the journal. If another process can enter the
    /// directory, the store is lost.
    pub(in crate::persistence::machinery) fn tend(&self) {
        let Some(upkeep) = &self.upkeep else { return };
        if let Ok(free) = upkeep.free_bytes() {
            self.shared.free_bytes.store(free, Ordering::Relaxed);
        }
        if let Err(reason) = upkeep.tend() {
            self.shared.lose(reason);
        }
    }

    pub(in crate::persistence::machinery) fn condition(&self) -> StoreCondition {
        report::of(&self.shared, self.upkeep.as_ref())
    }

    pub(in crate::persistence::machinery) async fn close(&self) {
        let mut ended = self.shared.ended.subscribe();
        self.shared.queue.close();
        // The sender is a field of `shared`, which is held here.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
