//! The exchange of trees between the thread that rebuilds one and the writer.
//!
//! ```text
//!   rebuild:  offer --> Offered                               wait --> Installed | Refused
//!   writer:             '--take--> Taken --installed, refused--^   '--put_back--> Offered
//! ```

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::persistence::machinery::{engine::Engine, rebuild::GrowingTree, trees::TreeName};

/// A tree that was replaced.
pub(in crate::persistence::machinery) struct OldTree {
    pub(in crate::persistence::machinery) name: TreeName,
    pub(in crate::persistence::machinery) engine: Arc<dyn Engine>,
    /// The number of checkpoints when it was replaced.
    pub(in crate::persistence::machinery) checkpoints: u64,
}

#[derive(Default)]
enum HandoverState {
    #[default]
    Empty,
    Offered(Box<GrowingTree>),
    /// The writer has it.
    Taken,
    Installed(OldTree),
    /// The writer did not accept it, for this reason.
    Refused(Box<GrowingTree>, String),
}

/// What came of an offered tree.
pub(super) enum Answer {
    Installed(OldTree),
    Refused(Box<GrowingTree>, String),
    /// The caller stopped, or the writer has ended: the tree is not used.
    Stopped(Option<Box<GrowingTree>>),
}

/// The place of one rebuilt tree.
#[derive(Default)]
pub(in crate::persistence::machinery) struct Handover {
    state: Mutex<HandoverState>,
    changed: Condvar,
    ended: AtomicBool,
}

impl Handover {
    fn state(&self) -> MutexGuard<'_, HandoverState> {
        // Each change of the state is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, next: HandoverState) {
        *self.state() = next;
        self.changed.notify_all();
    }

    /// Offers `tree` to the writer, and waits for its answer; `stop` is read several times a second.
    pub(super) fn offer(&self, tree: GrowingTree, stop: &dyn Fn() -> bool) -> Answer {
        const LOOK_EVERY: Duration = Duration::from_millis(50);
        let mut state = self.state();
        *state = HandoverState::Offered(Box::new(tree));
        loop {
            let stopped = self.has_ended() || stop();
            match std::mem::take(&mut *state) {
                HandoverState::Installed(old) => return Answer::Installed(old),
                HandoverState::Refused(tree, reason) => return Answer::Refused(tree, reason),
                HandoverState::Empty => return Answer::Stopped(None),
                HandoverState::Offered(tree) if stopped => return Answer::Stopped(Some(tree)),
                // The writer answers soon, unless it has panicked.
                HandoverState::Taken if self.has_ended() => return Answer::Stopped(None),
                waiting @ (HandoverState::Offered(_) | HandoverState::Taken) => *state = waiting,
            }
            state = self.changed.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The offered tree, if there is one.
    pub(in crate::persistence::machinery) fn take(&self) -> Option<GrowingTree> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            HandoverState::Offered(tree) => {
                *state = HandoverState::Taken;
                Some(*tree)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// The taken tree is current, and `old` is not used any more.
    pub(in crate::persistence::machinery) fn installed(&self, old: OldTree) {
        self.set(HandoverState::Installed(old));
    }

    /// The taken tree is not accepted.
    pub(in crate::persistence::machinery) fn refused(&self, tree: GrowingTree, reason: String) {
        self.set(HandoverState::Refused(Box::new(tree), reason));
    }

    /// The taken tree is offered again.
    pub(in crate::persistence::machinery) fn put_back(&self, tree: GrowingTree) {
        self.set(HandoverState::Offered(Box::new(tree)));
    }

    /// The writer has ended: it takes no tree any more.
    pub(in crate::persistence::machinery) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits for `time`, or until the writer has ended.
    pub(super) fn rest(&self, time: Duration) {
        let state = self.state();
        let until = |_: &mut HandoverState| !self.has_ended();
        let (state, _) = self.changed.wait_timeout_while(state, time, until).unwrap_or_else(PoisonError::into_inner);
        drop(state);
    }
}
