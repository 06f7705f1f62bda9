//! One line of the tree: a child's name and what becomes of it when it fails.

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

/// How long a child may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) start: Duration,
    pub(super) stop: Duration,
    /// Its stop is never left out of a shutdown, which keeps the time for it free.
    pub(super) is_needed: bool,
}

impl Spec {
    /// A child without which the process must not go on: past its restarts, the process ends.
    pub fn escape(name: impl Into<String>) -> Self {
        Self::new(name.into(), PastLimit::Escape)
    }

    /// A child without which the rest goes on: past its restarts, it waits for longer and longer.
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

    /// How long it may take to start before that counts as a failure.
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.limits.start = limit;
        self
    }

    /// How long it may take to stop before it is killed, and then as long again for its jobs.
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.limits.stop = limit;
        self
    }

    /// Its stop is never left out of a shutdown, however little time is left and however urgent the shutdown is.
    pub fn needed(mut self) -> Self {
        self.limits.is_needed = true;
        self
    }

    /// Permits of its mailbox: messages queued and work running.
    pub fn mailbox(mut self, permits: usize) -> Self {
        self.mailbox = permits;
        self
    }

    /// What operators call this kind of task or group; services say it themselves.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }
}
