//! Returns the log to its configured level when the time of an operator's level is over.

use crate::{
    supervision::{Next, TaskCx, Worker},
    telemetry::log::LogSwitch,
    types::Fault,
};

/// The worker. A change of the level wakes it.
pub struct LogLevelEnd {
    log: LogSwitch,
}

impl LogLevelEnd {
    /// A worker over the log of the process.
    pub fn new(log: LogSwitch) -> Self {
        Self { log }
    }
}

impl Worker for LogLevelEnd {
    const KIND: &'static str = "log_level";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        Ok(self.log.settle(cx.system().clock().now()).map_or(Next::Nudged, Next::Within))
    }
}
