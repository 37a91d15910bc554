//! Parameters of a request: described once, and by the same description held to. What does not fit is refused with its
//! name, the reason and the cure. It must never let a handler see a query that the contract does not know.

use axum::extract::{Query, RawPathParams, Request};
use muster_runtime::AsOf;
use serde_json::{Value as Json, json};

use super::schema::{Schema, between, form, one_of, short};
use crate::language::Language;
use crate::problem::{Kind, Problem, language};

/// The greatest position that is read: what every language's whole numbers can hold.
pub(crate) const POSITION_MAX: u64 = i64::MAX as u64;
/// The longest name in a query or a path, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// What stands in a refusal of a value that was sent, at most, in letters.
const SHOWN_MAX: usize = 80;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// What may stand in a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    /// A whole number.
    Whole(u64, u64),
    /// A word of a list.
    Words(Vec<&'static str>),
    /// A position or an instant.
    AsOf,
    /// A name, of 1 to so many bytes.
    Name,
    /// A name of a form; only in a path, where what has another form is simply not found.
    Form(&'static str),
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) values: Values,
    pub(crate) about: &'static str,
}

impl Parameter {
    pub(crate) const fn query(name: &'static str, values: Values, about: &'static str) -> Self {
        Self { name, place: Place::Query, values, about }
    }

    fn schema(&self) -> Schema {
        match &self.values {
            Values::Whole(least, most) => between(*least, Some(*most)),
            Values::Words(words) => one_of(words.iter().copied()),
            Values::AsOf | Values::Name => short(NAME_BYTES_MAX),
            Values::Form(pattern) => form(pattern),
        }
    }

    /// As `OpenAPI` says it.
    pub(crate) fn described(&self) -> Json {
        json!({
            "name": self.name, "in": self.place.as_str(), "required": self.place == Place::Path,
            "description": self.about, "schema": self.schema(),
        })
    }

    /// Why a value does not fit, and what would.
    fn refusal(&self, value: &str, language: Language) -> Option<String> {
        let (zh, en) = match &self.values {
            Values::Whole(least, most) => {
                // Only digits: a sign or a space is another text.
                let number = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
                if number.is_some_and(|number: u64| (*least..=*most).contains(&number)) {
                    return None;
                }
                (format!("请填写 {least} 到 {most} 的整数"), format!("write a whole number from {least} to {most}"))
            }
            Values::Words(words) if words.contains(&value) => return None,
            Values::Words(words) => (format!("可选:{}", words.join("、")), format!("there are: {}", words.join(", "))),
            // Zeros without an end are a position, too, and none that anybody means.
            Values::AsOf if value.len() <= NAME_BYTES_MAX && AsOf::parse(value).is_some() => return None,
            Values::AsOf => (
                "请填写位置(如 `812`),或带时区的时间(`+` 须写作 `%2B`)".to_owned(),
                "write a position such as `812`, or an instant with its offset, its `+` as `%2B`".to_owned(),
            ),
            Values::Name if (1..=NAME_BYTES_MAX).contains(&value.len()) => return None,
            Values::Name => {
                (format!("请填写 1 到 {NAME_BYTES_MAX} 字节"), format!("write 1 to {NAME_BYTES_MAX} bytes"))
            }
            Values::Form(_) => return None,
        };
        let (name, value) = (self.name, shown(value));
        let zh = match self.place {
            Place::Path => format!("`{name}` 的值是 `{value}`;{zh}"),
            _ => format!("`{name}` 的值是 `{value}`;{zh},或不填"),
        };
        let en = match self.place {
            Place::Path => format!("`{name}` is `{value}`; {en}"),
            _ => format!("`{name}` is `{value}`; {en}, or leave it out"),
        };
        Some(language.of(&zh, &en).to_owned())
    }
}

/// The beginning of what was sent.
fn shown(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN_MAX).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    shown
}

/// Why a request does not keep to its route's parameters.
pub(crate) fn misfit(parameters: &[Parameter], path: &RawPathParams, request: &Request) -> Option<Problem> {
    let (name, detail) = fault(parameters, path, request)?;
    Some(Problem::new(Kind::BadRequest, language(request.headers()), detail).field(Some(&name)))
}

/// The parameter at fault, and why.
fn fault(parameters: &[Parameter], path: &RawPathParams, request: &Request) -> Option<(String, String)> {
    let language = language(request.headers());
    let known = |place: Place, name: &str| parameters.iter().find(|one| one.place == place && one.name == name);
    for (name, value) in path {
        // A word that is not in a list is no fault of the request: there is no such thing.
        let whole = known(Place::Path, name).filter(|one| matches!(one.values, Values::Whole(..)));
        if let Some(detail) = whole.and_then(|one| one.refusal(value, language)) {
            return Some((name.to_owned(), detail));
        }
    }
    for header in parameters.iter().filter(|one| one.place == Place::Header) {
        let Some(value) = request.headers().get(header.name) else { continue };
        if let Some(detail) = header.refusal(&String::from_utf8_lossy(value.as_bytes()), language) {
            return Some((header.name.to_owned(), detail));
        }
    }
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) else {
        let words = language.of("查询参数无法读取", "the query cannot be read; write `name=value`, joined by `&`");
        return Some(("query".to_owned(), words.to_owned()));
    };
    for (index, (name, value)) in pairs.iter().enumerate() {
        let Some(parameter) = known(Place::Query, name) else {
            return Some((shown(name), unknown(parameters, name, language)));
        };
        if pairs.iter().take(index).any(|(before, _)| before == name) {
            let zh = format!("`{name}` 出现了两次;请只写一次");
            return Some((name.clone(), language.of(&zh, &format!("`{name}` stands twice; write it once")).to_owned()));
        }
        if let Some(detail) = parameter.refusal(value, language) {
            return Some((name.clone(), detail));
        }
    }
    None
}

fn unknown(parameters: &[Parameter], name: &str, language: Language) -> String {
    let known: Vec<&str> = parameters.iter().filter(|one| one.place == Place::Query).map(|one| one.name).collect();
    let name = shown(name);
    let (zh, en) = if known.is_empty() {
        (format!("此请求没有参数 `{name}`;请去掉"), format!("this request takes no `{name}`; leave it out"))
    } else {
        (
            format!("此请求没有参数 `{name}`;可用:{}", known.join("、")),
            format!("this request takes no `{name}`; there are: {}", known.join(", ")),
        )
    };
    language.of(&zh, &en).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(values: Values, value: &str) -> Option<String> {
        Parameter::query("p", values, "").refusal(value, Language::English)
    }

    #[test]
    fn what_fits_passes_and_what_does_not_is_named_with_its_cure() {
        assert_eq!(refusal(Values::Whole(1, 500), "500"), None);
        for wrong in ["0", "501", "+5", " 5", "", "5.0", "99999999999999999999"] {
            let said = refusal(Values::Whole(1, 500), wrong).expect("refused");
            assert_eq!(said, format!("`p` is `{wrong}`; write a whole number from 1 to 500, or leave it out"));
        }
        assert_eq!(refusal(Values::Words(vec!["open", "closed"]), "open"), None);
        let said = refusal(Values::Words(vec!["open", "closed"]), "Open").expect("refused");
        assert!(said.contains("there are: open, closed"), "{said}");
        assert_eq!(refusal(Values::AsOf, "2021-07-20T17:00:00+08:00"), None);
        assert!(refusal(Values::AsOf, "yesterday").is_some());
        assert!(refusal(Values::AsOf, &"0".repeat(NAME_BYTES_MAX + 1)).is_some());
        assert!(refusal(Values::Name, &"a".repeat(NAME_BYTES_MAX)).is_none());
        let long = refusal(Values::Name, &"a".repeat(NAME_BYTES_MAX + 1)).expect("refused");
        assert!(long.len() < NAME_BYTES_MAX, "what was sent is not sent back whole: {long}");
    }
}
