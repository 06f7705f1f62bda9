//! A group: closures run one after the other, each over the output of the ones before it; none of it is durable yet.

use super::{
    heads::LogHeads,
    job::{Job, Ran, WriteLane},
    queue::Turn,
};
use crate::{
    persistence::machinery::{
        base::Commit,
        catalog::StoreCatalog,
        engine::EngineView,
        journal::frame::FrameTime,
        keyring::Keyring,
        known_damage::KnownDamage,
        lease::LeaseFence,
        overlay::Overlay,
        reader::TxFault,
        tx::{TxBase, TxOutput},
    },
    types::{Fault, Timestamp, limits},
};

/// How often the writer runs each closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayCheck {
    Once,
    /// Twice, for tests: a closure whose two runs have different outputs is a bug.
    Twice,
}

/// What a group reads from.
#[derive(Clone, Copy)]
pub(super) struct GroupBase<'a> {
    pub(super) engine: &'a dyn EngineView,
    pub(super) ring: &'a Keyring,
    pub(super) catalog: &'static StoreCatalog,
    pub(super) damage: &'a KnownDamage,
}

/// The closures that were run, and their output.
pub(super) struct Group<'a> {
    base: GroupBase<'a>,
    replay_check: ReplayCheck,
    overlay: Overlay,
    heads: LogHeads,
    last_time: Timestamp,
    commits: Vec<Commit>,
    answers: Vec<(Box<dyn Job>, Result<(), Fault>)>,
    bulk: Bulk,
}

/// The share of a group that bulk work has used.
#[derive(Default)]
struct Bulk {
    places: usize,
    bytes: usize,
}

/// A group to be committed and then answered.
pub(super) struct Finished {
    pub(super) commits: Vec<Commit>,
    pub(super) heads: LogHeads,
    pub(super) answers: Vec<(Box<dyn Job>, Result<(), Fault>)>,
}

/// The tree could not be read.
pub(super) struct TreeLost(pub(super) TxFault);

impl<'a> Group<'a> {
    pub(super) fn new(base: GroupBase<'a>, replay_check: ReplayCheck, heads: LogHeads, last_time: Timestamp) -> Self {
        Self {
            base,
            replay_check,
            overlay: Overlay::default(),
            heads,
            last_time,
            commits: Vec::new(),
            answers: Vec::new(),
            bulk: Bulk::default(),
        }
    }

    /// The lane of the next closure. While both lanes wait, every fourth closure is a bulk one. Bulk closures fill
    /// places that the prompt lane leaves free, but use at most a quarter of a group's bytes, which limits the wait of
    /// a prompt closure that arrives during a commit.
    pub(super) fn turn(&self) -> Turn {
        if self.bulk.bytes >= limits::GROUP_BYTES_MAX / limits::BULK_PART {
            Turn::PromptOnly
        } else if (self.bulk.places + 1) * limits::BULK_PART <= self.answers.len() + 1 {
            Turn::Bulk
        } else {
            Turn::Prompt
        }
    }

    /// Whether the group accepts no further closure.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= limits::GROUP_MAX || self.overlay.bytes() >= limits::GROUP_BYTES_MAX
    }

    /// Runs a closure at `now`, the clock's time; its answer waits until the group is durable.
    pub(super) fn run(&mut self, mut job: Box<dyn Job>, now: Timestamp) -> Result<(), TreeLost> {
        // Asked once for both runs of a replay. The next holder's transactions come after this one.
        if !job.write().leases.iter().all(LeaseFence::is_held) {
            self.answers.push((job, Err(Fault::Unavailable)));
            return Ok(());
        }
        let before = self.overlay.bytes();
        let GroupBase { engine, ring, catalog, damage } = self.base;
        let (stamped, step) = (job.write().stamp.now, job.write().step);
        let now = match step {
            // Flows sample their time before they queue, so it may be slightly earlier than the last commit. A stamp
            // that is later than the clock was sampled before an operator accepted an earlier time.
            FrameTime::Onward => stamped.min(now).max(self.last_time),
            FrameTime::Accepted => stamped,
        };
        let base = TxBase { group: &self.overlay, engine, ring, catalog, now };
        let mut ran = job.run(base);
        if self.replay_check == ReplayCheck::Twice {
            ran = compare(ran, job.run(base));
        }
        let outcome = match ran {
            Ran::Commit(left) => self.keep(left, (now, step)),
            Ran::Discard => Ok(()),
            Ran::Failed(fault) => Err(fault),
            Ran::Lost(TxFault::Damaged(value)) if damage.persists(&value, catalog.table_name(value.tag())) => {
                Err(Fault::bug(value.to_string()))
            }
            Ran::Lost(fault) => {
                self.answers.push((job, Err(Fault::Unavailable)));
                return Err(TreeLost(fault));
            }
        };
        match job.write().lane {
            WriteLane::Prompt => {}
            WriteLane::Bulk => {
                self.bulk.places += 1;
                self.bulk.bytes += self.overlay.bytes().saturating_sub(before);
            }
        }
        self.answers.push((job, outcome));
        Ok(())
    }

    fn keep(&mut self, left: TxOutput, (time, step): (Timestamp, FrameTime)) -> Result<(), Fault> {
        if left.is_empty() {
            return Ok(());
        }
        let TxOutput { changes, appended } = left;
        let mut batch = changes.to_batch();
        self.heads
            .number((self.base.catalog.logs, self.base.ring), appended, &mut batch)
            .map_err(|fault| Fault::bug(fault.to_string()))?;
        self.last_time = time;
        self.commits.push(Commit { time, step, batch });
        self.overlay.absorb(changes);
        Ok(())
    }

    /// The closures that were run, when none of them can be committed.
    pub(super) fn into_jobs(self) -> Vec<Box<dyn Job>> {
        self.answers.into_iter().map(|(job, _)| job).collect()
    }

    pub(super) fn finish(self) -> Finished {
        Finished { commits: self.commits, heads: self.heads, answers: self.answers }
    }
}

fn compare(first: Ran, second: Ran) -> Ran {
    match (first, second) {
        (Ran::Commit(first), Ran::Commit(second)) if first == second => Ran::Commit(first),
        (Ran::Discard, Ran::Discard) => Ran::Discard,
        (Ran::Failed(fault), Ran::Failed(_)) => Ran::Failed(fault),
        (Ran::Lost(fault), _) | (_, Ran::Lost(fault)) => Ran::Lost(fault),
        (Ran::Commit(_) | Ran::Discard | Ran::Failed(_), Ran::Commit(_) | Ran::Discard | Ran::Failed(_)) => {
            Ran::Failed(Fault::bug("two runs of a transaction had different outputs"))
        }
    }
}
