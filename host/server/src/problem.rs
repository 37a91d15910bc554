//! What went wrong, as RFC 9457 says it: a stable type, a title in the reader's language, and the fault in words.

use axum::Json;
use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_access::UNAUTHENTICATED;
use muster_access::guard::Throttled;
use muster_intake::Refusal;
use muster_runtime::activation::Attempt;
use muster_runtime::change::ChangeError;
use muster_runtime::cloudevent::CloudEventError;
use muster_runtime::{QueryError, SubmitError};
use serde::Serialize;
use serde_json::Value as Json_;

use crate::language::Language;

/// The media type of problems (RFC 9457).
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Seconds after which a place is likely to be free again: a change takes about one.
const CROWDED_SECONDS: u32 = 5;

/// A problem document.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: Type,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Box<str>>,
    /// The line of the input that is at fault, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// For a message of several parts: what came of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Json_>>,
    /// For a policy that was not let in: the attempt, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<Box<Attempt>>,
    #[serde(skip)]
    retry_after_seconds: Option<u32>,
}

/// The type of a problem: a URN that ends in a stable word. What a source said has words of its own.
#[derive(Debug, Clone, Copy)]
struct Type {
    code: &'static str,
    of_intake: bool,
}

impl Serialize for Type {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let family = if self.of_intake { "intake:" } else { "" };
        serializer.collect_str(&format_args!("urn:muster:problem:{family}{}", self.code))
    }
}

/// The kinds of problems. Their names are part of the interface.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    NotJson,
    NotCloudEvent,
    UnsupportedMedia,
    TooLarge,
    BadRequest,
    Method,
    UnknownDistrict,
    UnknownPlace,
    NotFound,
    Exercise,
    Busy,
    LowSpace,
    JournalStopped,
    Stopping,
    TooSlow,
    PolicyRefused,
    PolicyInvalid,
    Unauthenticated,
    Forbidden,
    TooManyProofs,
    NoOutbox,
    NotDelivering,
    NotNow,
    NotTaken,
    UnknownSource,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 25] = [
        Self::NotJson,
        Self::NotCloudEvent,
        Self::UnsupportedMedia,
        Self::TooLarge,
        Self::BadRequest,
        Self::Method,
        Self::UnknownDistrict,
        Self::UnknownPlace,
        Self::NotFound,
        Self::Exercise,
        Self::Busy,
        Self::LowSpace,
        Self::JournalStopped,
        Self::Stopping,
        Self::TooSlow,
        Self::PolicyRefused,
        Self::PolicyInvalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::TooManyProofs,
        Self::NoOutbox,
        Self::NotDelivering,
        Self::NotNow,
        Self::NotTaken,
        Self::UnknownSource,
    ];

    /// Its stable name.
    pub(crate) const fn code(self) -> &'static str {
        self.words().0
    }

    /// The status that it comes with.
    pub(crate) const fn status(self) -> StatusCode {
        self.words().1
    }

    /// Name, status, Chinese title, English title.
    const fn words(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Self::NotJson => ("not-json", StatusCode::BAD_REQUEST, "请求体不是 JSON", "the body is not JSON"),
            Self::NotCloudEvent => {
                ("not-a-cloudevent", StatusCode::BAD_REQUEST, "不是有效的 CloudEvent", "not a CloudEvent")
            }
            Self::UnsupportedMedia => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "不支持的内容类型",
                "the content type is not supported",
            ),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "请求体过大", "the body is too large"),
            Self::BadRequest => ("bad-request", StatusCode::BAD_REQUEST, "请求有误", "the request is not valid"),
            Self::Method => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "不支持的请求方法",
                "the method is not supported here",
            ),
            Self::UnknownDistrict => ("unknown-district", StatusCode::NOT_FOUND, "没有这个辖区", "no such district"),
            Self::UnknownPlace => {
                ("unknown-place", StatusCode::NOT_FOUND, "没有辖区管辖该地点", "no district knows the place")
            }
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "没有找到", "not found"),
            Self::Exercise => (
                "exercise",
                StatusCode::UNPROCESSABLE_ENTITY,
                "实战事件不进入演练",
                "a real event does not reach a drill",
            ),
            Self::Busy => ("busy", StatusCode::TOO_MANY_REQUESTS, "待处理过多", "too much is waiting"),
            Self::LowSpace => ("low-space", StatusCode::SERVICE_UNAVAILABLE, "磁盘空间不足", "the disk is nearly full"),
            Self::JournalStopped => {
                ("journal-stopped", StatusCode::SERVICE_UNAVAILABLE, "日志已停止写入", "the journal stopped")
            }
            Self::Stopping => ("stopping", StatusCode::SERVICE_UNAVAILABLE, "主机正在停止", "the host is stopping"),
            Self::PolicyRefused => {
                ("policy-refused", StatusCode::UNPROCESSABLE_ENTITY, "策略未获准启用", "the policy was not let in")
            }
            Self::PolicyInvalid => {
                ("policy-invalid", StatusCode::BAD_REQUEST, "策略变更请求有误", "the change cannot be tried")
            }
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "未通过身份验证", "not authenticated")
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "没有权限", "not permitted"),
            Self::TooManyProofs => (
                "too-many-failed-proofs",
                StatusCode::TOO_MANY_REQUESTS,
                "身份验证失败次数过多",
                "too many failed proofs",
            ),
            Self::NoOutbox => ("no-outbox", StatusCode::NOT_FOUND, "主机未配置送达", "this host delivers nothing"),
            Self::NotDelivering => {
                ("not-delivering", StatusCode::SERVICE_UNAVAILABLE, "送达停顿", "deliveries stand still")
            }
            Self::NotNow => ("not-now", StatusCode::CONFLICT, "目前不能这样做", "not as things stand"),
            Self::NotTaken => {
                ("intake", StatusCode::UNPROCESSABLE_ENTITY, "来源报文未被接受", "what the source said was not taken")
            }
            Self::UnknownSource => ("unknown-source", StatusCode::NOT_FOUND, "没有这个来源", "no such source"),
            Self::TooSlow => ("too-slow", StatusCode::SERVICE_UNAVAILABLE, "主机未能及时答复", "no answer in time"),
        }
    }
}

/// The language that the reader asked for.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    Language::accepted(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

impl Problem {
    pub(crate) fn new(kind: Kind, language: Language, detail: impl Into<String>) -> Self {
        let (name, status, chinese, english) = kind.words();
        let title = match language {
            Language::Chinese => chinese,
            Language::English => english,
        };
        Self {
            kind: Type { code: name, of_intake: false },
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            line: None,
            items: None,
            attempt: None,
            retry_after_seconds: None,
        }
    }

    pub(crate) fn field(mut self, field: Option<&str>) -> Self {
        self.field = field.map(Into::into);
        self
    }

    /// The stable word at the end of its type.
    pub(crate) const fn code(&self) -> &'static str {
        self.kind.code
    }

    /// Whether the same may be taken when it is sent again later.
    pub(crate) const fn passes(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// As the answer to a message of several parts. What passes is `503` here: webhooks that know no `429` come again.
    pub(crate) fn of_items(self, items: Json_) -> Self {
        let status = if self.passes() { StatusCode::SERVICE_UNAVAILABLE.as_u16() } else { self.status };
        Self { items: Some(Box::new(items)), status, ..self }
    }

    /// What a source said and the host does not take: the reason is the code.
    pub(crate) fn of_refusal(refusal: &Refusal, language: Language) -> Self {
        let detail = match language {
            Language::Chinese => refusal.chinese(),
            Language::English => refusal.to_string(),
        };
        let code = refusal.reason.code();
        let status = match code {
            "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
            "not-utf-8" | "doctype" | "not-xml" | "not-json" => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let path = Some(refusal.place.path.clone()).filter(|path| !path.is_empty());
        let problem = Self::new(Kind::NotTaken, language, detail).field(path.as_deref());
        let kind = Type { code, of_intake: true };
        Self { kind, status: status.as_u16(), line: refusal.place.line, ..problem }
    }

    /// A sentence that stands before the detail.
    pub(crate) fn because(mut self, sentence: &str) -> Self {
        self.detail = format!("{sentence}: {}", self.detail);
        self
    }

    /// No proof, or one that does not do: the same answer to everybody.
    pub(crate) fn unauthenticated(language: Language) -> Self {
        Self::new(Kind::Unauthenticated, language, language.of(UNAUTHENTICATED.0, UNAUTHENTICATED.1))
    }

    pub(crate) fn throttled(throttled: Throttled, language: Language) -> Self {
        let words = throttled.words();
        let problem = Self::new(Kind::TooManyProofs, language, language.of(&words.zh, &words.en));
        let seconds = u32::try_from(throttled.retry_after_seconds()).unwrap_or(u32::MAX);
        Self { retry_after_seconds: Some(seconds), ..problem }
    }

    /// As many large bodies are in hand as the host holds at once.
    pub(crate) fn crowded(most: usize, language: Language) -> Self {
        let (zh, en) = (
            format!("主机正在处理 {most} 个策略变更请求,同时不再接收更多;请稍后再发"),
            format!(
                "the host has {most} requests about policies in hand and holds no more at once; send it again soon"
            ),
        );
        let problem = Self::new(Kind::Busy, language, language.of(&zh, &en));
        Self { retry_after_seconds: Some(CROWDED_SECONDS), ..problem }
    }

    /// An attempt that did not pass.
    pub(crate) fn of_attempt(attempt: Attempt, language: Language) -> Self {
        let said = attempt.refusal().map(|refused| match language {
            Language::Chinese => format!("{}:{}", refused.step.chinese(), refused.words.zh),
            Language::English => format!("{}: {}", refused.step.english(), refused.words.en),
        });
        let problem = Self::new(Kind::PolicyRefused, language, said.unwrap_or_default());
        Self { attempt: Some(Box::new(attempt)), ..problem }
    }

    pub(crate) fn of_change(error: &ChangeError, language: Language) -> Self {
        let kind = match error {
            ChangeError::UnknownDistrict(_) => Kind::UnknownDistrict,
            ChangeError::Stopping => Kind::Stopping,
            _ => Kind::PolicyInvalid,
        };
        Self::new(kind, language, error.to_string())
    }

    pub(crate) fn of_event(error: &CloudEventError, language: Language) -> Self {
        Self::new(Kind::NotCloudEvent, language, error.to_string()).field(error.field())
    }

    pub(crate) fn of_submit(error: &SubmitError, language: Language) -> Self {
        let kind = match error {
            SubmitError::UnknownDistrict(_) => Kind::UnknownDistrict,
            SubmitError::UnknownPlace(_) => Kind::UnknownPlace,
            SubmitError::Busy { .. } => Kind::Busy,
            SubmitError::LowSpace => Kind::LowSpace,
            SubmitError::NotExercise => Kind::Exercise,
            SubmitError::TooLarge { .. } => Kind::TooLarge,
            SubmitError::Journal(_) => Kind::JournalStopped,
            SubmitError::NotPermitted(_) => Kind::Forbidden,
            SubmitError::Stopping => Kind::Stopping,
        };
        let field = matches!(error, SubmitError::NotExercise).then_some("exercise");
        let detail = match error {
            SubmitError::NotPermitted(refused) => language.of(&refused.chinese, &refused.english).to_owned(),
            _ => error.to_string(),
        };
        let mut problem = Self::new(kind, language, detail).field(field);
        if let SubmitError::Busy { retry_after_seconds, .. } = error {
            problem.retry_after_seconds = Some(*retry_after_seconds);
        }
        problem
    }

    pub(crate) fn of_query(error: &QueryError, language: Language) -> Self {
        let kind = match error {
            QueryError::UnknownDistrict(_) => Kind::UnknownDistrict,
            QueryError::Unavailable => Kind::Stopping,
            QueryError::Journal(_) => Kind::JournalStopped,
        };
        Self::new(kind, language, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry = self.retry_after_seconds;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"muster\""));
        }
        if let Some(seconds) = retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Nothing answers at this path.
pub(crate) async fn no_such_route(headers: HeaderMap, uri: axum::http::Uri) -> Problem {
    Problem::new(Kind::NotFound, language(&headers), format!("nothing answers at `{}`", uri.path()))
}

/// The answer did not come in time.
pub(crate) fn too_slow() -> Response {
    Problem::new(
        Kind::TooSlow,
        Language::English,
        "the host did not answer in time; the event may still be taken: send \
         it again with the same id, it counts once",
    )
    .into_response()
}

/// Longest sentence of the framework that is handed on.
const SENTENCE_BYTES_MAX: usize = 1_000;

/// What the framework refuses by itself - a path or query that does not parse, a wrong method - is a problem like any
/// other.
pub(crate) async fn in_words(language: Language, method: &Method, path: &str, response: Response) -> Response {
    let kind = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Kind::Method,
        StatusCode::BAD_REQUEST => Kind::BadRequest,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        _ => return response,
    };
    if response.headers().get(CONTENT_TYPE).is_some_and(|found| found == PROBLEM) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, SENTENCE_BYTES_MAX).await.unwrap_or_default();
    let detail = match (kind, String::from_utf8_lossy(&said)) {
        (Kind::Method, _) => format!("`{path}` does not answer {method}; the header `Allow` says what it does"),
        (Kind::TooLarge, _) => format!("the body is larger than `{path}` reads; send less at once"),
        (_, said) => said.into_owned(),
    };
    let mut problem = Problem::new(kind, language, detail).into_response();
    if let Some(allowed) = parts.headers.get(ALLOW) {
        problem.headers_mut().insert(ALLOW, allowed.clone());
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::{Kind, Language, Problem, SubmitError};

    #[test]
    fn what_is_too_large_for_the_journal_is_not_asked_for_again() {
        let error = SubmitError::TooLarge { district: "yunhe".into(), bytes: 9, most: 8 };
        let problem = Problem::of_submit(&error, Language::English);
        assert_eq!((problem.code(), problem.status, problem.passes()), ("too-large", 413, false));
        assert!(problem.detail.contains("9 bytes"), "{}", problem.detail);
    }

    #[test]
    fn every_kind_of_problem_is_listed_once() {
        let list = include_str!("problem.rs").split_once("pub(crate) enum Kind {").expect("the list of kinds").1;
        let list = list.split_once('}').expect("its end").0;
        let there: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let listed: Vec<String> = Kind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
        assert_eq!(there, listed);
        let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len(), "a code names one kind");
    }
}
