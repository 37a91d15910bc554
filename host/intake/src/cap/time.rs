//! Times of CAP: to the second, always with an offset from UTC (CAP 1.2, section 3.2.1: `sent`).

use std::fmt;

use muster_kernel::Instant;

use super::schema::Version;
use crate::refusal::{Reason, quote};

/// A time as a message states it. Two times are equal when instant and offset are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    instant: Instant,
    offset_minutes: i16,
}

impl Time {
    /// A time at so many minutes from UTC, at most 14 hours. What is below the second is cut off.
    pub fn new(instant: Instant, offset_minutes: i16) -> Self {
        let seconds = instant.as_millis().div_euclid(1_000);
        Self { instant: Instant::from_millis(seconds * 1_000), offset_minutes: offset_minutes.clamp(-840, 840) }
    }

    /// The point in time.
    pub fn instant(self) -> Instant {
        self.instant
    }

    /// Reads `yyyy-mm-ddThh:mm:ss±hh:mm`. CAP 1.0 and 1.1 also allow `Z` and parts of a second.
    pub(super) fn parse(text: &str, version: Version) -> Result<Self, Reason> {
        let wanted = "a time with an offset, for instance 2021-07-19T21:59:00+08:00; UTC is -00:00";
        let wrong = || Reason::Value { found: quote(text), wanted: wanted.into() };
        let shape = |part: &str, like: &str| {
            part.len() == like.len()
                && part.bytes().zip(like.bytes()).all(|(found, like)| match like {
                    b'0' => found.is_ascii_digit(),
                    b'+' => matches!(found, b'+' | b'-'),
                    other => found == other,
                })
        };
        let (date, rest) = text.split_at_checked(19).ok_or_else(wrong)?;
        let (fraction, offset) = rest.split_at(rest.find(['+', '-', 'Z']).ok_or_else(wrong)?);
        let digits = fraction.strip_prefix('.').map(|digits| (1..=9).contains(&digits.len()) && is_digits(digits));
        let older = version < Version::V1_2;
        let whole = fraction.is_empty() || (older && digits == Some(true));
        if !shape(date, "0000-00-00T00:00:00") || !whole {
            return Err(wrong());
        }
        let offset_minutes = match offset {
            "Z" if older => 0,
            offset if shape(offset, "+00:00") => {
                let minutes = number(&offset[1..3]) * 60 + number(&offset[4..6]);
                if minutes > 840 || number(&offset[4..6]) > 59 {
                    return Err(wrong());
                }
                if offset.starts_with('-') { -minutes } else { minutes }
            }
            _ => return Err(wrong()),
        };
        let utc = Instant::parse(&format!("{date}Z")).map_err(Reason::Time)?;
        let millis = utc.as_millis() - i64::from(offset_minutes) * 60_000;
        Ok(Self::new(Instant::from_millis(millis), offset_minutes))
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(digits: &str) -> i16 {
    digits.parse().unwrap_or(i16::MAX)
}

/// As CAP 1.2 wants it: UTC is `-00:00`.
impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.instant.to_local_text(i32::from(self.offset_minutes) * 60);
        match (self.offset_minutes, text.strip_suffix("+00:00")) {
            (0, Some(date)) => write!(formatter, "{date}-00:00"),
            _ => formatter.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, version: Version) -> Option<String> {
        Time::parse(text, version).ok().map(|time| format!("{time} {}", time.instant()))
    }

    #[test]
    fn the_offset_is_kept_and_utc_is_minus_zero() {
        let read = |text| read(text, Version::V1_2);
        assert_eq!(
            read("2021-07-19T21:59:00+08:00").as_deref(),
            Some("2021-07-19T21:59:00+08:00 2021-07-19T13:59:00.000Z")
        );
        assert_eq!(
            read("2021-07-19T21:59:00+00:00").as_deref(),
            Some("2021-07-19T21:59:00-00:00 2021-07-19T21:59:00.000Z")
        );
        assert_eq!(
            read("2024-05-02T18:42:00-05:30").as_deref(),
            Some("2024-05-02T18:42:00-05:30 2024-05-03T00:12:00.000Z")
        );
    }

    #[test]
    fn what_has_no_offset_or_no_such_date_is_refused() {
        for text in [
            "",
            "2021-07-19T21:59:00",
            "2021-07-19 21:59:00+08:00",
            "2021-02-30T21:59:00+08:00",
            "2021-07-19T25:59:00+08:00",
            "2021-07-19T21:59:00,08:00",
            "2021-07-19T21:59:00+8:00",
            "2021-07-19T21:59:00+15:00",
            "2021-07-19T21:59:00+08:60",
            "1621-07-19T21:59:00+08:00",
            "2021-07-19T21:59:00.5+08:00",
            "2021-07-19T21:59:00Z",
            "2021-07-19T21:59:0é+08:00",
        ] {
            assert_eq!(read(text, Version::V1_2), None, "{text}");
        }
        assert!(read("2021-07-19T21:59:00.5Z", Version::V1_1).is_some());
    }
}
