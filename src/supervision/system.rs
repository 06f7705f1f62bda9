//! Everything that is global to one system. Nothing is global to the process.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{stats::Stats, timers::Timers};
use crate::{
    telemetry::actors::NodeReport,
    types::{Clock, Entropy, Stamp, clock::stamp, id},
};

/// The path of the root. Its children are shown without it: `auth`, `relay/welcome_mail`.
pub(super) const ROOT: &str = "root";

/// Clock, entropy, statistics and escape. Clones are the same system; tests run many in parallel.
#[derive(Clone)]
pub struct System(Arc<SystemInner>);

struct SystemInner {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    stats: Stats,
    shutdown: CancellationToken,
    /// The escape that ended the system, once there is one.
    escape: watch::Sender<Option<Escape>>,
    /// Counts up when every worker has to read its state again.
    wake: watch::Sender<u64>,
    timers: Timers,
}

/// A child failed past its limit, and its policy ends the process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} failed too often: {reason}")]
pub struct Escape {
    /// The path of the child.
    pub path: String,
    /// The reason of its last failure.
    pub reason: String,
}

impl System {
    /// A system without actors.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let stats = Stats::new(Arc::clone(&clock), node(&*clock, &*entropy));
        let (shutdown, escape, wake) = (CancellationToken::new(), watch::Sender::new(None), watch::Sender::new(0));
        let timers = Timers::default();
        Self(Arc::new(SystemInner { clock, entropy, stats, shutdown, escape, wake, timers }))
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The clock, for holders that outlive the system.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// The source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }

    /// The source of randomness, for holders that outlive the system.
    pub fn shared_entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.0.entropy)
    }

    /// Samples time and randomness for one flow.
    pub fn stamp(&self) -> Stamp {
        stamp(self.clock(), self.entropy())
    }

    /// The statistics of all actors.
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// Cancelled when the system has to stop; the application cancels it and then stops its parts in order.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// Waits until a child escapes: the process then has to end with a non-zero exit code.
    pub async fn escaped(&self) -> Escape {
        let mut escape = self.0.escape.subscribe();
        loop {
            if let Some(escape) = escape.borrow_and_update().clone() {
                return escape;
            }
            if escape.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Makes every worker read its state again, as after the clock was set forward.
    pub fn wake_workers(&self) {
        self.0.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn woken(&self) -> watch::Receiver<u64> {
        self.0.wake.subscribe()
    }

    /// Records an escape; only the first one is reported.
    pub(super) fn escape(&self, path: &str, reason: &str) {
        tracing::error!(path, reason, "a child failed past its limit; the process has to end");
        self.0.escape.send_if_modified(|escape| {
            let is_first = escape.is_none();
            if is_first {
                *escape = Some(Escape { path: path.to_owned(), reason: reason.to_owned() });
            }
            is_first
        });
    }

    pub(super) fn has_escaped(&self) -> bool {
        self.0.escape.borrow().is_some()
    }

    pub(super) fn instant(&self) -> Instant {
        self.0.clock.instant()
    }

    /// Timers for callers that wait for an answer.
    pub(super) fn timers(&self) -> &Timers {
        &self.0.timers
    }

    /// A random byte to spread waits.
    pub(super) fn die(&self) -> u8 {
        let mut die = [0];
        self.0.entropy.fill(&mut die);
        die[0]
    }
}

/// The identity of this run of the program on this machine.
fn node(clock: &dyn Clock, entropy: &dyn Entropy) -> NodeReport {
    let (started, mut random) = (clock.now(), [0; 10]);
    entropy.fill(&mut random);
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    NodeReport { id: id::uuid_v7(started, random).into(), name, started }
}
