//! The refresh rule: what using a refresh token does, so that a lost answer, two tabs or a phone asleep never log a
//! user out, and a thief who holds a copy of a token is found at the second turn at the latest (RFC 9700 section 4.14).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Timestamp, limits};

/// When a generation was used for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstUse {
    /// The generation.
    pub generation: u32,
    /// When one of its two tokens came back first.
    pub at: Timestamp,
}

/// What a session remembers of its refresh tokens. The tokens themselves are not stored: they are made from the seed.
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
    /// The current generation; the token handed out last has this number.
    pub generation: u32,
    /// When the current generation was handed out first.
    pub made_at: Timestamp,
    /// When the current generation was first used, by an access token of it; `None`: unused.
    pub used_at: Option<Timestamp>,
    /// The generation in which a late repeat was seen last.
    pub late_repeat: Option<u32>,
    /// First uses of earlier generations, oldest first, for as long as their predecessors may be repeated.
    pub earlier: Vec<FirstUse>,
}

/// What presenting an authentic token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// It was used for the first time: the generation to hand out.
    Rotated {
        /// The new current generation.
        next: u32,
    },
    /// It was used before, and that is nothing to worry about: the generation that was handed out then.
    Repeated {
        /// The same generation as then.
        next: u32,
    },
    /// Somebody holds a copy: the session ends and its user is told.
    Reused(Reuse),
}

/// How a copy of a token gave itself away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The successor had been in use for longer than the grace.
    SuccessorInUse,
    /// Late repeats in two generations running.
    LateTwice,
}

impl RefreshState {
    /// The state of a session that begins: generation 0 is handed out at `now`.
    pub fn begin(now: Timestamp) -> Self {
        Self { generation: 0, made_at: now, used_at: None, late_repeat: None, earlier: Vec::new() }
    }

    /// What presenting the authentic token of generation `presented` at `now` does, and the state after it.
    /// `grace`: for how long a token may be repeated once its successor is in use.
    ///
    /// A token from ahead of the current generation was handed out before the store was put back to an earlier state;
    /// its holder is let in, and the numbers go on from there.
    pub fn present(&self, presented: u32, now: Timestamp, grace: Duration) -> (Presented, Self) {
        if presented >= self.generation {
            return self.rotate(presented, now, grace);
        }
        let next = presented + 1;
        match self.first_use_of(next) {
            Some(at) if now.since(at) <= grace => (Presented::Repeated { next }, self.clone()),
            Some(_) => (Presented::Reused(Reuse::SuccessorInUse), self.clone()),
            None if next == self.generation => self.repeat_unused(presented, now, grace),
            // Used so long ago that it is no longer remembered.
            None => (Presented::Reused(Reuse::SuccessorInUse), self.clone()),
        }
    }

    /// The state after an access token of `generation` was seen at `now`; `None` if that changes nothing, which is so
    /// for all but the first request of a generation.
    pub fn mark_used(&self, generation: u32, now: Timestamp) -> Option<Self> {
        let first = generation == self.generation && self.used_at.is_none();
        first.then(|| Self { used_at: Some(now), ..self.clone() })
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
