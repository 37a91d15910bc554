//! Feishu (飞书) group robots: text messages, signed in the body.
//!
//! Source: the open platform's documentation of custom robots, 自定义机器人使用指南 (signature: HMAC-SHA256 over nothing,
//! with timestamp in seconds, line feed and secret as the key; a body of at most 20 KB; 100 messages a minute).

use muster_kernel::Instant;
use serde_json::{Value as Json, json};

use super::bot::{Bot, Meaning, Service, UNKNOWN, Verdict, hmac_base64};

/// A body may have 20 KB; escapes in JSON can double a text.
const TEXT_BYTES_MAX: usize = 9_000;

pub(super) const SERVICE: Service = Service {
    name: "Feishu",
    url: "https://open.feishu.cn/open-apis/bot/v2/hook",
    before_token: "/",
    text_bytes_max: TEXT_BYTES_MAX,
    code_and_words: ("code", "msg"),
    request,
    meaning,
};

fn request(bot: &Bot, text: &str, now: Instant) -> (String, Json) {
    // The service reads tags in a text: what is said must not call anybody by itself.
    let text = text.replace('<', "＜").replace('>', "＞");
    let call = |calls: String, user: &String| calls + " <at user_id=\"" + user + "\"></at>";
    let calls = bot.mention.iter().fold(String::new(), call);
    let mut body = json!({ "msg_type": "text", "content": { "text": format!("{text}{calls}") } });
    if let Some(secret) = &bot.secret {
        let timestamp = now.as_millis().div_euclid(1_000).to_string();
        let key = format!("{timestamp}\n{}", secret.reveal());
        body["sign"] = hmac_base64(key.as_bytes(), b"").into();
        body["timestamp"] = timestamp.into();
    }
    (String::new(), body)
}

fn meaning(code: i64) -> Meaning {
    match code {
        0 => (Verdict::Taken, "", ""),
        11_232 => (
            Verdict::Slower(60),
            "a robot may send 100 messages a minute and 5 a second; set `rate` for the recipient",
            "每个机器人每分钟最多发送 100 条、每秒 5 条；请为接收方设置 `rate`",
        ),
        19_021 => (
            Verdict::Later,
            "the signature does not match, or the clock is more than an hour off: check secret and clock",
            "签名不匹配或时间相差超过一小时：请检查密钥和系统时间",
        ),
        19_022 => (
            Verdict::Later,
            "this address is not on the robot's list: add it there",
            "本机地址不在机器人的 IP 白名单中：请加入",
        ),
        19_024 => (
            Verdict::Refused,
            "the robot wants a keyword that the text lacks: put it into the template",
            "文本缺少机器人要求的关键词：请写入模板",
        ),
        19_001 => (
            Verdict::Gone,
            "there is no such robot: put the right token in place, then switch the channel on",
            "机器人不存在：请更换 token 后重新启用该渠道",
        ),
        9_499 | 19_002 => (Verdict::Refused, "the service does not take this content", "该内容不被接受"),
        _ => UNKNOWN,
    }
}
