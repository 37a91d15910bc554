//! `DingTalk` (钉钉) group robots: text messages, signed by timestamp and sign in the query.
//!
//! Source: the open platform's documentation of custom robots, 自定义机器人接入 (signature: HMAC-SHA256 with the secret
//! over timestamp in milliseconds, line feed, secret).

use muster_kernel::Instant;
use serde_json::{Value as Json, json};

use super::bot::{Bot, Meaning, Service, UNKNOWN, Verdict, hmac_base64, in_query};

/// A body may have 20,000 bytes; escapes in JSON can double a text.
const TEXT_BYTES_MAX: usize = 9_000;

pub(super) const SERVICE: Service = Service {
    name: "DingTalk",
    url: "https://oapi.dingtalk.com/robot/send",
    before_token: "?access_token=",
    text_bytes_max: TEXT_BYTES_MAX,
    code_and_words: ("errcode", "errmsg"),
    request,
    meaning,
};

fn request(bot: &Bot, text: &str, now: Instant) -> (String, Json) {
    // A number is called by name only if it stands in the text, too.
    let calls = bot.mention.iter().fold(String::new(), |calls, number| calls + " @" + number);
    let body = json!({
        "msgtype": "text",
        "text": { "content": format!("{text}{calls}") },
        "at": { "atMobiles": bot.mention, "isAtAll": false },
    });
    let Some(secret) = &bot.secret else { return (String::new(), body) };
    let timestamp = now.as_millis();
    let data = format!("{timestamp}\n{}", secret.reveal());
    let sign = hmac_base64(secret.reveal().as_bytes(), data.as_bytes());
    (format!("&timestamp={timestamp}&sign={}", in_query(&sign)), body)
}

fn meaning(code: i64) -> Meaning {
    match code {
        0 => (Verdict::Taken, "", ""),
        -1 => (Verdict::Later, "the service is busy; it will be tried again", "系统繁忙，将自动重试"),
        130_101 | 410_100 => (
            Verdict::Slower(60),
            "a robot may send 20 messages a minute; set `rate` for the recipient",
            "每个机器人每分钟最多发送 20 条；请为接收方设置 `rate`",
        ),
        310_000 => (
            Verdict::Later,
            "the robot's safety settings refuse it: check secret, keyword, address list and the clock",
            "被机器人安全设置拒绝：请检查加签密钥、关键词、IP 地址段和系统时间",
        ),
        300_001 | 400_013 | 400_101 | 400_102 | 400_106 => (
            Verdict::Gone,
            "there is no such robot, or it was switched off: put the right token in place, then switch the channel on",
            "机器人不存在或已停用：请更换 token 后重新启用该渠道",
        ),
        40_035 | 400_105 | 430_101..=430_104 | 460_101 => {
            (Verdict::Refused, "the service does not take this content", "该内容不被接受")
        }
        _ => UNKNOWN,
    }
}
