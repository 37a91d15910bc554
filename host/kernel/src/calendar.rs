//! Civil time in the district's time zone. Pure functions of the charter in force.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::{Instant, Milliseconds, State};

/// A point in local civil time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// 1 is Monday, 7 is Sunday.
    pub weekday: u8,
    /// A working day.
    pub working: bool,
}

const DAY: Milliseconds = Milliseconds::hours(24);

fn offset(state: &State) -> Offset {
    let seconds = state.charter().map_or(0, |charter| charter.utc_offset_seconds);
    Offset::from_seconds(seconds).unwrap_or(Offset::UTC)
}

fn datetime(state: &State, at: Instant) -> DateTime {
    let timestamp =
        Timestamp::from_millisecond(at.as_millis()).expect("the accepted years lie within the library's range");
    offset(state).to_datetime(timestamp)
}

/// The civil time at an instant.
pub fn local(state: &State, at: Instant) -> Civil {
    let civil = datetime(state, at);
    let weekday = civil.weekday().to_monday_one_offset();
    Civil {
        year: civil.year(),
        month: part(civil.month()),
        day: part(civil.day()),
        hour: part(civil.hour()),
        minute: part(civil.minute()),
        second: part(civil.second()),
        weekday: part(weekday),
        working: is_working(state, civil, weekday),
    }
}

/// A working day: what the calendar says of the date, else Monday to Friday.
fn is_working(state: &State, civil: DateTime, weekday: i8) -> bool {
    let Some(calendar) = state.charter().map(|charter| &charter.calendar) else { return weekday <= 5 };
    if calendar.holidays.is_empty() && calendar.workdays.is_empty() {
        return weekday <= 5;
    }
    let date = alloc::format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
    (weekday <= 5 || calendar.workdays.contains(&date)) && !calendar.holidays.contains(&date)
}

fn part(value: i8) -> u8 {
    u8::try_from(value).expect("the parts of a civil time are never negative")
}

/// Milliseconds since local midnight.
fn since_midnight(state: &State, at: Instant) -> Milliseconds {
    Milliseconds((at.as_millis() + i64::from(offset(state).seconds()) * 1_000).rem_euclid(DAY.0))
}

/// The number of the local day, counted from 1970-01-01.
pub fn day_number(state: &State, at: Instant) -> i64 {
    (at.as_millis() + i64::from(offset(state).seconds()) * 1_000).div_euclid(DAY.0)
}

/// The next time the local clock shows this hour and minute, strictly after `after`.
pub fn next_clock(state: &State, after: Instant, hour: u8, minute: u8) -> Instant {
    let wanted = Milliseconds::hours(i64::from(hour)).0 + Milliseconds::minutes(i64::from(minute)).0;
    let passed = since_midnight(state, after).0;
    let wait = (wanted - passed).rem_euclid(DAY.0);
    after + if wait == 0 { DAY } else { Milliseconds(wait) }
}

/// Working hours, on working days.
const OFFICE_HOURS: core::ops::Range<u8> = 9..18;

/// Whether an instant lies in working time.
pub fn is_working_time(state: &State, at: Instant) -> bool {
    let civil = local(state, at);
    civil.working && OFFICE_HOURS.contains(&civil.hour)
}

/// The same clock time so many working days later.
pub fn add_working_days(state: &State, start: Instant, days: u32) -> Instant {
    let mut at = start;
    let mut left = days;
    while left > 0 {
        at = at + DAY;
        if local(state, at).working {
            left -= 1;
        }
        if at == Instant::MAX {
            break;
        }
    }
    at
}
