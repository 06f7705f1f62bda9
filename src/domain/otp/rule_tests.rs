//! Tests of the rules on codes: a table and a naive model.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const LIMITS: CodeLimits = CodeLimits {
    length: CodeLength::Six,
    lifetime: Duration::from_secs(600),
    tries: 5,
    resend_after: Duration::from_secs(60),
    renew_under: Duration::from_secs(120),
    hourly: 5,
    daily: 10,
    daily_of_all: 20,
    refused_hourly: 1_000,
    refused_hourly_by_domain: 200,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.plus(Duration::from_secs(seconds))
}

fn seconds(timestamp: Timestamp) -> u64 {
    timestamp.since(Timestamp::ZERO).as_secs()
}

fn ask(existing: Option<&OneTimeCode>, drawn: u8, second: u64) -> Issue {
    let fresh = FreshCode { id: CodeId::from(Uuid::from_u128(u128::from(drawn))), digits: vec![b'0' + drawn % 10; 6] };
    issue(existing, demand(CodePurpose::VerifyEmail, 1), fresh, at(second), &LIMITS)
}

fn demand(purpose: CodePurpose, network: u8) -> CodeDemand {
    let owner = UserId::from(Uuid::from_u128(1));
    CodeDemand { owner, purpose, network: Network::V4([192, 0, network]) }
}

/// One line per step: `<second> ask`, `right`, `wrong` or `link`, and the result. Codes are numbered in the order of
/// drawing.
fn play(history: &str) {
    let mut code: Option<OneTimeCode> = None;
    let mut drawn = 0;
    for line in history.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, wanted) = line.split_once("->").unwrap();
        let (second, what) = step.trim().split_once(char::is_whitespace).unwrap();
        let second: u64 = second.parse().unwrap();
        let guess = match what.trim() {
            "ask" => {
                let got = match ask(code.as_ref(), drawn + 1, second) {
                    Issue::Drawn(new) => {
                        drawn += 1;
                        code = Some(new);
                        format!("code {drawn}")
                    }
                    Issue::SentAgain(same) => {
                        code = Some(same);
                        "again".to_owned()
                    }
                    Issue::Wait { until } => format!("wait {}", seconds(until)),
                };
                assert_eq!(got, wanted.trim(), "{line}");
                continue;
            }
            "link" => None,
            "right" => Some(Guess::Right),
            _ => Some(Guess::Wrong),
        };
        let known = code.as_ref().unwrap();
        let tried = match guess {
            Some(guess) => attempt(known, guess, at(second), &LIMITS),
            None => follow_link(known, at(second)),
        };
        let got = match tried {
            Try::Verified(kept) => {
                code = Some(kept);
                "verified".to_owned()
            }
            Try::VerifiedBefore => "before".to_owned(),
            Try::Wrong { code: kept, attempts_left } => {
                code = Some(kept);
                format!("left {attempts_left}")
            }
            Try::Expired => "expired".to_owned(),
            Try::Void => "void".to_owned(),
        };
        assert_eq!(got, wanted.trim(), "{line}");
    }
}

#[test]
fn a_code_is_used_once_and_says_the_same_again() {
    play(
        "
        0   ask   -> code 1
        5   wrong -> left 4
        9   right -> verified
        10  right -> before
        599 right -> before
        600 right -> expired
        ",
    );
}

#[test]
fn five_wrong_tries_void_it_even_for_the_right_one() {
    play(
        "
        0   ask   -> code 1
        1   wrong -> left 4
        1   wrong -> left 3
        1   wrong -> left 2
        1   wrong -> left 1
        1   wrong -> left 0
        2   right -> void
        2   wrong -> void
        60  ask   -> code 2
        61  right -> verified
        ",
    );
}

#[test]
fn the_sendings_of_one_network_do_not_use_up_those_of_another_and_all_together_have_a_limit() {
    let ask = |existing: Option<&OneTimeCode>, network: u8, second: u64| {
        let fresh = FreshCode { id: CodeId::from(Uuid::from_u128(9)), digits: vec![b'7'; 6] };
        issue(existing, demand(CodePurpose::ResetPassword, network), fresh, at(second), &LIMITS)
    };
    let mut code = None;
    let mut second = 0;
    for network in [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4] {
        code = match ask(code.as_ref(), network, second) {
            Issue::Drawn(sent) | Issue::SentAgain(sent) => Some(sent),
            Issue::Wait { until } => panic!("network {network} waits until {}", seconds(until)),
        };
        assert_eq!(resend_at(code.as_ref().unwrap(), &LIMITS).since(at(second)), wait_of_last(code.as_ref().unwrap()));
        second += 60;
    }
    assert_eq!(ask(code.as_ref(), 1, second), Issue::Wait { until: at(24 * 3_600) });
    assert_eq!(ask(code.as_ref(), 5, second), Issue::Wait { until: at(24 * 3_600) });
    let first_five = OneTimeCode { sendings: code.as_ref().unwrap().sendings[..5].to_vec(), ..code.clone().unwrap() };
    assert_eq!(ask(Some(&first_five), 1, 300), Issue::Wait { until: at(3_600) });
    assert!(!matches!(ask(Some(&first_five), 2, 300), Issue::Wait { .. }));
}

/// From the last sending to the next one that its network may request.
fn wait_of_last(code: &OneTimeCode) -> Duration {
    let newest = code.sendings.last().unwrap();
    let own: Vec<_> = code.sendings.iter().filter(|sent| sent.network == newest.network).collect();
    let minute = Duration::from_secs(60);
    let hour = if own.len() >= LIMITS.hourly { own[0].at.plus(HOUR).since(newest.at) } else { minute };
    let all = code.sendings.len() >= LIMITS.daily_of_all;
    if all { code.sendings[0].at.plus(DAY).since(newest.at) } else { hour.max(minute) }
}

#[test]
fn wrong_tries_of_a_reset_code_are_those_of_their_requests() {
    let fresh = FreshCode { id: CodeId::from(Uuid::from_u128(9)), digits: vec![b'7'; 6] };
    let Issue::Drawn(code) = issue(None, demand(CodePurpose::ResetPassword, 1), fresh, at(0), &LIMITS) else {
        panic!("not drawn")
    };
    let unchanged = Try::Wrong { code: code.clone(), attempts_left: LIMITS.tries };
    assert_eq!(attempt(&code, Guess::Wrong, at(1), &LIMITS), unchanged);
    assert!(matches!(attempt(&code, Guess::Right, at(1), &LIMITS), Try::Verified(_)));
}

#[test]
fn a_link_is_used_once_as_its_code_is_and_ends_with_it() {
    play(
        "
        0   ask   -> code 1
        9   link  -> verified
        10  link  -> before
        11  right -> before
        600 link  -> expired
        660 ask   -> code 2
        661 right -> verified
        662 link  -> before
        ",
    );
}

#[test]
fn wrong_tries_leave_the_link_and_new_digits_keep_it() {
    let mut code = match ask(None, 1, 0) {
        Issue::Drawn(code) => code,
        other => panic!("{other:?}"),
    };
    for _ in 0..5 {
        let Try::Wrong { code: counted, .. } = attempt(&code, Guess::Wrong, at(1), &LIMITS) else {
            panic!("not counted")
        };
        code = counted;
    }
    assert_eq!(attempt(&code, Guess::Right, at(1), &LIMITS), Try::Void);
    assert_eq!(progress(&code, at(1), &LIMITS), CodeProgress::Void);
    assert!(matches!(follow_link(&code, at(1)), Try::Verified(_)));
    let Issue::Drawn(again) = ask(Some(&code), 2, 60) else { panic!("not drawn") };
    assert_ne!(again.digits, code.digits);
    assert_eq!((again.id, again.expires_at, again.wrong_tries), (code.id, code.expires_at, 0));
    let Issue::Drawn(late) = ask(Some(&code), 2, 481) else { panic!("not drawn") };
    assert_ne!(late.id, code.id, "too little is left of it");
    let ended = OneTimeCode { state: CodeStage::Void, ..code };
    assert_eq!(follow_link(&ended, at(1)), Try::Void);
    assert_eq!(attempt(&ended, Guess::Right, at(1), &LIMITS), Try::Void);
}

#[test]
fn guesses_of_a_used_code_leave_its_link() {
    play(
        "
        0   ask   -> code 1
        1   link  -> verified
        2   wrong -> left 4
        2   wrong -> left 3
        2   wrong -> left 2
        2   wrong -> left 1
        2   wrong -> left 0
        3   right -> void
        3   link  -> before
        ",
    );
}

#[test]
fn a_used_code_cannot_be_guessed_without_end() {
    play(
        "
        0   ask   -> code 1
        1   wrong -> left 4
        2   right -> verified
        3   wrong -> left 3
        3   wrong -> left 2
        3   wrong -> left 1
        3   wrong -> left 0
        4   right -> void
        ",
    );
}

#[test]
fn sending_again_repeats_the_code_until_little_of_it_is_left() {
    play(
        "
        0    ask   -> code 1
        59   ask   -> wait 60
        60   ask   -> again
        480  ask   -> again
        545  ask   -> code 2
        600  wrong -> left 4
        1145 right -> expired
        ",
    );
}

#[test]
fn tries_are_not_given_back_by_sending_again() {
    play(
        "
        0   ask   -> code 1
        1   wrong -> left 4
        60  ask   -> again
        61  wrong -> left 3
        ",
    );
}

#[test]
fn five_an_hour_and_ten_a_day_are_sent() {
    play(
        "
        0     ask -> code 1
        60    ask -> again
        120   ask -> again
        180   ask -> again
        240   ask -> again
        300   ask -> wait 3600
        3599  ask -> wait 3600
        3600  ask -> code 2
        3660  ask -> again
        3720  ask -> again
        3780  ask -> again
        3840  ask -> again
        3900  ask -> wait 86400
        86399 ask -> wait 86400
        86400 ask -> code 3
        ",
    );
}

#[test]
fn a_used_code_makes_room_for_a_new_one_but_not_for_more_mail() {
    play(
        "
        0   ask   -> code 1
        1   right -> verified
        30  ask   -> wait 60
        60  ask   -> code 2
        ",
    );
}

#[test]
fn a_refused_resend_has_the_time_of_the_next_one() {
    let Issue::Drawn(mut code) = ask(None, 1, 0) else { panic!("not drawn") };
    for second in [60, 120, 180, 240] {
        assert_eq!(seconds(resend_at(&code, &LIMITS)), second);
        let Issue::SentAgain(again) = ask(Some(&code), 2, second) else { panic!("not sent") };
        code = again;
    }
    assert_eq!(seconds(resend_at(&code, &LIMITS)), 3_600);
}

proptest! {
    /// For any history: no span contains more sendings than its limit, no two are too close, and no code is tried
    /// wrongly more than five times.
    #[test]
    fn the_limits_hold_in_every_history(
        steps in prop::collection::vec((prop_oneof![0_u64..3, 0_u64..130, 0_u64..5_000], 0_u8..4), 1..300),
    ) {
        let mut code: Option<OneTimeCode> = None;
        let (mut second, mut drawn) = (0, 0);
        let mut sent: Vec<u64> = Vec::new();
        let mut wrong_by_code = std::collections::BTreeMap::<CodeId, u32>::new();
        let mut verified = std::collections::BTreeSet::<CodeId>::new();
        for (wait, what) in steps {
            second += wait;
            match (what, code.clone()) {
                (0, _) | (_, None) => match ask(code.as_ref(), drawn, second) {
                    Issue::Drawn(new) => {
                        drawn = drawn.wrapping_add(1);
                        wrong_by_code.remove(&new.id);
                        verified.remove(&new.id);
                        code = Some(new);
                        sent.push(second);
                    }
                    Issue::SentAgain(same) => {
                        prop_assert!(seconds(same.expires_at) >= second + 120);
                        prop_assert_eq!(same.state, CodeStage::Live);
                        code = Some(same);
                        sent.push(second);
                    }
                    Issue::Wait { until } => prop_assert!(seconds(until) > second),
                },
                (what, Some(current)) => {
                    let guess = if what == 1 { Guess::Right } else { Guess::Wrong };
                    match attempt(&current, guess, at(second), &LIMITS) {
                        Try::Verified(kept) => {
                            prop_assert!(verified.insert(current.id), "used twice");
                            prop_assert!(wrong_by_code.get(&current.id).copied().unwrap_or(0) < 5);
                            code = Some(kept);
                        }
                        Try::VerifiedBefore => prop_assert!(verified.contains(&current.id)),
                        Try::Wrong { code: kept, attempts_left } => {
                            let wrong = wrong_by_code.entry(current.id).or_default();
                            *wrong += 1;
                            prop_assert_eq!(*wrong + u32::from(attempts_left), 5);
                            code = Some(kept);
                        }
                        Try::Expired => prop_assert!(second >= seconds(current.expires_at)),
                        Try::Void => prop_assert_eq!(wrong_by_code.get(&current.id), Some(&5)),
                    }
                }
            }
        }
        for (position, start) in sent.iter().enumerate() {
            let within = |span: u64| sent[position..].iter().filter(|t| **t < start + span).count();
            prop_assert!(within(60) <= 1 && within(3_600) <= 5 && within(86_400) <= 10);
        }
        prop_assert!(code.is_none_or(|code| code.sendings.len() <= 10));
    }
}
