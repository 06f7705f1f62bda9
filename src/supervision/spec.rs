//! One line of the tree: a child's name and its restart policy.

use std::time::Duration;

use super::policy::{PastLimit, RestartPolicy};
use crate::types::limits;

/// A child's name, policy and bounds. Begin with `Spec::escape` or `Spec::park`.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(super) name: String,
    pub(super) kind: Option<&'static str>,
    pub(super) restart: RestartPolicy,
    pub(super) limits: Limits,
    pub(super) mailbox: usize,
}

/// The time limits of a child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) start: Duration,
    pub(super) stop: Duration,
    /// A shutdown never skips its stop, and reserves the time for it.
    pub(super) is_needed: bool,
}

impl Spec {
    /// A child that the process needs: past its restart limit, the process ends.
    pub fn escape(name: impl Into<String>) -> Self {
        Self::new(name.into(), PastLimit::Escape)
    }

    /// A child that the process can run without: past its restart limit, it waits with growing back-off.
    pub fn park(name: impl Into<String>) -> Self {
        Self::new(name.into(), PastLimit::Park)
    }

    fn new(name: String, past: PastLimit) -> Self {
        Self {
            name,
            kind: None,
            restart: RestartPolicy::new(limits::RESTARTS_MAX, limits::RESTARTS_WITHIN, past),
            limits: Limits { start: limits::START_LIMIT, stop: limits::STOP_LIMIT, is_needed: false },
            mailbox: limits::MAILBOX,
        }
    }

    /// At most `max` restarts in the period `within`.
    pub fn restarts(mut self, max: u32, within: Duration) -> Self {
        self.restart = RestartPolicy { max, within, ..self.restart };
        self
    }

    /// The wait before the first restart of a period.
    pub fn backoff(mut self, first: Duration) -> Self {
        self.restart.backoff = first;
        self
    }

    /// The limit of a start; a longer start counts as a failure.
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.limits.start = limit;
        self
    }

    /// The limit of a stop, after which the child is killed; its jobs then have the same time again.
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.limits.stop = limit;
        self
    }

    /// A shutdown never skips its stop, whatever time is left and after a second signal.
    pub fn needed(mut self) -> Self {
        self.limits.is_needed = true;
        self
    }

    /// Permits of its mailbox: messages queued and work running.
    pub fn mailbox(mut self, permits: usize) -> Self {
        self.mailbox = permits;
        self
    }

    /// The name of this kind of task or group for operators; services state their own.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }
}
