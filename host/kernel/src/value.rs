//! Values of events, settings and policy memory. Unknown is a value of its own, never zero; numbers are exact.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::Instant;

/// An exact decimal number: `unscaled` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decimal {
    /// The digits.
    pub unscaled: i64,
    /// How many of them stand behind the point, 0 to 18.
    pub scale: u8,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Known to be unknown: `null`.
    Unknown,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A point in time.
    Instant(Instant),
}

/// A named value. Nested data is flattened with dots: `place.code`, `items.0.qty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The path of the value.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Attribute {
    /// A named value.
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: key.into(), value }
    }
}

/// The value with this key, if there is one.
pub fn find<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

/// The text with this key, if there is one.
pub fn find_text<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    match find(attributes, key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The whole number with this key, if there is one and it is known.
pub fn find_integer(attributes: &[Attribute], key: &str) -> Option<i64> {
    match find(attributes, key)? {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

/// The instant with this key: an instant, or text that reads as one.
pub fn find_instant(attributes: &[Attribute], key: &str) -> Option<Instant> {
    match find(attributes, key)? {
        Value::Instant(instant) => Some(*instant),
        Value::Text(text) => Instant::parse(text).ok(),
        _ => None,
    }
}

/// All values below a path, `items` giving `0.qty`, `1.qty` and so on.
pub fn below<'a>(attributes: &'a [Attribute], path: &str) -> Vec<(&'a str, &'a Value)> {
    attributes
        .iter()
        .filter_map(|attribute| {
            let rest = attribute.key.strip_prefix(path)?.strip_prefix('.')?;
            Some((rest, &attribute.value))
        })
        .collect()
}

impl Decimal {
    /// The most digits behind the point.
    pub const SCALE_MAX: u8 = 18;

    /// Reads a JSON number exactly. `None` when it does not fit 18 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = String::from(whole);
        digits.push_str(fraction);
        let mut unscaled: i64 = digits.parse().ok()?;
        let mut scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        while scale < 0 {
            unscaled = unscaled.checked_mul(10)?;
            scale += 1;
        }
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= Self::SCALE_MAX)?;
        Some(Self { unscaled, scale })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let widen = |decimal: &Self, scale: u8| {
            i128::from(decimal.unscaled) * 10_i128.pow(u32::from(scale - decimal.scale.min(scale)))
        };
        let scale = self.scale.max(other.scale);
        Some(widen(self, scale).cmp(&widen(other, scale)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(Decimal::parse("149.2"), Some(Decimal { unscaled: 1492, scale: 1 }));
        assert_eq!(Decimal::parse("-0.050"), Some(Decimal { unscaled: -5, scale: 2 }));
        assert_eq!(Decimal::parse("1.5e3"), Some(Decimal { unscaled: 1500, scale: 0 }));
        assert_eq!(Decimal::parse("1e400"), None);
        assert!(Decimal::parse("149.2") > Decimal::parse("149.0"));
    }
}
