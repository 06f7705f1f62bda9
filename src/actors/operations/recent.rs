//! What is asked anew seldom, however many want to know it.

use std::time::Instant;

use tokio::sync::Mutex;

use crate::types::{Clock, limits};

/// An answer that is at most `limits::READY_PROBE_EVERY` old.
pub(super) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// The answer, from `ask` if it is too old. While one caller asks, the others wait for the answer.
    pub(super) async fn get(&self, clock: &dyn Clock, ask: impl AsyncFnOnce() -> T) -> T {
        let mut known = self.0.lock().await;
        let now = clock.instant();
        if let Some((at, answer)) = &*known
            && now.saturating_duration_since(*at) < limits::READY_PROBE_EVERY
        {
            return answer.clone();
        }
        let answer = ask().await;
        *known = Some((now, answer.clone()));
        answer
    }
}
