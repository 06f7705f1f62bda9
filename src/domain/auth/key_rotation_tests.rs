//! Tests of key rotation: several keys over their whole lifetime, in steps of hours.

use uuid::Uuid;

use super::*;

/// The next time to call `rotate`, if nothing else happens before.
fn next_due(keys: &[SigningKey], rules: &RotationRules) -> Option<Timestamp> {
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

const HOUR: Duration = Duration::from_secs(3_600);

fn rules() -> RotationRules {
    RotationRules {
        algorithm: SigningAlgorithm::Rs256,
        rotate_every: 720 * HOUR,
        publish_before: 24 * HOUR,
        longest_token: HOUR / 4,
    }
}

fn hour(hours: u32) -> Timestamp {
    Timestamp::ZERO.plus(HOUR * hours)
}

#[derive(Default)]
struct Ring {
    keys: Vec<SigningKey>,
    made: u128,
}

impl Ring {
    fn apply(&mut self, urgency: Urgency, now: Timestamp, rules: &RotationRules) -> String {
        let steps = rotate(&self.keys, urgency, now, rules);
        for step in &steps {
            match step {
                KeyStep::Publish(algorithm) => self.make(*algorithm, KeyStage::Published, now),
                KeyStep::PublishAndSign(algorithm) => self.make(*algorithm, KeyStage::Signing, now),
                KeyStep::Sign(id) => self.enter(*id, KeyStage::Signing, now),
                KeyStep::Retire(id) => self.enter(*id, KeyStage::Retiring, now),
                KeyStep::Remove(id) => self.keys.retain(|key| key.id != *id),
            }
        }
        self.keys.iter().map(|key| format!("{}:{:?}", key.id.uuid().as_u128(), key.stage)).collect::<Vec<_>>().join(" ")
    }

    fn make(&mut self, algorithm: SigningAlgorithm, stage: KeyStage, now: Timestamp) {
        self.made += 1;
        let id = KeyId::from(Uuid::from_u128(self.made));
        self.keys.push(SigningKey { id, algorithm, private_der: vec![], stage, created_at: now, stage_since: now });
    }

    fn enter(&mut self, id: KeyId, stage: KeyStage, now: Timestamp) {
        let key = self.keys.iter_mut().find(|key| key.id == id).unwrap();
        (key.stage, key.stage_since) = (stage, now);
    }
}

#[test]
fn keys_follow_one_another_month_by_month() {
    let mut ring = Ring::default();
    let mut at = |hours: u32| ring.apply(Urgency::WhenDue, hour(hours), &rules());
    assert_eq!(at(0), "1:Signing", "the first key of all signs at once");
    assert_eq!(at(1), "1:Signing");
    assert_eq!(at(695), "1:Signing");
    assert_eq!(at(696), "1:Signing 2:Published");
    assert_eq!(at(719), "1:Signing 2:Published");
    assert_eq!(at(720), "1:Retiring 2:Signing");
    assert_eq!(at(721), "2:Signing");
    assert_eq!(at(1_416), "2:Signing 3:Published");
    assert_eq!(at(1_440), "2:Retiring 3:Signing");
}

#[test]
fn an_old_key_checks_until_its_longest_token_has_run_out() {
    let mut ring = Ring::default();
    for hours in [0, 696, 720] {
        ring.apply(Urgency::WhenDue, hour(hours), &rules());
    }
    let out = hour(720).plus(rules().longest_token);
    let before = out.minus(Duration::from_micros(1));
    assert_eq!(ring.apply(Urgency::WhenDue, before, &rules()), "1:Retiring 2:Signing");
    assert_eq!(ring.apply(Urgency::WhenDue, out, &rules()), "2:Signing");
}

#[test]
fn a_rotation_that_was_missed_continues_step_by_step() {
    let mut ring = Ring::default();
    ring.apply(Urgency::WhenDue, hour(0), &rules());
    assert_eq!(ring.apply(Urgency::WhenDue, hour(5_000), &rules()), "1:Signing 2:Published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(5_023), &rules()), "1:Signing 2:Published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(5_024), &rules()), "1:Retiring 2:Signing");
}

#[test]
fn an_operator_begins_one_early_and_only_one() {
    let mut ring = Ring::default();
    ring.apply(Urgency::WhenDue, hour(0), &rules());
    assert_eq!(ring.apply(Urgency::Begin, hour(10), &rules()), "1:Signing 2:Published");
    assert_eq!(ring.apply(Urgency::Begin, hour(11), &rules()), "1:Signing 2:Published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(34), &rules()), "1:Retiring 2:Signing");
    let begun = ring.apply(Urgency::Begin, hour(696), &rules());
    assert_eq!(begun, "1:Retiring 2:Signing 3:Published", "only the rotation by time removes a key");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(696), &rules()), "2:Signing 3:Published");
}

#[test]
fn now_signs_with_another_key_and_refuses_no_token() {
    let mut ring = Ring::default();
    ring.apply(Urgency::WhenDue, hour(0), &rules());
    assert_eq!(ring.apply(Urgency::Now, hour(5), &rules()), "1:Retiring 2:Signing");
    ring.apply(Urgency::Begin, hour(6), &rules());
    let now = ring.apply(Urgency::Now, hour(7), &rules());
    assert_eq!(now, "1:Retiring 2:Retiring 3:Signing", "the one that was published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(8), &rules()), "3:Signing");
}

#[test]
fn a_stolen_key_is_forgotten_with_all_others() {
    let mut ring = Ring::default();
    for hours in [0, 696, 720] {
        ring.apply(Urgency::WhenDue, hour(hours), &rules());
    }
    assert_eq!(ring.apply(Urgency::Stolen, hour(720), &rules()), "3:Signing");
}

#[test]
fn another_algorithm_comes_by_the_same_steps() {
    let mut ring = Ring::default();
    ring.apply(Urgency::WhenDue, hour(0), &rules());
    let changed = RotationRules { algorithm: SigningAlgorithm::EdDsa, ..rules() };
    assert_eq!(ring.apply(Urgency::WhenDue, hour(1), &changed), "1:Signing 2:Published");
    assert_eq!(ring.keys[1].algorithm, SigningAlgorithm::EdDsa);
    assert_eq!(ring.apply(Urgency::WhenDue, hour(2), &changed), "1:Signing 2:Published");
    let again = RotationRules { algorithm: SigningAlgorithm::Es256, ..rules() };
    assert_eq!(ring.apply(Urgency::WhenDue, hour(3), &again), "1:Signing 3:Published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(26), &again), "1:Signing 3:Published");
    assert_eq!(ring.apply(Urgency::WhenDue, hour(27), &again), "1:Retiring 3:Signing");
}

#[test]
fn at_every_hour_one_key_signs_and_its_successor_was_seen_before() {
    let mut ring = Ring::default();
    let mut published = std::collections::BTreeMap::<KeyId, u32>::new();
    let mut signer = None;
    for hours in 0..3_000 {
        ring.apply(Urgency::WhenDue, hour(hours), &rules());
        for key in &ring.keys {
            published.entry(key.id).or_insert(hours);
        }
        let signing: Vec<_> = ring.keys.iter().filter(|key| key.stage == KeyStage::Signing).collect();
        assert_eq!(signing.len(), 1, "at hour {hours}");
        if signer.is_some_and(|before| before != signing[0].id) {
            assert!(hours - published[&signing[0].id] >= 24);
        }
        signer = Some(signing[0].id);
        assert_eq!(ring.apply(Urgency::WhenDue, hour(hours), &rules()).matches("Signing").count(), 1);
    }
    assert_eq!(ring.made, 5);
}

#[test]
fn the_timer_knows_when_to_wake() {
    let mut ring = Ring::default();
    assert_eq!(next_due(&ring.keys, &rules()), None);
    let mut wakes = Vec::new();
    let mut now = hour(0);
    for _ in 0..4 {
        ring.apply(Urgency::WhenDue, now, &rules());
        now = next_due(&ring.keys, &rules()).unwrap();
        wakes.push(now.since(Timestamp::ZERO).as_secs() / 900);
    }
    assert_eq!(wakes, [696 * 4, 720 * 4, 720 * 4 + 1, 1_416 * 4]);
}
