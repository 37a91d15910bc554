//! `POST /v1/intake/{source}`: a message in the source's own format. Every item of it is answered in its place; a message
//! that is refused whole is one problem. Nothing is answered before what was taken is durable.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use muster_intake::{Adapter, Format, Item, Place, Reader};
use muster_kernel::Event;
use muster_kernel::record::Receipt;
use serde_json::{Value as Json_, json};

use super::Named;
use crate::Service;
use crate::access::Caller;
use crate::intake;
use crate::language::Language;
use crate::problem::{Kind, Problem};

/// What counters call an item that is durable.
const TAKEN: &str = "taken";

/// `POST /v1/intake/{source}`.
pub(crate) async fn take(
    State(service): State<Service>,
    Path(name): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let Some(named) = service.sources.find(&name) else {
        return Err(unknown(&caller, &name));
    };
    match &named.source.reader {
        Reader::Host => {
            let district = named.source.district.clone();
            intake::of_source(service, caller, district, request).await
        }
        Reader::Adapter(adapter) => {
            let host = Arc::clone(&service.host);
            let answered = of_adapter(service, caller, &named, Arc::clone(adapter), request).await;
            if let Err(problem) = &answered {
                host.count_intake(named.format(), problem.code());
            }
            answer(answered?)
        }
    }
}

/// Whoever showed nothing does not learn which sources there are.
fn unknown(caller: &Caller, name: &str) -> Problem {
    let language = caller.language;
    if caller.is_anybody() {
        return Problem::unauthenticated(language);
    }
    let detail = match language {
        Language::Chinese => format!("没有名为 `{name}` 的来源;请在 muster.toml 中写明 [intake.{name}]"),
        Language::English => format!("there is no source `{name}`; write [intake.{name}] in muster.toml"),
    };
    Problem::new(Kind::UnknownSource, language, detail)
}

async fn of_adapter(
    service: Service,
    caller: Caller,
    named: &Arc<Named>,
    adapter: Arc<dyn Adapter>,
    request: Request,
) -> Result<Vec<Answered>, Problem> {
    let language = caller.language;
    // Whoever does not speak for the source does not make the host read anything.
    caller.in_the_name_of(&named.source.speaks_as)?;
    expect_media(request.headers(), named.source.format, language)?;
    let bytes = intake::body(request, language).await?;
    // One message of one source at a time: the next may refer to this one.
    let turn = Arc::clone(&named.turn).lock_owned().await;
    let message = Message { service, caller, named: Arc::clone(named) };
    // What is sent is remembered, also when its sender hangs up before the answer.
    let taken = tokio::spawn(async move {
        let taken = message.take(&*adapter, &bytes).await;
        drop(turn);
        taken
    });
    match taken.await {
        Ok(taken) => taken,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => Err(Problem::of_submit(&muster_runtime::SubmitError::Stopping, language)),
    }
}

/// The body must come as the source's format does, where its sender says how it comes.
fn expect_media(headers: &HeaderMap, format: Format, language: Language) -> Result<(), Problem> {
    let Some(content) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let media = content.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if format.media_types().contains(&media.as_str()) {
        return Ok(());
    }
    let wanted = format.media_types().join(", ");
    let detail = match language {
        Language::Chinese => format!("该来源的内容类型应为 {wanted}"),
        Language::English => format!("this source sends {wanted}"),
    };
    Err(Problem::new(Kind::UnsupportedMedia, language, detail))
}

impl Named {
    /// What counters call its format.
    fn format(&self) -> &'static str {
        self.source.format.as_str()
    }
}

/// A message on its way in.
struct Message {
    service: Service,
    caller: Caller,
    named: Arc<Named>,
}

/// What came of one item.
struct Answered {
    place: Place,
    id: Option<String>,
    outcome: Result<Receipt, Problem>,
}

impl Message {
    async fn take(&self, adapter: &dyn Adapter, bytes: &[u8]) -> Result<Vec<Answered>, Problem> {
        let (host, sources, language) = (&self.service.host, &self.service.sources, self.caller.language);
        let now = host.now();
        // A large message takes a few milliseconds, on a thread that answers others.
        let read = tokio::task::block_in_place(|| sources.read(adapter, bytes, now));
        let items = read.map_err(|refusal| Problem::of_refusal(&refusal, language))?;
        let mut ready = Vec::with_capacity(items.len());
        for Item { place, read } in items {
            let read = match read {
                Ok(event) => self.district(&event).await.map(|district| (district, event)),
                Err(refusal) => Err(Problem::of_refusal(&refusal, language)),
            };
            ready.push((place, read));
        }
        // All are handed over in order before the first is waited for, so that they share one commit.
        let sent = ready.into_iter().map(|(place, read)| async {
            let (id, outcome) = match read {
                Ok((district, event)) => {
                    let id = event.id.clone();
                    (Some(id), intake::send(&self.service, &self.caller, &district, event).await)
                }
                Err(problem) => (None, Err(problem)),
            };
            Answered { place, id, outcome }
        });
        let answered = join_all(sent).await;
        for item in &answered {
            let outcome = item.outcome.as_ref().map_or_else(Problem::code, |_| TAKEN);
            host.count_intake(self.named.format(), outcome);
        }
        Ok(answered)
    }

    async fn district(&self, event: &Event) -> Result<String, Problem> {
        if let Some(district) = &self.named.source.district {
            return Ok(district.clone());
        }
        let found = self.service.host.district_of(&event.place).await;
        found.map(|id| id.to_string()).map_err(|error| Problem::of_submit(&error, self.caller.language))
    }
}

impl Answered {
    fn to_json(&self) -> Json_ {
        let mut place = json!({});
        if !self.place.path.is_empty() {
            place["path"] = json!(self.place.path);
        }
        if let Some(line) = self.place.line {
            place["line"] = json!(line);
        }
        match &self.outcome {
            Ok(receipt) => json!({"place": place, "id": self.id, "receipt": receipt}),
            Err(problem) => json!({"place": place, "id": self.id, "problem": problem}),
        }
    }
}

/// Items that were taken and items that were refused for good are answered with `200`. The whole is a problem, with the
/// items in it, where something may be taken later, so that senders who only look at the status come again, and where
/// nothing was taken.
fn answer(answered: Vec<Answered>) -> Result<Response, Problem> {
    let items: Json_ = answered.iter().map(Answered::to_json).collect();
    let mut problems = Vec::new();
    let mut taken = 0_usize;
    for item in answered {
        match item.outcome {
            Ok(_) => taken += 1,
            Err(problem) => problems.push(problem),
        }
    }
    let passing = problems.iter().position(Problem::passes);
    let told = passing.or((taken == 0 && !problems.is_empty()).then_some(0));
    match told {
        Some(at) => Err(problems.swap_remove(at).of_items(items)),
        None => Ok(Json(items).into_response()),
    }
}
