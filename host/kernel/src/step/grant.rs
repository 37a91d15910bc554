//! Grants: given only by who stands above, only so long and so far as the charter allows.

use alloc::format;

use super::Deciding;
use crate::act::{Because, GrantOrder};
use crate::record::{Fact, Fallback};
use crate::role::discretion::{Answer, Subject, Verdict};
use crate::{GrantId, NodeCode, Role, facts, roster};

impl Deciding<'_> {
    /// Gives powers to each grantee that does not yet hold them under the same key, from whatever incident.
    pub(super) fn grant(&mut self, order: GrantOrder, because: Because) {
        if !self.may_grant(&order) {
            return;
        }
        let order = self.bounded(order);
        for node in &order.grantees {
            if !self.holds(node, &order) && roster::is_within(self.state, node.as_str(), order.grantor.as_str()) {
                self.give(node, &order, &because);
            }
        }
    }

    /// Discretion rules on the grant; without a ruling nothing is given.
    fn may_grant(&mut self, order: &GrantOrder) -> bool {
        match self.ask_discretion(Subject::Grant(order.clone()), &order.grantor, true) {
            Ok(Answer { verdict: Verdict::Allow | Verdict::AllowWith(_), .. }) => true,
            Ok(answer) => {
                self.record(Fact::EventRefused { because: answer.because });
                false
            }
            Err(failure) => {
                self.policy_failed(Role::Discretion, Some(failure), Fallback::HumanQueue);
                false
            }
        }
    }

    fn bounded(&self, mut order: GrantOrder) -> GrantOrder {
        let Some(charter) = self.state.charter() else { return order };
        order.expires = order.expires.min(order.starts + charter.grant_duration_max);
        order.multiplier_permille = order.multiplier_permille.min(charter.grant_multiplier_max_permille);
        order
    }

    fn holds(&self, node: &NodeCode, order: &GrantOrder) -> bool {
        let now = self.now();
        let held = self.state.index.grants_of.get(node).into_iter().flatten();
        held.filter_map(|id| self.state.grants.get(id))
            .any(|grant| grant.key == order.key && grant.powers == order.powers && grant.expires > now)
    }

    fn give(&mut self, node: &NodeCode, order: &GrantOrder, because: &Because) {
        let grant = GrantId::from(self.identifier('g'));
        self.record(Fact::GrantGiven {
            grant,
            incident: self.incident.clone(),
            key: order.key.clone(),
            grantor: order.grantor.clone(),
            node: node.clone(),
            powers: order.powers.clone(),
            multiplier_permille: order.multiplier_permille,
            cap: order.cap,
            starts: order.starts,
            expires: order.expires,
            supervisor: roster::resolve(self.state, &order.supervisor, node.as_str()),
            because: because.clone(),
        });
    }

    /// Asks discretion about one act of a node.
    pub(super) fn ask_discretion(
        &mut self,
        subject: Subject,
        node: &NodeCode,
        proposed: bool,
    ) -> Result<Answer, crate::role::Failure> {
        let Some(found) = roster::node(self.state, node.as_str()) else { return Err(crate::role::Failure::Invalid) };
        let incident =
            self.incident.as_ref().and_then(|id| Some(facts::view(self.state, id, self.state.incidents.get(id)?)));
        let question = crate::role::discretion::Question {
            now: self.now(),
            subject,
            node: found.code.clone(),
            tier: found.tier,
            incident,
            proposed,
        };
        let asked = self.policies.discretion(self.state, &question);
        self.asked(Role::Discretion, asked)
    }

    pub(super) fn grant_expired(&mut self, grant: &GrantId) {
        let Some(row) = self.state.grants.get(grant).cloned() else { return };
        let because = Because::new(
            "host:grant-expired",
            format!("授权到期,自 {} 起生效的权限至此终止", self.local(row.starts)),
            format!("the grant in force since {} reached its expiry", self.local(row.starts)),
        );
        self.record(Fact::GrantExpired { grant: grant.clone(), incident: row.incident, node: row.node, because });
    }
}
