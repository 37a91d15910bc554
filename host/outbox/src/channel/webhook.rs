//! Webhook: a signed POST of a `CloudEvent` 1.0 in the JSON event format (structured mode). A status of success is all
//! that counts; the receiver knows a message that comes again by its identity.

use serde_json::json;

use super::http::Http;
use super::signature::{self, Key};
use super::{Channel, Parcel};
use crate::{Message, Outcome};

pub(super) struct Webhook {
    http: Http,
    url: String,
    keys: Vec<Key>,
}

impl Webhook {
    pub(super) fn new(http: Http, url: &str, keys: Vec<Key>) -> Self {
        Self { http, url: url.into(), keys }
    }
}

impl Channel for Webhook {
    fn send(&self, parcel: Parcel<'_>) -> Outcome {
        let id = parcel.message.id.to_string();
        let body = event(parcel.message).to_string();
        let timestamp = parcel.now.as_millis().div_euclid(1_000);
        let signature = signature::sign(&self.keys, &id, timestamp, body.as_bytes());
        let headers = [
            ("content-type", "application/cloudevents+json"),
            ("webhook-id", &id),
            ("webhook-timestamp", &timestamp.to_string()),
            ("webhook-signature", &signature),
        ];
        match self.http.post(&self.url, &headers, body.as_bytes(), parcel.now) {
            Ok(_) => Outcome::Delivered,
            Err(outcome) => outcome,
        }
    }
}

/// The event that a system receives. `sequence` grows within a district; `fact` is absent when it is too large to
/// travel: the entry has it.
fn event(message: &Message) -> serde_json::Value {
    let position = message.id.position;
    json!({
        "specversion": "1.0",
        "id": message.id.to_string(),
        "source": format!("urn:muster:district:{}", message.id.district),
        "type": format!("gov.muster.{}", message.kind),
        "subject": message.id.recipient,
        "time": message.at.to_string(),
        "datacontenttype": "application/json",
        "sequence": position.seq.to_string(),
        "exercise": message.exercise,
        "data": {
            "district": message.id.district,
            "entry": position.seq,
            "index": position.index,
            "urgency": message.urgency,
            "language": message.language,
            "text": message.text,
            "receipt": message.receipt,
            "fact": message.fact,
        },
    })
}
