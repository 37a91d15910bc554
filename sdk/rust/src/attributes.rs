//! Reading named values: of events, of table rows, of findings. Unknown is unknown, never zero.

use core::cmp::Ordering;

use crate::types::{Attribute, Decimal, Value};

/// A number, exact, whether it was written whole or with a point.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    unscaled: i64,
    scale: u8,
}

impl Number {
    /// The number `unscaled` / 10^`scale`.
    pub fn new(unscaled: i64, scale: u8) -> Self {
        Self { unscaled, scale: scale.min(18) }
    }

    /// The number that a value is, if it is one.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(Self::from(*number)),
            Value::Decimal(Decimal { unscaled, scale }) => Some(Self::new(*unscaled, *scale)),
            _ => None,
        }
    }

    fn widened(self, scale: u8) -> i128 {
        i128::from(self.unscaled) * 10_i128.pow(u32::from(scale - self.scale))
    }

    /// The whole part, rounded down.
    pub fn floor(self) -> i64 {
        let divisor = 10_i128.pow(u32::from(self.scale));
        i64::try_from(i128::from(self.unscaled).div_euclid(divisor)).unwrap_or(i64::MAX)
    }

    /// The number times this many thousandths, rounded down to a whole number.
    pub fn times_permille(self, permille: i64) -> i64 {
        let divisor = 10_i128.pow(u32::from(self.scale)) * 1_000;
        i64::try_from((i128::from(self.unscaled) * i128::from(permille)).div_euclid(divisor)).unwrap_or(i64::MAX)
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self { unscaled: whole, scale: 0 }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.widened(scale).cmp(&other.widened(scale))
    }
}

impl core::fmt::Display for Number {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.scale == 0 {
            return write!(formatter, "{}", self.unscaled);
        }
        let divisor = 10_u64.pow(u32::from(self.scale));
        let digits = self.unscaled.unsigned_abs();
        let sign = if self.unscaled < 0 { "-" } else { "" };
        write!(formatter, "{sign}{}.{:0width$}", digits / divisor, digits % divisor, width = usize::from(self.scale))
    }
}

/// Named values.
pub trait Attributes {
    /// The values.
    fn attributes(&self) -> &[Attribute];

    /// The value with this key.
    fn value(&self, key: &str) -> Option<&Value> {
        self.attributes().iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }

    /// The text with this key.
    fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number with this key; absent when it is unknown.
    fn integer(&self, key: &str) -> Option<i64> {
        match self.value(key)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number with this key, whole or with a point; absent when it is unknown.
    fn number(&self, key: &str) -> Option<Number> {
        Number::of(self.value(key)?)
    }

    /// The yes or no with this key.
    fn flag(&self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Whether the value is there and known to be unknown.
    fn is_unknown(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Unknown))
    }

    /// The value with this key as people would write it.
    fn display(&self, key: &str) -> Option<String> {
        Some(match self.value(key)? {
            Value::Unknown => "?".into(),
            Value::Flag(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Decimal(Decimal { unscaled, scale }) => Number::new(*unscaled, *scale).to_string(),
            Value::Text(text) => text.clone(),
            Value::Instant(instant) => instant.to_string(),
        })
    }
}

impl Attributes for [Attribute] {
    fn attributes(&self) -> &[Attribute] {
        self
    }
}

impl Attributes for Vec<Attribute> {
    fn attributes(&self) -> &[Attribute] {
        self
    }
}

impl Attributes for crate::Event {
    fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }
}

impl Attributes for crate::settings::Row {
    fn attributes(&self) -> &[Attribute] {
        &self.cells
    }
}
