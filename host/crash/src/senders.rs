//! Those who send: events whose ids are known beforehand, and what was answered to each.
//! Must never take anything for acknowledged but a receipt that came back whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use crate::chance::Chance;

/// A receipt, as its sender got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    pub(crate) duplicate: bool,
}

impl Receipt {
    pub(crate) fn read(json: &Json) -> Option<Self> {
        let (seq, hash) = (json["seq"].as_u64()?, json["hash"].as_str()?.to_owned());
        Some(Self { seq, hash, duplicate: json["duplicate"].as_bool()? })
    }
}

/// All that was sent, by id, with the first receipt that came back.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, Option<Receipt>>>);

impl Ledger {
    /// Before it is sent.
    pub(crate) fn will_send(&self, id: &str) {
        self.with(|sent| {
            sent.entry(id.to_owned()).or_default();
        });
    }

    pub(crate) fn was_answered(&self, id: &str, receipt: Receipt) {
        self.with(|sent| {
            sent.entry(id.to_owned()).or_default().get_or_insert(receipt);
        });
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Option<Receipt>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn answered(&self) -> usize {
        self.with(|sent| sent.values().flatten().count())
    }
}

/// A signal about standing water. Some are long, so that their entries fill many sectors.
pub(crate) fn signal(id: &str, chance: &mut Chance) -> Json {
    let words = if chance.per_cent(25) { chance.place(2_000) } else { 0 };
    let node = ["990103901", "990102901", "990105902", "990182901"][chance.place(4)];
    json!({
        "specversion": "1.0", "id": id, "source": "urn:test:grid", "type": "gov.muster.signal.reported",
        "jurisdiction": node, "data": {"kind": "ponding", "depth_cm": 18, "text": "water ".repeat(words)}
    })
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Answer {
    Receipt(Receipt),
    /// Another status, with the problem.
    Refused(u16, Json),
}

/// Sends one event. An error means that no whole answer came.
pub(crate) fn send(agent: &ureq::Agent, url: &str, event: &Json) -> anyhow::Result<Answer> {
    let mut response = agent.post(url).content_type("application/cloudevents+json").send(event.to_string())?;
    let status = response.status().as_u16();
    let answer: Json = response.body_mut().read_json()?;
    if status == 200 {
        return Ok(Answer::Receipt(Receipt::read(&answer).with_context(|| format!("no receipt: {answer}"))?));
    }
    Ok(Answer::Refused(status, answer))
}

/// Sends a batch, and notes the receipts.
fn send_batch(agent: &ureq::Agent, url: &str, events: &[(String, Json)], ledger: &Ledger) -> anyhow::Result<()> {
    let batch: Vec<&Json> = events.iter().map(|(_, event)| event).collect();
    let content = "application/cloudevents-batch+json";
    let mut response = agent.post(url).content_type(content).send(json!(batch).to_string())?;
    let answers: Json = response.body_mut().read_json()?;
    for (number, (id, _)) in events.iter().enumerate() {
        let receipt = Receipt::read(&answers[number]["receipt"]).with_context(|| format!("{}", answers[number]))?;
        ledger.was_answered(id, receipt);
    }
    Ok(())
}

/// A load: how many send at once, and how many events each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) senders: u64,
    pub(crate) each: u64,
}

/// Sends a load and waits for every answer; every fourth sender sends batches. `name` begins all ids.
pub(crate) fn load(url: &str, name: &str, load: Load, seed: u64, ledger: &Ledger) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let sender = |sender: u64| {
            move || -> anyhow::Result<()> {
                let (agent, mut chance) = (crate::host::agent(), Chance::of(seed, sender));
                let mut batch = Vec::new();
                for number in 0..load.each {
                    let id = format!("{name}-{sender}-{number}");
                    let event = signal(&id, &mut chance);
                    ledger.will_send(&id);
                    if sender % 4 == 3 {
                        batch.push((id, event));
                        if batch.len() == 15 || number + 1 == load.each {
                            send_batch(&agent, url, &batch, ledger)?;
                            batch.clear();
                        }
                    } else if let Answer::Receipt(receipt) = send(&agent, url, &event)? {
                        ensure!(!receipt.duplicate, "{id} was called a duplicate at its first time");
                        ledger.was_answered(&id, receipt);
                    }
                }
                Ok(())
            }
        };
        let running: Vec<_> = (0..load.senders).map(|number| scope.spawn(sender(number))).collect();
        running.into_iter().try_for_each(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
    })
}
