//! What the outbox tells the host: what was delivered, what was not, and what a person should look at. Says; never acts.

use muster_kernel::Instant;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{ChannelName, Language, MessageId, Outcome, RecipientName, Trouble};

/// Something that happened on the way to recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An attempt ended.
    Attempted {
        /// Which message.
        id: MessageId,
        /// By which channel.
        channel: ChannelName,
        /// When it ended.
        at: Instant,
        /// Which attempt, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
    },
    /// A message was delivered.
    Delivered {
        /// Which message.
        id: MessageId,
        /// By which channel.
        channel: ChannelName,
        /// When.
        at: Instant,
        /// After how many attempts.
        attempts: u32,
        /// A receipt is waited for until then.
        receipt_by: Option<Instant>,
    },
    /// A message goes on to another channel.
    Hopped {
        /// Which message.
        id: MessageId,
        /// From this channel.
        from: ChannelName,
        /// To this one.
        to: ChannelName,
        /// When.
        at: Instant,
        /// Why.
        reason: Trouble,
    },
    /// A receipt came back.
    Receipted {
        /// Which message.
        id: MessageId,
        /// When.
        at: Instant,
        /// Who gave it.
        by: String,
    },
    /// A message was given up on all channels: it is a dead letter now.
    Failed {
        /// Which message.
        id: MessageId,
        /// The fact's kind.
        fact: String,
        /// When.
        at: Instant,
        /// After how many attempts.
        attempts: u32,
        /// The last reason.
        reason: Trouble,
    },
    /// A person took a message out.
    Discarded {
        /// Which message.
        id: MessageId,
        /// When.
        at: Instant,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person wants a dead letter to be sent again.
    Replayed {
        /// Which message.
        id: MessageId,
        /// When.
        at: Instant,
        /// Who.
        by: String,
    },
    /// A channel is switched off.
    Disabled {
        /// Whose channel.
        recipient: RecipientName,
        /// Which.
        channel: ChannelName,
        /// When.
        at: Instant,
        /// Why.
        reason: Trouble,
    },
    /// A person switched a channel on again.
    Enabled {
        /// Whose channel.
        recipient: RecipientName,
        /// Which.
        channel: ChannelName,
        /// When.
        at: Instant,
        /// Who.
        by: String,
    },
    /// A channel failed so often in a row that it is left alone for a while.
    CircuitOpened {
        /// Whose channel.
        recipient: RecipientName,
        /// Which.
        channel: ChannelName,
        /// When.
        at: Instant,
        /// One attempt probes it then.
        until: Instant,
    },
    /// A channel works again.
    CircuitClosed {
        /// Whose channel.
        recipient: RecipientName,
        /// Which.
        channel: ChannelName,
        /// When.
        at: Instant,
    },
    /// A recipient has as many dead letters as may be: it stands still until a person replays or discards some.
    DeadLettersFull {
        /// Whose.
        recipient: RecipientName,
        /// When.
        at: Instant,
        /// How many there are.
        letters: usize,
    },
    /// What is kept belongs to a recipient that the settings do not name any more.
    Unclaimed {
        /// Whose.
        recipient: RecipientName,
        /// When it was found.
        at: Instant,
        /// How many dead letters it has.
        letters: usize,
    },
}

impl Event {
    /// Its kind, in the house's style, for instance `delivery.failed`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Attempted { .. } => "delivery.attempted",
            Self::Delivered { .. } => "delivery.completed",
            Self::Hopped { .. } => "delivery.rerouted",
            Self::Receipted { .. } => "delivery.receipted",
            Self::Failed { .. } => "delivery.failed",
            Self::Discarded { .. } => "delivery.discarded",
            Self::Replayed { .. } => "delivery.replayed",
            Self::Disabled { .. } => "channel.disabled",
            Self::Enabled { .. } => "channel.enabled",
            Self::CircuitOpened { .. } => "channel.suspended",
            Self::CircuitClosed { .. } => "channel.restored",
            Self::DeadLettersFull { .. } => "recipient.halted",
            Self::Unclaimed { .. } => "recipient.unclaimed",
        }
    }

    /// True when a person has to look at it.
    pub const fn alarms(&self) -> bool {
        matches!(
            self,
            Self::Failed { .. } | Self::Disabled { .. } | Self::DeadLettersFull { .. } | Self::Unclaimed { .. }
        )
    }

    /// The event in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::Chinese => self.chinese(),
            Language::English => self.english(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Attempted { id, channel, attempt, outcome, .. } => {
                let end = match outcome {
                    Outcome::Delivered => "delivered".into(),
                    Outcome::Later { trouble, .. } | Outcome::Refused { trouble } | Outcome::Gone { trouble } => {
                        trouble.to_string()
                    }
                };
                format!("attempt {attempt} at {id} by `{channel}`: {end}")
            }
            Self::Delivered { id, channel, attempts, receipt_by, .. } => {
                let receipt = receipt_by.map(|by| format!("; a receipt is due by {by}")).unwrap_or_default();
                format!("{id} was delivered by `{channel}`, attempt {attempts}{receipt}")
            }
            Self::Hopped { id, from, to, reason, .. } => {
                format!("{id} goes on from `{from}` to `{to}`: {reason}")
            }
            Self::Receipted { id, by, .. } => format!("{by} gave the receipt for {id}"),
            Self::Failed { id, attempts, reason, .. } => format!(
                "{id} reached nobody by any channel, after {attempts} attempts; it is a dead letter: {reason}. \
                 Tell the recipient another way, then replay or discard the letter"
            ),
            Self::Discarded { id, by, reason, .. } => format!("{by} discarded {id}: {reason}"),
            Self::Replayed { id, by, .. } => format!("{by} has {id} sent again"),
            Self::Disabled { recipient, channel, reason, .. } => {
                format!("channel `{channel}` of {recipient} is switched off: {reason}")
            }
            Self::Enabled { recipient, channel, by, .. } => {
                format!("{by} switched channel `{channel}` of {recipient} on again")
            }
            Self::CircuitOpened { recipient, channel, until, .. } => {
                format!("channel `{channel}` of {recipient} keeps failing; it is left alone until {until}")
            }
            Self::CircuitClosed { recipient, channel, .. } => format!("channel `{channel}` of {recipient} works again"),
            Self::DeadLettersFull { recipient, letters, .. } => format!(
                "{recipient} has {letters} dead letters, as many as may be: deliveries to it wait in the journal \
                 until some are replayed or discarded"
            ),
            Self::Unclaimed { recipient, letters, .. } => format!(
                "the settings do not name {recipient} any more, which has {letters} dead letters; \
                 name it again to send them, or forget it"
            ),
        }
    }

    fn chinese(&self) -> String {
        let zh = |trouble: &Trouble| trouble.in_words(Language::Chinese);
        match self {
            Self::Attempted { id, channel, attempt, outcome, .. } => {
                let end = match outcome {
                    Outcome::Delivered => "已送达".into(),
                    Outcome::Later { trouble, .. } | Outcome::Refused { trouble } | Outcome::Gone { trouble } => {
                        zh(trouble)
                    }
                };
                format!("{id} 经 `{channel}` 第 {attempt} 次发送：{end}")
            }
            Self::Delivered { id, channel, attempts, receipt_by, .. } => {
                let receipt = receipt_by.map(|by| format!("，须于 {by} 前回执")).unwrap_or_default();
                format!("{id} 经 `{channel}` 第 {attempts} 次发送送达{receipt}")
            }
            Self::Hopped { id, from, to, reason, .. } => {
                format!("{id} 由 `{from}` 转 `{to}`：{}", zh(reason))
            }
            Self::Receipted { id, by, .. } => format!("{by} 已回执 {id}"),
            Self::Failed { id, attempts, reason, .. } => format!(
                "{id} 经所有渠道均未送达（共 {attempts} 次），已列为死信：{}。请以其他方式通知对方，再重发或作废该死信",
                zh(reason)
            ),
            Self::Discarded { id, by, reason, .. } => format!("{by} 作废 {id}：{reason}"),
            Self::Replayed { id, by, .. } => format!("{by} 要求重发 {id}"),
            Self::Disabled { recipient, channel, reason, .. } => {
                format!("{recipient} 的渠道 `{channel}` 已关闭：{}", zh(reason))
            }
            Self::Enabled { recipient, channel, by, .. } => format!("{by} 重新启用 {recipient} 的渠道 `{channel}`"),
            Self::CircuitOpened { recipient, channel, until, .. } => {
                format!("{recipient} 的渠道 `{channel}` 连续失败，暂停至 {until}")
            }
            Self::CircuitClosed { recipient, channel, .. } => format!("{recipient} 的渠道 `{channel}` 已恢复"),
            Self::DeadLettersFull { recipient, letters, .. } => {
                format!("{recipient} 的死信已达上限（{letters} 封）：其消息留在日志中等待，请重发或作废部分死信")
            }
            Self::Unclaimed { recipient, letters, .. } => {
                format!("设置中已没有 {recipient}，但其尚有 {letters} 封死信；请重新写入设置以便发送，或清除")
            }
        }
    }

    /// The signal that a host may take into the district's journal when a message reached nobody: a `CloudEvent` whose
    /// identity follows from the message, so that journaling it twice changes nothing. `None` for every other event.
    pub fn signal(&self) -> Option<serde_json::Value> {
        let Self::Failed { id, fact, at, attempts, reason } = self else { return None };
        // A failure to tell of a failed delivery must not make another signal: a ring that never ends.
        if fact == "event.placed" {
            return None;
        }
        Some(json!({
            "specversion": "1.0",
            "id": format!("delivery.failed/{id}"),
            "source": "urn:muster:outbox",
            "type": "gov.muster.signal.reported",
            "subject": id.to_string(),
            "time": at.to_string(),
            "data": {
                "kind": self.kind(),
                "recipient": id.recipient,
                "fact": fact,
                "entry": id.position.seq,
                "attempts": attempts,
                "reason": { "zh": reason.in_words(Language::Chinese), "en": reason.in_words(Language::English) },
            },
        }))
    }
}
