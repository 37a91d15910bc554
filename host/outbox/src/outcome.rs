//! How an attempt ended, and what went wrong, in words with the cure. Holds no secret: addresses stand here without
//! path and query.

use muster_kernel::Milliseconds;
use serde::{Deserialize, Serialize};

use crate::{AddressClass, ChannelName, Language};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The other side took it.
    Delivered,
    /// It may go another time. Whether the other side took it may be unknown: the identity is the same then.
    Later {
        /// What went wrong.
        trouble: Trouble,
        /// The other side wants so much time.
        retry_after: Option<Milliseconds>,
    },
    /// The other side will never take this message on this channel.
    Refused {
        /// What went wrong.
        trouble: Trouble,
    },
    /// The endpoint is gone for good.
    Gone {
        /// What went wrong.
        trouble: Trouble,
    },
}

impl Outcome {
    /// A failure that may pass.
    pub fn later(trouble: Trouble) -> Self {
        Self::Later { trouble, retry_after: None }
    }
}

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }: $english:literal, $chinese:literal;)*) => {
        /// What went wrong with a delivery.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
        #[serde(rename_all = "snake_case")]
        pub enum Trouble {
            $($(#[$doc])* #[error($english)] $name { $($(#[$field_doc])* $field: $type),* },)*
        }

        impl Trouble {
            /// What went wrong, with the cure, in the reader's language.
            pub fn in_words(&self, language: Language) -> String {
                match (language, self) {
                    (Language::English, _) => self.to_string(),
                    $((Language::Chinese, Self::$name { $($field),* }) => {
                        // A cure that is given in both languages is said in one of them.
                        $(let _ = $field;)*
                        format!($chinese)
                    })*
                }
            }
        }
    };
}

troubles! {
    /// No connection.
    Unreachable {
        /// Scheme, host and port.
        to: String,
        /// What the system said.
        reason: String,
    }: "{to} cannot be reached: {reason}; check the address and the network",
       "无法连接 {to}：{reason}；请检查地址和网络";
    /// Too slow.
    TimedOut {
        /// Scheme, host and port.
        to: String,
        /// Which part took too long.
        stage: String,
    }: "{to} did not answer in time ({stage}); it may have taken the message",
       "{to} 未在时限内应答（{stage}）；对方可能已经收到";
    /// The connection broke, or the answer makes no sense.
    Broken {
        /// Scheme, host and port.
        to: String,
        /// What happened.
        reason: String,
    }: "the exchange with {to} broke off: {reason}; it may have taken the message",
       "与 {to} 的交换中断：{reason}；对方可能已经收到";
    /// The other side's certificate or encryption does not hold.
    Insecure {
        /// Scheme, host and port.
        to: String,
        /// What is wrong.
        reason: String,
    }: "{to} has no secure connection to offer: {reason}; check its certificate and the name in the address",
       "{to} 无法建立安全连接：{reason}；请检查证书和地址中的域名";
    /// An HTTP status that is no success.
    Status {
        /// Scheme, host and port.
        to: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        answer: String,
    }: "{to} answered {status}: {answer}",
       "{to} 返回 {status}：{answer}";
    /// Redirects are not followed: a message must not go where nobody has configured it to go.
    Redirected {
        /// Scheme, host and port.
        to: String,
        /// The status.
        status: u16,
        /// Where it points.
        location: String,
    }: "{to} redirects ({status}) to {location}; redirects are not followed: if that place is right, write it into the settings",
       "{to} 重定向（{status}）到 {location}；不跟随重定向：如该地址正确，请写入设置";
    /// 410: the endpoint says that it will never be there again.
    GoneForGood {
        /// Scheme, host and port.
        to: String,
    }: "{to} says that it is gone for good (410); the channel is switched off: put the right address into the settings, then switch it on again",
       "{to} 声明已永久停用（410），该渠道已关闭；请在设置中写入正确地址，再重新启用";
    /// A chat service answered with an error code of its own.
    Service {
        /// The service.
        service: String,
        /// Its code.
        code: i64,
        /// Its words.
        answer: String,
        /// What to do about it, in English.
        cure: String,
        /// The same in Chinese.
        cure_chinese: String,
    }: "{service} answered with code {code}: {answer}; {cure}",
       "{service} 返回错误码 {code}：{answer}；{cure_chinese}";
    /// The address lies where the settings do not let messages go.
    Forbidden {
        /// Host and port.
        to: String,
        /// Its class.
        class: AddressClass,
    }: "{to} is a {class} address, which is not allowed; if it is meant, put it into `allow_addresses`",
       "{to} 属于 {class} 类地址，未获允许；如确需使用，请写入 `allow_addresses`";
    /// The mail server answered with an error.
    Mail {
        /// Host and port.
        to: String,
        /// The reply code, when there is one.
        code: String,
        /// Its words.
        answer: String,
    }: "the mail server {to} answered {code}: {answer}",
       "邮件服务器 {to} 返回 {code}：{answer}";
    /// The message cannot be put into the channel's form.
    Unfit {
        /// What is wrong with it.
        reason: String,
    }: "the message does not fit the channel: {reason}",
       "消息不适用于该渠道：{reason}";
    /// No receipt came in time.
    NoReceipt {
        /// On which channel it had been delivered.
        channel: ChannelName,
        /// How long was waited, in seconds.
        seconds: i64,
    }: "no receipt came within {seconds} seconds after the delivery by `{channel}`",
       "经 `{channel}` 送达后 {seconds} 秒内没有回执";
    /// The channel's own code failed.
    Fault {
        /// What it said.
        reason: String,
    }: "the channel itself failed: {reason}; report it, and use another channel until then",
       "渠道程序自身出错：{reason}；请报告，并暂用其他渠道";
}
