//! The second person (双人复核): an action that a profile does not let one person do alone. A pure count of distinct
//! persons over one exact thing. It must never count a person twice, whatever they proved it with.

use std::collections::BTreeMap;

use muster_kernel::{Digest, Instant, Milliseconds};
use serde::{Deserialize, Serialize};

use crate::{Action, Identity, Proof, Subject, Words};

/// A person's yes to one exact thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub subject: Subject,
    /// How they proved it.
    pub proof: Proof,
    /// To what action.
    pub action: Action,
    /// To which thing: the digest of the exact request. Another request is another thing.
    pub of: Digest,
    /// When.
    pub given: Instant,
}

impl Approval {
    /// The approval that an identity gives.
    pub fn of(identity: &Identity, action: Action, of: Digest, given: Instant) -> Self {
        Self { subject: identity.subject.clone(), proof: identity.proof.clone(), action, of, given }
    }
}

/// How many persons an action needs, and how long a yes holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondPersonRules {
    /// Distinct persons by action, the one who does it included. One where an action is not named.
    pub persons: BTreeMap<Action, usize>,
    /// So long a yes holds.
    pub approvals_hold: Milliseconds,
}

/// Too few persons said yes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("to {} needs {needed} distinct persons; so far: {}; let {} more approve it", .action.english(), listed(.by), .needed - .by.len())]
pub struct Missing {
    /// The action.
    pub action: Action,
    /// How many are needed.
    pub needed: usize,
    /// Who counts so far, the one who does it first.
    pub by: Vec<Subject>,
    /// Approvals that did not count, and why.
    pub not_counted: Vec<(Subject, NotCounted)>,
}

impl Missing {
    /// The same for people.
    pub fn words(&self) -> Words {
        let zh = format!(
            "{}需要 {} 名不同人员；目前：{}；还需 {} 人批准",
            self.action.chinese(),
            self.needed,
            listed(&self.by),
            self.needed - self.by.len()
        );
        Words::new(zh, self.to_string())
    }
}

fn listed(subjects: &[Subject]) -> String {
    subjects.iter().map(Subject::as_str).collect::<Vec<_>>().join(", ")
}

/// Why an approval does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotCounted {
    /// It is about another action or another thing.
    OtherThing,
    /// The person counts already.
    SamePerson,
    /// It is too old.
    Expired,
    /// It is dated later than now.
    Future,
    /// Whoever gave it proved nothing.
    Unproved,
}

/// Who stands behind an action: the one who does it and those who approved, each once.
///
/// # Errors
/// When they are fewer than the rules ask for.
pub fn second_person(
    rules: &SecondPersonRules,
    action: Action,
    of: Digest,
    by: &Identity,
    approvals: &[Approval],
    at: Instant,
) -> Result<Vec<Subject>, Missing> {
    let needed = rules.persons.get(&action).copied().unwrap_or(1).max(1);
    let mut persons = vec![by.subject.clone()];
    let mut not_counted = Vec::new();
    for approval in approvals {
        let fault = if approval.action != action || approval.of != of {
            Some(NotCounted::OtherThing)
        } else if matches!(approval.proof, Proof::LoopbackDevelopment | Proof::Public) {
            Some(NotCounted::Unproved)
        } else if approval.given > at {
            Some(NotCounted::Future)
        } else if approval.given + rules.approvals_hold <= at {
            Some(NotCounted::Expired)
        } else if persons.iter().any(|person| person.is_same_person(&approval.subject)) {
            Some(NotCounted::SamePerson)
        } else {
            None
        };
        match fault {
            Some(fault) => not_counted.push((approval.subject.clone(), fault)),
            None => persons.push(approval.subject.clone()),
        }
    }
    if persons.len() >= needed { Ok(persons) } else { Err(Missing { action, needed, by: persons, not_counted }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenId;
    use std::collections::BTreeSet;

    fn person(name: &str, token: u8) -> Identity {
        let id = TokenId::parse(&format!("{token:016x}")).expect("an id");
        Identity {
            subject: Subject::parse(name).expect("a subject"),
            display_name: name.into(),
            bindings: Vec::new(),
            posts: BTreeSet::new(),
            sources: BTreeSet::new(),
            proof: Proof::Token { id, one_time: false },
        }
    }

    fn rules() -> SecondPersonRules {
        SecondPersonRules {
            persons: BTreeMap::from([(Action::ReleasePolicy, 3)]),
            approvals_hold: Milliseconds::hours(1),
        }
    }

    fn at(hour: i64) -> Instant {
        Instant::from_millis(hour * 3_600_000)
    }

    #[test]
    fn a_person_with_two_tokens_is_one_person() {
        let thing = Digest::of(b"package and settings");
        let yes = |name, token, hour| Approval::of(&person(name, token), Action::ReleasePolicy, thing, at(hour));
        let other = Approval::of(&person("zhao", 6), Action::ReleasePolicy, Digest::of(b"other"), at(10));
        let approvals =
            [yes("li", 2, 10), yes("Li", 3, 10), yes("wang", 4, 10), yes("WANG", 5, 10), yes("sun", 7, 9), other];
        let missing = second_person(&rules(), Action::ReleasePolicy, thing, &person("li", 1), &approvals, at(10))
            .expect_err("two persons");
        insta::assert_snapshot!(format!("{}\n{}\n{:?}", missing.words().zh, missing, missing.not_counted), @"");
        let more = [approvals.as_slice(), &[yes("qian", 8, 10)]].concat();
        let by = second_person(&rules(), Action::ReleasePolicy, thing, &person("li", 1), &more, at(10)).expect("three");
        assert_eq!(by.iter().map(Subject::as_str).collect::<Vec<_>>(), ["li", "wang", "qian"]);
    }

    #[test]
    fn an_action_without_a_rule_needs_one_person() {
        let by = second_person(&rules(), Action::ReadMetrics, Digest::ZERO, &person("li", 1), &[], at(0));
        assert_eq!(by.expect("alone").len(), 1);
    }

    #[test]
    fn neither_a_yes_from_the_future_nor_one_without_a_proof_counts() {
        let rules = SecondPersonRules { persons: BTreeMap::from([(Action::ReleasePolicy, 2)]), ..rules() };
        let early = Approval::of(&person("wang", 2), Action::ReleasePolicy, Digest::ZERO, at(11));
        let nobody = Approval { proof: Proof::LoopbackDevelopment, ..early.clone() };
        let missing =
            second_person(&rules, Action::ReleasePolicy, Digest::ZERO, &person("li", 1), &[early, nobody], at(10))
                .expect_err("one person");
        let faults: Vec<NotCounted> = missing.not_counted.iter().map(|(_, fault)| *fault).collect();
        assert_eq!(faults, [NotCounted::Future, NotCounted::Unproved]);
    }
}
