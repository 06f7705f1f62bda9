//! The rotation of signing keys: when they are created, begin to sign, and are removed.
//!
//! ```text
//! time ->   | rotate_every - publish_before | publish_before |      the longest token      |
//! key 1     [ Signing ...................................... ][ Retiring .................. ] removed
//! key 2                                     [ Published ..... ][ Signing ......
//! ```
//!
//! A service that fetches the JWKS at least once per `publish_before` knows the key of every token it receives, and no
//! token outlives its key.

use std::time::Duration;

use super::{KeyStage, SigningKey};
use crate::types::{SigningAlgorithm, Timestamp, id::KeyId};

/// The settings of `[auth.token]` for rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationRules {
    /// The algorithm of new keys. A change of it leads to a new key in the same steps.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long a key is published before it signs.
    pub publish_before: Duration,
    /// The longest lifetime of a token: a key verifies for this long after it has stopped signing.
    pub longest_token: Duration,
}

/// The urgency of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When the rules require it; the timer uses this.
    WhenDue,
    /// A new key is published now, and signs after `publish_before`: `keys rotate`. Removes no retiring key.
    Begin,
    /// A new key signs at once, before other services know it; the old key still verifies: `keys rotate --now`.
    Now,
    /// A new key signs at once, and all old keys are removed, which voids every access token. For a stolen key.
    Stolen,
}

/// One change of the keys. The steps are applied in order, in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStep {
    /// Create a key with this algorithm and publish it.
    Publish(SigningAlgorithm),
    /// Create a key with this algorithm; it signs at once.
    PublishAndSign(SigningAlgorithm),
    /// This published key signs from now on.
    Sign(KeyId),
    /// This key stops signing, but still verifies.
    Retire(KeyId),
    /// This key is deleted.
    Remove(KeyId),
}

/// The steps that are due at `now` for `keys`; none if nothing is due. A second call after the steps were applied
/// returns no more steps, except for `Now` and `Stolen`, which are commands.
pub fn rotate(keys: &[SigningKey], urgency: Urgency, now: Timestamp, rules: &RotationRules) -> Vec<KeyStep> {
    match urgency {
        Urgency::Now => take_over_at_once(keys, rules),
        Urgency::Stolen => {
            let removed = keys.iter().map(|key| KeyStep::Remove(key.id));
            removed.chain([KeyStep::PublishAndSign(rules.algorithm)]).collect()
        }
        Urgency::Begin => {
            let mut steps = due_steps(keys, now, rules);
            let makes_one = steps.iter().any(|step| matches!(step, KeyStep::Publish(_) | KeyStep::PublishAndSign(_)));
            if !makes_one && !keys.iter().any(|key| key.stage == KeyStage::Published) {
                steps.push(KeyStep::Publish(rules.algorithm));
            }
            steps
        }
        Urgency::WhenDue => {
            let mut steps = due_steps(keys, now, rules);
            steps.extend(run_out(keys, now, rules));
            steps
        }
    }
}

fn due_steps(keys: &[SigningKey], now: Timestamp, rules: &RotationRules) -> Vec<KeyStep> {
    let signing = in_stage(keys, KeyStage::Signing).max_by_key(|key| key.stage_since);
    let newest_published = in_stage(keys, KeyStage::Published).max_by_key(|key| key.created_at);
    let mut steps = Vec::new();
    match (signing, newest_published) {
        // The first start: no service holds any key yet, so there is no reason to wait.
        (None, None) => steps.push(KeyStep::PublishAndSign(rules.algorithm)),
        (None, Some(published)) => steps.push(KeyStep::Sign(published.id)),
        (Some(signing), None) => {
            if now >= successor_due(signing, rules) || signing.algorithm != rules.algorithm {
                steps.push(KeyStep::Publish(rules.algorithm));
            }
        }
        (Some(signing), Some(published)) => {
            if published.algorithm != rules.algorithm {
                // The algorithm was changed again before this key ever signed.
                steps.push(KeyStep::Remove(published.id));
                steps.push(KeyStep::Publish(rules.algorithm));
            } else if now >= published.stage_since.plus(rules.publish_before) {
                steps.push(KeyStep::Retire(signing.id));
                steps.push(KeyStep::Sign(published.id));
            }
        }
    }
    steps
}

/// The removal of keys that no valid token needs. Only the timer removes them, which waits while the clock may not
/// decide that.
fn run_out(keys: &[SigningKey], now: Timestamp, rules: &RotationRules) -> impl Iterator<Item = KeyStep> {
    let over = move |key: &&SigningKey| now >= key.stage_since.plus(rules.longest_token);
    in_stage(keys, KeyStage::Retiring).filter(over).map(|key| KeyStep::Remove(key.id))
}

/// A published key, which services already know, is used before a new one.
fn take_over_at_once(keys: &[SigningKey], rules: &RotationRules) -> Vec<KeyStep> {
    let retired = in_stage(keys, KeyStage::Signing).map(|key| KeyStep::Retire(key.id));
    let waiting = in_stage(keys, KeyStage::Published).find(|key| key.algorithm == rules.algorithm);
    let successor = match waiting {
        Some(published) => KeyStep::Sign(published.id),
        None => KeyStep::PublishAndSign(rules.algorithm),
    };
    retired.chain([successor]).collect()
}

/// The time at which the successor of `signing` must be published.
fn successor_due(signing: &SigningKey, rules: &RotationRules) -> Timestamp {
    signing.stage_since.plus(rules.rotate_every.saturating_sub(rules.publish_before))
}

fn in_stage(keys: &[SigningKey], stage: KeyStage) -> impl Iterator<Item = &SigningKey> {
    keys.iter().filter(move |key| key.stage == stage)
}

#[cfg(test)]
#[path = "key_rotation_tests.rs"]
mod tests;
