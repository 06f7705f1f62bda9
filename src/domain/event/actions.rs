//! The audit actions of operators on the event log.

use crate::domain::audit::actions;

actions! {
    /// An action on the event log.
    EventAction of Events:
    /// A dead letter was requeued.
    RequeueDeadLetter = 0x0601, "event.requeue" in Changes;
    /// A dead letter was discarded.
    DiscardDeadLetter = 0x0602, "event.discard" in Changes;
}
