//! Tests of the refresh rule: a table, a naive model, an honest client on an unreliable network, a thief.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.plus(Duration::from_secs(seconds))
}

/// One line per step: `<second> refresh <generation>` or `<second> use <generation>`, and the result.
fn play(history: &str) {
    let mut state = RefreshState::begin(at(0));
    for line in history.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, wanted) = line.split_once("->").unwrap();
        let words: Vec<_> = step.split_whitespace().collect();
        let now = at(words[0].parse().unwrap());
        let generation = words[2].parse().unwrap();
        let got = match words[1] {
            "refresh" => {
                let (presented, next) = state.present(generation, now, GRACE);
                state = next;
                match presented {
                    Presented::Rotated { next } => format!("new {next}"),
                    Presented::Repeated { next } => format!("same {next}"),
                    Presented::Reused(Reuse::SuccessorInUse) => "ends: in use".into(),
                    Presented::Reused(Reuse::LateTwice) => "ends: late twice".into(),
                }
            }
            _ => match state.mark_used(generation, now) {
                Some(next) => {
                    state = next;
                    "marked".into()
                }
                None => "nothing".into(),
            },
        };
        assert_eq!(got, wanted.trim(), "{line}");
    }
}

#[test]
fn a_session_in_peace() {
    play(
        "
        1    use 0      -> marked
        2    use 0      -> nothing
        900  refresh 0  -> new 1
        901  use 1      -> marked
        1800 refresh 1  -> new 2
        ",
    );
}

#[test]
fn a_lost_answer_is_repeated_however_late() {
    play(
        "
        900  refresh 0  -> new 1
        905  refresh 0  -> same 1
        4500 refresh 0  -> same 1
        9000 refresh 0  -> same 1
        9001 use 1      -> marked
        9900 refresh 1  -> new 2
        ",
    );
}

#[test]
fn two_tabs_get_the_same_successor_even_when_one_has_used_it() {
    play(
        "
        900  refresh 0  -> new 1
        900  refresh 0  -> same 1
        901  use 1      -> marked
        931  refresh 0  -> same 1
        932  refresh 0  -> ends: in use
        ",
    );
}

#[test]
fn a_successor_is_in_use_by_its_refresh_too() {
    play(
        "
        100  refresh 0  -> new 1
        110  refresh 1  -> new 2
        111  refresh 2  -> new 3
        140  refresh 0  -> same 1
        141  refresh 0  -> ends: in use
        141  refresh 1  -> same 2
        142  refresh 1  -> ends: in use
        ",
    );
}

#[test]
fn late_repeats_in_two_generations_running_end_the_session() {
    play(
        "
        100  refresh 0  -> new 1
        200  refresh 0  -> same 1
        300  refresh 1  -> new 2
        400  refresh 1  -> ends: late twice
        ",
    );
}

#[test]
fn late_repeats_with_a_quiet_generation_between_do_not() {
    play(
        "
        100  refresh 0  -> new 1
        200  refresh 0  -> same 1
        300  refresh 1  -> new 2
        310  refresh 1  -> same 2
        400  refresh 2  -> new 3
        500  refresh 2  -> same 3
        ",
    );
}

#[test]
fn an_access_token_of_an_old_generation_marks_nothing() {
    play(
        "
        100  refresh 0  -> new 1
        101  use 0      -> nothing
        9999 refresh 0  -> same 1
        ",
    );
}

#[test]
fn a_token_from_before_a_restore_is_let_in() {
    play(
        "
        100  refresh 7  -> new 8
        101  refresh 7  -> same 8
        102  refresh 8  -> new 9
        ",
    );
}

#[test]
fn a_hundred_uses_at_once_give_one_successor() {
    let mut state = RefreshState::begin(at(0));
    let mut new = 0;
    for _ in 0..100 {
        let (presented, next) = state.present(0, at(900), GRACE);
        state = next;
        match presented {
            Presented::Rotated { next: 1 } => new += 1,
            Presented::Repeated { next: 1 } => (),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 1);
}

/// The rule as the documentation states it, computed from the complete history.
#[derive(Default)]
struct Model {
    handed_out: BTreeMap<u32, Timestamp>,
    first_use: BTreeMap<u32, Timestamp>,
    late: BTreeSet<u32>,
}

impl Model {
    fn newest(&self) -> u32 {
        *self.handed_out.keys().last().unwrap()
    }

    fn refresh(&mut self, n: u32, now: Timestamp) -> Presented {
        if n == self.newest() {
            self.first_use.entry(n).or_insert(now);
            self.handed_out.insert(n + 1, now);
            return Presented::Rotated { next: n + 1 };
        }
        match self.first_use.get(&(n + 1)) {
            Some(first) if now.since(*first) <= GRACE => Presented::Repeated { next: n + 1 },
            Some(_) => Presented::Reused(Reuse::SuccessorInUse),
            None => {
                if now.since(self.handed_out[&(n + 1)]) > GRACE {
                    if n > 0 && self.late.contains(&(n - 1)) {
                        return Presented::Reused(Reuse::LateTwice);
                    }
                    self.late.insert(n);
                }
                Presented::Repeated { next: n + 1 }
            }
        }
    }

    fn access(&mut self, n: u32, now: Timestamp) {
        if n == self.newest() {
            self.first_use.entry(n).or_insert(now);
        }
    }
}

/// Waits: none, within the grace, at its limit, beyond it, an hour.
fn wait() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1_u64..12, Just(30), Just(31), 32_u64..900, Just(3_600)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_rule_decides_as_the_model_does(steps in prop::collection::vec((wait(), 0_u32..5, any::<bool>()), 1..60)) {
        let mut model = Model { handed_out: BTreeMap::from([(0, at(0))]), ..Model::default() };
        let mut state = RefreshState::begin(at(0));
        let mut second = 0;
        for (wait, back, refresh) in steps {
            second += wait;
            let n = state.generation.saturating_sub(back);
            if refresh {
                let (presented, next) = state.present(n, at(second), GRACE);
                prop_assert_eq!(presented, model.refresh(n, at(second)));
                state = next;
                if matches!(presented, Presented::Reused(_)) {
                    break;
                }
            } else {
                state = state.mark_used(n, at(second)).unwrap_or(state);
                model.access(n, at(second));
            }
        }
    }

    /// An honest client on a network that loses answers (never in two consecutive generations, which the rule cannot
    /// distinguish from a thief), duplicates requests and delivers the duplicate up to 30 s late. The client may pause
    /// for an hour at any time.
    #[test]
    fn lost_answers_never_log_an_honest_client_out(
        rounds in prop::collection::vec((wait(), prop::option::of(wait()), 0_u64..=30, any::<bool>()), 1..40),
    ) {
        let mut state = RefreshState::begin(at(0));
        let (mut second, mut held, mut lost_before) = (0, 0, false);
        // The arrival time of a duplicate request, and its generation.
        let mut doubles: Vec<(u64, u32)> = Vec::new();
        for (pause, lost, double_after, uses_access_token) in rounds {
            second += pause;
            let arrives = |state: RefreshState, n: u32, second: u64| {
                let (presented, next) = state.present(n, at(second), GRACE);
                match presented {
                    Presented::Rotated { next: handed } | Presented::Repeated { next: handed } => Ok((handed, next)),
                    Presented::Reused(reuse) => Err(TestCaseError::fail(format!("{reuse:?} at {second} s"))),
                }
            };
            for (due, n) in std::mem::take(&mut doubles) {
                if due <= second { state = arrives(state, n, due)?.1 } else { doubles.push((due, n)) }
            }
            let asked = held;
            let (answer, next) = arrives(state, asked, second)?;
            state = next;
            doubles.push((second + double_after, asked));
            let is_lost = lost.is_some() && !lost_before;
            if is_lost {
                second += lost.unwrap_or_default();
                let (again, next) = arrives(state, asked, second)?;
                state = next;
                prop_assert_eq!(again, answer);
            }
            lost_before = is_lost;
            held = answer;
            if uses_access_token {
                state = state.mark_used(held, at(second)).unwrap_or(state);
            }
        }
    }

    /// Owner and thief hold the same token and alternate, in any order within a turn, with more than the grace between
    /// turns. Each may use its access tokens or not.
    #[test]
    fn an_alternating_thief_is_found_at_the_second_turn_at_the_latest(
        before in 0_u32..3,
        turns in prop::collection::vec((31_u64..4_000, 31_u64..4_000, any::<bool>(), any::<bool>()), 2),
    ) {
        let mut state = RefreshState::begin(at(0));
        let mut second = 0;
        for n in 0..before {
            second += 900;
            state = state.present(n, at(second), GRACE).1;
        }
        let mut held = before;
        for (first_wait, second_wait, first_uses, second_uses) in turns {
            let mut answer = held;
            for (wait, uses) in [(first_wait, first_uses), (second_wait, second_uses)] {
                second += wait;
                let (presented, next) = state.present(held, at(second), GRACE);
                state = next;
                match presented {
                    Presented::Rotated { next } | Presented::Repeated { next } => answer = next,
                    Presented::Reused(_) => return Ok(()),
                }
                if uses {
                    state = state.mark_used(answer, at(second)).unwrap_or(state);
                }
            }
            held = answer;
        }
        prop_assert!(false, "the thief was not found");
    }

    #[test]
    fn what_is_remembered_stays_small(waits in prop::collection::vec(0_u64..3, 1..200)) {
        let mut state = RefreshState::begin(at(0));
        let mut second = 0;
        for (n, wait) in (0_u32..).zip(waits) {
            second += wait;
            state = state.present(n, at(second), GRACE).1;
            prop_assert!(state.earlier.len() <= limits::REFRESH_GENERATIONS);
        }
    }
}
