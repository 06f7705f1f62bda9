//! Tests of the lockout rule: tables, and a naive model that stores every login attempt.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

const LIMITS: LockoutLimits = LockoutLimits {
    failures: 5,
    first: Duration::from_secs(60),
    longest: Duration::from_secs(3_600),
    daily_failures: 50,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.plus(Duration::from_secs(seconds))
}

fn network(number: u8) -> RateOrigin {
    RateOrigin::Network(Network::of(IpAddr::V4(Ipv4Addr::new(198, 51, number, 7))))
}

/// The records of one subject, as the store would keep them.
#[derive(Default)]
struct StoredRecords {
    origins: std::collections::BTreeMap<RateOrigin, OriginFailures>,
    day: Option<DayFailures>,
}

impl StoredRecords {
    fn counters(&self, origin: RateOrigin) -> Counters {
        Counters { origin: self.origins.get(&origin).cloned(), day: self.day.clone() }
    }

    fn keep(&mut self, origin: RateOrigin, counters: Counters) {
        self.day = counters.day;
        self.origins.extend(counters.origin.map(|failures| (origin, failures)));
    }

    /// `None`: reserved. Otherwise the second at which the lock ends.
    fn reserve(&mut self, origin: RateOrigin, second: u64) -> Option<u64> {
        match reserve(&self.counters(origin), origin, at(second), &LIMITS) {
            Reservation::Reserved(counters) => {
                self.keep(origin, counters);
                None
            }
            Reservation::LockedOut { until } => Some(until.since(Timestamp::ZERO).as_secs()),
        }
    }

    fn wrong(&mut self, origin: RateOrigin) -> AfterWrong {
        let (after, settled) = settle_wrong(self.origins.get(&origin), &LIMITS);
        self.origins.extend(settled.map(|failures| (origin, failures)));
        after
    }

    fn right(&mut self, origin: RateOrigin) {
        self.origins.remove(&origin);
        self.day = None;
    }
}

#[test]
fn of_a_hundred_at_once_exactly_five_are_tried() {
    let mut records = StoredRecords::default();
    let answers: Vec<_> = (0..100).map(|_| records.reserve(network(1), 10)).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 5);
    assert!(answers[5..].iter().all(|answer| *answer == Some(70)));
}

#[test]
fn locks_double_from_a_minute_to_an_hour() {
    let mut records = StoredRecords::default();
    let mut second = 0;
    let mut lengths = Vec::new();
    for _ in 0..9 {
        for _ in 0..5 {
            assert_eq!(records.reserve(network(1), second), None);
            records.wrong(network(1));
        }
        let until = records.reserve(network(1), second).unwrap();
        assert_eq!(records.reserve(network(1), until - 1), Some(until));
        lengths.push(until - second);
        second = until;
        records.day = None; // the day's limit is another test's matter
    }
    assert_eq!(lengths, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
}

#[test]
fn the_lock_is_reported_once_by_the_failure_that_completed_it() {
    let mut records = StoredRecords::default();
    for _ in 0..5 {
        records.reserve(network(1), 0);
    }
    let after: Vec<_> = (0..5).map(|_| records.wrong(network(1))).collect();
    assert_eq!(after[..4], [AfterWrong::Open; 4]);
    assert_eq!(after[4], AfterWrong::Locked { until: at(60) });
    assert_eq!(records.reserve(network(1), 60), None);
    assert_eq!(records.wrong(network(1)), AfterWrong::Open);
}

#[test]
fn a_success_clears_the_count_and_its_lock() {
    let mut records = StoredRecords::default();
    for _ in 0..5 {
        assert_eq!(records.reserve(network(1), 0), None);
    }
    // Four wrong passwords, then the correct one.
    for _ in 0..4 {
        records.wrong(network(1));
    }
    records.right(network(1));
    assert_eq!(records.wrong(network(1)), AfterWrong::Open, "one that was in flight finds nothing to add to");
    for _ in 0..5 {
        assert_eq!(records.reserve(network(1), 1), None);
    }
    assert_eq!(records.reserve(network(1), 1), Some(61));
}

#[test]
fn one_network_does_not_lock_another() {
    let mut records = StoredRecords::default();
    for _ in 0..5 {
        records.reserve(network(1), 0);
    }
    assert_eq!(records.reserve(network(1), 0), Some(60));
    assert_eq!(records.reserve(network(2), 0), None);
}

#[test]
fn fifty_a_day_over_all_networks_lock_all_but_known_devices() {
    let mut records = StoredRecords::default();
    for number in 0..50 {
        assert_eq!(records.reserve(network(number), u64::from(number)), None);
    }
    let day_end = 24 * 3_600;
    assert_eq!(records.reserve(network(77), 60), Some(day_end));
    let device = RateOrigin::Device([1; 16]);
    for _ in 0..5 {
        assert_eq!(records.reserve(device, 61), None, "a known device is accepted");
    }
    assert_eq!(records.reserve(device, 61), Some(121), "but it has a lock of its own");
    assert_eq!(records.reserve(network(77), day_end - 1), Some(day_end));
    assert_eq!(records.reserve(network(77), day_end), None);
}

#[test]
fn failures_of_known_devices_do_not_fill_the_day() {
    let mut records = StoredRecords::default();
    for number in 0..100 {
        assert_eq!(records.reserve(RateOrigin::Device([number; 16]), 0), None);
    }
    assert_eq!(records.day, None);
    assert_eq!(records.reserve(network(1), 0), None);
}

#[test]
fn an_attempt_that_was_never_tried_is_given_back() {
    let mut records = StoredRecords::default();
    for _ in 0..5 {
        records.reserve(network(1), 0);
    }
    let given_back = settle_untried(&records.counters(network(1)), network(1));
    records.keep(network(1), given_back);
    assert_eq!(records.reserve(network(1), 1), None);
    assert_eq!(records.reserve(network(1), 1), Some(61), "the lock is the first one still");
    assert_eq!(records.day.as_ref().unwrap().tried, 5);
}

#[test]
fn a_day_of_peace_forgets_earlier_locks() {
    let mut records = StoredRecords::default();
    for _ in 0..5 {
        records.reserve(network(1), 0);
    }
    let later = 24 * 3_600;
    for _ in 0..5 {
        assert_eq!(records.reserve(network(1), later), None);
    }
    assert_eq!(records.reserve(network(1), later), Some(later + 60));
}

/// All login attempts from one origin, and the rule as the documentation states it.
#[derive(Default)]
struct Model {
    since_lock: Vec<u64>,
    locks: u32,
    locked_until: u64,
    last: Option<u64>,
}

impl Model {
    fn reserve(&mut self, second: u64) -> Option<u64> {
        if self.last.is_some_and(|last| second >= last + 24 * 3_600) {
            *self = Self::default();
        }
        if second < self.locked_until {
            return Some(self.locked_until);
        }
        self.since_lock.push(second);
        self.last = Some(second);
        if self.since_lock.len() == 5 {
            self.since_lock.clear();
            self.locked_until = second + (60 * 2_u64.pow(self.locks)).min(3_600);
            self.locks += 1;
        }
        None
    }
}

proptest! {
    #[test]
    fn the_rule_decides_as_the_model_does(
        steps in prop::collection::vec((prop_oneof![Just(0), 0_u64..70, 0_u64..4_000, Just(90_000)], 0_u8..20), 1..120),
    ) {
        let mut records = StoredRecords::default();
        let mut model = Model::default();
        let mut second = 0;
        for (wait, what) in steps {
            second += wait;
            records.day = None;
            if what == 0 {
                records.right(network(1));
                model = Model::default();
            } else {
                prop_assert_eq!(records.reserve(network(1), second), model.reserve(second));
            }
        }
    }

    #[test]
    fn no_more_than_the_day_allows_is_ever_tried_in_a_day(
        steps in prop::collection::vec((0_u64..2_000, 0_u8..30), 1..400),
    ) {
        let mut records = StoredRecords::default();
        let mut second = 0;
        let mut tried: Vec<u64> = Vec::new();
        for (wait, from) in steps {
            second += wait;
            if records.reserve(network(from), second).is_none() {
                tried.push(second);
            }
        }
        // A day begins at its first failure, so 24 hours overlap at most two days.
        for start in &tried {
            let within = tried.iter().filter(|t| (*start..start + 24 * 3_600).contains(*t)).count();
            prop_assert!(within <= 100);
        }
    }
}
