//! The section `[outbox]` of `muster.toml`: what stands in the file, and the checked plan that comes of it. Reads no
//! file and no secret; what is wrong is named with its field and the cure.

mod check;
mod file;
mod unheard;

use muster_kernel::Milliseconds;

use crate::{AddressPolicy, ChannelName, Language, Limits, RecipientName, Subscription, Template};

pub use file::{
    BotSettings, ChannelSettings, Encryption, LimitSettings, MailSettings, RateSettings, RecipientSettings, Settings,
    SubscriptionSettings, TemplateSettings, TimeoutSettings, WebhookSettings,
};
pub use unheard::Unheard;

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`outbox.{field}` {reason}")]
pub struct SettingsError {
    /// The field, with the number of the element from 0, for instance `recipient[0].channel[1].webhook.url`.
    pub field: String,
    /// What is wrong with it, and the cure.
    pub reason: String,
}

impl SettingsError {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// At most so many attempts in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many, at least 1.
    pub messages: u32,
    /// In how long.
    pub per: Milliseconds,
}

/// A recipient as the plan has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its name.
    pub name: RecipientName,
    /// Its language.
    pub language: Language,
    /// How often it may be told.
    pub rate: Option<RateLimit>,
    /// A recipient that is new begins with the first entry of the journal, not with the next one.
    pub from_beginning: bool,
    /// Its channels, in the order in which they are tried; never empty.
    pub channels: Vec<PlannedChannel>,
    /// The line for channels that have a subject.
    pub subject: Template,
    /// The text.
    pub text: Template,
}

impl Recipient {
    /// What stands before everything that is said in a drill.
    pub(crate) const fn drill_mark(&self) -> &'static str {
        match self.language {
            Language::Chinese => "【演练】",
            Language::English => "[EXERCISE] ",
        }
    }

    /// The channels for a message: those that it names come first, in its order.
    pub(crate) fn ladder(&self, ways: &[String]) -> Vec<&PlannedChannel> {
        let named = ways.iter().filter_map(|way| self.channels.iter().find(|one| one.name.as_str() == way));
        let mut ladder: Vec<&PlannedChannel> = Vec::with_capacity(self.channels.len());
        for channel in named.chain(&self.channels) {
            if ladder.iter().all(|one| one.name != channel.name) {
                ladder.push(channel);
            }
        }
        ladder
    }
}

/// A channel as the plan has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChannel {
    /// Its name.
    pub name: ChannelName,
    /// How long a receipt is waited for, where one is wanted.
    pub receipt_within: Milliseconds,
    /// What it is.
    pub way: Way,
}

/// What a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Signed HTTP POST.
    Webhook(WebhookSettings),
    /// E-mail.
    Mail(MailSettings),
    /// A `DingTalk` group robot (钉钉).
    DingTalk(BotSettings),
    /// A `WeCom` group robot (企业微信).
    WeCom(BotSettings),
    /// A Feishu group robot (飞书).
    Feishu(BotSettings),
}

/// Settings that were read and hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The recipients, by name.
    pub recipients: Vec<Recipient>,
    /// Who hears of what.
    pub subscriptions: Vec<Subscription>,
    /// Limits of the machine.
    pub limits: Limits,
    /// Timeouts of one attempt.
    pub timeouts: Timeouts,
    /// Where messages may go.
    pub addresses: AddressPolicy,
}

/// Timeouts of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, the name's resolution included.
    pub connect: std::time::Duration,
    /// Until the answer begins, and between its parts.
    pub read: std::time::Duration,
    /// For all of it.
    pub total: std::time::Duration,
}
