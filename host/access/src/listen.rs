//! Whether the host may listen on an address. Beyond the machine itself nothing may listen without TLS and
//! authentication, unless the settings say so in so many words; and then it must never be quiet about it.

use std::net::{IpAddr, SocketAddr};

use crate::Words;

/// What protects the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posture {
    /// `[tls]` has a certificate that can be used.
    pub tls: bool,
    /// Callers prove who they are: tokens, an issuer or client certificates, and no `development = true`.
    pub authentication: bool,
    /// `insecure = true`.
    pub insecure: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listening {
    /// It may.
    Allowed,
    /// It may, because the settings say so. The words belong into the log, the status and the standard error.
    AllowedLoudly(Words),
    /// It may not; the words name the cure.
    Refused(Words),
}

/// Whether the host may listen on an address.
pub fn listen(bind: SocketAddr, posture: Posture) -> Listening {
    if is_loopback(bind.ip()) {
        return Listening::Allowed;
    }
    let (zh, en) = match (posture.tls, posture.authentication) {
        (true, true) => return Listening::Allowed,
        (false, true) => ("没有 TLS：令牌会被途中任何人读到", "without TLS: whoever is on the way reads the tokens"),
        (true, false) => ("没有身份验证：任何人都能下令", "without authentication: anybody may give orders"),
        (false, false) => (
            "既没有 TLS 也没有身份验证：任何人都能读取并下令",
            "without TLS and authentication: anybody may read and give orders",
        ),
    };
    if posture.insecure {
        return Listening::AllowedLoudly(Words::new(
            format!("不安全：在 {bind} 监听，{zh}；设置中写明了 insecure = true"),
            format!("INSECURE: listening on {bind} {en}; the settings say `insecure = true`"),
        ));
    }
    let (cure_zh, cure_en) = match (posture.tls, posture.authentication) {
        (false, true) => ("请在 [tls] 写明 certificate 和 key", "set `certificate` and `key` in [tls]"),
        (true, _) => (
            "请去掉 development = true，并用 `muster token bootstrap` 建立第一个令牌",
            "take out `development = true` and make the first token with `muster token bootstrap`",
        ),
        (false, false) => (
            "请在 [tls] 写明 certificate 和 key，去掉 development = true，并用 `muster token bootstrap` 建立第一个令牌",
            "set `certificate` and `key` in [tls], take out `development = true` and make the first token with \
             `muster token bootstrap`",
        ),
    };
    Listening::Refused(Words::new(
        format!("不在 {bind} 监听：{zh}；{cure_zh}，或只在 127.0.0.1 监听"),
        format!("not listening on {bind}, {en}; {cure_en}, or listen on 127.0.0.1 only"),
    ))
}

/// Whether a caller may be taken for whoever sits at the machine, which `development = true` lets do everything.
///
/// A proxy on the machine hands strangers on from a loopback address: a request that says it was forwarded is none.
pub fn is_at_the_machine(peer: IpAddr, was_forwarded: bool) -> bool {
    is_loopback(peer) && !was_forwarded
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTURES: [Posture; 4] = [
        Posture { tls: false, authentication: false, insecure: false },
        Posture { tls: true, authentication: false, insecure: false },
        Posture { tls: false, authentication: true, insecure: false },
        Posture { tls: true, authentication: true, insecure: false },
    ];

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn beyond_the_machine_only_tls_with_authentication_is_quiet() {
        let mut lines = Vec::new();
        for posture in POSTURES {
            for insecure in [false, true] {
                let said = match listen(address("0.0.0.0:7310"), Posture { insecure, ..posture }) {
                    Listening::Allowed => "allowed".to_owned(),
                    Listening::AllowedLoudly(words) => format!("{}\n{words}", words.zh),
                    Listening::Refused(words) => format!("{}\n{words}", words.zh),
                };
                lines.push(said);
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r##"
不在 0.0.0.0:7310 监听：既没有 TLS 也没有身份验证：任何人都能读取并下令；请在 [tls] 写明 certificate 和 key，去掉 development = true，并用 `muster token bootstrap` 建立第一个令牌，或只在 127.0.0.1 监听
not listening on 0.0.0.0:7310, without TLS and authentication: anybody may read and give orders; set `certificate` and `key` in [tls], take out `development = true` and make the first token with `muster token bootstrap`, or listen on 127.0.0.1 only
不安全：在 0.0.0.0:7310 监听，既没有 TLS 也没有身份验证：任何人都能读取并下令；设置中写明了 insecure = true
INSECURE: listening on 0.0.0.0:7310 without TLS and authentication: anybody may read and give orders; the settings say `insecure = true`
不在 0.0.0.0:7310 监听：没有身份验证：任何人都能下令；请去掉 development = true，并用 `muster token bootstrap` 建立第一个令牌，或只在 127.0.0.1 监听
not listening on 0.0.0.0:7310, without authentication: anybody may give orders; take out `development = true` and make the first token with `muster token bootstrap`, or listen on 127.0.0.1 only
不安全：在 0.0.0.0:7310 监听，没有身份验证：任何人都能下令；设置中写明了 insecure = true
INSECURE: listening on 0.0.0.0:7310 without authentication: anybody may give orders; the settings say `insecure = true`
不在 0.0.0.0:7310 监听：没有 TLS：令牌会被途中任何人读到；请在 [tls] 写明 certificate 和 key，或只在 127.0.0.1 监听
not listening on 0.0.0.0:7310, without TLS: whoever is on the way reads the tokens; set `certificate` and `key` in [tls], or listen on 127.0.0.1 only
不安全：在 0.0.0.0:7310 监听，没有 TLS：令牌会被途中任何人读到；设置中写明了 insecure = true
INSECURE: listening on 0.0.0.0:7310 without TLS: whoever is on the way reads the tokens; the settings say `insecure = true`
allowed
allowed
"##);
    }

    #[test]
    fn every_form_of_an_address_is_told_apart() {
        for within in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(listen(address(within), Posture::default()), Listening::Allowed, "{within}");
        }
        for beyond in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "169.254.0.1:1"] {
            assert!(matches!(listen(address(beyond), Posture::default()), Listening::Refused(_)), "{beyond}");
        }
    }

    #[test]
    fn whoever_comes_through_a_proxy_is_not_at_the_machine() {
        assert!(is_at_the_machine(IpAddr::from([127, 0, 0, 1]), false));
        assert!(!is_at_the_machine(IpAddr::from([127, 0, 0, 1]), true));
        assert!(!is_at_the_machine(IpAddr::from([10, 0, 0, 1]), false));
    }
}
