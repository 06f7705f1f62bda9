//! The audit actions of operators on the process and its store.

use crate::domain::audit::actions;

actions! {
    /// An action on the process or its store.
    OperationsAction of Operations:
    /// An actor was restarted by an operator.
    RestartActor = 0x0701, "actor.restart" in Changes;
    /// An operator wrote a snapshot to a file.
    TakeSnapshot = 0x0702, "snapshot.take" in Changes;
    /// An operator accepted the time.
    AcceptClock = 0x0703, "clock.accept" in Changes;
    /// An operator changed the level of the log for a while.
    SetLogLevel = 0x0704, "log.set_level" in Changes;
    /// The tree of the store was compacted.
    CompactStore = 0x0705, "store.compact" in Changes;
}
