//! The rules on one-time codes: when one is sent, drawn again, correct, wrong, used, void.

use std::time::Duration;

use super::{CodePurpose, CodeSending, CodeStage, OneTimeCode};
use crate::types::{
    CodeLength, Network, Timestamp,
    id::{CodeId, UserId},
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The settings of `[auth.code]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimits {
    /// The number of digits of new codes.
    pub length: CodeLength,
    /// The lifetime of a code.
    pub lifetime: Duration,
    /// The number of wrong tries after which no code is accepted.
    pub tries: u8,
    /// The shortest time between two sendings.
    pub resend_after: Duration,
    /// The remaining lifetime below which a new code is drawn instead of sending the old one again.
    pub renew_under: Duration,
    /// The most sendings per hour that one network requests.
    pub hourly: usize,
    /// The most sendings per day that one network requests.
    pub daily: usize,
    /// The most sendings per day that all networks together request.
    pub daily_of_all: usize,
    /// Wrong codes per hour, of all registrations and users, after which none is accepted until the hour is over.
    pub refused_hourly: u32,
    /// The same, of the addresses of one domain.
    pub refused_hourly_by_domain: u32,
}

impl Default for CodeLimits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            length: CodeLength::Six,
            lifetime: minutes(10),
            tries: 5,
            resend_after: minutes(1),
            renew_under: minutes(2),
            hourly: 5,
            daily: 10,
            daily_of_all: 50,
            refused_hourly: 1_000,
            refused_hourly_by_domain: 200,
        }
    }
}

/// A request to send a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeDemand {
    /// The user or registration that the code is of.
    pub owner: UserId,
    pub purpose: CodePurpose,
    /// Where the request comes from.
    pub network: Network,
}

/// A drawn code, used only if a new one is needed.
#[derive(Clone)]
pub struct FreshCode {
    pub id: CodeId,
    /// Six or eight ASCII digits.
    pub digits: Vec<u8>,
}

/// The effect of a request for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// New digits were drawn; they must be sent.
    Drawn(OneTimeCode),
    /// The live digits are sent again.
    SentAgain(OneTimeCode),
    /// The limits on sending do not allow it yet: no code is sent, and the record does not change.
    Wait {
        /// The earliest time of the next request.
        until: Timestamp,
    },
}

/// Whether the typed digits are those of the code. The caller compares them in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// They are equal.
    Right,
    /// They are not equal.
    Wrong,
}

/// The effect of a code try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Try {
    /// This try uses the code: it proves its purpose. The record must be stored.
    Verified(OneTimeCode),
    /// The correct code of an earlier successful try: the same answer, without effect.
    VerifiedBefore,
    /// A wrong try. The record must be stored.
    Wrong {
        /// The record with the counted try.
        code: OneTimeCode,
        /// The number of tries left.
        attempts_left: u8,
    },
    /// The code has expired. The record does not change.
    Expired,
    /// The code was ended, or there were too many wrong tries before. The record does not change, even for the correct
    /// code.
    Void,
}

/// The progress of a code as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeProgress {
    /// It may be used.
    Pending {
        /// The number of tries left.
        attempts_left: u8,
    },
    /// It was used.
    Verified,
    /// It expired unused.
    Expired,
    /// There were too many wrong tries.
    Void,
}

/// The progress of `code` at `now`. An expired code is stored as void too, so the stage alone is ambiguous.
pub fn progress(code: &OneTimeCode, now: Timestamp, limits: &CodeLimits) -> CodeProgress {
    let attempts_left = limits.tries.saturating_sub(code.wrong_tries);
    let is_over = now >= code.expires_at;
    match code.state {
        CodeStage::Used => CodeProgress::Verified,
        CodeStage::Live | CodeStage::Void if attempts_left == 0 => CodeProgress::Void,
        CodeStage::Live | CodeStage::Void if is_over => CodeProgress::Expired,
        CodeStage::Live => CodeProgress::Pending { attempts_left },
        CodeStage::Void => CodeProgress::Void,
    }
}

/// Handles a request for a code; `existing` is the stored record of the owner and purpose, if any.
pub fn issue(
    existing: Option<&OneTimeCode>,
    demand: CodeDemand,
    fresh: FreshCode,
    now: Timestamp,
    limits: &CodeLimits,
) -> Issue {
    let CodeDemand { owner, purpose, network } = demand;
    let earlier = existing.map(|code| code.sendings.as_slice()).unwrap_or_default();
    if let Some(until) = wait_until(earlier, network, now, limits) {
        return Issue::Wait { until };
    }
    let mut sendings: Vec<_> = earlier.iter().copied().filter(|sent| now < sent.at.plus(DAY)).collect();
    sendings.push(CodeSending { at: now, network });
    match existing.filter(|code| is_worth_repeating(code, now, limits)) {
        Some(code) if code.wrong_tries < limits.tries => {
            return Issue::SentAgain(OneTimeCode { sendings, ..code.clone() });
        }
        Some(guessed) => {
            let (digits, wrong_tries) = (fresh.digits, 0);
            return Issue::Drawn(OneTimeCode { digits, wrong_tries, sendings, issued_at: now, ..guessed.clone() });
        }
        None => {}
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
        sendings,
    })
}

/// The earliest time of the next sending: `resendAt` in answers.
pub fn resend_at(code: &OneTimeCode, limits: &CodeLimits) -> Timestamp {
    let Some(newest) = code.sendings.last() else { return code.issued_at.plus(limits.resend_after) };
    let after = newest.at.plus(limits.resend_after);
    wait_until(&code.sendings, newest.network, newest.at, limits).unwrap_or(after)
}

/// The effect of a code try at `now`.
pub fn attempt(code: &OneTimeCode, guess: Guess, now: Timestamp, limits: &CodeLimits) -> Try {
    if now >= code.expires_at {
        return Try::Expired;
    }
    if code.wrong_tries >= limits.tries {
        return Try::Void;
    }
    match (code.state, guess) {
        (CodeStage::Void, Guess::Right | Guess::Wrong) => Try::Void,
        (CodeStage::Live, Guess::Right) => Try::Verified(OneTimeCode { state: CodeStage::Used, ..code.clone() }),
        (CodeStage::Used, Guess::Right) => Try::VerifiedBefore,
        // Wrong tries count after use too, because the answer to the correct code would still confirm a guess.
        (CodeStage::Live | CodeStage::Used, Guess::Wrong) => {
            let wrong_tries = code.wrong_tries.saturating_add(cost_of_wrong(code.purpose));
            let attempts_left = limits.tries.saturating_sub(wrong_tries);
            Try::Wrong { code: OneTimeCode { wrong_tries, ..code.clone() }, attempts_left }
        }
    }
}

/// What a wrong try takes from the tries of a code. Those of a reset code are counted by the request that they name:
/// any client may request a reset, and its wrong tries must not end the code of the owner's own request.
fn cost_of_wrong(purpose: CodePurpose) -> u8 {
    match purpose {
        CodePurpose::ResetPassword => 0,
        CodePurpose::VerifyEmail | CodePurpose::VerifyPhone | CodePurpose::StepUp => 1,
    }
}

/// The effect of the right secret of the link to a code. Wrong tries of the code do not matter to it.
pub fn follow_link(code: &OneTimeCode, now: Timestamp) -> Try {
    if now >= code.expires_at {
        return Try::Expired;
    }
    match code.state {
        CodeStage::Live => Try::Verified(OneTimeCode { state: CodeStage::Used, ..code.clone() }),
        CodeStage::Used => Try::VerifiedBefore,
        CodeStage::Void => Try::Void,
    }
}

/// Whether a live code is sent again: not if its remaining lifetime is too short for it to arrive in time.
fn is_worth_repeating(code: &OneTimeCode, now: Timestamp, limits: &CodeLimits) -> bool {
    match code.state {
        CodeStage::Live => now.plus(limits.renew_under) <= code.expires_at && now < code.expires_at,
        CodeStage::Used | CodeStage::Void => false,
    }
}

/// The latest wait that earlier sendings cause for a request of `network` at `now`; `None`: a code may be sent.
fn wait_until(sendings: &[CodeSending], network: Network, now: Timestamp, limits: &CodeLimits) -> Option<Timestamp> {
    let after_last = sendings.last().map(|last| last.at.plus(limits.resend_after));
    let own = || sendings.iter().filter(|sent| sent.network == network);
    let limited = [
        limit(own(), limits.hourly, HOUR),
        limit(own(), limits.daily, DAY),
        limit(sendings.iter(), limits.daily_of_all, DAY),
    ];
    limited.into_iter().chain([after_last]).flatten().filter(|until| now < *until).max()
}

/// When the sending is old enough that must be older than `span` before another one is allowed.
fn limit<'a>(sendings: impl Iterator<Item = &'a CodeSending>, most: usize, span: Duration) -> Option<Timestamp> {
    let times: Vec<_> = sendings.map(|sent| sent.at).collect();
    let position = times.len().checked_sub(most.max(1))?;
    times.get(position).map(|sent| sent.plus(span))
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
