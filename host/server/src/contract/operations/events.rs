//! Events in.

use super::super::Operation;
use super::super::schema::{any_of, anything, named, text};
use crate::problem::Kind;

const ABOUT: &str = "One structured event, one binary event (`application/json` with `ce-` headers: attributes in the \
                     headers, percent-decoded, the body is `data`), or a batch. A receipt leaves once the entry is \
                     durable. A batch is answered in its order, each event by a receipt or a problem. A refused act is \
                     answered with a receipt, too: the refusal is on record. The same `source` and `id` again is a \
                     duplicate and changes nothing, so whatever got no answer may be sent again.";

const PROBLEMS: [Kind; 10] = [
    Kind::NotJson,
    Kind::NotCloudEvent,
    Kind::UnsupportedMedia,
    Kind::UnknownDistrict,
    Kind::Exercise,
    Kind::Busy,
    Kind::LowSpace,
    Kind::JournalStopped,
    Kind::Stopping,
    Kind::BadRequest,
];

fn sending(id: &'static str, summary: &'static str, one: &str, batch: &str) -> Operation {
    Operation::new("events", id, summary, any_of(vec![named(one), named(batch)]))
        .takes("application/cloudevents+json", named("CloudEvent"))
        .takes("application/cloudevents-batch+json", named("CloudEventBatch"))
        .takes("application/json", named("CloudEvent"))
        .refuses(&PROBLEMS)
}

pub(crate) fn anywhere() -> Operation {
    sending(
        "sendEvent",
        "Send events, each to the district whose tree knows its `jurisdiction` best",
        "Receipt",
        "BatchAnswer",
    )
    .about(ABOUT)
    .refuses(&[Kind::UnknownPlace])
}

pub(crate) fn to_district() -> Operation {
    sending("sendEventToDistrict", "Send events to a district", "Receipt", "BatchAnswer").about(ABOUT)
}

pub(crate) fn approve() -> Operation {
    sending(
        "approveEvent",
        "Say yes, as a second person, to an event that another one will send 双人复核",
        "Approval",
        "BatchApproval",
    )
    .about("The same body as the event itself. Nothing is sent by it.")
}

pub(crate) fn of_source() -> Operation {
    Operation::new("events", "sendOfSource", "Send what a source says in its own format 来源报文", any_of(vec![named("SourceAnswer"), named("BatchAnswer"), named("Receipt")]))
        .about(
            "CAP, alerts of Prometheus, lines of JSON or CloudEvents, as `[intake.NAME]` says. Each item of the message is \
             answered in its place by a receipt or a problem; CloudEvents as everywhere. The whole is a problem, with the items in it, where some may \
             be taken later (503), and where none was taken.",
        )
        .takes("application/cap+xml", text())
        .takes("application/xml", text())
        .takes("text/xml", text())
        .takes("application/x-ndjson", text())
        .takes("application/jsonl", text())
        .takes("application/json", anything("a message of Alertmanager"))
        .takes("application/cloudevents+json", named("CloudEvent"))
        .takes("application/cloudevents-batch+json", named("CloudEventBatch"))
        .refuses(&PROBLEMS)
        .refuses(&[Kind::UnknownPlace, Kind::UnknownSource, Kind::NotTaken])
        .of_sources()
}
