//! How a child is told what to do by way of its record: the record knows no types of actors.

use std::sync::Arc;

use tokio::sync::oneshot;

/// What one may ask of the supervisor of a child.
pub(super) enum ChildCommand {
    /// Stop it, let it finish what it took, and start it again; not counted.
    Restart,
    /// Stop it for good; answered when it is gone.
    Stop(oneshot::Sender<()>),
}

/// Hands a command to the supervisor of a child; false if that supervisor is gone.
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
