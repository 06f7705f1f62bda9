//! Workers that run once at a time over all processes that use the store.
//!
//! Owns: the states of a leased worker, which waits for its lease, runs while it holds it, and stops when it loses it.
//! Must not know: any service. Begin with `LeasedWorker`.
//!
//! ```text
//!  waiting --granted--> working --lost--> waiting
//!                          '--stopped or crashed--> released at the end of its last job
//! ```
//!
//! A start does not wait for the lease, so that a waiting actor does not block the start of its tree.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures::FutureExt as _;

use crate::{
    persistence::{Lease, Store},
    supervision::{Next, TaskCx, Worker},
    types::Fault,
};

/// Work that is repeated while a lease is held. A new value is made for each lease. Its transactions run under the
/// lease (`Write::under`); its jobs share the lease, and end when it is lost.
pub trait LeasedWorker: Send + 'static {
    /// As `Worker::KIND`.
    const KIND: &'static str;

    /// As `Worker::run`. The future is dropped when the lease is lost.
    fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> impl Future<Output = Result<Next, Fault>> + Send;

    /// As `Worker::wake`.
    fn wake(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// As `Worker::stop`, while the lease is held.
    fn stop(&mut self, cx: &TaskCx) -> impl Future<Output = ()> + Send {
        let _ = cx;
        async {}
    }
}

/// The lease of one worker in this process. Its runs and jobs share the lease, and the last of them releases it, so
/// that a restarted worker runs under the same epoch as the jobs of the crashed one.
#[derive(Clone)]
pub struct SharedLease(Arc<SharedLeaseInner>);

struct SharedLeaseInner {
    store: Store,
    name: Arc<str>,
    held: Mutex<Weak<Lease>>,
}

impl SharedLease {
    /// The lease `name` of `store`, not held yet.
    pub fn new(store: &Store, name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(SharedLeaseInner { store: store.clone(), name: name.into(), held: Mutex::default() }))
    }

    /// A constructor of a worker that runs while it holds this lease; for `Supervisor::worker`.
    pub fn worker<W: LeasedWorker>(
        &self,
        make: impl Fn() -> W + Send + Sync + 'static,
    ) -> impl Fn() -> Leased<W> + Send + Sync + 'static {
        let (lease, make) = (self.clone(), Arc::new(make));
        move || Leased { lease: lease.clone(), make: make.clone(), standing: LeaseStanding::Waiting }
    }

    /// The lease, if this process holds it.
    pub fn current(&self) -> Option<Arc<Lease>> {
        self.held().upgrade().filter(|lease| lease.is_held())
    }

    async fn take(&self) -> Result<Arc<Lease>, Fault> {
        if let Some(lease) = self.current() {
            return Ok(lease);
        }
        let lease = Arc::new(self.0.store.lease(Arc::clone(&self.0.name)).await?);
        *self.held() = Arc::downgrade(&lease);
        Ok(lease)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Weak<Lease>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A leased worker in the form that the supervision kit runs.
pub struct Leased<W> {
    lease: SharedLease,
    make: Arc<dyn Fn() -> W + Send + Sync>,
    standing: LeaseStanding<W>,
}

enum LeaseStanding<W> {
    Waiting,
    /// The store grants no lease.
    Refused(Fault),
    Working(W, Arc<Lease>),
}

impl<W: LeasedWorker> Worker for Leased<W> {
    const KIND: &'static str = W::KIND;

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        let name = Arc::clone(&self.lease.0.name);
        // An embedded store grants a free lease at once, without a wait for the next wake-up.
        if matches!(self.standing, LeaseStanding::Waiting) && self.wake().now_or_never().is_none() {
            tracing::debug!(lease = &*name, "a lease is held by another holder");
        }
        match std::mem::replace(&mut self.standing, LeaseStanding::Waiting) {
            LeaseStanding::Waiting => {
                cx.leased(&name, None);
                Ok(Next::Nudged)
            }
            LeaseStanding::Refused(fault) => Err(fault),
            LeaseStanding::Working(worker, lease) if !lease.is_held() => {
                drop(worker);
                tracing::warn!(lease = &*name, epoch = lease.epoch(), "a lease was lost");
                Ok(Next::Now)
            }
            LeaseStanding::Working(mut worker, lease) => {
                cx.leased(&name, Some(lease.epoch()));
                let next = tokio::select! {
                    biased;
                    () = lease.lost() => Ok(Next::Now),
                    next = worker.run(cx, &lease) => next,
                };
                self.standing = LeaseStanding::Working(worker, lease);
                next
            }
        }
    }

    async fn wake(&mut self) {
        match &mut self.standing {
            LeaseStanding::Waiting => {
                self.standing = match self.lease.take().await {
                    Ok(lease) => LeaseStanding::Working((self.make)(), lease),
                    Err(fault) => LeaseStanding::Refused(fault),
                };
            }
            LeaseStanding::Refused(_) => {}
            LeaseStanding::Working(worker, lease) => tokio::select! {
                () = lease.lost() => {}
                () = worker.wake() => {}
            },
        }
    }

    async fn stop(&mut self, cx: &TaskCx) {
        if let LeaseStanding::Working(worker, _) = &mut self.standing {
            worker.stop(cx).await;
        }
    }
}

/// A job of a leased worker: `work`, which shares the lease and is dropped when the lease is lost.
pub async fn while_held(lease: Arc<Lease>, work: impl Future<Output = ()> + Send) {
    tokio::select! {
        biased;
        () = lease.lost() => {}
        () = work => {}
    }
}
