//! What operators ask of the whole process: its actors, how well it is, whether requests may come.
//!
//! **Owns** nothing: no actor stands behind this handle, which reads what the kit keeps, so that it works when actors
//! are stuck. **Wakes on** calls only. **Promises** that a probe of the store runs at most once a second, and that
//! figures for health are read at most as often, however many ask. **Loses on crash** nothing.
//!
//! Must not know: HTTP. Begin with [`Operations`].

mod commands;
mod figures;
mod health;
mod recent;

pub use commands::{SnapshotRefusal, SnapshotTaken};

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
    },
    types::{CallContext, Fault, Work, limits},
};

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Operations(Arc<OperationsInner>);

struct OperationsInner {
    system: System,
    store: Store,
    relays: Relays,
    notifier: Notifier,
    /// The clock, if it is one that can be set forward: in development.
    manual: OnceLock<Arc<ManualClock>>,
    phase: AtomicU8,
    probed: Recent<Result<(), Fault>>,
    /// The lines of health that are read from the store.
    lines: Recent<Vec<ServiceHealth>>,
}

/// Where the process is in its life. Only `Open` is ready.
///
/// ```text
/// starting --> open --> draining
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessPhase {
    /// The tree is being started.
    Starting,
    /// Requests are welcome.
    Open,
    /// What was taken is finished; nothing new, please.
    Draining,
}

/// Why an actor was not restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartRefusal {
    /// No such path.
    NotFound,
    /// Groups are not restarted, their children are.
    IsGroup,
    /// It is about to stop.
    Stopping,
}

/// One reason why requests should go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// The tree is being started.
    Starting,
    /// The process is about to end.
    Draining,
    /// The store takes no write.
    Store(Fault),
    /// A service is down, by name.
    Service(String),
}

impl Operations {
    /// Over the actors of `system`, the writer of `store`, and the services that have figures; starting.
    pub fn new(system: System, store: Store, relays: Relays, notifier: Notifier) -> Self {
        let phase = AtomicU8::new(ProcessPhase::Starting as u8);
        let (manual, probed, lines) = (OnceLock::new(), Recent::default(), Recent::default());
        Self(Arc::new(OperationsInner { system, store, relays, notifier, manual, phase, probed, lines }))
    }

    /// Moves on to `phase`.
    pub fn enter(&self, phase: ProcessPhase) {
        self.0.phase.store(phase as u8, Ordering::Release);
    }

    /// Where the process is in its life.
    pub fn phase(&self) -> ProcessPhase {
        match self.0.phase.load(Ordering::Acquire) {
            phase if phase == ProcessPhase::Starting as u8 => ProcessPhase::Starting,
            phase if phase == ProcessPhase::Open as u8 => ProcessPhase::Open,
            _ => ProcessPhase::Draining,
        }
    }

    /// One page of the actors, after the path `cursor`.
    pub fn actors(&self, cursor: Option<&str>) -> ActorsReport {
        self.0.system.stats().snapshot(cursor)
    }

    /// The actor at `path`.
    pub fn actor(&self, path: &str) -> Option<ActorReport> {
        self.0.system.stats().report(path)
    }

    /// Has the actor at `path` finish what it took and start again; it is not waited for. The audit trail says so,
    /// unless the store takes no write: a restart may be what mends that, so it is not held back, and the log tells.
    pub async fn restart(&self, path: &str, context: CallContext) -> Result<(), RestartRefusal> {
        self.0.system.stats().restart(path).map_err(|refusal| match refusal {
            ControlRefusal::NotFound => RestartRefusal::NotFound,
            ControlRefusal::IsGroup => RestartRefusal::IsGroup,
            ControlRefusal::Stopping => RestartRefusal::Stopping,
        })?;
        let (request_id, caller) = (context.request_id.clone(), context.caller.clone());
        tracing::warn!(path, %request_id, ?caller, "restarted by an operator");
        let audited = self.audit(context, OperationsAction::RestartActor, format!("path={path}"));
        if let Err(fault) = audited.await {
            tracing::error!(path, %request_id, ?caller, %fault, "a restart is not in the audit trail");
        }
        Ok(())
    }

    /// How well each child of the root is, the store with its figures, and the events, mail and the clock.
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

    /// How far the subscribers of the event log have come.
    pub async fn events(&self) -> Result<EventsReport, Fault> {
        health::figures(&self.0.relays).await
    }

    /// What was read at most `limits::READY_PROBE_EVERY` ago.
    async fn lines(&self) -> Vec<ServiceHealth> {
        let OperationsInner { system, store, relays, notifier, lines, .. } = &*self.0;
        lines.get(system.clock(), || health::lines(store, relays, notifier, system.clock())).await
    }

    /// Everything that speaks against sending requests; empty is ready.
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

    /// Whether the store takes a write, asked again after `limits::READY_PROBE_EVERY` at the earliest.
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
