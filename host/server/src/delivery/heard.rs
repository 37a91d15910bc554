//! What is heard of the outbox: events are logged and counted, troubles stand in the status until they are over.
//!
//! It runs on the carrier's own thread and leaves notes only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::DistrictId;
use muster_outbox::{CarrierError, Event, JournalError, Language, Outcome, RecipientName, RecipientStatus};
use muster_runtime::{Degradation, Host};

use super::lock;

/// What stands still, and why.
#[derive(Default)]
struct Standstill {
    kept: Option<String>,
    /// Districts whose entries cannot be read.
    journal: BTreeMap<DistrictId, String>,
    /// Signals of failed deliveries that their districts do not take.
    owed: BTreeMap<DistrictId, Owed>,
    /// Recipients that the settings do not name any more, with their dead letters.
    unclaimed: BTreeMap<RecipientName, usize>,
}

/// Signals that a district does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) signals: usize,
    /// Why the first of them was not taken.
    pub(super) reason: String,
}

/// What was heard.
pub(super) struct Heard {
    host: Arc<Host>,
    standstill: Mutex<Standstill>,
}

impl Heard {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { host, standstill: Mutex::default() }
    }

    pub(super) fn event(&self, event: &Event) {
        let (kind, said) = (event.kind(), event.sentence(Language::English));
        match event {
            Event::Attempted { outcome, .. } => {
                self.host.count_delivery(word(outcome));
                if *outcome == Outcome::Delivered {
                    tracing::debug!(target: "muster::outbox", kind, "{said}");
                } else {
                    tracing::info!(target: "muster::outbox", kind, "{said}");
                }
            }
            Event::Delivered { .. } => tracing::debug!(target: "muster::outbox", kind, "{said}"),
            alarm if alarm.alarms() => tracing::warn!(target: "muster::outbox", kind, "{said}"),
            _ => tracing::info!(target: "muster::outbox", kind, "{said}"),
        }
        if let Event::Unclaimed { recipient, letters, .. } = event {
            lock(&self.standstill).unclaimed.insert(recipient.clone(), *letters);
        }
    }

    pub(super) fn trouble(&self, error: &CarrierError) {
        let mut standstill = lock(&self.standstill);
        let reason = error.to_string();
        // It is tried again every second; it is said once.
        let before = match error {
            CarrierError::Journal(JournalError { district, .. }) => {
                standstill.journal.insert(district.clone(), reason.clone())
            }
            _ => standstill.kept.replace(reason.clone()),
        };
        if before.as_ref() != Some(&reason) {
            tracing::error!(target: "muster::outbox", "{reason}");
        }
    }

    /// What of the signals that are owed was not taken, at the last look.
    pub(super) fn owed(&self, owed: BTreeMap<DistrictId, Owed>) {
        let mut standstill = lock(&self.standstill);
        for (district, one) in &owed {
            // It is tried again every few seconds; it is said once.
            if standstill.owed.get(district).is_none_or(|before| before.reason != one.reason) {
                let Owed { signals, reason } = one;
                tracing::warn!(target: "muster::outbox", %district, signals, "signals wait for the district: {reason}");
            }
        }
        standstill.owed = owed;
    }

    /// A batch was kept.
    pub(super) fn kept_again(&self) {
        lock(&self.standstill).kept = None;
    }

    /// Entries of a district were read.
    pub(super) fn read_again(&self, district: &DistrictId) {
        lock(&self.standstill).journal.remove(district);
    }

    /// What was kept of a recipient is gone.
    pub(super) fn forgotten(&self, recipient: &RecipientName) {
        lock(&self.standstill).unclaimed.remove(recipient);
    }

    /// What does not reach everybody, in words.
    pub(super) fn degradations(&self, status: Result<&[RecipientStatus], &CarrierError>) -> Vec<Degradation> {
        let standstill = lock(&self.standstill);
        let mut found = Vec::new();
        let mut say = |chinese: String, english: String| found.push(Degradation::NotDelivered { chinese, english });
        for reason in standstill.kept.iter().chain(standstill.journal.values()) {
            say(
                format!("送达停顿:决定照常作出并落盘,消息留待恢复后补送,不会丢失。原因:{reason}"),
                format!(
                    "deliveries stand still; decisions are made as ever and wait in the journal, none is lost: {reason}"
                ),
            );
        }
        let rows = match status {
            Ok(rows) => rows,
            Err(error) => {
                say(
                    format!("送达没有应答:决定照常作出,消息留待恢复后补送。原因:{error}"),
                    format!("deliveries do not answer; decisions are made as ever and wait in the journal: {error}"),
                );
                &[]
            }
        };
        for row in rows {
            let recipient = &row.recipient;
            if row.halted {
                say(
                    format!(
                        "{recipient} 的死信已达上限({} 封),其消息留在日志中等待。请重发或作废部分死信(muster outbox)",
                        row.dead
                    ),
                    format!(
                        "{recipient} has as many dead letters as may be ({}) and is told nothing until some are replayed \
                         or discarded (muster outbox)",
                        row.dead
                    ),
                );
            } else if row.dead > 0 {
                say(
                    format!(
                        "{recipient} 有 {} 封死信:请以其他方式通知对方,再重发或作废(muster outbox dead-letters)",
                        row.dead
                    ),
                    format!(
                        "{recipient} has {} dead letters: tell it another way, then replay or discard them (muster \
                         outbox dead-letters)",
                        row.dead
                    ),
                );
            }
            for endpoint in &row.endpoints {
                let Some(disabled) = &endpoint.disabled else { continue };
                say(
                    format!(
                        "{recipient} 的渠道 `{}` 已关闭:{}",
                        endpoint.channel,
                        disabled.reason.in_words(Language::Chinese)
                    ),
                    format!("channel `{}` of {recipient} is switched off: {}", endpoint.channel, disabled.reason),
                );
            }
        }
        for (district, Owed { signals, reason }) in &standstill.owed {
            say(
                format!(
                    "{district} 尚未收到 {signals} 条送达失败的信号,其策略不知情;信号已保存,可送入时自动补送。原因:{reason}"
                ),
                format!(
                    "{district} was not told yet of {signals} failed deliveries, so its policies do not act on them; the \
                     signals are kept and sent once it takes them: {reason}"
                ),
            );
        }
        for (recipient, letters) in &standstill.unclaimed {
            say(
                format!("设置中已没有 {recipient},其尚有 {letters} 封死信:请重新写入设置,或清除(muster outbox forget)"),
                format!(
                    "the settings do not name {recipient} any more, which has {letters} dead letters: name it again, or \
                     forget it (muster outbox forget)"
                ),
            );
        }
        found
    }
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Later { .. } => "later",
        Outcome::Refused { .. } => "refused",
        Outcome::Gone { .. } => "gone",
    }
}
