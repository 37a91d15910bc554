//! Time as data: points and lengths of time that come in as arguments.
//!
//! Never reads a clock. In text (JSON) an instant is RFC 3339 in UTC with milliseconds; in the compact view it is a
//! number of milliseconds.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::{Add, Sub};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, between the years 1900 and 2200.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(pub i64);

/// Why a text is not an instant that Muster accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstantError {
    /// Not RFC 3339.
    #[error("`{0}` is not an RFC 3339 time with an offset, for instance 2021-07-19T18:00:00+08:00")]
    Malformed(String),
    /// Outside the accepted years.
    #[error("`{0}` is outside the years 1900 to 2200")]
    OutOfRange(String),
}

impl Instant {
    /// 1900-01-01T00:00:00Z.
    pub const MIN: Self = Self(-2_208_988_800_000);
    /// 2200-01-01T00:00:00Z.
    pub const MAX: Self = Self(7_258_118_400_000);

    /// The instant so many milliseconds after 1970-01-01T00:00:00Z, held within [`Self::MIN`] and [`Self::MAX`].
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 text.
    ///
    /// # Errors
    /// When the text is malformed or outside the years 1900 to 2200.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        let timestamp: Timestamp = text.parse().map_err(|_| InstantError::Malformed(text.to_string()))?;
        let millis = timestamp.as_millisecond();
        if !(Self::MIN.0..=Self::MAX.0).contains(&millis) {
            return Err(InstantError::OutOfRange(text.to_string()));
        }
        Ok(Self(millis))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).expect("the accepted years lie within the library's range")
    }

    /// RFC 3339 text with the given offset from UTC in seconds, to the second (milliseconds only when there are any).
    pub fn to_local_text(self, offset_seconds: i32) -> String {
        let offset = jiff::tz::Offset::from_seconds(offset_seconds).unwrap_or(jiff::tz::Offset::UTC);
        let civil = offset.to_datetime(self.timestamp());
        let sign = if offset_seconds < 0 { '-' } else { '+' };
        let minutes = offset_seconds.unsigned_abs() / 60;
        let fraction = match civil.millisecond() {
            0 => String::new(),
            millis => format!(".{millis:03}"),
        };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}{sign}{:02}:{:02}",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            minutes / 60,
            minutes % 60
        )
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}", self.timestamp())
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Milliseconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many minutes.
    pub const fn minutes(count: i64) -> Self {
        Self(count * 60_000)
    }

    /// So many hours.
    pub const fn hours(count: i64) -> Self {
        Self(count * 3_600_000)
    }

    /// Whole minutes, rounded down.
    pub const fn as_minutes(self) -> i64 {
        self.0.div_euclid(60_000)
    }
}

impl fmt::Debug for Milliseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ms", self.0)
    }
}

impl Add<Milliseconds> for Instant {
    type Output = Self;
    fn add(self, length: Milliseconds) -> Self {
        Self::from_millis(self.0.saturating_add(length.0))
    }
}

impl Sub<Milliseconds> for Instant {
    type Output = Self;
    fn sub(self, length: Milliseconds) -> Self {
        Self::from_millis(self.0.saturating_sub(length.0))
    }
}

impl Sub for Instant {
    type Output = Milliseconds;
    fn sub(self, earlier: Self) -> Milliseconds {
        Milliseconds(self.0 - earlier.0)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            Self::parse(&text).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self::from_millis)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_the_instant() {
        let instant = Instant::parse("2021-07-19T18:00:00+08:00").expect("valid");
        assert_eq!(instant.to_string(), "2021-07-19T10:00:00.000Z");
        assert_eq!(instant.to_local_text(8 * 3600), "2021-07-19T18:00:00+08:00");
        assert_eq!(Instant::parse(&instant.to_string()), Ok(instant));
    }

    #[test]
    fn far_years_are_refused() {
        assert!(matches!(Instant::parse("9999-01-01T00:00:00Z"), Err(InstantError::OutOfRange(_))));
        assert!(matches!(Instant::parse("yesterday"), Err(InstantError::Malformed(_))));
    }
}
