//! Why: which policy said what, under which rule, and what took effect.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use muster_access::Action;
use muster_kernel::record::{Cause, Entry};
use muster_runtime::{Host, output};
use serde_json::{Value as Json_, json};

use crate::access::Caller;
use crate::problem::Problem;
use crate::reads;

/// `GET /v1/districts/{district}/entries/{seq}/explanation`.
pub(crate) async fn explanation(
    State(host): State<Arc<Host>>,
    Path((district, seq)): Path<(String, u64)>,
    caller: Caller,
) -> Result<Json<Json_>, Problem> {
    let language = caller.language;
    let found = reads::find(&host, &caller, Action::ReadExplanations, &district, seq).await?;
    let (entry, hash) = (found.entry, found.hash);
    // Policies are named as they were then: where the ones in force now are others, the past is folded.
    let calls: Vec<_> = entry.calls.iter().map(|call| (call.role, call.binding, call.package)).collect();
    let same = move |state: &muster_kernel::State| {
        let now = |role, binding| state.core.activation(role, binding).map(|known| known.package);
        calls.iter().all(|(role, binding, package)| now(*role, *binding) == *package)
    };
    let same = host.query(&district, same).await.map_err(|error| Problem::of_query(&error, language))?;
    let as_of = (!same).then(|| seq.to_string());
    let ask = move |state: &muster_kernel::State| {
        let offset = state.charter().map_or(0, |charter| charter.utc_offset_seconds);
        let lines = output::lines(&entry, hash, state);
        let facts: Vec<Json_> = lines.into_iter().map(|(_, line)| Json_::Object(line)).collect();
        json!({
            "seq": entry.seq,
            "hash": hash,
            "prev": entry.prev,
            "at": entry.at.to_local_text(offset),
            "happened": happened(&entry),
            "asked": asked(&entry, state),
            "took_effect": facts,
        })
    };
    reads::ask(&host, &district, as_of.as_deref(), language, ask).await.map(Json)
}

fn happened(entry: &Entry) -> Json_ {
    match &entry.cause {
        Cause::Event(event) => json!({"event": **event}),
        Cause::Timer { key, due } => json!({"timer": key, "due": due}),
        Cause::Charter { digest } => json!({"charter": digest}),
        Cause::Activation(activation) => json!({"activation": activation}),
        Cause::Migration => json!({"migration": "workflow"}),
        Cause::Withdrawal(withdrawal) => json!({"withdrawal": withdrawal}),
    }
}

/// The policies that were asked, each with what identifies it and what it used.
fn asked(entry: &Entry, state: &muster_kernel::State) -> Vec<Json_> {
    let calls = entry.calls.iter().map(|call| {
        let known = state.core.activation(call.role, call.binding);
        let known = known.filter(|known| Some(known.package) == call.package);
        json!({
            "role": call.role,
            "binding": call.binding,
            "package": call.package,
            "name": known.map(|known| known.name.clone()),
            "version": known.map(|known| known.version.clone()),
            "settings": call.settings,
            "fuel": call.fuel,
            "failure": call.failure,
            "detail": call.detail,
        })
    });
    calls.collect()
}
