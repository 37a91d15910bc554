//! A JSON object read straight into flat attributes, within limits: nothing is built that is then thrown away.
//!
//! `{"a": {"b": [1, null]}}` gives `a.b.0` and `a.b.1`; `null` is unknown, never zero. A key given twice is refused.

use std::collections::BTreeSet;
use std::fmt;

use muster_kernel::Value;
use muster_kernel::value::{Attribute, Decimal};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::refusal::{Place, Reason, Refusal, quote};

/// Bytes of one object.
pub const BYTES_MAX: usize = 64 << 10;
/// Values of one object.
pub const VALUES_MAX: usize = 256;
/// Levels of nesting.
pub const DEPTH_MAX: usize = 16;
/// Bytes of a key with all that it is nested in.
pub const KEY_BYTES_MAX: usize = 256;
/// Bytes of one text.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// Reads one object.
///
/// # Errors
/// When it is not a JSON object, or over a limit.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Attribute>, Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::whole(Reason::TooLarge { what: "bytes for one object", limit: BYTES_MAX }));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::whole(Reason::NotUtf8))?;
    let mut attributes = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let flat = Flat { attributes: &mut attributes, key: String::new(), depth: 0 };
    flat.deserialize(&mut json).and_then(|()| json.end()).map_err(|reason| not_json(&reason))?;
    Ok(attributes)
}

pub(crate) fn not_json(reason: &serde_json::Error) -> Refusal {
    let line = u32::try_from(reason.line()).ok().filter(|line| *line > 0);
    Refusal { place: Place { path: String::new(), line }, reason: Reason::NotJson(quote(&reason.to_string())) }
}

struct Flat<'a> {
    attributes: &'a mut Vec<Attribute>,
    key: String,
    depth: usize,
}

impl Flat<'_> {
    fn add<E: Error>(self, value: Value) -> Result<(), E> {
        if self.depth == 0 {
            return Err(E::custom("a JSON object is expected"));
        }
        if self.attributes.len() >= VALUES_MAX {
            return Err(E::custom(format_args!("at most {VALUES_MAX} values are taken")));
        }
        self.attributes.push(Attribute::new(self.key, value));
        Ok(())
    }

    fn below<E: Error>(&mut self, name: &str) -> Result<Flat<'_>, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("at most {DEPTH_MAX} levels of nesting are taken")));
        }
        if self.key.len() + name.len() > KEY_BYTES_MAX {
            return Err(E::custom(format_args!("a key is over {KEY_BYTES_MAX} bytes")));
        }
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        Ok(Flat { attributes: self.attributes, key, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Flat<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flat<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add(Value::Unknown)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.add(Value::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.add(Value::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let number = i64::try_from(number).map_err(|_| E::custom("a number has more than 18 digits"))?;
        self.add(Value::Integer(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let text = serde_json::Number::from_f64(number).map(|number| number.to_string()).unwrap_or_default();
        let decimal = Decimal::parse(&text).ok_or_else(|| E::custom("a number has more than 18 digits"))?;
        self.add(if decimal.scale == 0 { Value::Integer(decimal.unscaled) } else { Value::Decimal(decimal) })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(E::custom(format_args!("a text is over {TEXT_BYTES_MAX} bytes")));
        }
        self.add(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            return Err(A::Error::custom("a JSON object is expected"));
        }
        let mut number = 0_usize;
        while items.next_element_seed(self.below(&number.to_string())?)?.is_some() {
            number += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if seen.len() >= VALUES_MAX {
                return Err(A::Error::custom(format_args!("at most {VALUES_MAX} values are taken")));
            }
            object.next_value_seed(self.below(&name)?)?;
            if let Some(again) = seen.replace(name) {
                return Err(A::Error::custom(format_args!("`{}` is given twice", quote(&again))));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        match read(json.as_bytes()) {
            Ok(attributes) => {
                let shown = attributes.iter().map(|attribute| format!("{}={:?}", attribute.key, attribute.value));
                shown.collect::<Vec<_>>().join(" ")
            }
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn an_object_is_flattened_and_unknown_stays_unknown() {
        let json = r#"{"a":{"b":[1,null]},"c":2.50,"d":"x","e":true}"#;
        insta::assert_snapshot!(shown(json), @"a.b.0=Integer(1) a.b.1=Unknown c=Decimal(Decimal { unscaled: 25, scale: 1 }) d=Text(\"x\") e=Flag(true)");
    }

    #[test]
    fn what_is_no_object_or_too_much_is_refused() {
        insta::assert_snapshot!(shown("[1]"), @"line 1: not the JSON that is expected: a JSON object is expected at line 1 column 1");
        insta::assert_snapshot!(shown("7"), @"line 1: not the JSON that is expected: a JSON object is expected at line 1 column 1");
        insta::assert_snapshot!(shown(r#"{"a":1,"a":2}"#), @"line 1: not the JSON that is expected: `a` is given twice at line 1 column 13");
        insta::assert_snapshot!(shown(r#"{"a":1} x"#), @"line 1: not the JSON that is expected: trailing characters at line 1 column 9");
        insta::assert_snapshot!(shown(r#"{"a":123456789012345678901}"#), @"line 1: not the JSON that is expected: a number has more than 18 digits at line 1 column 26");
        let deep = format!("{}1{}", "{\"a\":".repeat(20), "}".repeat(20));
        insta::assert_snapshot!(shown(&deep), @"line 1: not the JSON that is expected: at most 16 levels of nesting are taken at line 1 column 84");
        let many = format!("{{\"a\":[{}]}}", ["1"; 300].join(","));
        insta::assert_snapshot!(shown(&many), @"line 1: not the JSON that is expected: at most 256 values are taken at line 1 column 519");
    }
}
