//! An entry as a span, in the JSON form of OTLP 1.x (`opentelemetry.proto.trace.v1.Span`). It says what the journal says:
//! which policies were asked and what they used, never what people wrote.

use muster_kernel::Instant;
use muster_kernel::record::{Cause, Fact};
use muster_runtime::Committed;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// `SPAN_KIND_SERVER`: it answers something that came from outside.
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`.
const FAILED: u8 = 2;

/// One span.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    #[serde(rename = "traceId")]
    trace: String,
    #[serde(rename = "spanId")]
    id: String,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Json>,
    events: Vec<Json>,
    status: Json,
}

/// Whether an entry is told: by its hash, so that every host tells the same ones; a failure always is.
pub(crate) fn wanted(committed: &Committed, permille: u16) -> bool {
    let share = u16::from_be_bytes([committed.hash.0[30], committed.hash.0[31]]);
    u32::from(share) * 1_000 < u32::from(permille) << 16 || has_failed(committed)
}

fn has_failed(committed: &Committed) -> bool {
    committed.entry.facts.iter().any(|fact| matches!(fact, Fact::PolicyFailed { .. }))
}

/// An attribute whose value is a text.
pub(crate) fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

/// An attribute whose value is a whole number; 64-bit numbers are strings in this form.
fn number(key: &str, value: u64) -> Json {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn nanoseconds(at: Instant) -> String {
    (i128::from(at.as_millis()) * 1_000_000).to_string()
}

impl Span {
    /// The span of an entry that was heard to be durable at an instant.
    pub(crate) fn of(committed: &Committed, durable: Instant) -> Self {
        let (entry, hash) = (&committed.entry, committed.hash.to_string());
        let mut attributes = vec![
            text("muster.district", entry.district.as_str()),
            number("muster.entry.seq", entry.seq),
            text("muster.entry.hash", &hash),
            number("muster.facts", entry.facts.len() as u64),
        ];
        let cause = match &entry.cause {
            Cause::Event(event) => {
                attributes.push(text("cloudevents.event_id", &event.id));
                attributes.push(text("cloudevents.event_source", &event.source));
                attributes.push(text("cloudevents.event_type", &event.kind));
                attributes.extend(event.incident.as_ref().map(|incident| text("muster.incident", incident)));
                "event"
            }
            Cause::Timer { key, .. } => {
                attributes.push(text("muster.timer", key));
                "timer"
            }
            Cause::Charter { .. } => "charter",
            Cause::Activation(_) => "activation",
            Cause::Migration => "migration",
            Cause::Withdrawal(_) => "withdrawal",
        };
        let at = nanoseconds(entry.at);
        let asked = entry.calls.iter().map(|call| {
            let mut said = vec![text("muster.role", call.role.as_str()), number("muster.fuel", call.fuel)];
            said.extend(call.package.map(|package| text("muster.package", &package.to_string())));
            said.extend(call.failure.map(|failure| text("muster.failure", failure.as_str())));
            json!({"name": "policy asked", "timeUnixNano": at, "attributes": said})
        });
        let events = asked.collect();
        let status = if has_failed(committed) {
            json!({"code": FAILED, "message": "a policy failed and a lower rung answered"})
        } else {
            json!({})
        };
        Self {
            // 16 bytes and 8 bytes, as hexadecimal digits.
            trace: hash[..32].to_owned(),
            id: hash[32..48].to_owned(),
            name: format!("decide {cause}"),
            kind: SERVER,
            start_time_unix_nano: at.clone(),
            end_time_unix_nano: nanoseconds(durable.max(entry.at)),
            attributes,
            events,
            status,
        }
    }
}
