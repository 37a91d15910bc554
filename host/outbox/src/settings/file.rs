//! What stands in the file, field by field. Unknown fields are refused; nothing is checked beyond that here.

use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{AddressClass, FactPattern, Language};

/// A reference to a secret.
const REFERENCE: &str = "^(file|env):.+$";
/// An address without a user name or password in it.
const URL: &str = "^https?://[^/?#@ ]+([/?#].*)?$";
/// A name of a recipient or channel.
const NAME: &str = r"^[^/\x00-\x1f\x7f-\x9f]{1,64}$";
/// One line.
const LINE: &str = r"^[^\r\n]*$";
/// Somebody who is told, called or asked.
const PARTY: &str = "^((post|department):[^/]+/.+|team:.+)$";

/// The section `[outbox]`: who is told of what was decided, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "OutboxSettings")]
pub struct Settings {
    /// Classes of addresses that may be called besides public ones: `private`, `loopback`, `link_local`.
    pub allow_addresses: Vec<AddressClass>,
    /// How much waits in memory, how often is tried, when is given up.
    pub limits: LimitSettings,
    /// How long one attempt may take.
    pub timeouts: TimeoutSettings,
    /// Texts, where the built-in ones do not do.
    pub template: TemplateSettings,
    /// Who can be told, and by which ways.
    pub recipient: Vec<RecipientSettings>,
    /// Who hears of what.
    pub subscription: Vec<SubscriptionSettings>,
}

impl Settings {
    /// Takes the files of secrets as relative to a folder: that of the file in which the settings stand.
    pub fn rebase(&mut self, folder: &Path) {
        for channel in self.recipient.iter_mut().flat_map(|recipient| &mut recipient.channel) {
            // Every way in full: a new reference to a secret must not be forgotten here.
            let ChannelSettings { name: _, receipt_within_seconds: _, webhook, mail, dingtalk, wecom, feishu } =
                channel;
            let hooks = webhook.iter_mut().flat_map(|webhook| &mut webhook.secrets);
            let passwords = mail.iter_mut().filter_map(|mail| mail.password.as_mut());
            let bots = [dingtalk, wecom, feishu].into_iter().flatten();
            let bots = bots.flat_map(|bot| [Some(&mut bot.token), bot.secret.as_mut()]).flatten();
            for reference in hooks.chain(passwords).chain(bots) {
                if let Some(path) = reference.strip_prefix("file:") {
                    *reference = format!("file:{}", folder.join(path).display());
                }
            }
        }
    }
}

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident = $default:literal in $least:literal ..= $most:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* #[doc = concat!(" From ", $least, " to ", $most, "; ", $default, " unless set.")]
            #[schemars(range(min = $least, max = $most))]
            pub $field: u32,)*
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemplateSettings {
    /// The text in Chinese.
    pub text_zh: Option<String>,
    /// The text in English.
    pub text_en: Option<String>,
    /// The subject in Chinese.
    #[schemars(regex(pattern = LINE))]
    pub subject_zh: Option<String>,
    /// The subject in English.
    #[schemars(regex(pattern = LINE))]
    pub subject_en: Option<String>,
}

/// One `[[outbox.recipient]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientSettings {
    /// Its name. It is part of what is kept: another name is another recipient.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Its language, `zh` or `en`.
    pub language: Language,
    /// How often it may be told.
    pub rate: Option<RateSettings>,
    /// A new recipient begins with the first entry of the journal.
    #[serde(default)]
    pub from_beginning: bool,
    /// Its channels, in the order in which they are tried; at least one.
    #[schemars(length(min = 1))]
    pub channel: Vec<ChannelSettings>,
}

/// At most so many attempts in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateSettings {
    /// How many; at least 1.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub messages: u32,
    /// In how many seconds; at least 1.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub per_seconds: u32,
}

/// One `[[outbox.recipient.channel]]`: a name and exactly one way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Its name; a step of a ladder may name it.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// How long a receipt is waited for, where one is wanted; 300 seconds unless set, 604,800 at most.
    #[schemars(range(min = 1, max = 604_800))]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to. `https`, or `http` where the settings allow the address by its class.
    #[schemars(regex(pattern = URL))]
    pub url: String,
    /// Where its secrets lie, `file:PATH` or `env:NAME`, each `whsec_` and Base64. Every one signs: the old and the new during a rotation.
    #[schemars(length(min = 1), inner(regex(pattern = REFERENCE)))]
    pub secrets: Vec<String>,
}

/// How a mail server's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// Who sends, for instance `Muster <muster@example.org>`.
    #[schemars(regex(pattern = "@"))]
    pub from: String,
    /// Who receives; at least one.
    #[schemars(length(min = 1), inner(regex(pattern = "@")))]
    pub to: Vec<String>,
    /// The account, when the server wants one.
    pub user: Option<String>,
    /// Where its password lies: `file:PATH` or `env:NAME`.
    #[schemars(regex(pattern = REFERENCE))]
    pub password: Option<String>,
}

/// A group robot of a chat service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BotSettings {
    /// Where its token or key lies, `file:PATH` or `env:NAME`: what its address ends with.
    #[schemars(regex(pattern = REFERENCE))]
    pub token: String,
    /// Where the secret lies that it signs with, `file:PATH` or `env:NAME`, if the service has one and it is switched on.
    #[schemars(regex(pattern = REFERENCE))]
    pub secret: Option<String>,
    /// Another place of the service, for one's own installation; the service's public one unless set.
    #[schemars(regex(pattern = URL))]
    pub url: Option<String>,
    /// Whom to call by name: telephone numbers (`DingTalk`, `WeCom`) or user ids (Feishu).
    #[serde(default)]
    pub mention: Vec<String>,
}

/// One `[[outbox.subscription]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSettings {
    /// Who hears of it: the name of an `[[outbox.recipient]]`.
    pub recipient: String,
    /// Kinds of facts, for instance `callout.issued`, `callout.*`, `*`; at least one.
    #[schemars(schema_with = "facts")]
    pub facts: Vec<String>,
    /// Only of these districts.
    #[serde(default)]
    pub districts: Vec<String>,
    /// Only what concerns these nodes or what lies below them.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Only what tells, calls or asks these: `post:NODE/NAME`, `department:NODE/NAME`, `team:ID`.
    #[serde(default)]
    #[schemars(inner(regex(pattern = PARTY)))]
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

/// For the schema: every pattern that a kind of fact matches.
fn facts(_: &mut SchemaGenerator) -> Schema {
    let patterns: Vec<String> = FactPattern::all().collect();
    json_schema!({"type": "array", "minItems": 1, "items": {"type": "string", "enum": patterns}})
}
