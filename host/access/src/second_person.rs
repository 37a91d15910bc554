//! The second person (双人复核): an action that a profile does not let one person do alone. A pure count of distinct
//! persons over one exact thing. It must never count a person twice, whatever they proved it with.

use std::collections::BTreeMap;

use muster_kernel::{Digest, Instant, Milliseconds};
use serde::{Deserialize, Serialize};

use crate::{Action, Identity, Proof, Refusal, Subject, Target, Tree, Verdict, Words, permits};

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
    /// On what.
    pub target: Target,
    /// To which thing: the digest of the exact request. Another request is another thing.
    pub of: Digest,
    /// When.
    pub given: Instant,
}

impl Approval {
    /// The approval that an identity gives. Whoever may not do the action may not approve it either.
    ///
    /// # Errors
    /// When the identity may not do it, with what is missing.
    pub fn give(
        identity: &Identity,
        action: Action,
        target: &Target,
        tree: &impl Tree,
        of: Digest,
        given: Instant,
    ) -> Result<Self, Refusal> {
        match permits(identity, action, target, tree) {
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Permitted(_) => Ok(Self {
                subject: identity.subject.clone(),
                proof: identity.proof.clone(),
                action,
                target: target.clone(),
                of,
                given,
            }),
        }
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
    target: &Target,
    of: Digest,
    by: &Identity,
    approvals: &[Approval],
    at: Instant,
) -> Result<Vec<Subject>, Missing> {
    let needed = rules.persons.get(&action).copied().unwrap_or(1).max(1);
    let mut persons = vec![by.subject.clone()];
    let mut not_counted = Vec::new();
    for approval in approvals {
        let fault = if approval.action != action || approval.target != *target || approval.of != of {
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
    use crate::{AccessRole, Binding};
    use muster_kernel::NodeCode;
    use std::collections::BTreeSet;

    const RELEASE: Action = Action::ReleasePolicy;

    fn person(name: &str, token: u8) -> Identity {
        let id = TokenId::parse(&format!("{token:016x}")).expect("an id");
        Identity {
            subject: Subject::parse(name).expect("a subject"),
            display_name: name.into(),
            bindings: vec![Binding::in_district(AccessRole::PolicyReleaser, "yunhe")],
            posts: BTreeSet::new(),
            sources: BTreeSet::new(),
            proof: Proof::Token { id, one_time: false },
        }
    }

    fn rules(persons: usize) -> SecondPersonRules {
        SecondPersonRules { persons: BTreeMap::from([(RELEASE, persons)]), approvals_hold: Milliseconds::hours(1) }
    }

    fn at(hour: i64) -> Instant {
        Instant::from_millis(hour * 3_600_000)
    }

    fn no_tree(_: &NodeCode) -> Option<NodeCode> {
        None
    }

    fn yes(name: &str, token: u8, of: Digest, hour: i64) -> Approval {
        let yunhe = Target::district("yunhe");
        Approval::give(&person(name, token), RELEASE, &yunhe, &no_tree, of, at(hour)).expect("a releaser")
    }

    fn stand(persons: usize, of: Digest, approvals: &[Approval]) -> Result<Vec<Subject>, Missing> {
        let yunhe = Target::district("yunhe");
        second_person(&rules(persons), RELEASE, &yunhe, of, &person("li", 1), approvals, at(10))
    }

    #[test]
    fn a_person_with_two_tokens_is_one_person() {
        let thing = Digest::of(b"package and settings");
        let elsewhere = Approval { target: Target::district("lanzhu"), ..yes("zhou", 9, thing, 10) };
        let approvals = [
            yes("li", 2, thing, 10),
            yes("Li", 3, thing, 10),
            yes("wang", 4, thing, 10),
            yes("WANG", 5, thing, 10),
            yes("sun", 7, thing, 9),
            yes("zhao", 6, Digest::of(b"other"), 10),
            elsewhere,
        ];
        let missing = stand(3, thing, &approvals).expect_err("two persons");
        insta::assert_snapshot!(format!("{}\n{}\n{:?}", missing.words().zh, missing, missing.not_counted), @r##"
放行策略(灰度、生效、转正、回退)需要 3 名不同人员；目前：li, wang；还需 1 人批准
to release a policy (canary, activate, promote, roll back) needs 3 distinct persons; so far: li, wang; let 1 more approve it
[(Subject("li"), SamePerson), (Subject("Li"), SamePerson), (Subject("WANG"), SamePerson), (Subject("sun"), Expired), (Subject("zhao"), OtherThing), (Subject("zhou"), OtherThing)]
"##);
        let more = [approvals.as_slice(), &[yes("qian", 8, thing, 10)]].concat();
        let by = stand(3, thing, &more).expect("three");
        assert_eq!(by.iter().map(Subject::as_str).collect::<Vec<_>>(), ["li", "wang", "qian"]);
    }

    #[test]
    fn whoever_may_not_do_it_may_not_approve_it() {
        let author =
            Identity { bindings: vec![Binding::in_district(AccessRole::PolicyAuthor, "yunhe")], ..person("wu", 2) };
        let refused = Approval::give(&author, RELEASE, &Target::district("yunhe"), &no_tree, Digest::ZERO, at(10));
        assert!(matches!(refused, Err(Refusal::NoRole { .. })));
    }

    #[test]
    fn an_action_without_a_rule_needs_one_person() {
        let host = Target::host();
        let by = second_person(&rules(3), Action::ReadMetrics, &host, Digest::ZERO, &person("li", 1), &[], at(0));
        assert_eq!(by.expect("alone").len(), 1);
    }

    #[test]
    fn neither_a_yes_from_the_future_nor_one_without_a_proof_counts() {
        let early = yes("wang", 2, Digest::ZERO, 11);
        let nobody = Approval { proof: Proof::LoopbackDevelopment, ..early.clone() };
        let missing = stand(2, Digest::ZERO, &[early, nobody]).expect_err("one person");
        let faults: Vec<NotCounted> = missing.not_counted.iter().map(|(_, fault)| *fault).collect();
        assert_eq!(faults, [NotCounted::Future, NotCounted::Unproved]);
    }
}
