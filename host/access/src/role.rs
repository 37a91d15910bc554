//! The roles that an identity can be bound to. A role names a kind of work; what it allows stands in the matrix alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role (角色). Posts hold roles, and persons hold posts for a time.
///
/// Not to be mixed up with [`muster_kernel::Role`], which is what a policy answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    /// Sees everything that is published, after the district's delay, and nothing else.
    PublicReader,
    /// Reports signals and warnings: a grid worker, a sensor, a weather bureau, a hotline.
    Reporter,
    /// Answers calls and does tasks.
    Responder,
    /// Holds the duty desk of a node.
    DutyOfficer,
    /// Answers for incidents and orders.
    Commander,
    /// Says yes or no to spending, measures, grants and awards.
    Approver,
    /// Looks at what was done, decides findings, freezes powers.
    Supervisor,
    /// Writes policies and tries them where they change nothing.
    PolicyAuthor,
    /// Lets policies answer for real, and takes them back.
    PolicyReleaser,
    /// Runs the host. Sees how it is, not what it decides about people.
    Operator,
}

impl AccessRole {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::PublicReader,
        Self::Reporter,
        Self::Responder,
        Self::DutyOfficer,
        Self::Commander,
        Self::Approver,
        Self::Supervisor,
        Self::PolicyAuthor,
        Self::PolicyReleaser,
        Self::Operator,
    ];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublicReader => "public_reader",
            Self::Reporter => "reporter",
            Self::Responder => "responder",
            Self::DutyOfficer => "duty_officer",
            Self::Commander => "commander",
            Self::Approver => "approver",
            Self::Supervisor => "supervisor",
            Self::PolicyAuthor => "policy_author",
            Self::PolicyReleaser => "policy_releaser",
            Self::Operator => "operator",
        }
    }

    /// What it is called in English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::PublicReader => "public reader",
            Self::Reporter => "reporter",
            Self::Responder => "responder",
            Self::DutyOfficer => "duty officer",
            Self::Commander => "commander",
            Self::Approver => "approver",
            Self::Supervisor => "supervisor",
            Self::PolicyAuthor => "policy author",
            Self::PolicyReleaser => "policy releaser",
            Self::Operator => "operator",
        }
    }

    /// What it is called in Chinese.
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::PublicReader => "公众",
            Self::Reporter => "报告人",
            Self::Responder => "处置人员",
            Self::DutyOfficer => "值班员",
            Self::Commander => "指挥员",
            Self::Approver => "审批人",
            Self::Supervisor => "监督人",
            Self::PolicyAuthor => "策略编写人",
            Self::PolicyReleaser => "策略放行人",
            Self::Operator => "运维人员",
        }
    }

    /// Whether it is held for the host, not for a district.
    pub const fn is_of_the_host(self) -> bool {
        matches!(self, Self::Operator)
    }
}

impl fmt::Display for AccessRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.english())
    }
}
