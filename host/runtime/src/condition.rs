//! Degraded mode: what does not work as it should, what still does, and what is refused meanwhile. Nothing degrades in
//! silence; this is where it is said.

use muster_kernel::{DistrictId, Role};

/// One thing that does not work as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Degradation {
    /// A write or sync failed: the journal takes nothing until the host is started anew.
    JournalStopped,
    /// Free space is below the watermark.
    LowSpace,
    /// The view could not be read at the start, and was folded from the journal.
    ViewRebuilt {
        /// What was wrong with it.
        reason: String,
    },
    /// There is no view: it can neither be read nor made.
    ViewMissing {
        /// Why.
        reason: String,
    },
    /// The policy in force could not be loaded: the host's fallback answers for the role.
    PolicyNotLoaded {
        /// The district.
        district: DistrictId,
        /// The role.
        role: Role,
        /// Why.
        reason: String,
    },
    /// The newest trust files are not in force.
    TrustNotInForce {
        /// Why.
        reason: String,
    },
    /// The newest files of a district's folder are not in force.
    FolderNotInForce {
        /// The district.
        district: DistrictId,
        /// Why.
        reason: String,
    },
    /// What was decided does not reach everybody. Whoever carries it says it in words of its own.
    NotDelivered {
        /// In Chinese.
        chinese: String,
        /// In English.
        english: String,
    },
}

impl Degradation {
    /// The part: `journal`, `space`, `view`, `policy`, `folder`, `trust` or `outbox`.
    pub fn part(&self) -> &'static str {
        match self {
            Self::JournalStopped => "journal",
            Self::LowSpace => "space",
            Self::ViewRebuilt { .. } | Self::ViewMissing { .. } => "view",
            Self::PolicyNotLoaded { .. } => "policy",
            Self::FolderNotInForce { .. } => "folder",
            Self::TrustNotInForce { .. } => "trust",
            Self::NotDelivered { .. } => "outbox",
        }
    }

    /// The district, when it concerns one.
    pub fn district(&self) -> Option<&DistrictId> {
        match self {
            Self::PolicyNotLoaded { district, .. } | Self::FolderNotInForce { district, .. } => Some(district),
            _ => None,
        }
    }

    /// In Chinese: what is wrong, what still works, what is refused, what to do.
    pub fn chinese(&self) -> String {
        match self {
            Self::JournalStopped => {
                "日志写入失败,主机停止受理:新事件一律拒收(从未应答,不会丢失已应答的),查询按最后落盘的状态照常答复。\
                                     请检查磁盘后重启主机;期间按打印的呼叫单电话处置(muster call-list)。"
                    .into()
            }
            Self::LowSpace => {
                "磁盘空间低于警戒线:暂不受理信号类事件,人员的指令、应答、审批照常受理。请立即清理或扩容。".into()
            }
            Self::ViewRebuilt { reason } => {
                format!("视图无法读取,已由日志重建,不影响受理与查询;原文件另存。原因:{reason}")
            }
            Self::ViewMissing { reason } => {
                format!("视图无法打开,主机只凭日志运行:受理与查询照常,下次启动较慢。请检查磁盘。原因:{reason}")
            }
            Self::PolicyNotLoaded { role, reason, .. } => format!(
                "在用的{}策略无法加载,由主机的保底规则代答(只报告、不授权、转人工),事件照常受理。\
                 请恢复该策略包或换上可用的一版。原因:{reason}",
                role_in_chinese(*role)
            ),
            Self::TrustNotInForce { reason } => {
                format!("最新的信任文件或吊销名单未生效,仍按原有信任执行。原因:{reason}")
            }
            Self::FolderNotInForce { reason, .. } => {
                format!("辖区目录的最新内容未生效,仍按原有规则执行。原因:{reason}")
            }
            Self::NotDelivered { chinese, .. } => chinese.clone(),
        }
    }

    /// In English: what is wrong, what still works, what is refused, what to do.
    pub fn english(&self) -> String {
        match self {
            Self::JournalStopped => {
                "a write to the journal failed and the host takes nothing any more: every event is \
                                     refused, what was acknowledged is safe, questions are answered as of the last \
                                     durable entry. Check the disk, then restart the host; until then call by the \
                                     printed list (muster call-list)."
                    .into()
            }
            Self::LowSpace => {
                "free space is below the watermark: signals are refused, acts of people are still taken. \
                               Free space now."
                    .into()
            }
            Self::ViewRebuilt { reason } => format!(
                "the view could not be read and was rebuilt from the journal; nothing is refused, its files were set \
                 aside: {reason}"
            ),
            Self::ViewMissing { reason } => format!(
                "the view cannot be opened and the host runs on the journal alone: nothing is refused, the next start takes \
                 longer. Check the disk: {reason}"
            ),
            Self::PolicyNotLoaded { role, reason, .. } => format!(
                "the {role} policy in force cannot be loaded: the host's fallback answers (report, grant nothing, put \
                 it before people), events are taken as ever. Restore the package or bind one that works: {reason}"
            ),
            Self::TrustNotInForce { reason } => {
                format!("the newest trust files are not in force, the trust before holds on: {reason}")
            }
            Self::FolderNotInForce { reason, .. } => {
                format!(
                    "the newest files of the district's folder are not in force, the rules before serve on: {reason}"
                )
            }
            Self::NotDelivered { english, .. } => english.clone(),
        }
    }
}

fn role_in_chinese(role: Role) -> &'static str {
    match role {
        Role::Triage => "感知",
        Role::Escalation => "研判",
        Role::Discretion => "决策",
        Role::Incentives => "激励",
        Role::Oversight => "监管",
        Role::Workflow => "流程",
    }
}
