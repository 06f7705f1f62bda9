//! The audit actions of operators on the process and its store, and the record of an accepted time.

use serde::{Deserialize, Serialize};

use crate::{domain::audit::actions, types::Timestamp};

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
    /// The tree of the store was replaced by a rebuilt one.
    ReplaceTree = 0x0705, "store.replace_tree" in Changes;
    /// The first start after a restore ended the sessions of before.
    EndRestoredSessions = 0x0706, "restore.end_sessions" in Changes;
}

/// The last time that an operator accepted an earlier time than the program's. What the store holds from before that
/// may have later dates than now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAcceptance {
    /// The time that was accepted: the present time of its commit.
    pub at: Timestamp,
    /// The program's time before.
    pub before: Timestamp,
    /// Events up to this sequence were written before.
    pub events: u64,
    /// The place of the walk that corrects records with later dates; `None`: it is finished.
    pub walk: Option<RedatingPlace>,
}

/// The place of the walk over the records with dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedatingPlace {
    pub round: RedatingRound,
    /// The number of the step; each one walks over one table.
    pub step: u8,
    /// The key behind which the step continues; `None`: at the beginning.
    pub after: Option<Vec<u8>>,
}

/// The walk runs twice, because work that was under way at the acceptance may write later dates after the first round
/// has passed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedatingRound {
    First,
    Second,
}

impl ClockAcceptance {
    /// The acceptance of `at`, before the walk.
    pub fn new(at: Timestamp, before: Timestamp, events: u64) -> Self {
        Self { at, before, events, walk: Some(RedatingPlace { round: RedatingRound::First, step: 0, after: None }) }
    }

    /// The time of an event for its age: events from before are not younger than the acceptance.
    pub fn event_time(&self, sequence: u64, time: Timestamp) -> Timestamp {
        if sequence <= self.events { time.min(self.at) } else { time }
    }
}
