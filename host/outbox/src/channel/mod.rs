//! Channels: each carries one message one way and says how it ended. They block, within timeouts; they hold no state
//! between messages, decide nothing about order or repetition, and never print a secret.

mod bot;
mod dingtalk;
mod feishu;
mod http;
mod mail;
pub mod signature;
mod webhook;
mod wecom;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::Instant;

use crate::secret::{self, Secret};
use crate::settings::{PlannedChannel, Way};
use crate::{ChannelName, Language, Message, Outcome, Plan, RecipientName, SecretSource, SettingsError};

/// One attempt: what to send, and when it is.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// What to send.
    pub message: &'a Message,
    /// The instant of the attempt, for signatures and dates.
    pub now: Instant,
}

/// A way to reach a recipient.
pub trait Channel: Send + Sync {
    /// Sends a message. Returns within the timeouts of the settings; an outcome that is unknown, for instance after a
    /// broken answer, is [`Outcome::Later`]: the message goes again under the same identity.
    fn send(&self, parcel: Parcel<'_>) -> Outcome;
}

/// The channels of all recipients.
#[derive(Clone, Default)]
pub struct Channels(BTreeMap<(RecipientName, ChannelName), Arc<dyn Channel>>);

impl Channels {
    /// The channels of a plan, with their secrets read.
    ///
    /// # Errors
    /// When a secret cannot be had, or an address cannot be used; the field is named.
    pub fn build(plan: &Plan, secrets: &dyn SecretSource) -> Result<Self, SettingsError> {
        let http = http::Http::new(plan.timeouts, plan.addresses.clone());
        let mut channels = Self::default();
        for recipient in &plan.recipients {
            for planned in &recipient.channels {
                let at = format!("recipient {} channel {}", recipient.name, planned.name);
                let builder = Builder { at, plan, secrets, http: &http };
                channels.insert(recipient.name.clone(), planned.name.clone(), builder.channel(planned)?);
            }
        }
        Ok(channels)
    }

    /// Puts a channel in the place of a recipient's channel.
    pub fn insert(&mut self, recipient: RecipientName, channel: ChannelName, way: Arc<dyn Channel>) {
        self.0.insert((recipient, channel), way);
    }

    /// A recipient's channel.
    pub fn get(&self, recipient: &RecipientName, channel: &ChannelName) -> Option<Arc<dyn Channel>> {
        self.0.get(&(recipient.clone(), channel.clone())).cloned()
    }
}

struct Builder<'a> {
    at: String,
    plan: &'a Plan,
    secrets: &'a dyn SecretSource,
    http: &'a http::Http,
}

impl Builder<'_> {
    fn channel(&self, planned: &PlannedChannel) -> Result<Arc<dyn Channel>, SettingsError> {
        Ok(match &planned.way {
            Way::Webhook(settings) => {
                let mut keys = Vec::with_capacity(settings.secrets.len());
                for (index, reference) in settings.secrets.iter().enumerate() {
                    let field = format!("webhook.secrets[{index}]");
                    let key = signature::Key::parse(self.secret(&field, reference)?.reveal());
                    keys.push(key.map_err(|error| self.wrong(&field, error.to_string()))?);
                }
                Arc::new(webhook::Webhook::new(self.http.clone(), &settings.url, keys))
            }
            Way::Mail(settings) => {
                let password = settings.password.as_deref().map(|one| self.secret("mail.password", one)).transpose()?;
                let mail = mail::Mail::new(settings, password, self.plan.timeouts, self.plan.addresses.clone());
                Arc::new(mail.map_err(|(field, reason)| self.wrong(field, reason))?)
            }
            Way::DingTalk(settings) => self.bot(&dingtalk::SERVICE, settings)?,
            Way::WeCom(settings) => self.bot(&wecom::SERVICE, settings)?,
            Way::Feishu(settings) => self.bot(&feishu::SERVICE, settings)?,
        })
    }

    fn bot(
        &self,
        service: &'static bot::Service,
        settings: &crate::settings::BotSettings,
    ) -> Result<Arc<dyn Channel>, SettingsError> {
        let token = self.secret("token", &settings.token)?;
        let secret = settings.secret.as_deref().map(|one| self.secret("secret", one)).transpose()?;
        let url = settings.url.as_deref().unwrap_or(service.url);
        let bot = bot::Bot::new(service, self.http.clone(), url, &token, secret, settings.mention.clone());
        Ok(Arc::new(bot.map_err(|reason| self.wrong("token", reason))?))
    }

    fn secret(&self, field: &str, reference: &str) -> Result<Secret, SettingsError> {
        secret::resolve(reference, self.secrets).map_err(|error| self.wrong(field, error.to_string()))
    }

    fn wrong(&self, field: &str, reason: impl Into<String>) -> SettingsError {
        SettingsError::new(format!("{}: {field}", self.at), reason)
    }
}

/// A text within so many bytes. What is cut off is said, with the identity under which the whole can be found.
fn fit(message: &Message, bytes_max: usize) -> String {
    if message.text.len() <= bytes_max {
        return message.text.clone();
    }
    let note = match message.language {
        Language::Chinese => format!("…（已截断，全文见 {}）", message.id),
        Language::English => format!("… (cut; for the whole see {})", message.id),
    };
    let room = bytes_max.saturating_sub(note.len());
    let end = (0..=room).rev().find(|at| message.text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{note}", &message.text[..end])
}
