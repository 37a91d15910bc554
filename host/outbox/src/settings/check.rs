//! From what stands in the file to a plan that holds together. Every number has bounds, every name a meaning.

use std::time::Duration;

use muster_kernel::Milliseconds;
use muster_kernel::act::Party;

use super::file::{
    ChannelSettings, Encryption, RecipientSettings, Settings, SubscriptionSettings, TemplateSettings, TimeoutSettings,
};
use super::{Plan, PlannedChannel, RateLimit, Recipient, SettingsError, Timeouts, Way};
use crate::{AddressClass, AddressPolicy, FactPattern, Language, Limits, Subscription, Template, TemplateError};

type Checked<T> = Result<T, SettingsError>;

fn wrong<T>(field: impl Into<String>, reason: impl Into<String>) -> Checked<T> {
    Err(SettingsError::new(field, reason))
}

/// The longest name of a recipient or channel, in bytes.
const NAME_BYTES_MAX: usize = 64;

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first field that is wrong, with the cure.
    pub fn check(self) -> Result<Plan, SettingsError> {
        for (section, bounds) in [("limits", self.limits.bounds()), ("timeouts", self.timeouts.bounds())] {
            for (field, value, least, most) in bounds {
                if !(least..=most).contains(&value) {
                    return wrong(format!("{section}.{field}"), format!("is {value}; write {least} to {most}"));
                }
            }
        }
        if let Some(at) = self.allow_addresses.iter().position(|class| *class == AddressClass::Special) {
            let reason = "is `special`: no message can go there; write private, loopback or link_local";
            return wrong(format!("allow_addresses[{at}]"), reason);
        }
        let mut recipients: Vec<Recipient> = Vec::with_capacity(self.recipient.len());
        for (index, settings) in self.recipient.into_iter().enumerate() {
            let at = format!("recipient[{index}]");
            let recipient = recipient(&at, settings, &self.template)?;
            if recipients.iter().any(|other| other.name == recipient.name) {
                return wrong(format!("{at}.name"), "stands here twice; give each recipient a name of its own");
            }
            recipients.push(recipient);
        }
        let mut subscriptions = Vec::with_capacity(self.subscription.len());
        for (index, settings) in self.subscription.into_iter().enumerate() {
            subscriptions.push(subscription(&format!("subscription[{index}]"), settings, &recipients)?);
        }
        for (index, recipient) in recipients.iter().enumerate() {
            if subscriptions.iter().all(|one: &Subscription| one.recipient != recipient.name) {
                let reason = "has no subscription and would never hear anything; add an [[outbox.subscription]]";
                return wrong(format!("recipient[{index}].name"), reason);
            }
        }
        recipients.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Plan {
            recipients,
            subscriptions,
            limits: Limits::of(&self.limits),
            timeouts: timeouts(self.timeouts)?,
            addresses: AddressPolicy { allow: self.allow_addresses },
        })
    }
}

fn timeouts(settings: TimeoutSettings) -> Checked<Timeouts> {
    let TimeoutSettings { connect_milliseconds, read_milliseconds, total_milliseconds } = settings;
    if total_milliseconds < connect_milliseconds.max(read_milliseconds) {
        let reason = "is less than one of its parts; write at least the greater of connect and read";
        return wrong("timeouts.total_milliseconds", reason);
    }
    let length = |milliseconds: u32| Duration::from_millis(u64::from(milliseconds));
    Ok(Timeouts {
        connect: length(connect_milliseconds),
        read: length(read_milliseconds),
        total: length(total_milliseconds),
    })
}

fn name<N: for<'a> From<&'a str>>(field: String, text: &str) -> Checked<N> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(|one| one.is_control() || one == '/') {
        return wrong(field, format!("must be 1 to {NAME_BYTES_MAX} bytes, without `/` and control characters"));
    }
    Ok(N::from(text))
}

fn recipient(at: &str, settings: RecipientSettings, texts: &TemplateSettings) -> Checked<Recipient> {
    let (subject, text) = templates(settings.language, texts)?;
    let rate = match settings.rate {
        Some(rate) if rate.messages == 0 || rate.per_seconds == 0 => {
            return wrong(format!("{at}.rate"), "has a zero, which would stop everything; write at least 1");
        }
        Some(rate) => Some(RateLimit {
            messages: rate.messages,
            per: Milliseconds(i64::from(rate.per_seconds).saturating_mul(1_000)),
        }),
        None => None,
    };
    if settings.channel.is_empty() {
        return wrong(format!("{at}.channel"), "is empty; name at least one way to reach the recipient");
    }
    let mut channels: Vec<PlannedChannel> = Vec::with_capacity(settings.channel.len());
    for (index, channel) in settings.channel.into_iter().enumerate() {
        let at = format!("{at}.channel[{index}]");
        let channel = planned(&at, channel)?;
        if channels.iter().any(|other| other.name == channel.name) {
            return wrong(format!("{at}.name"), "stands here twice; give each channel of a recipient its own name");
        }
        channels.push(channel);
    }
    Ok(Recipient {
        name: name(format!("{at}.name"), &settings.name)?,
        language: settings.language,
        rate,
        from_beginning: settings.from_beginning,
        channels,
        subject,
        text,
    })
}

fn templates(language: Language, texts: &TemplateSettings) -> Checked<(Template, Template)> {
    let (subject, text, built_in) = match language {
        Language::Chinese => (
            &texts.subject_zh,
            &texts.text_zh,
            ("【{district}】{label}", "【{district}】{label}：{sentence}\n编号 {id}"),
        ),
        Language::English => {
            (&texts.subject_en, &texts.text_en, ("[{district}] {label}", "[{district}] {label}: {sentence}\nref {id}"))
        }
    };
    let field = |part: &str| format!("template.{part}_{}", language.tag());
    let name = |part: &str, error: TemplateError| SettingsError::new(field(part), error.to_string());
    let subject = subject.as_deref().unwrap_or(built_in.0);
    let text = text.as_deref().unwrap_or(built_in.1);
    if subject.contains(['\r', '\n']) {
        return wrong(field("subject"), "has more than one line; a subject is one line");
    }
    Ok((
        Template::parse(subject).map_err(|error| name("subject", error))?,
        Template::parse_text(text).map_err(|error| name("text", error))?,
    ))
}

/// A receipt is waited for so long where the settings do not say.
const RECEIPT_SECONDS: u32 = 300;

fn planned(at: &str, settings: ChannelSettings) -> Checked<PlannedChannel> {
    let name = name(format!("{at}.name"), &settings.name)?;
    let seconds = settings.receipt_within_seconds.unwrap_or(RECEIPT_SECONDS);
    if !(1..=604_800).contains(&seconds) {
        return wrong(format!("{at}.receipt_within_seconds"), format!("is {seconds}; write 1 to 604800"));
    }
    let mut ways: Vec<Way> = [
        settings.webhook.map(Way::Webhook),
        settings.mail.map(Way::Mail),
        settings.dingtalk.map(Way::DingTalk),
        settings.wecom.map(Way::WeCom),
        settings.feishu.map(Way::Feishu),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (Some(way), true) = (ways.pop(), ways.is_empty()) else {
        return wrong(at, "must have exactly one of webhook, mail, dingtalk, wecom, feishu");
    };
    check_way(at, &way)?;
    Ok(PlannedChannel { name, receipt_within: Milliseconds(i64::from(seconds) * 1_000), way })
}

fn check_way(at: &str, way: &Way) -> Checked<()> {
    match way {
        Way::Webhook(webhook) => {
            check_url(format!("{at}.webhook.url"), &webhook.url)?;
            if webhook.secrets.is_empty() {
                let reason = "is empty; a receiver could not tell our messages from others: refer to at least one";
                return wrong(format!("{at}.webhook.secrets"), reason);
            }
        }
        Way::Mail(mail) => {
            if mail.to.is_empty() {
                return wrong(format!("{at}.mail.to"), "is empty; name at least one address");
            }
            if mail.user.is_some() != mail.password.is_some() {
                return wrong(format!("{at}.mail.user"), "and `password` go together; write both or neither");
            }
            if mail.encryption == Encryption::None && mail.user.is_some() {
                let reason = "is `none`, and the password would go in the clear; write tls or starttls";
                return wrong(format!("{at}.mail.encryption"), reason);
            }
        }
        Way::WeCom(bot) if bot.secret.is_some() => {
            let reason = "has no use: a WeCom robot does not sign, its key is all there is; take it out";
            return wrong(format!("{at}.wecom.secret"), reason);
        }
        Way::DingTalk(bot) | Way::WeCom(bot) | Way::Feishu(bot) => {
            if let Some(url) = &bot.url {
                check_url(format!("{at}.url"), url)?;
            }
        }
    }
    Ok(())
}

fn check_url(field: String, url: &str) -> Checked<()> {
    let parsed = url.parse::<ureq::http::Uri>().ok();
    let Some(uri) = parsed.filter(|uri| uri.host().is_some()) else {
        return wrong(field, format!("is `{url}`, which is no address; write for instance https://example.org/hook"));
    };
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return wrong(field, "must begin with https:// (or http:// to a place that `allow_addresses` allows)");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return wrong(field, "holds a user name or password; take it out, secrets stand in files or the environment");
    }
    Ok(())
}

fn subscription(at: &str, settings: SubscriptionSettings, recipients: &[Recipient]) -> Checked<Subscription> {
    let Some(recipient) = recipients.iter().find(|one| one.name.as_str() == settings.recipient) else {
        let reason = format!("is `{}`, which no [[outbox.recipient]] has as its name", settings.recipient);
        return wrong(format!("{at}.recipient"), reason);
    };
    if settings.facts.is_empty() {
        return wrong(format!("{at}.facts"), "is empty; name kinds of facts, for instance [\"callout.*\"]");
    }
    let mut facts = Vec::with_capacity(settings.facts.len());
    for (index, text) in settings.facts.iter().enumerate() {
        let Some(pattern) = FactPattern::parse(text) else {
            let reason =
                format!("is `{text}`, which no kind of fact matches; write for instance callout.issued or callout.*");
            return wrong(format!("{at}.facts[{index}]"), reason);
        };
        facts.push(pattern);
    }
    let mut parties = Vec::with_capacity(settings.parties.len());
    for (index, text) in settings.parties.iter().enumerate() {
        let Some(party) = party(text) else {
            let reason = format!("is `{text}`; write post:NODE/NAME, department:NODE/NAME or team:ID");
            return wrong(format!("{at}.parties[{index}]"), reason);
        };
        parties.push(party);
    }
    Ok(Subscription {
        recipient: recipient.name.clone(),
        facts,
        districts: settings.districts.into_iter().map(Into::into).collect(),
        nodes: settings.nodes.into_iter().map(Into::into).collect(),
        parties,
        life_safety_only: settings.life_safety_only,
        exercises: settings.exercises,
        receipt: settings.receipt,
    })
}

fn party(text: &str) -> Option<Party> {
    let (kind, rest) = text.split_once(':')?;
    let at_node = || rest.split_once('/').filter(|(node, name)| !node.is_empty() && !name.is_empty());
    match kind {
        "post" => at_node().map(|(node, name)| Party::Post { node: node.into(), name: name.into() }),
        "department" => at_node().map(|(node, name)| Party::Department { node: node.into(), name: name.into() }),
        "team" => (!rest.is_empty()).then(|| Party::Team(rest.into())),
        _ => None,
    }
}
