//! The rule for refresh tokens. A lost answer, two tabs or a suspended phone does not end a session; a thief with a
//! copy of a token is detected at the second turn at the latest (RFC 9700 section 4.14).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Timestamp, limits};

/// The first use of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstUse {
    pub generation: u32,
    /// The time at which one of its two tokens was first presented.
    pub at: Timestamp,
}

/// The stored state of a session's refresh tokens. The tokens are not stored; they are derived from the seed.
///
/// ```text
///            token g (the current one)            token g, g+1 unused: the same g+1
/// [g unused] ------------------------> [g+1 unused] -----------------------.
///     ^                                     |    ^-------------------------'  more than `grace` late, and so it
///     '---- an access token of g+1,         |                                 was in the generation before: ENDS
///           or refresh token g+1 ----- [g+1 used]
///                                           | token g or older: the same successor for `grace` after the successor's
///                                           | first use; later: ENDS
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshState {
    /// The current generation: the number of the newest token.
    pub generation: u32,
    /// The time at which the current generation was first issued.
    pub made_at: Timestamp,
    /// The first use of the current generation's access token; `None`: unused.
    pub used_at: Option<Timestamp>,
    /// The generation of the last late repeat.
    pub late_repeat: Option<u32>,
    /// First uses of earlier generations, oldest first, as long as their predecessors may be repeated.
    pub earlier: Vec<FirstUse>,
}

/// The effect of presenting an authentic token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The first use of the token.
    Rotated {
        /// The new current generation, to be issued.
        next: u32,
    },
    Repeated {
        /// The generation that was issued at the first use; it is issued again.
        next: u32,
    },
    /// The token was copied: the session ends and its user is notified.
    Reused(Reuse),
}

/// The evidence of a copied token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The successor has been in use for longer than the grace.
    SuccessorInUse,
    /// Late repeats in two consecutive generations.
    LateTwice,
}

impl RefreshState {
    /// The state of a new session: generation 0 is issued at `now`.
    pub fn begin(now: Timestamp) -> Self {
        Self { generation: 0, made_at: now, used_at: None, late_repeat: None, earlier: Vec::new() }
    }

    /// The effect of presenting the authentic token of generation `presented` at `now`, and the state after it.
    /// `grace`: how long a token may be repeated once its successor is in use.
    ///
    /// A generation above the current one was issued before the store was restored to an earlier state. The token is
    /// accepted, and the numbering continues from it.
    pub fn present(&self, presented: u32, now: Timestamp, grace: Duration) -> (Presented, Self) {
        if presented >= self.generation {
            return self.rotate(presented, now, grace);
        }
        let next = presented + 1;
        match self.first_use_of(next) {
            Some(at) if now.since(at) <= grace => (Presented::Repeated { next }, self.clone()),
            Some(_) => (Presented::Reused(Reuse::SuccessorInUse), self.clone()),
            None if next == self.generation => self.repeat_unused(presented, now, grace),
            // Used so long ago that the use is no longer stored.
            None => (Presented::Reused(Reuse::SuccessorInUse), self.clone()),
        }
    }

    /// The state after an access token of `generation` was used at `now`; `None` if the state does not change, as for
    /// all but the first request of a generation.
    pub fn mark_used(&self, generation: u32, now: Timestamp) -> Option<Self> {
        let first = generation == self.generation && self.used_at.is_none();
        first.then(|| Self { used_at: Some(now), ..self.clone() })
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let used = |first: &FirstUse| FirstUse { at: first.at.min(now), ..*first };
        Self {
            made_at: self.made_at.min(now),
            used_at: self.used_at.map(|at| at.min(now)),
            earlier: self.earlier.iter().map(used).collect(),
            ..self.clone()
        }
    }

    fn first_use_of(&self, generation: u32) -> Option<Timestamp> {
        if generation == self.generation {
            return self.used_at;
        }
        self.earlier.iter().find(|first| first.generation == generation).map(|first| first.at)
    }

    fn rotate(&self, presented: u32, now: Timestamp, grace: Duration) -> (Presented, Self) {
        let at = if presented == self.generation { self.used_at.unwrap_or(now) } else { now };
        let mut earlier: Vec<_> = self.earlier.iter().copied().filter(|first| now.since(first.at) <= grace).collect();
        earlier.push(FirstUse { generation: presented, at });
        if earlier.len() > limits::REFRESH_GENERATIONS {
            earlier.remove(0);
        }
        let next = presented.saturating_add(1);
        let state = Self { generation: next, made_at: now, used_at: None, late_repeat: self.late_repeat, earlier };
        (Presented::Rotated { next }, state)
    }

    fn repeat_unused(&self, presented: u32, now: Timestamp, grace: Duration) -> (Presented, Self) {
        let repeated = Presented::Repeated { next: self.generation };
        if now.since(self.made_at) <= grace {
            return (repeated, self.clone());
        }
        if presented.checked_sub(1).is_some_and(|before| self.late_repeat == Some(before)) {
            return (Presented::Reused(Reuse::LateTwice), self.clone());
        }
        (repeated, Self { late_repeat: Some(presented), ..self.clone() })
    }
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
