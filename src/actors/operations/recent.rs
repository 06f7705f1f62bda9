//! A value that is computed at most once per interval, for any number of callers.

use std::time::Instant;

use tokio::sync::Mutex;

use crate::types::{Clock, limits};

/// A value that is at most `limits::READY_PROBE_EVERY` old.
pub(super) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// The value, computed by `compute` if it is too old. While one caller computes it, the others wait.
    pub(super) async fn get(&self, clock: &dyn Clock, compute: impl AsyncFnOnce() -> T) -> T {
        let mut kept = self.0.lock().await;
        let now = clock.instant();
        if let Some((at, value)) = &*kept
            && now.saturating_duration_since(*at) < limits::READY_PROBE_EVERY
        {
            return value.clone();
        }
        let value = compute().await;
        *kept = Some((now, value.clone()));
        value
    }
}
