//! Operators' view of the whole process: its actors, its health, its readiness.
//!
//! **Owns** nothing: the handle has no actor and reads the supervision kit's counters, so that it works while actors
//! are stuck. **Wakes on** calls only. **Promises** that the probe of the store and the reads for health run at most
//! once per `limits::READY_PROBE_EVERY`, for any number of callers. **Loses on crash** nothing.
//!
//! Must not know: HTTP. Begin with [`Operations`].

mod commands;
mod figures;
mod health;
mod recent;

pub use crate::persistence::snapshot::SnapshotForm;
pub use commands::{CompactRefusal, SnapshotRefusal, SnapshotTaken, snapshot_detail};

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU8, Ordering},
};

use self::recent::Recent;
use crate::{
    actors::{notifier::Notifier, relay::Relays},
    domain::operations::OperationsAction,
    persistence::{Store, Write},
    supervision::{ControlRefusal, ManualClock, System},
    telemetry::{
        actors::{ActorReport, ActorsReport},
        events::EventsReport,
        health::{HealthReport, HealthStatus, ServiceHealth},
        log::LogSwitch,
    },
    types::{CallContext, Fault, Work, limits},
};

/// The handle of the operators' operations. Cheap to clone.
#[derive(Clone)]
pub struct Operations(Arc<OperationsInner>);

struct OperationsInner {
    system: System,
    store: Store,
    relays: Relays,
    notifier: Notifier,
    log: LogSwitch,
    /// The clock, if it can be set forward, in development.
    manual: OnceLock<Arc<ManualClock>>,
    phase: AtomicU8,
    probed: Recent<Result<(), Fault>>,
    /// The lines of health that are read from the store.
    lines: Recent<Vec<ServiceHealth>>,
}

/// The phase of the process. Only `Open` is ready.
///
/// ```text
/// starting --> open --> draining
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessPhase {
    /// The tree of actors is being started.
    Starting,
    /// The process accepts requests.
    Open,
    /// The process finishes the accepted requests, and then ends.
    Draining,
}

/// The reason why an actor was not restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartRefusal {
    /// No actor has this path.
    NotFound,
    /// The path is a group's. Only the children of a group can be restarted.
    IsGroup,
    /// The actor is being stopped.
    Stopping,
}

/// One reason why the process is not ready for requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// The tree of actors is being started.
    Starting,
    /// The process finishes its requests and ends.
    Draining,
    /// The store accepts no write.
    Store(Fault),
    /// A service is down, by name.
    Service(String),
}

impl Operations {
    /// The operations of `system`, `store`, the services with figures, and the log, in the phase `Starting`.
    pub fn new(system: System, store: Store, (relays, notifier): (Relays, Notifier), log: LogSwitch) -> Self {
        let phase = AtomicU8::new(ProcessPhase::Starting as u8);
        let (manual, probed, lines) = (OnceLock::new(), Recent::default(), Recent::default());
        Self(Arc::new(OperationsInner { system, store, relays, notifier, log, manual, phase, probed, lines }))
    }

    /// Changes the phase to `phase`.
    pub fn enter(&self, phase: ProcessPhase) {
        self.0.phase.store(phase as u8, Ordering::Release);
    }

    /// The present phase.
    pub fn phase(&self) -> ProcessPhase {
        match self.0.phase.load(Ordering::Acquire) {
            phase if phase == ProcessPhase::Starting as u8 => ProcessPhase::Starting,
            phase if phase == ProcessPhase::Open as u8 => ProcessPhase::Open,
            _ => ProcessPhase::Draining,
        }
    }

    /// A page of the actors, after the path `cursor`.
    pub fn actors(&self, cursor: Option<&str>) -> ActorsReport {
        self.0.system.stats().snapshot(cursor)
    }

    /// The report of the actor at `path`.
    pub fn actor(&self, path: &str) -> Option<ActorReport> {
        self.0.system.stats().report(path)
    }

    /// Starts a restart of the actor at `path`, which finishes its accepted work first; does not wait for it. If the
    /// store accepts no write, the restart is only logged, because it may be the remedy.
    pub async fn restart(&self, path: &str, context: CallContext) -> Result<(), RestartRefusal> {
        self.0.system.stats().restart(path).map_err(|refusal| match refusal {
            ControlRefusal::NotFound => RestartRefusal::NotFound,
            ControlRefusal::IsGroup => RestartRefusal::IsGroup,
            ControlRefusal::Stopping => RestartRefusal::Stopping,
        })?;
        let (request_id, caller) = (context.request_id.clone(), context.caller.clone());
        tracing::warn!(path, %request_id, ?caller, "an actor is restarted by an operator");
        self.audit_if_possible(context, OperationsAction::RestartActor, format!("path={path}")).await;
        Ok(())
    }

    /// The health of each child of the root, of the store with its figures, of the events, mail and the clock.
    pub async fn health(&self) -> HealthReport {
        let mut report = self.0.system.stats().health();
        for line in self.lines().await {
            match report.services.iter_mut().find(|service| service.name == line.name) {
                Some(service) => service.add(line),
                None => report.services.push(line),
            }
        }
        report.status = report.services.iter().map(|line| line.status).max().unwrap_or(HealthStatus::Down);
        report
    }

    /// The progress of the subscribers of the event log.
    pub async fn events(&self) -> Result<EventsReport, Fault> {
        health::figures(&self.0.relays).await
    }

    /// The lines of health that are read from the store, at most `limits::READY_PROBE_EVERY` old.
    async fn lines(&self) -> Vec<ServiceHealth> {
        let OperationsInner { system, store, relays, notifier, lines, .. } = &*self.0;
        lines.get(system.clock(), || health::lines(store, relays, notifier, system.clock())).await
    }

    /// All reasons why the process is not ready; empty: it is ready.
    pub async fn not_ready(&self) -> Vec<NotReady> {
        match self.phase() {
            ProcessPhase::Starting => return vec![NotReady::Starting],
            ProcessPhase::Draining => return vec![NotReady::Draining],
            ProcessPhase::Open => {}
        }
        let services = self.0.system.stats().health().services.into_iter();
        let down = services.filter(|service| service.status == HealthStatus::Down);
        let mut reasons: Vec<NotReady> = down.map(|service| NotReady::Service(service.name)).collect();
        reasons.extend(self.probe().await.err().map(NotReady::Store));
        reasons
    }

    /// Whether the store accepts a write; the result is at most `limits::READY_PROBE_EVERY` old.
    async fn probe(&self) -> Result<(), Fault> {
        let OperationsInner { system, store, probed, .. } = &*self.0;
        let probe = async || {
            let work = Work::until(system.clock().instant() + limits::READY_PROBE_DEADLINE);
            let write = Write::new(work, system.stamp(), CallContext::service("health", "readiness"));
            match tokio::time::timeout(limits::READY_PROBE_DEADLINE, store.write(write, |_| Ok(()))).await {
                Ok(result) => result,
                Err(_elapsed) => Err(Fault::Expired),
            }
        };
        probed.get(system.clock(), probe).await
    }
}
