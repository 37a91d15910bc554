//! The reasons in Chinese. Beside the English of `reason.rs`, variant by variant.

use super::reason::{Reason, Scope, listed};

impl Reason {
    /// The reason in Chinese, with the cure.
    pub fn chinese(&self) -> String {
        match self {
            Self::RevokedPackage { package, since, why } => {
                format!("策略包 {} 自 {since} 起已被吊销：{}；请改用其他版本", package.short(), why.0)
            }
            Self::Tampered { line, key, holder } => format!(
                "证明文件第 {line} 行被篡改：{holder} 的密钥 {key} 没有签过这些内容；请向签署人重新索取证明文件"
            ),
            Self::RevokedKey { line, key, holder, since } => format!(
                "证明文件第 {line} 行由 {holder} 已吊销的密钥 {key} 签署（自 {since} 起吊销）；请让其用新密钥重新签署"
            ),
            Self::Substituted { line, signed, package } => format!(
                "策略包被替换：证明文件第 {line} 行签的是 {}，而这个包是 {}；请取回签署过的包，或让签署人签署这个包",
                signed.short(),
                package.short()
            ),
            Self::Expired { line, key, holder, until } => {
                format!("证明文件第 {line} 行：{holder} 的密钥 {key} 已于 {until} 到期；请让其用有效的密钥重新签署")
            }
            Self::NotYetValid { line, key, holder, from } => format!(
                "证明文件第 {line} 行：{holder} 的密钥 {key} 自 {from} 起才有效；请等到那时，或用现行有效的密钥签署"
            ),
            Self::OutOfScope { line, key, holder, scope } => {
                format!("证明文件第 {line} 行：{holder} 的密钥 {key} {}", scope.chinese())
            }
            Self::WithoutOffice { line, key, holder, office } => format!(
                "证明文件第 {line} 行：{holder} 的密钥 {key} 无权以{0}身份签署；请由{0}签署，或由信任管理员授予 {1}",
                office.chinese(),
                office.as_str()
            ),
            Self::SameHolderTwice { holder, rule, need } => format!(
                "{holder} 签了不止一次，只算一个人：规则 {rule} 需要 {} 位不同的{}；请另一位持有人签署",
                need.count,
                need.office.chinese()
            ),
            Self::ConformanceFailed { line, holder } => {
                format!("证明文件第 {line} 行：{holder} 认证的结果是不合格；请修正策略后重新认证")
            }
            Self::ApprovalExpired { line, holder, expires } => {
                format!("证明文件第 {line} 行：{holder} 的批准已于 {expires} 到期；请重新批准")
            }
            Self::UnknownKey { line, key } => {
                format!("证明文件第 {line} 行由未知密钥 {key} 签署；若应信任它，请由信任管理员写入 trust.toml")
            }
            Self::Malformed { line, what } => {
                format!("证明文件第 {line} 行无法读取（{what}）；请向签署人重新索取证明文件")
            }
            Self::NoRule { district, role } => format!(
                "trust.toml 没有规定 {district} 的 {role} 需要谁签署，因此一律不用；请由信任管理员加一条 [[rule]]"
            ),
            Self::TooFew { rule, need, signed } => format!(
                "规则 {rule} 需要 {} 位不同的{}签署，现有 {} 位（{}）；请补齐签署",
                need.count,
                need.office.chinese(),
                signed.len(),
                listed(signed, "、", "无")
            ),
            Self::Unsigned => "策略包没有任何可信的签名；请用 `muster sign` 签署".into(),
            Self::DenyListMissing => "trust.toml 要求有吊销名单，但没有找到；请放置吊销人签署的名单".into(),
            Self::DenyListStale { issued, days_max } => {
                format!("吊销名单签发于 {issued}，已超过 {days_max} 天；请取得新的名单")
            }
        }
    }
}

impl Scope {
    fn chinese(&self) -> String {
        match self {
            Self::District(district) => format!("不适用于 {district}；请由适用于该辖区的密钥签署"),
            Self::Role(role) => format!("不适用于 {role}；请由适用于该角色的密钥签署"),
            Self::Settings(settings) => format!("签的是另一套参数，不是 {}；请就这套参数重新签署", settings.short()),
        }
    }
}
