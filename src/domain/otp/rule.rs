//! The rules on one-time codes: when one is sent, drawn anew, right, wrong, used, void.

use std::time::Duration;

use super::{CodePurpose, CodeStage, OneTimeCode};
use crate::types::{
    Timestamp,
    id::{CodeId, UserId},
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The numbers of `[auth.code]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimits {
    /// How long a code is good for.
    pub lifetime: Duration,
    /// Wrong tries after which it is void.
    pub tries: u8,
    /// How soon it may be sent again.
    pub resend_after: Duration,
    /// Remaining life under which a new one is drawn rather than the old one sent again.
    pub renew_under: Duration,
    /// Sendings an hour.
    pub hourly: usize,
    /// Sendings a day.
    pub daily: usize,
}

impl Default for CodeLimits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            lifetime: minutes(10),
            tries: 5,
            resend_after: minutes(1),
            renew_under: minutes(2),
            hourly: 5,
            daily: 10,
        }
    }
}

/// What a new code would be; drawn beforehand, used only if one is needed.
#[derive(Clone, Copy)]
pub struct FreshCode {
    /// Its id.
    pub id: CodeId,
    /// Its digits.
    pub digits: [u8; 6],
}

/// What asking for a code does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// New digits were drawn: send them.
    Drawn(OneTimeCode),
    /// The live code is sent once more.
    SentAgain(OneTimeCode),
    /// It is too soon, or enough were sent: nothing is sent, nothing changes.
    Wait {
        /// When asking again makes sense.
        until: Timestamp,
    },
}

/// Whether the digits that were typed are those of the code; compared by the caller in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// They are.
    Right,
    /// They are not.
    Wrong,
}

/// What a try does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Try {
    /// The code is used by this try: what it proves holds from now on. Keep the record.
    Verified(OneTimeCode),
    /// It was used before, and this is the right one again: the same answer, without effect.
    VerifiedBefore,
    /// Wrong; keep the record.
    Wrong {
        /// The record with the try counted; void after the last one.
        code: OneTimeCode,
        /// Tries that are left.
        attempts_left: u8,
    },
    /// Its time is over. Nothing changes.
    Expired,
    /// Too many wrong tries before. Nothing changes, not even by the right code.
    Void,
}

/// How far a code has come, as its owner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeProgress {
    /// It may be used.
    Pending {
        /// Tries that are left.
        attempts_left: u8,
    },
    /// It was right.
    Verified,
    /// Its time was over before it was right.
    Expired,
    /// There were too many wrong tries.
    Void,
}

/// How far `code` has come at `now`. One that runs out becomes void in the store, so void alone does not tell why.
pub fn progress(code: &OneTimeCode, now: Timestamp, limits: &CodeLimits) -> CodeProgress {
    let attempts_left = limits.tries.saturating_sub(code.wrong_tries);
    let is_over = now >= code.expires_at;
    match code.state {
        CodeStage::Used => CodeProgress::Verified,
        CodeStage::Live if is_over => CodeProgress::Expired,
        CodeStage::Live => CodeProgress::Pending { attempts_left },
        CodeStage::Void if is_over && attempts_left > 0 => CodeProgress::Expired,
        CodeStage::Void => CodeProgress::Void,
    }
}

/// Answers a request for a code for `owner` and `purpose`, of which `existing` is the record, if there is one.
pub fn issue(
    existing: Option<&OneTimeCode>,
    (owner, purpose): (UserId, CodePurpose),
    fresh: FreshCode,
    now: Timestamp,
    limits: &CodeLimits,
) -> Issue {
    let sent: Vec<_> = existing.map(|code| code.sent_at.as_slice()).unwrap_or_default().to_vec();
    if let Some(until) = wait_until(&sent, now, limits) {
        return Issue::Wait { until };
    }
    let mut sent_at: Vec<_> = sent.into_iter().filter(|sent| now < sent.plus(DAY)).collect();
    sent_at.push(now);
    if let Some(code) = existing.filter(|code| is_worth_repeating(code, now, limits)) {
        return Issue::SentAgain(OneTimeCode { sent_at, ..code.clone() });
    }
    Issue::Drawn(OneTimeCode {
        id: fresh.id,
        owner,
        purpose,
        digits: fresh.digits,
        state: CodeStage::Live,
        wrong_tries: 0,
        issued_at: now,
        expires_at: now.plus(limits.lifetime),
        sent_at,
    })
}

/// When the next sending is allowed, as clients are told: `resendAt`.
pub fn resend_at(code: &OneTimeCode, limits: &CodeLimits) -> Timestamp {
    let newest = code.sent_at.last().copied().unwrap_or(code.issued_at);
    wait_until(&code.sent_at, newest, limits).unwrap_or_else(|| newest.plus(limits.resend_after))
}

/// Judges a try of the code at `now`.
pub fn attempt(code: &OneTimeCode, guess: Guess, now: Timestamp, limits: &CodeLimits) -> Try {
    if now >= code.expires_at {
        return Try::Expired;
    }
    match (code.state, guess) {
        (CodeStage::Void, Guess::Right | Guess::Wrong) => Try::Void,
        (CodeStage::Live, Guess::Right) => Try::Verified(OneTimeCode { state: CodeStage::Used, ..code.clone() }),
        (CodeStage::Used, Guess::Right) => Try::VerifiedBefore,
        // Wrong tries count after use too: the right answer still tells something to whoever guesses it.
        (CodeStage::Live | CodeStage::Used, Guess::Wrong) => {
            let wrong_tries = code.wrong_tries.saturating_add(1);
            let attempts_left = limits.tries.saturating_sub(wrong_tries);
            let state = if attempts_left == 0 { CodeStage::Void } else { code.state };
            Try::Wrong { code: OneTimeCode { state, wrong_tries, ..code.clone() }, attempts_left }
        }
    }
}

/// A live code is sent again as it is, unless so little of its life remains that it might not arrive in time.
fn is_worth_repeating(code: &OneTimeCode, now: Timestamp, limits: &CodeLimits) -> bool {
    match code.state {
        CodeStage::Live => now.plus(limits.renew_under) <= code.expires_at && now < code.expires_at,
        CodeStage::Used | CodeStage::Void => false,
    }
}

/// The latest of the waits that sendings at `sent` impose at `now`; `None`: one may be sent.
fn wait_until(sent: &[Timestamp], now: Timestamp, limits: &CodeLimits) -> Option<Timestamp> {
    let after_last = sent.last().map(|last| last.plus(limits.resend_after));
    let limited = [(limits.hourly, HOUR), (limits.daily, DAY)].into_iter().map(|(most, span)| {
        // The sending that must be out of the span before there is room for another.
        let position = sent.len().checked_sub(most.max(1))?;
        sent.get(position).map(|sent| sent.plus(span))
    });
    limited.chain([after_last]).flatten().filter(|until| now < *until).max()
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
