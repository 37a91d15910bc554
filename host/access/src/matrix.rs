//! Which role may do what, and how far: the one table. Nothing else in the crate names a role together with an action.
//!
//! Least privilege: a role has what its work cannot do without. The table is the outer gate only. The kernel still asks
//! for the power that the charter gives, so that a row here never makes an act valid; it only lets it be asked.

use std::fmt;

use crate::{AccessRole, ActKind, Action};

/// How far a role reaches with an action, nearest first. Their order is their meaning: a later one contains an earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Not at all.
    Nowhere,
    /// The node of the binding.
    OwnNode,
    /// The node of the binding and every node below it.
    OwnAndBelow,
    /// Every node of the binding's district.
    District,
    /// The host and all that it serves.
    Host,
}

use Scope::{District as D, Host as H, Nowhere as X, OwnAndBelow as B, OwnNode as N};

impl Scope {
    /// All of them, nearest first.
    pub const ALL: [Self; 5] = [X, N, B, D, H];

    /// What it is called in English.
    pub const fn english(self) -> &'static str {
        match self {
            X => "nowhere",
            N => "own node",
            B => "own node and below",
            D => "the whole district",
            H => "the host",
        }
    }

    /// What it is called in Chinese.
    pub const fn chinese(self) -> &'static str {
        match self {
            X => "无",
            N => "本级",
            B => "本级及下级",
            D => "全辖区",
            H => "主机",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.english())
    }
}

/// How far a role reaches with an action.
pub const fn scope_of(role: AccessRole, action: Action) -> Scope {
    let row = row(action);
    match role {
        AccessRole::PublicReader => row[0],
        AccessRole::Reporter => row[1],
        AccessRole::Responder => row[2],
        AccessRole::DutyOfficer => row[3],
        AccessRole::Commander => row[4],
        AccessRole::Approver => row[5],
        AccessRole::Supervisor => row[6],
        AccessRole::PolicyAuthor => row[7],
        AccessRole::PolicyReleaser => row[8],
        AccessRole::Operator => row[9],
    }
}

/// Roles in the order of [`AccessRole::ALL`]. X nowhere, N own node, B own node and below, D district, H host.
#[rustfmt::skip] // A table: one row, one line.
const fn row(action: Action) -> [Scope; 10] {
    use Action as A;
    match action {
        // public, reporter, responder, duty, commander, approver, supervisor, author, releaser, operator
        A::Send(kind) => sent(kind),
        // Published is published: every role sees what everybody sees.
        A::ReadPublicView                      => [D, D, D, D, D, D, D, D, D, H],
        A::ReadDistrict                        => [X, D, D, D, D, D, D, D, D, H],
        A::ReadIncidents                       => [X, X, N, B, B, B, B, X, X, X],
        A::ReadRegisters                       => [X, X, N, B, B, B, B, X, X, X],
        A::ReadFindings                        => [X, X, X, B, B, X, B, X, X, X],
        // Raw entries hold senders and words of persons: only who answers for a node, or looks at it, reads them.
        A::ReadEntries                         => [X, X, X, X, B, X, B, X, X, X],
        A::ReadExplanations                    => [X, X, X, B, B, B, B, X, X, X],
        A::ReadStream                          => [X, X, X, B, B, X, B, X, X, X],
        A::ReadPolicies                        => [X, X, X, X, D, D, D, D, D, H],
        A::ReadBacktests                       => [X, X, X, X, X, X, D, D, D, X],
        A::ProposePolicy                       => [X, X, X, X, X, X, X, D, D, X],
        A::ReleasePolicy                       => [X, X, X, X, X, X, X, X, D, X],
        // The recipients are the host's, not a district's: who looks at one district cannot be shown its part alone.
        A::ReadOutbox                          => [X, X, X, X, X, X, X, X, X, H],
        A::ReadDeadLetters                     => [X, X, X, X, X, X, X, X, X, H],
        A::ReplayDeadLetters                   => [X, X, X, X, X, X, X, X, X, H],
        A::AdministerTokens                    => [X, X, X, X, X, X, X, X, X, H],
        A::ReadStatus                          => [X, X, X, X, X, X, X, X, X, H],
        A::ReadMetrics                         => [X, X, X, X, X, X, X, X, X, H],
        // Says alive or not; whoever is bound to anything may ask.
        A::ReadHealth                          => [H, H, H, H, H, H, H, H, H, H],
    }
}

#[rustfmt::skip] // A table: one row, one line.
const fn sent(kind: ActKind) -> [Scope; 10] {
    use ActKind as K;
    match kind {
        // public, reporter, responder, duty, commander, approver, supervisor, author, releaser, operator
        // Whoever sees smoke says so, also over the boundary of a node.
        K::Signal                              => [X, D, D, D, D, D, D, X, X, X],
        K::Warning                             => [X, B, X, B, B, X, X, X, X, X],
        // The duty officer too: evacuation at night waits for nobody. The charter's powers bound the rest.
        K::Order                               => [X, X, X, B, B, X, X, X, X, X],
        K::Command                             => [X, X, X, X, B, X, X, X, X, X],
        K::CommandLost                         => [X, X, X, B, B, X, X, X, X, X],
        K::Call                                => [X, X, X, B, B, X, X, X, X, X],
        K::AnswerCall                          => [X, X, N, B, B, X, X, X, X, X],
        K::Spend                               => [X, X, X, B, B, X, X, X, X, X],
        K::Approve                             => [X, X, X, X, B, B, X, X, X, X],
        K::AskGrant                            => [X, X, X, B, B, X, X, X, X, X],
        K::RevokeGrant                         => [X, X, X, X, B, X, B, X, X, X],
        K::Freeze                              => [X, X, X, X, X, X, B, X, X, X],
        K::Report                              => [X, X, N, B, B, X, X, X, X, X],
        K::Task                                => [X, X, N, B, B, X, X, X, X, X],
        K::Service                             => [X, X, N, B, B, X, X, X, X, X],
        K::Resource                            => [X, X, N, B, B, X, X, X, X, X],
        K::DecideAward                         => [X, X, X, X, X, B, X, X, X, X],
        K::DisputeAward                        => [X, X, N, N, N, X, X, X, X, X],
        K::ReceiveFeedback                     => [X, B, N, B, B, X, X, X, X, X],
        K::HandleFeedback                      => [X, X, N, B, B, X, X, X, X, X],
        K::AnswerPair                          => [X, X, N, B, B, X, X, X, X, X],
        K::AnswerFinding                       => [X, X, N, B, B, X, X, X, X, X],
        K::DecideFinding                       => [X, X, X, X, X, X, B, X, X, X],
        K::Roster                              => [X, X, X, B, B, X, X, X, X, X],
    }
}

/// The roles that have an action at all, in order.
pub fn roles_with(action: Action) -> Vec<AccessRole> {
    AccessRole::ALL.into_iter().filter(|role| scope_of(*role, action) > X).collect()
}

/// The table for people, in Markdown. A dash is nowhere.
pub fn markdown() -> String {
    let line = |cells: [&str; AccessRole::ALL.len()], begin: &str| format!("{begin} {} |\n", cells.join(" | "));
    let mut table = line(AccessRole::ALL.map(AccessRole::english), "| action | 动作 |");
    table += &line(AccessRole::ALL.map(|_| "---"), "|---|---|").replace(' ', "");
    table += &line(AccessRole::ALL.map(AccessRole::chinese), "| | |");
    for action in Action::all() {
        let cells = AccessRole::ALL.map(|role| match scope_of(role, action) {
            X => "–",
            N => "own",
            B => "below",
            D => "district",
            H => "host",
        });
        table += &line(cells, &format!("| `{action}` | {} |", action.chinese()));
    }
    table
}
