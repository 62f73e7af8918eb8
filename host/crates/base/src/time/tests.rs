//! What clocks say when the time of day is set, and from one process to the next.

use std::sync::Arc;
use std::time::Duration;

use super::kinds::*;
use super::steady::JITTER;
use super::*;

const START: WallTime = WallTime(1_780_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn clocks() -> (ManualClock, SteadyClock) {
    let manual = ManualClock::at(START);
    (manual.clone(), SteadyClock::new(Arc::new(manual)))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The steady time that is this time of day as long as nobody sets that.
fn steadily(wall: WallTime) -> SteadyTime {
    SteadyTime(wall.0)
}

#[test]
fn nothing_but_time_moves_it() {
    let (manual, steady) = clocks();
    let hour = HOUR.as_millis() as i64;
    assert_eq!(steady.now(), steadily(START));
    manual.set(START - HOUR);
    assert_eq!(
        (steady.now(), steady.ahead()),
        (steadily(START), Ahead(hour))
    );
    manual.advance(ms(7));
    assert_eq!(steady.now(), steadily(START + ms(7)));
    manual.set(START + HOUR);
    assert_eq!(
        (steady.now(), steady.wall()),
        (steadily(START + ms(7)), START + HOUR)
    );
    assert_eq!(steady.ahead(), Ahead(7 - hour));
}

#[test]
fn what_two_readings_differ_by_is_no_setting() {
    let (manual, steady) = clocks();
    for wall in [START + ms(1), START - ms(1), START + ms(JITTER)] {
        manual.set(wall);
        assert_eq!((steady.ahead(), steady.reading().wall), (Ahead(0), START));
    }
    manual.set(START + ms(JITTER + 1));
    assert_eq!(steady.ahead(), Ahead(-(JITTER as i64) - 1));
    manual.set(START);
    assert_eq!(steady.ahead(), Ahead(0));
}

#[test]
fn one_kind_of_time_becomes_the_other_and_back() {
    let ahead = Ahead(250);
    assert_eq!(ahead.wall(SteadyTime(1000)), WallTime(750));
    assert_eq!(ahead.steady(WallTime(750)), SteadyTime(1000));
    let behind = Ahead(-250);
    assert_eq!(behind.wall(SteadyTime(1000)), WallTime(1250));
    assert_eq!(behind.steady(WallTime(1250)), SteadyTime(1000));
    assert_eq!(ahead.wall(SteadyTime::ZERO), WallTime::EPOCH);
    assert_eq!(behind.steady(WallTime::EPOCH), SteadyTime::ZERO);
}

#[test]
fn times_end_at_both_ends() {
    assert_eq!(WallTime(5) - ms(6), WallTime::EPOCH);
    assert_eq!(SteadyTime(5) + Duration::MAX, SteadyTime(u64::MAX));
    assert_eq!(WallTime(5).since(WallTime(6)), Duration::ZERO);
    assert_eq!(WallTime(6).since(WallTime(5)), ms(1));
}

#[test]
fn an_age_is_the_shorter_one() {
    let (manual, steady) = clocks();
    manual.advance(ms(10));
    assert_eq!(steady.since(START), ms(10));
    manual.set(START + HOUR);
    assert_eq!(steady.since(START), ms(10));
    assert!(steady.ages().is_past(START, ms(10)));
    assert!(!steady.ages().is_past(START, ms(11)));
    manual.set(START - HOUR);
    assert_eq!(steady.since(START), Duration::ZERO);
    assert!(!steady.ages().is_past(START, Duration::ZERO));
    assert!(steady.ages().is_past(START - HOUR, Duration::ZERO));
}

#[test]
fn it_goes_on_in_the_next_process_whatever_was_set_meanwhile() {
    let (manual, steady) = clocks();
    manual.set(START - HOUR);
    let mark = steady.reading();
    manual.advance(ms(1_000));
    manual.set(START + HOUR * 9);
    let next = SteadyClock::new(Arc::new(manual));
    assert_eq!(
        next.now(),
        steadily(START + HOUR * 9),
        "before it knows better"
    );
    next.resume(&mark);
    assert_eq!(next.now(), steadily(START + ms(1_000)));
}

#[test]
fn after_a_start_of_the_machine_the_time_of_day_says_what_passed() {
    let (manual, steady) = clocks();
    let mark = ClockReading {
        steady: steadily(START + HOUR),
        wall: START - ms(5_000),
        uptime: Duration::ZERO,
        boot: "another".to_owned(),
    };
    steady.resume(&mark);
    assert_eq!(steady.now(), steadily(START + HOUR + ms(5_000)));
    // An uptime that is less than it was belongs to another start, whatever it says.
    let again = ClockReading {
        uptime: ms(START.0 + 1),
        boot: manual.boot(),
        ..mark.clone()
    };
    steady.resume(&again);
    assert_eq!(steady.now(), steadily(START + HOUR + ms(5_000)));
    // A clock that lost its battery has no time pass, and none go back.
    manual.set(WallTime::EPOCH);
    steady.resume(&mark);
    assert_eq!(steady.now(), steadily(START + HOUR));
}

#[test]
fn the_machine_has_an_uptime_and_a_boot() {
    let before = SystemClock.uptime();
    std::thread::yield_now();
    assert!(SystemClock.uptime() >= before);
    #[cfg(target_os = "linux")]
    assert_eq!(SystemClock.boot().len(), 36);
}
