//! Transactions that take long are named in the log.

use std::{any::type_name, sync::Arc, time::Instant};

use super::writer::Write;
use crate::types::{Clock, limits};

/// One transaction, from its way into the queue to its answer.
pub(super) struct TimedTransaction {
    clock: Arc<dyn Clock>,
    began: Instant,
    name: &'static str,
    request_id: String,
}

/// The function of the transaction, with its module: `actors::auth::login::commit`.
pub(super) fn name_of<F>() -> &'static str {
    let name = type_name::<F>();
    let name = name.split("::{{closure}}").next().unwrap_or(name);
    name.strip_prefix("majordomo::").unwrap_or(name)
}

impl TimedTransaction {
    pub(super) fn begin(clock: Arc<dyn Clock>, name: &'static str, write: &Write) -> Self {
        Self { began: clock.instant(), clock, name, request_id: write.context.request_id.clone() }
    }

    pub(super) fn end(self) {
        let took = self.clock.instant().saturating_duration_since(self.began);
        if took >= limits::SLOW_TRANSACTION {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(transaction = self.name, took_ms, request_id = %self.request_id, "a slow transaction");
        }
    }
}
