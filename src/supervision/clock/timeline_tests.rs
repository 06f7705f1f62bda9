use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MONTH: GapRule = GapRule::UpTo(limits::CLOCK_GAP_MAX);

fn day(number: u32) -> Timestamp {
    Timestamp::ZERO.plus(DAY * number)
}

/// A reading after the machine ran for `boot`.
fn reading(wall: Timestamp, boot: Duration) -> ClockReading {
    ClockReading { wall, boot }
}

/// The program's time and trouble after `reading`.
fn observed(line: &mut Timeline, reading: ClockReading) -> (Timestamp, Option<ClockTrouble>) {
    line.observe(reading);
    (line.given(), line.trouble())
}

/// A timeline that begins after `end` with the wall clock at `wall`.
fn begun(end: Timestamp, wall: Timestamp, rule: GapRule) -> Timeline {
    let mut line = Timeline::start(reading(wall, HOUR));
    line.begin(end, reading(wall, HOUR), rule);
    line
}

#[test]
fn a_first_start_takes_the_wall_clock() {
    let line = Timeline::start(reading(day(20_000), HOUR));
    assert_eq!((line.given(), line.trouble(), line.is_trusted()), (day(20_000), None, true));
}

#[test]
fn a_start_soon_after_the_last_commit_waits_for_nothing() {
    let line = begun(day(10), day(10).plus(4 * MINUTE), MONTH);
    assert_eq!((line.given(), line.is_trusted()), (day(10).plus(4 * MINUTE), true));
}

#[test]
fn a_gap_of_three_days_is_followed_and_what_deletes_waits_for_an_hour_of_agreement() {
    let mut line = begun(day(10), day(13), MONTH);
    assert_eq!((line.given(), line.trouble(), line.is_trusted()), (day(13), None, false));
    assert_eq!(line.settling(HOUR), Some(HOUR));
    line.observe(reading(day(13).plus(HOUR - MINUTE), 2 * HOUR - MINUTE));
    assert_eq!((line.is_trusted(), line.settling(2 * HOUR - MINUTE)), (false, Some(MINUTE)));
    line.observe(reading(day(13).plus(HOUR), 2 * HOUR));
    assert!(line.is_trusted());
}

#[test]
fn a_gap_of_forty_days_is_not_followed_unless_it_is_proven() {
    let mut line = begun(day(10), day(50), MONTH);
    let trouble = ClockTrouble::Leapt(ClockDifference { own: day(10), wall: day(50) });
    assert_eq!((line.given(), line.trouble()), (day(10), Some(trouble)));
    let (now, trouble) = observed(&mut line, reading(day(50).plus(2 * DAY), HOUR + 2 * DAY));
    assert_eq!(now, day(12), "time goes on by itself");
    assert_eq!(trouble, Some(ClockTrouble::Leapt(ClockDifference { own: day(12), wall: day(52) })));
    let proven = begun(day(10), day(50), GapRule::Any);
    assert_eq!((proven.given(), proven.trouble(), proven.is_trusted()), (day(50), None, false));
}

#[test]
fn a_wall_clock_behind_the_journal_is_not_followed() {
    let mut line = begun(day(10), day(9), GapRule::Any);
    assert!(matches!(line.trouble(), Some(ClockTrouble::Lags(times)) if times.wall == day(9)));
    let (now, _) = observed(&mut line, reading(day(9).plus(MINUTE), HOUR + MINUTE));
    assert_eq!(now, day(10).plus(MINUTE));
}

#[test]
fn a_wall_clock_set_back_does_not_turn_time_back() {
    let mut line = Timeline::start(reading(day(10), HOUR));
    let after = |line: &mut Timeline, back: Duration, minutes: u32| {
        observed(line, reading(day(10).minus(back), HOUR + MINUTE * minutes))
    };
    assert_eq!(after(&mut line, MINUTE, 1), (day(10).plus(MINUTE), None), "two minutes are not yet a lag");
    let (now, trouble) = after(&mut line, 5 * MINUTE, 2);
    assert!(matches!((now, trouble), (now, Some(ClockTrouble::Lags(_))) if now == day(10).plus(2 * MINUTE)));
}

#[test]
fn a_jump_while_running_is_not_followed() {
    let mut line = Timeline::start(reading(day(10), HOUR));
    let (now, trouble) = observed(&mut line, reading(day(10).plus(6 * MINUTE), HOUR + MINUTE));
    assert_eq!(now, day(10).plus(MINUTE));
    assert!(matches!(trouble, Some(ClockTrouble::Leapt(_))));
    let (now, trouble) = observed(&mut line, reading(day(10).plus(2 * MINUTE), HOUR + 2 * MINUTE));
    assert_eq!(now, day(10).plus(2 * MINUTE));
    assert!(trouble.is_some(), "the agreement has to last");
}

#[test]
fn a_machine_that_was_suspended_is_no_jump() {
    let mut line = Timeline::start(reading(day(10), HOUR));
    let (now, trouble) = observed(&mut line, reading(day(12), HOUR + 2 * DAY));
    assert_eq!((now, trouble, line.is_trusted()), (day(12), None, true));
}

#[test]
fn a_lag_must_be_over_for_an_hour_without_a_break() {
    let mut line = begun(day(10), day(10).minus(6 * MINUTE), MONTH);
    for (minutes, back) in [(1, 0), (30, 6), (31, 0), (80, 0)] {
        line.observe(reading(day(10).plus(MINUTE * minutes).minus(MINUTE * back), HOUR + MINUTE * minutes));
    }
    assert!(line.trouble().is_some(), "the hour starts again after the break");
    line.observe(reading(day(10).plus(91 * MINUTE), HOUR + 91 * MINUTE));
    assert_eq!((line.trouble(), line.is_trusted()), (None, true));
}

#[test]
fn an_accepted_time_is_the_wall_clock_also_backward_and_can_be_withdrawn() {
    let mut line = begun(day(4_000), day(10), MONTH);
    let accepted = line.accept(reading(day(10), HOUR));
    assert_eq!(accepted, AcceptedTime { before: day(4_000), now: day(10) });
    assert_eq!((line.given(), line.trouble(), line.is_trusted()), (day(10), None, true));
    let (now, trouble) = observed(&mut line, reading(day(10).plus(MINUTE), HOUR + MINUTE));
    assert_eq!((now, trouble), (day(10).plus(MINUTE), None));
    line.withdraw(accepted, reading(day(10).plus(MINUTE), HOUR + MINUTE));
    assert_eq!(line.given(), day(4_000).plus(MINUTE));
    assert!(matches!(line.trouble(), Some(ClockTrouble::Lags(_))));
}
