//! `WeCom` (企业微信) group robots: text messages; the key in the address is all that there is.
//!
//! Source: the developer centre's documentation of group robots, 群机器人配置说明 (text: at most 2,048 bytes of UTF-8;
//! 20 messages a minute).

use muster_kernel::Instant;
use serde_json::{Value as Json, json};

use super::bot::{Bot, Meaning, Service, UNKNOWN, Verdict};

pub(super) const SERVICE: Service = Service {
    name: "WeCom",
    url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
    before_token: "?key=",
    text_bytes_max: 2_048,
    code_and_words: ("errcode", "errmsg"),
    request,
    meaning,
};

fn request(bot: &Bot, text: &str, _now: Instant) -> (String, Json) {
    let body = json!({ "msgtype": "text", "text": { "content": text, "mentioned_mobile_list": bot.mention } });
    (String::new(), body)
}

fn meaning(code: i64) -> Meaning {
    match code {
        0 => (Verdict::Taken, "", ""),
        -1 => (Verdict::Later, "the service is busy; it will be tried again", "系统繁忙，将自动重试"),
        45_009 | 45_033 => (
            Verdict::Slower(60),
            "a robot may send 20 messages a minute; set `rate` for the recipient",
            "每个机器人每分钟最多发送 20 条；请为接收方设置 `rate`",
        ),
        93_000 => (
            Verdict::Gone,
            "there is no such robot: put the right key in place, then switch the channel on",
            "机器人不存在：请更换 key 后重新启用该渠道",
        ),
        40_008 | 40_058 | 44_004 | 45_002 => {
            (Verdict::Refused, "the service does not take this content", "该内容不被接受")
        }
        _ => UNKNOWN,
    }
}
