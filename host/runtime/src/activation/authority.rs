//! What a candidate asks beyond what was agreed on, and the people who take responsibility for it. Must never let a
//! capability in that nobody answers for.

use muster_kernel::Instant;
use muster_kernel::record::{Activation, Exception, Terms};
use muster_kernel::role::Binding;
use muster_packages::attestation::ApprovalKind;
use muster_packages::trust::{ApprovalCase, Profile};

use super::report::Words;
use super::{Refused, Walk};
use crate::change::past;

impl Walk<'_> {
    /// The policy whose capabilities were agreed on: the one in force; while that one stands for a time only, on the word of
    /// those who let it in, the one that it stands in for.
    fn before(&self) -> Option<&Activation> {
        let in_force = self.scene.core.activation(self.candidate.role, Binding::InForce)?;
        if in_force.is_for_a_time() { past(self.scene.core, self.candidate.role, None).ok() } else { Some(in_force) }
    }

    /// What a candidate asks beyond the policy in force needs a person's yes.
    pub(super) fn capabilities(&mut self, terms: &Terms) -> Result<Words, Refused> {
        self.break_glass()?;
        let names = terms.capabilities.join(", ");
        let granted = Words::new(format!("可用能力:{names}"), format!("it may ask for {names}"));
        let Some(before) = self.before() else { return Ok(granted) };
        let had = |name: &String| before.terms.as_ref().is_none_or(|terms| terms.capabilities.contains(name));
        let wider: Vec<&str> = terms.capabilities.iter().filter(|name| !had(name)).map(String::as_str).collect();
        if wider.is_empty() || self.candidate.way == "rollback" || self.broken_glass {
            return Ok(granted);
        }
        let wider = wider.join(", ");
        if self.scene.crisis && !self.rules.widen_in_emergency {
            return Err(Words::new(
                format!("应急期间不得扩大能力(新增 {wider});请去掉新增的能力,或由两人破窗启用"),
                format!(
                    "no wider capability while an emergency is on (it adds {wider}); drop it, or break the glass with two people"
                ),
            ));
        }
        let Some((exception, _)) = self.exception(ApprovalKind::Widen) else {
            return Err(Words::new(
                format!("比现行策略多要能力:{wider};须由有权放行的人同意(muster approve --kind widen)"),
                format!(
                    "it asks for more than the policy in force: {wider}; a releaser must agree (`muster approve --kind widen`)"
                ),
            ));
        };
        let people = exception.people.join(", ");
        self.evidence.exceptions.push(exception);
        Ok(Words::new(format!("新增能力 {wider},由 {people} 同意"), format!("it adds {wider}, agreed by {people}")))
    }

    /// Two people, a reason and an end: then crisis rules and the backtest stand aside until the end.
    fn break_glass(&mut self) -> Result<(), Refused> {
        let Some((exception, signed_until)) = self.exception(ApprovalKind::BreakGlass) else { return Ok(()) };
        let until = signed_until.or(self.candidate.expires);
        let longest = self.scene.now + self.rules.break_glass_max;
        let Some(until) = until else {
            return Err(Words::new("破窗启用须写明期限(--expires)", "break-glass needs an end (`--expires`)"));
        };
        if until > longest || until <= self.scene.now {
            let hours = self.rules.break_glass_max.0 / 3_600_000;
            return Err(Words::new(
                format!("破窗启用的期限须在今后 {hours} 小时之内"),
                format!("break-glass must end within the next {hours} hours"),
            ));
        }
        self.expires = Some(until);
        self.broken_glass = true;
        self.evidence.exceptions.push(exception);
        Ok(())
    }

    /// People who take responsibility: by signature, or, in a development profile, two by name.
    pub(super) fn exception(&self, kind: ApprovalKind) -> Option<(Exception, Option<Instant>)> {
        let scene = self.scene;
        let case = ApprovalCase {
            kind,
            package: self.attempt.package,
            district: scene.district,
            role: self.candidate.role,
            settings: self.attempt.settings,
            at: scene.now,
        };
        let word = kind.as_str().to_owned();
        let approvals = self.standing.trust.approvals(&case, &self.attestations, &self.standing.deny);
        if approvals.suffice() && !approvals.given.is_empty() {
            let people = approvals.given.iter().map(|given| given.signer.holder.clone()).collect();
            let reason = approvals.given.first().map(|given| given.reason.clone()).unwrap_or_default();
            return Some((Exception { kind: word, people, reason }, approvals.expires()));
        }
        let candidate = self.candidate;
        let (second, reason) = (candidate.second.clone()?, candidate.reason.clone()?);
        let by_name = self.standing.trust.profile == Profile::Development && second != candidate.by;
        // Names stand for a broken glass only where an end is named, and for the others only where none is.
        let meant = (kind == ApprovalKind::BreakGlass) == candidate.expires.is_some();
        (by_name && meant).then(|| (Exception { kind: word, people: vec![candidate.by.clone(), second], reason }, None))
    }
}
