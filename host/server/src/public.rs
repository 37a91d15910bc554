//! What everybody may see (公众参与监督): incidents, levels, measures and rates, some time after they were decided.
//!
//! What stands here is chosen field by field: no person, no sender, no vendor, no reason in a reporter's words ever is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use muster_access::Action;
use muster_kernel::{MeasureStatus, facts, roster};
use muster_runtime::Host;
use serde_json::{Value as Json_, json};

use crate::access::Caller;
use crate::problem::{Kind, Problem};
use crate::registers::{self, Part};
use crate::views::{local, maybe_local};

/// `GET /v1/public/{district}`.
pub(crate) async fn view(
    axum::extract::State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    caller: Caller,
) -> Result<Json<Json_>, Problem> {
    let language = caller.language;
    caller.in_district(&host, Action::ReadPublicView, &district, None).await?;
    let ask = |state: &muster_kernel::State| state.charter().and_then(|charter| charter.clocks.public_delay);
    let delay = host.query(&district, ask).await.map_err(|error| Problem::of_query(&error, language))?;
    let Some(delay) = delay else {
        return Err(Problem::new(Kind::NotFound, language, format!("{district} has no public view")));
    };
    let folding = Arc::clone(&host);
    let read = tokio::task::spawn_blocking(move || folding.delayed(&district, delay, of)).await;
    let shown = read.unwrap_or(Err(muster_runtime::QueryError::Unavailable));
    shown.map(Json).map_err(|error| Problem::of_query(&error, language))
}

fn of(state: &muster_kernel::State) -> Json_ {
    let place = |code: &str| roster::exact(state, code).map(|node| node.name.clone());
    let incidents = state.incidents.iter().map(|(id, row)| {
        let view = facts::view(state, id, row);
        let measures = facts::measures(state, id.as_str()).into_iter();
        let measures = measures.filter(|record| record.status == MeasureStatus::InForce).map(|record| {
            json!({
                "kind": record.measure.kind, "place": place(record.measure.node.as_str()),
                "scope": record.measure.scope, "exceptions": record.measure.exceptions,
                "starts": maybe_local(state, record.measure.starts), "ends": maybe_local(state, record.measure.ends),
                "radius_metres": record.measure.radius_metres,
            })
        });
        json!({
            "hazard": row.hazard, "place": place(row.node.as_str()), "opened": local(state, row.opened),
            "closed": maybe_local(state, row.closed), "level": view.response.in_force, "stage": row.stage,
            "mode": view.mode, "measures": measures.collect::<Vec<_>>(),
        })
    });
    let rates = registers::of(state, "rates", &Part::whole(state));
    json!({
        "as_of": local(state, state.core.now), "seq": state.core.seq, "head": state.core.head,
        "incidents": incidents.collect::<Vec<_>>(), "rates": rates,
    })
}
