//! Leases: work that may run only once at a time holds one by name.
//!
//! A lease is over when its guard is dropped, or when its source takes it away. Its epoch differs from that of every
//! earlier holder of the name, also of an earlier process, so a record that names its holder shows whether the holder
//! is over. In one directory epochs rise; those of a restored one differ from those before. A transaction that runs
//! under a lease is refused when that lease is over (`Write::under`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use crate::types::LeaseHolder;

/// The right to do work that may run only once at a time. Released when it is dropped.
#[derive(Debug)]
pub struct Lease {
    fence: LeaseFence,
}

/// A lease as a transaction refers to it; it does not keep the lease.
#[derive(Debug, Clone)]
pub struct LeaseFence {
    name: Arc<str>,
    epoch: u64,
    over: CancellationToken,
}

/// Grants leases. Of a name at most one is held at a time, and the epochs of a name rise.
pub trait LeaseSource: Send + Sync + 'static {
    /// Waits until no other holds `name`, and grants it. A caller that no longer waits takes nothing.
    fn take(&self, name: Arc<str>) -> BoxFuture<'static, Lease>;
}

impl Lease {
    /// A lease that ends when it is dropped or `over` is cancelled; for sources.
    pub fn granted(name: Arc<str>, epoch: u64, over: CancellationToken) -> Self {
        Self { fence: LeaseFence { name, epoch, over } }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.fence.name
    }

    /// Higher than that of every earlier holder of this name.
    pub fn epoch(&self) -> u64 {
        self.fence.epoch
    }

    /// The holder, as records name it.
    pub fn holder(&self) -> LeaseHolder {
        LeaseHolder { lease: self.name().to_owned(), epoch: self.epoch() }
    }

    /// Whether it has not been taken away.
    pub fn is_held(&self) -> bool {
        self.fence.is_held()
    }

    /// Waits until it is taken away.
    pub async fn lost(&self) {
        self.fence.over.cancelled().await;
    }

    /// What a transaction under this lease carries (`Write::under`).
    pub fn fence(&self) -> LeaseFence {
        self.fence.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.fence.over.cancel();
    }
}

impl LeaseFence {
    /// Whether the lease is neither released nor taken away.
    pub fn is_held(&self) -> bool {
        !self.over.is_cancelled()
    }
}

/// The leases of a store that one process has open: the lock on the directory keeps other processes out, so that a
/// table in memory is enough and a grant costs no commit.
pub(super) struct InProcessLeases {
    table: Arc<Mutex<LeaseTable>>,
}

struct LeaseTable {
    /// The last epoch that was granted. Its high half is the number of the opening.
    last_epoch: u64,
    /// The end of the last lease of each name.
    ends: HashMap<Arc<str>, CancellationToken>,
}

impl InProcessLeases {
    /// The leases of the opening of this number; each opening of a store has a higher one.
    pub(super) fn of_opening(opening: u64) -> Self {
        let table = LeaseTable { last_epoch: opening << 32, ends: HashMap::new() };
        Self { table: Arc::new(Mutex::new(table)) }
    }
}

impl LeaseTable {
    /// Grants `name`, or gives the end of the lease that stands before it.
    fn take(&mut self, name: &Arc<str>) -> Result<Lease, CancellationToken> {
        if let Some(end) = self.ends.get(name).filter(|end| !end.is_cancelled()) {
            return Err(end.clone());
        }
        self.last_epoch += 1;
        let over = CancellationToken::new();
        self.ends.insert(Arc::clone(name), over.clone());
        Ok(Lease::granted(Arc::clone(name), self.last_epoch, over))
    }
}

impl LeaseSource for InProcessLeases {
    fn take(&self, name: Arc<str>) -> BoxFuture<'static, Lease> {
        let table = Arc::clone(&self.table);
        async move {
            loop {
                // The table is whole between any two statements that change it.
                let taken = table.lock().unwrap_or_else(PoisonError::into_inner).take(&name);
                match taken {
                    Ok(lease) => return lease,
                    Err(end) => end.cancelled().await,
                }
            }
        }
        .boxed()
    }
}
