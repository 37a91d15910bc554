//! Policies in force, on trial and behind: who answers when, what a trial may change (nothing), and who gives way to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{STREET, Scripted, charter, event, start};
use muster_kernel::act::{Act, Because, Effect, Notice, Party};
use muster_kernel::change::ChangeRules;
use muster_kernel::compare::{Compare, Direction};
use muster_kernel::record::{Activation, Entry, Fact, Fallback, Receipt, Withdrawal};
use muster_kernel::role::{
    Asked, Binding, Call, Failure, MemoryScope, Policies, discretion, escalation, incentives, oversight, triage,
    workflow,
};
use muster_kernel::step::{Input, Step, step};
use muster_kernel::value::Attribute;
use muster_kernel::{Digest, Instant, Milliseconds, PolicyMode, Role, State, fold, snapshot};

/// A policy for each place that a role's policies may have.
#[derive(Default)]
struct Places(BTreeMap<Binding, Scripted>);

impl Places {
    fn put<T>(&mut self, binding: Binding, role: Role, ask: impl FnOnce(&mut Scripted) -> Asked<T>) -> Asked<T> {
        let Some(policy) = self.0.get_mut(&binding) else {
            let failure = Some(Failure::Unbound);
            let call = Call { role, package: None, settings: None, fuel: 0, failure, detail: None, binding };
            return Asked { answer: Err(Failure::Unbound), call, memory: Vec::new(), log: Vec::new() };
        };
        ask(policy)
    }
}

impl Policies for Places {
    fn triage(&mut self, binding: Binding, state: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer> {
        self.put(Binding::InForce, Role::Triage, |policy| policy.triage(binding, state, question))
    }
    fn escalation(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &escalation::Question,
    ) -> Asked<Vec<Effect>> {
        self.put(binding, Role::Escalation, |policy| policy.escalation(binding, state, scope, question))
    }
    fn discretion(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &discretion::Question,
    ) -> Asked<discretion::Answer> {
        self.put(Binding::InForce, Role::Discretion, |policy| policy.discretion(binding, state, question))
    }
    fn incentives(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        now: Instant,
        service: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>> {
        self.put(Binding::InForce, Role::Incentives, |policy| policy.incentives(binding, state, now, service))
    }
    fn oversight(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>> {
        self.put(Binding::InForce, Role::Oversight, |policy| policy.oversight(binding, state, question))
    }
    fn migrate(
        &mut self,
        state: &Arc<State>,
        now: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>> {
        self.put(Binding::InForce, Role::Workflow, |policy| policy.migrate(state, now, process))
    }
    fn workflow(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &workflow::Question,
    ) -> Asked<workflow::Outcome> {
        self.put(binding, Role::Workflow, |policy| policy.workflow(binding, state, scope, question))
    }
}

struct District {
    state: Arc<State>,
    places: Places,
    now: Instant,
    entries: Vec<(Entry, Digest)>,
}

fn notice(to: &str) -> Act {
    Act::Notify(Notice { to: vec![Party::Team(to.into())], sentences: Vec::new() })
}

fn works(to: &str) -> Scripted {
    Scripted::proposing(vec![notice(to)])
}

fn fails() -> Scripted {
    Scripted { works: false, ..Scripted::default() }
}

fn activation(name: &str, mode: PolicyMode) -> Activation {
    let package = Digest::of(name.as_bytes());
    Activation { mode, ..Activation::plain(Role::Escalation, name, "1.0.0", package, Digest::ZERO, "none") }
}

impl District {
    fn new(rules: ChangeRules) -> Self {
        let mut district = Self { state: Arc::default(), places: Places::default(), now: start(), entries: Vec::new() };
        let charter = muster_kernel::charter::Charter { change: Some(rules), ..charter() };
        district.step(Input::Charter { charter: Box::new(charter), digest: Digest::ZERO });
        district.places.0.insert(Binding::InForce, works("first"));
        district.step(Input::Activate(activation("first", PolicyMode::Enforce)));
        district
    }

    fn step(&mut self, input: Input) -> Step {
        let step = step(&mut self.state, self.now, input, &mut self.places);
        self.entries.push((step.entry.clone(), step.hash));
        step
    }

    fn signal(&mut self, id: &str) -> Step {
        let event = event(self.now, id, "urn:grid", "gov.muster.signal.reported", STREET, &[]);
        self.step(Input::Event(event))
    }

    /// Who was told: what the escalation that took effect proposed.
    fn told(step: &Step) -> Vec<String> {
        let told = step.entry.facts.iter().filter_map(|fact| match fact {
            Fact::NoticeSent { notice, .. } => Some(notice.to.clone()),
            _ => None,
        });
        told.flatten()
            .filter_map(|party| match party {
                Party::Team(team) => Some(team),
                _ => None,
            })
            .collect()
    }
}

fn answered(receipt: &Receipt) -> Option<&str> {
    receipt.answered.get(&Role::Escalation).map(String::as_str)
}

impl Drop for District {
    /// INVARIANT: whatever happened to the policies, folding the journal gives the same state.
    fn drop(&mut self) {
        let mut folded = State::default();
        for (entry, hash) in &self.entries {
            fold::fold(&mut folded, entry, *hash);
        }
        assert_eq!(snapshot::digest(&folded), snapshot::digest(&self.state));
    }
}

#[test]
fn when_the_policy_in_force_fails_the_last_known_good_one_answers_and_the_receipt_says_so() {
    let mut district = District::new(ChangeRules { failures_max: 0, ..ChangeRules::default() });
    district.signal("s-1");
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.places.0.insert(Binding::InForce, fails());
    district.places.0.insert(Binding::LastKnownGood, works("first"));
    let step = district.signal("s-2");
    assert_eq!(District::told(&step), ["first"]);
    assert_eq!(step.receipt.fallbacks.get(&Role::Escalation), Some(&Fallback::LastKnownGood));
    assert_ne!(answered(&step.receipt), Some("fallback"), "a policy answered, not the host");
    let calls: Vec<(Binding, bool)> = step
        .entry
        .calls
        .iter()
        .filter(|call| call.role == Role::Escalation)
        .map(|call| (call.binding, call.failure.is_none()))
        .collect();
    assert_eq!(calls, [(Binding::InForce, false), (Binding::LastKnownGood, true)]);
    // Below it stands the baseline, and below that the host.
    district.step(Input::Activate(activation("baseline", PolicyMode::Baseline)));
    district.places.0.insert(Binding::LastKnownGood, fails());
    district.places.0.insert(Binding::Baseline, works("baseline"));
    let step = district.signal("s-3");
    assert_eq!(District::told(&step), ["baseline"]);
    assert_eq!(step.receipt.fallbacks.get(&Role::Escalation), Some(&Fallback::Baseline));
    district.places.0.insert(Binding::Baseline, fails());
    let step = district.signal("s-4");
    assert_eq!(step.receipt.fallbacks.get(&Role::Escalation), Some(&Fallback::HumanQueue));
    assert_eq!(answered(&step.receipt), Some("fallback"));
}

#[test]
fn a_rung_that_is_not_loaded_is_recorded_and_passed_over() {
    let mut district = District::new(ChangeRules { failures_max: 0, ..ChangeRules::default() });
    district.signal("s-1");
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.places.0.insert(Binding::InForce, fails());
    let step = district.signal("s-2");
    let rung = step.entry.calls.iter().find(|call| call.binding == Binding::LastKnownGood).expect("recorded");
    assert_eq!((rung.failure, rung.package), (Some(Failure::Unbound), Some(Digest::of(b"first"))));
    assert_eq!(step.receipt.fallbacks.get(&Role::Escalation), Some(&Fallback::HumanQueue));
}

#[test]
fn a_policy_that_fails_too_often_gives_way_from_the_next_event_on() {
    let mut district = District::new(ChangeRules { failures_max: 2, ..ChangeRules::default() });
    district.signal("s-1");
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.places.0.insert(Binding::InForce, fails());
    district.places.0.insert(Binding::LastKnownGood, works("first"));
    let demoted = |step: &Step| step.entry.facts.iter().any(|fact| matches!(fact, Fact::PolicyDemoted { .. }));
    assert!(!demoted(&district.signal("s-2")));
    assert!(demoted(&district.signal("s-3")), "the second failure is one too many");
    assert_eq!(district.state.core.policies[&Role::Escalation].name, "first");
    assert!(district.state.core.activation(Role::Escalation, Binding::LastKnownGood).is_none());
    // Old failures are forgiven.
    let mut district = District::new(ChangeRules { failures_max: 2, ..ChangeRules::default() });
    district.signal("s-1");
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.places.0.insert(Binding::InForce, fails());
    district.places.0.insert(Binding::LastKnownGood, works("first"));
    district.signal("s-2");
    district.now = district.now + Milliseconds::minutes(11);
    assert!(!demoted(&district.signal("s-3")));
}

#[test]
fn one_that_has_nobody_behind_it_is_asked_on() {
    let mut district = District::new(ChangeRules { failures_max: 1, ..ChangeRules::default() });
    district.places.0.insert(Binding::InForce, fails());
    for id in ["s-1", "s-2", "s-3"] {
        let step = district.signal(id);
        assert!(!step.entry.facts.iter().any(|fact| matches!(fact, Fact::PolicyDemoted { .. })));
        assert_eq!(step.receipt.fallbacks.get(&Role::Escalation), Some(&Fallback::HumanQueue));
    }
}

#[test]
fn what_never_answered_is_not_known_to_be_good() {
    let mut district = District::new(ChangeRules::default());
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    assert!(district.state.core.activation(Role::Escalation, Binding::LastKnownGood).is_none());
    district.signal("s-1");
    district.step(Input::Activate(activation("third", PolicyMode::Enforce)));
    let good = district.state.core.activation(Role::Escalation, Binding::LastKnownGood).expect("it answered");
    assert_eq!(good.name, "second");
}

#[test]
fn a_shadow_is_recorded_and_changes_nothing_else() {
    let mut beside = District::new(ChangeRules::default());
    let mut alone = District::new(ChangeRules::default());
    beside.step(Input::Activate(activation("candidate", PolicyMode::Shadow)));
    alone.step(Input::Activate(activation("candidate", PolicyMode::Baseline)));
    beside.places.0.insert(Binding::Candidate, works("somebody else"));
    let (with, without) = (beside.signal("s-1"), alone.signal("s-1"));
    let effects = |step: &Step| -> Vec<Fact> {
        let own = |fact: &&Fact| !matches!(fact, Fact::CandidateCompared { .. });
        step.entry.facts.iter().filter(own).cloned().collect()
    };
    assert_eq!(effects(&with), effects(&without));
    assert_eq!(answered(&with.receipt), answered(&without.receipt));
    let compared = with.entry.facts.iter().find_map(|fact| match fact {
        Fact::CandidateCompared { differences, .. } => Some(differences),
        _ => None,
    });
    let directions: Vec<Direction> = compared.expect("compared").iter().map(|found| found.direction).collect();
    assert_eq!(directions, [Direction::Fewer, Direction::More], "one notice gone, another come");
    // A shadow that fails harms nobody, and loses its trial in the end.
    beside.places.0.insert(Binding::Candidate, fails());
    let facts: Vec<Fact> = ["s-2", "s-3", "s-4"].iter().flat_map(|id| beside.signal(id).entry.facts).collect();
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::PolicyFailed { .. })));
    assert!(facts.iter().any(|fact| matches!(fact, Fact::PolicyDemoted { binding: Binding::Candidate, .. })));
    assert_eq!(beside.state.core.policies[&Role::Escalation].name, "first");
}

#[test]
fn a_trial_that_differs_too_much_ends() {
    let rules = ChangeRules { trial_changed_permille_max: Some(100), trial_asked_min: 3, ..ChangeRules::default() };
    let mut district = District::new(rules);
    district.step(Input::Activate(activation("candidate", PolicyMode::Shadow)));
    district.places.0.insert(Binding::Candidate, works("somebody else"));
    let over = |step: &Step| step.entry.facts.iter().any(|fact| matches!(fact, Fact::PolicyDemoted { .. }));
    assert!(!over(&district.signal("s-1")));
    assert!(!over(&district.signal("s-2")));
    assert!(over(&district.signal("s-3")));
    assert!(district.state.core.activation(Role::Escalation, Binding::Candidate).is_none());
}

#[test]
fn a_canary_answers_always_for_the_same_incidents_and_the_one_in_force_stands_behind_it() {
    let mut shares = [0_u32; 2];
    for number in 0..64_u32 {
        let mut district = District::new(ChangeRules { trial_failures_max: 0, ..ChangeRules::default() });
        let name = format!("candidate-{number}");
        let candidate = Activation { permille: Some(500), ..activation(&name, PolicyMode::Canary) };
        district.step(Input::Activate(candidate));
        district.places.0.insert(Binding::Candidate, works("candidate"));
        let first = District::told(&district.signal("s-1"));
        for id in ["s-2", "s-3"] {
            assert_eq!(District::told(&district.signal(id)), first, "one incident, one policy");
        }
        shares[usize::from(first == ["candidate"])] += 1;
        district.places.0.insert(Binding::Candidate, fails());
        let step = district.signal("s-4");
        assert_eq!(District::told(&step), ["first"]);
        let fell_back = step.receipt.fallbacks.get(&Role::Escalation);
        assert_eq!(fell_back, (first == ["candidate"]).then_some(&Fallback::InForce));
    }
    assert!(shares.iter().all(|share| *share > 16), "about half each: {shares:?}");
}

#[test]
fn what_was_let_in_for_a_time_goes_to_the_second() {
    let mut district = District::new(ChangeRules::default());
    district.signal("s-1");
    let expires = district.now + Milliseconds::hours(2);
    district.step(Input::Activate(Activation {
        expires: Some(expires),
        ..activation("broken glass", PolicyMode::Enforce)
    }));
    assert_eq!(district.state.next_due(), Some(expires));
    district.now = expires;
    let step = district.step(Input::Timer);
    assert!(step.entry.facts.iter().any(|fact| matches!(fact, Fact::PolicyDemoted { .. })));
    assert_eq!(district.state.core.policies[&Role::Escalation].name, "first");
}

#[test]
fn what_was_let_in_for_a_time_is_never_the_last_known_good() {
    let mut district = District::new(ChangeRules { failures_max: 1, ..ChangeRules::default() });
    district.signal("s-1");
    let expires = Some(district.now + Milliseconds::hours(2));
    district.step(Input::Activate(Activation { expires, ..activation("broken glass", PolicyMode::Enforce) }));
    district.signal("s-2");
    // It has answered well, and another is put in its place before its end.
    district.step(Input::Activate(activation("third", PolicyMode::Enforce)));
    let good = district.state.core.activation(Role::Escalation, Binding::LastKnownGood).expect("the one before it");
    assert_eq!(good.name, "first");
    assert_eq!(district.state.next_due(), None, "nothing has an end any more");
    district.now = district.now + Milliseconds::hours(3);
    district.places.0.insert(Binding::InForce, fails());
    district.places.0.insert(Binding::LastKnownGood, works("first"));
    assert_eq!(District::told(&district.signal("s-3")), ["first"]);
    assert_eq!(district.state.core.policies[&Role::Escalation].name, "first");
}

#[test]
fn a_trial_and_a_baseline_end_when_they_were_to_end() {
    for mode in [PolicyMode::Shadow, PolicyMode::Canary, PolicyMode::Baseline] {
        let mut district = District::new(ChangeRules::default());
        let (expires, permille) = (district.now + Milliseconds::hours(2), Some(999));
        let wanted = Activation { expires: Some(expires), permille, ..activation("broken glass", mode) };
        district.step(Input::Activate(wanted));
        assert_eq!(district.state.next_due(), Some(expires), "{mode:?}");
        district.places.0.insert(Binding::Candidate, works("candidate"));
        district.signal("s-1");
        // Another change meanwhile takes the deadline of none.
        district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
        assert_eq!(district.state.next_due(), Some(expires), "{mode:?}");
        district.now = expires;
        let step = district.step(Input::Timer);
        let gone = |fact: &Fact| matches!(fact, Fact::PolicyDemoted { to: None, .. });
        assert!(step.entry.facts.iter().any(gone), "{mode:?}");
        let left: Vec<&str> = district.state.core.bindings().map(|(_, _, bound)| bound.name.as_str()).collect();
        assert!(!left.contains(&"broken glass"), "{mode:?}: {left:?}");
        assert!(left.contains(&"second"), "{mode:?}: {left:?}");
        assert_eq!(district.state.next_due(), None, "{mode:?}");
    }
}

#[test]
fn a_baseline_that_takes_the_place_of_a_failing_policy_keeps_its_end() {
    let mut district = District::new(ChangeRules { failures_max: 1, ..ChangeRules::default() });
    let expires = district.now + Milliseconds::hours(2);
    district
        .step(Input::Activate(Activation { expires: Some(expires), ..activation("baseline", PolicyMode::Baseline) }));
    district.places.0.insert(Binding::InForce, fails());
    district.places.0.insert(Binding::Baseline, works("baseline"));
    district.signal("s-1");
    assert_eq!(district.state.core.policies[&Role::Escalation].name, "baseline");
    district.now = expires;
    district.step(Input::Timer);
    assert_eq!(district.state.core.bindings().count(), 0, "it outlived its end");
}

#[test]
fn a_revoked_package_leaves_every_place_at_once() {
    let mut district = District::new(ChangeRules::default());
    district.signal("s-1");
    district.step(Input::Activate(activation("first", PolicyMode::Baseline)));
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.signal("s-2");
    let revoke = |name: &str| {
        let because = Because::new("host:revoked", "吊销", "revoked");
        let package = Digest::of(name.as_bytes());
        Input::Withdraw(Withdrawal { package, role: None, trial_only: false, by: "host".into(), because })
    };
    let step = district.step(revoke("first"));
    let places: Vec<Binding> = step
        .entry
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::PolicyDemoted { binding, .. } => Some(*binding),
            _ => None,
        })
        .collect();
    assert_eq!(places, [Binding::LastKnownGood, Binding::Baseline]);
    let step = district.step(revoke("second"));
    assert!(
        step.entry
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::PolicyDemoted { binding: Binding::InForce, to: None, .. }))
    );
    assert!(!district.state.core.policies.contains_key(&Role::Escalation));
}

#[test]
fn a_rollback_does_not_make_what_was_rolled_back_the_last_known_good() {
    let mut district = District::new(ChangeRules::default());
    district.signal("s-1");
    district.step(Input::Activate(activation("second", PolicyMode::Enforce)));
    district.signal("s-2");
    let evidence = muster_kernel::record::Evidence { way: "rollback".into(), ..Default::default() };
    let back = Activation { evidence: Some(Box::new(evidence)), ..activation("first", PolicyMode::Enforce) };
    district.step(Input::Activate(back));
    assert!(district.state.core.activation(Role::Escalation, Binding::LastKnownGood).is_none());
    let history: Vec<&str> = district.state.core.standby[&Role::Escalation]
        .history
        .iter()
        .map(|past| past.activation.name.as_str())
        .collect();
    assert_eq!(history, ["first", "second", "first"]);
}

#[test]
fn answers_are_compared_by_what_they_decide_and_not_by_their_reasons() {
    use discretion::Verdict::{Allow, Refuse};
    let answer =
        |verdict, rule: &str| discretion::Answer { verdict, limits: Vec::new(), because: Because::new(rule, "", "") };
    assert!(answer(Allow, "a").differences(&answer(Allow, "b")).is_empty());
    assert_eq!(answer(Allow, "a").differences(&answer(Refuse, "a"))[0].direction, Direction::Stricter);
    assert_eq!(answer(Refuse, "a").differences(&answer(Allow, "a"))[0].direction, Direction::Looser);
    let effects = |to: &[&str]| -> Vec<Effect> {
        to.iter().map(|to| Effect { act: notice(to), because: Because::default() }).collect()
    };
    assert!(effects(&["a", "b"]).differences(&effects(&["b", "a"])).is_empty(), "order alone is no difference");
    assert_eq!(effects(&["a"]).differences(&effects(&["a", "a"]))[0].direction, Direction::More);
}
