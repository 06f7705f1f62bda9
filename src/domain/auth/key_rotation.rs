//! When signing keys are made, begin to sign, and are removed.
//!
//! ```text
//! time ->   | rotate_every - publish_before | publish_before |      the longest token      |
//! key 1     [ Signing ...................................... ][ Retiring .................. ] removed
//! key 2                                     [ Published ..... ][ Signing ......
//! ```
//!
//! So whoever fetches the JWKS at least once in `publish_before` never meets a token whose key they have not seen, and
//! no token outlives its key.

use std::time::Duration;

use super::{KeyStage, SigningKey};
use crate::types::{SigningAlgorithm, Timestamp, id::KeyId};

/// The numbers of `[auth.token]` that rotation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationRules {
    /// What new keys sign by. A change of it brings a new key, by the same steps.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long it is published before.
    pub publish_before: Duration,
    /// The longest life of a token: for so long a key checks after it has ceased to sign.
    pub longest_token: Duration,
}

/// How pressing a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When it is due by the rules: the timer asks.
    WhenDue,
    /// A new key is published now, and signs when it has been published for long enough: `keys rotate`.
    Begin,
    /// A new key signs at once, though others may not have seen it; the old one goes on checking: `keys rotate --now`.
    Now,
    /// The same, and all old keys are removed at once: every access token out there is void. After a key was stolen.
    Stolen,
}

/// One change to the keys. Applied in the order given, inside one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStep {
    /// Make a key by this algorithm and publish it.
    Publish(SigningAlgorithm),
    /// Make a key by this algorithm; it signs at once.
    PublishAndSign(SigningAlgorithm),
    /// This published key signs from now on.
    Sign(KeyId),
    /// This key signs no more, but checks.
    Retire(KeyId),
    /// This key is forgotten.
    Remove(KeyId),
}

/// What is to be done at `now` with the `keys` there are. Nothing, when nothing is due; asking again after the steps
/// were applied gives nothing more, except for `Now` and `Stolen`, which are commands.
pub fn rotate(keys: &[SigningKey], urgency: Urgency, now: Timestamp, rules: &RotationRules) -> Vec<KeyStep> {
    match urgency {
        Urgency::Now => take_over_at_once(keys, rules),
        Urgency::Stolen => {
            let removed = keys.iter().map(|key| KeyStep::Remove(key.id));
            removed.chain([KeyStep::PublishAndSign(rules.algorithm)]).collect()
        }
        Urgency::Begin => {
            let mut steps = rotate(keys, Urgency::WhenDue, now, rules);
            let makes_one = steps.iter().any(|step| matches!(step, KeyStep::Publish(_) | KeyStep::PublishAndSign(_)));
            if !makes_one && !keys.iter().any(|key| key.stage == KeyStage::Published) {
                steps.push(KeyStep::Publish(rules.algorithm));
            }
            steps
        }
        Urgency::WhenDue => due_steps(keys, now, rules),
    }
}

/// When `rotate` should be asked again, if nothing else happens before.
pub fn next_due(keys: &[SigningKey], rules: &RotationRules) -> Option<Timestamp> {
    let announced = keys.iter().any(|key| key.stage == KeyStage::Published);
    keys.iter()
        .filter_map(|key| match key.stage {
            KeyStage::Published => Some(key.stage_since.plus(rules.publish_before)),
            KeyStage::Signing if announced => None,
            KeyStage::Signing => Some(successor_due(key, rules)),
            KeyStage::Retiring => Some(key.stage_since.plus(rules.longest_token)),
        })
        .min()
}

fn due_steps(keys: &[SigningKey], now: Timestamp, rules: &RotationRules) -> Vec<KeyStep> {
    let signing = in_stage(keys, KeyStage::Signing).max_by_key(|key| key.stage_since);
    let newest_published = in_stage(keys, KeyStage::Published).max_by_key(|key| key.created_at);
    let mut steps = Vec::new();
    match (signing, newest_published) {
        // The first start: nobody holds any key yet, so there is no reason to wait.
        (None, None) => steps.push(KeyStep::PublishAndSign(rules.algorithm)),
        (None, Some(published)) => steps.push(KeyStep::Sign(published.id)),
        (Some(signing), None) => {
            if now >= successor_due(signing, rules) || signing.algorithm != rules.algorithm {
                steps.push(KeyStep::Publish(rules.algorithm));
            }
        }
        (Some(signing), Some(published)) => {
            if published.algorithm != rules.algorithm {
                // The setting was changed back or on before this key ever signed.
                steps.push(KeyStep::Remove(published.id));
                steps.push(KeyStep::Publish(rules.algorithm));
            } else if now >= published.stage_since.plus(rules.publish_before) {
                steps.push(KeyStep::Retire(signing.id));
                steps.push(KeyStep::Sign(published.id));
            }
        }
    }
    let run_out = in_stage(keys, KeyStage::Retiring).filter(|key| now >= key.stage_since.plus(rules.longest_token));
    steps.extend(run_out.map(|key| KeyStep::Remove(key.id)));
    steps
}

/// A key that others have been able to see for a while is taken rather than one they have never seen.
fn take_over_at_once(keys: &[SigningKey], rules: &RotationRules) -> Vec<KeyStep> {
    let retired = in_stage(keys, KeyStage::Signing).map(|key| KeyStep::Retire(key.id));
    let waiting = in_stage(keys, KeyStage::Published).find(|key| key.algorithm == rules.algorithm);
    let successor = match waiting {
        Some(published) => KeyStep::Sign(published.id),
        None => KeyStep::PublishAndSign(rules.algorithm),
    };
    retired.chain([successor]).collect()
}

/// When the key after `signing` must be published, so that it can take over in time.
fn successor_due(signing: &SigningKey, rules: &RotationRules) -> Timestamp {
    signing.stage_since.plus(rules.rotate_every.saturating_sub(rules.publish_before))
}

fn in_stage(keys: &[SigningKey], stage: KeyStage) -> impl Iterator<Item = &SigningKey> {
    keys.iter().filter(move |key| key.stage == stage)
}

#[cfg(test)]
#[path = "key_rotation_tests.rs"]
mod tests;
