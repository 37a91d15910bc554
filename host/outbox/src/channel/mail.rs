//! E-mail by SMTP (RFC 5321), one connection for one message. In the clear it goes to this machine only; elsewhere the
//! connection is encrypted or nothing is said. The identity is the message's `Message-ID`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport as _};
use muster_kernel::Instant;

use super::http::quote;
use super::{Channel, Parcel};
use crate::secret::Secret;
use crate::settings::{Encryption, MailSettings, Timeouts};
use crate::{AddressClass, AddressPolicy, Message, Outcome, Trouble, Urgency};

pub(super) struct Mail {
    host: String,
    port: u16,
    encryption: Encryption,
    from: Mailbox,
    to: Vec<Mailbox>,
    credentials: Option<Credentials>,
    /// For connecting and for every command: a conversation has as many as the message has recipients, and about eight.
    timeout: Duration,
    addresses: AddressPolicy,
}

impl Mail {
    /// A mail channel; the field and the reason when an address is none.
    pub(super) fn new(
        settings: &MailSettings,
        password: Option<Secret>,
        timeouts: Timeouts,
        addresses: AddressPolicy,
    ) -> Result<Self, (&'static str, String)> {
        let mailbox = |field: &'static str, text: &String| {
            let reason = |error| (field, format!("holds `{text}`, which is no mail address ({error})"));
            text.parse::<Mailbox>().map_err(reason)
        };
        let credentials = settings.user.clone().zip(password);
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            from: mailbox("mail.from", &settings.from)?,
            to: settings.to.iter().map(|text| mailbox("mail.to", text)).collect::<Result<_, _>>()?,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password.reveal().into())),
            timeout: timeouts.read,
            addresses,
        })
    }

    fn to(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Where the server is, as far as it may be called.
    fn address(&self) -> Result<SocketAddr, Trouble> {
        let unreachable = |reason: String| Trouble::Unreachable { to: self.to(), reason };
        let found =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(|error| unreachable(error.to_string()))?;
        let mut refused = None;
        for address in found {
            let class = AddressClass::of(address.ip());
            if self.encryption == Encryption::None && class != AddressClass::Loopback {
                let reason = "mail in the clear goes to this machine only; write tls or starttls".into();
                refused = Some(Trouble::Insecure { to: self.to(), reason });
            } else if self.addresses.check(address.ip()).is_ok() {
                return Ok(address);
            } else {
                refused = Some(Trouble::Forbidden { to: self.to(), class });
            }
        }
        Err(refused.unwrap_or_else(|| unreachable("the name has no address".into())))
    }

    fn transport(&self, address: SocketAddr) -> Result<SmtpTransport, lettre::transport::smtp::Error> {
        let tls = match self.encryption {
            Encryption::None => Tls::None,
            // The certificate is checked against the name, though the address that was judged is called.
            Encryption::Starttls => Tls::Required(TlsParameters::new(self.host.clone())?),
            Encryption::Tls => Tls::Wrapper(TlsParameters::new(self.host.clone())?),
        };
        let name = ClientId::Domain(self.from.email.domain().into());
        let builder = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(self.port)
            .tls(tls)
            .hello_name(name)
            .timeout(Some(self.timeout));
        Ok(match &self.credentials {
            Some(credentials) => builder.credentials(credentials.clone()).build(),
            None => builder.build(),
        })
    }

    fn letter(&self, message: &Message, now: Instant) -> Result<lettre::Message, lettre::error::Error> {
        let seconds = u64::try_from(now.as_millis().div_euclid(1_000)).unwrap_or_default();
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(message.subject.clone())
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        if message.urgency == Urgency::LifeSafety {
            builder = builder.raw_header(priority());
        }
        builder.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(message.text.clone()))
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> Outcome {
        let to = self.to();
        let Some(code) = error.status() else {
            return Outcome::later(match error {
                error if error.is_timeout() => Trouble::TimedOut { to, stage: "smtp".into() },
                error if error.is_tls() => Trouble::Insecure { to, reason: words(error) },
                error if error.is_client() => Trouble::Insecure { to, reason: words(error) },
                error if error.is_response() => Trouble::Broken { to, reason: words(error) },
                error => Trouble::Unreachable { to, reason: words(error) },
            });
        };
        let code = code.to_string();
        let trouble = Trouble::Mail { to, code: code.clone(), answer: words(error) };
        // 53x speaks of our account (RFC 4954, section 6): a person can cure that, and the message waits.
        if error.is_permanent() && !code.starts_with("53") {
            Outcome::Refused { trouble }
        } else {
            Outcome::later(trouble)
        }
    }
}

impl Channel for Mail {
    fn send(&self, parcel: Parcel<'_>) -> Outcome {
        let letter = match self.letter(parcel.message, parcel.now) {
            Ok(letter) => letter,
            Err(error) => return Outcome::Refused { trouble: Trouble::Unfit { reason: error.to_string() } },
        };
        let address = match self.address() {
            Ok(address) => address,
            Err(trouble) => return Outcome::later(trouble),
        };
        match self.transport(address).and_then(|transport| transport.send(&letter)) {
            Ok(_) => Outcome::Delivered,
            Err(error) => self.failure(&error),
        }
    }
}

fn words(error: &lettre::transport::smtp::Error) -> String {
    quote(&std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string))
}

/// `Importance: high` (RFC 4021, section 2.1.50).
fn priority() -> lettre::message::header::HeaderValue {
    use lettre::message::header::{HeaderName, HeaderValue};
    HeaderValue::new(HeaderName::new_from_ascii_str("Importance"), "high".into())
}
