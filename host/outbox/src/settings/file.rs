//! What stands in the file, field by field. Unknown fields are refused; nothing is checked beyond that here.

use serde::Deserialize;

use crate::{AddressClass, Language};

/// The section `[outbox]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Classes of addresses that may be called besides public ones: `private`, `loopback`, `link_local`.
    pub allow_addresses: Vec<AddressClass>,
    /// Limits.
    pub limits: LimitSettings,
    /// Timeouts.
    pub timeouts: TimeoutSettings,
    /// Texts, where the built-in ones do not do.
    pub template: TemplateSettings,
    /// Recipients.
    pub recipient: Vec<RecipientSettings>,
    /// Who hears of what.
    pub subscription: Vec<SubscriptionSettings>,
}

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident = $default:literal in $least:literal ..= $most:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* #[doc = concat!(" From ", $least, " to ", $most, "; ", $default, " unless set.")] pub $field: u32,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// The fields with their values and bounds.
            pub(super) fn bounds(&self) -> Vec<(&'static str, u32, u32, u32)> {
                vec![$((stringify!($field), self.$field, $least, $most)),*]
            }
        }
    };
}

numbers! {
    /// Limits: how much waits in memory, how often is tried, when is given up.
    LimitSettings {
        /// Attempts at the same time, over all recipients.
        workers = 4 in 1..=64,
        /// Messages of one recipient in memory; the rest wait in the journal.
        queue = 256 in 1..=10_000,
        /// Dead letters of one recipient; with so many it stands still.
        dead_letters = 1_000 in 1..=100_000,
        /// Messages of one recipient that wait for a receipt.
        awaiting = 256 in 1..=10_000,
        /// Failures in a row by one channel before the next is tried.
        tries_per_channel = 3 in 1..=100,
        /// Attempts at one message before it is given up.
        attempts = 200 in 1..=100_000,
        /// Minutes from the first attempt at a message until it is given up.
        give_up_after_minutes = 1_440 in 1..=43_200,
        /// The first pause after a failure is random below so many milliseconds; each later one doubles.
        pause_milliseconds = 1_000 in 10..=600_000,
        /// The longest pause, in seconds.
        pause_max_seconds = 600 in 1..=86_400,
        /// The longest pause that the other side can ask for with `Retry-After`, in seconds.
        retry_after_max_seconds = 3_600 in 1..=86_400,
        /// Failures of a channel in a row before it is left alone.
        circuit_failures = 5 in 1..=1_000,
        /// A channel is left alone so many seconds at first; each failed probe doubles.
        circuit_seconds = 30 in 1..=86_400,
        /// And at most so many.
        circuit_max_seconds = 600 in 1..=86_400,
    }
}

numbers! {
    /// Timeouts of one attempt, in milliseconds.
    TimeoutSettings {
        /// To connect.
        connect_milliseconds = 5_000 in 10..=60_000,
        /// Until the answer begins.
        read_milliseconds = 15_000 in 10..=300_000,
        /// For all of it.
        total_milliseconds = 30_000 in 10..=600_000,
    }
}

/// Texts by language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplateSettings {
    /// The text in Chinese.
    pub text_zh: Option<String>,
    /// The text in English.
    pub text_en: Option<String>,
    /// The subject in Chinese.
    pub subject_zh: Option<String>,
    /// The subject in English.
    pub subject_en: Option<String>,
}

/// One `[[outbox.recipient]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientSettings {
    /// Its name. It is part of what is kept: another name is another recipient.
    pub name: String,
    /// Its language, `zh` or `en`.
    pub language: Language,
    /// How often it may be told.
    pub rate: Option<RateSettings>,
    /// A new recipient begins with the first entry of the journal.
    #[serde(default)]
    pub from_beginning: bool,
    /// Its channels, in order.
    pub channel: Vec<ChannelSettings>,
}

/// At most so many attempts in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateSettings {
    /// How many.
    pub messages: u32,
    /// In how many seconds.
    pub per_seconds: u32,
}

/// One `[[outbox.recipient.channel]]`: a name and exactly one way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Its name; a step of a ladder may name it.
    pub name: String,
    /// How long a receipt is waited for, where one is wanted; 300 unless set.
    pub receipt_within_seconds: Option<u32>,
    /// Signed HTTP POST.
    pub webhook: Option<WebhookSettings>,
    /// E-mail.
    pub mail: Option<MailSettings>,
    /// A `DingTalk` group robot.
    pub dingtalk: Option<BotSettings>,
    /// A `WeCom` group robot.
    pub wecom: Option<BotSettings>,
    /// A Feishu group robot.
    pub feishu: Option<BotSettings>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to. `https`, or `http` where the settings allow the address by its class.
    pub url: String,
    /// References to its secrets, each `whsec_` and Base64. Every one signs: the old and the new during a rotation.
    pub secrets: Vec<String>,
}

/// How a mail server's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// TLS from the start (RFC 8314).
    Tls,
    /// STARTTLS, and nothing is said without it (RFC 3207).
    Starttls,
    /// None; only to a mail server on this machine.
    None,
}

/// E-mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// Who sends.
    pub from: String,
    /// Who receives; at least one.
    pub to: Vec<String>,
    /// The account, when the server wants one.
    pub user: Option<String>,
    /// A reference to its password.
    pub password: Option<String>,
}

/// A group robot of a chat service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotSettings {
    /// A reference to its token or key: what its address ends with.
    pub token: String,
    /// A reference to the secret that it signs with, where the service has one and it is switched on.
    pub secret: Option<String>,
    /// Another place of the service, for one's own installation; the service's public one unless set.
    pub url: Option<String>,
    /// Whom to call by name: telephone numbers (`DingTalk`, `WeCom`) or user ids (Feishu).
    #[serde(default)]
    pub mention: Vec<String>,
}
/// One `[[outbox.subscription]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSettings {
    /// Who hears of it.
    pub recipient: String,
    /// Kinds of facts, for instance `callout.issued`, `callout.*`, `*`.
    pub facts: Vec<String>,
    /// Only of these districts.
    #[serde(default)]
    pub districts: Vec<String>,
    /// Only what concerns these nodes or what lies below them.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Only what tells, calls or asks these: `post:NODE/NAME`, `department:NODE/NAME`, `team:ID`.
    #[serde(default)]
    pub parties: Vec<String>,
    /// Only where lives are at stake.
    #[serde(default)]
    pub life_safety_only: bool,
    /// Drills too.
    #[serde(default)]
    pub exercises: bool,
    /// Wait for a receipt, and take the next channel without one.
    #[serde(default)]
    pub receipt: bool,
}
