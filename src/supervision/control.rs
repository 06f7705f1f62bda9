//! Commands to a child through its record, which has no types of actors.

use std::sync::Arc;

use tokio::sync::oneshot;

/// A command to the supervisor of a child.
pub(super) enum ChildCommand {
    /// Stop the child after its accepted messages, and start it again; not counted as a restart.
    Restart,
    /// Stop the child permanently; answered when it has ended.
    Stop(oneshot::Sender<()>),
}

/// Sends a command to the supervisor of a child; false if that supervisor has ended.
#[derive(Clone)]
pub(super) struct ChildControl(Arc<dyn Fn(ChildCommand) -> bool + Send + Sync>);

impl ChildControl {
    pub(super) fn new(give: impl Fn(ChildCommand) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(give))
    }

    pub(super) fn give(&self, command: ChildCommand) -> bool {
        (self.0)(command)
    }
}
