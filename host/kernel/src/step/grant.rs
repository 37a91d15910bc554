//! Grants: given only by who stands above, only so long and so far as the charter allows.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::measure::decision;
use crate::act::{Because, GrantOrder, Party};
use crate::record::{Fact, Fallback};
use crate::role::Failure;
use crate::role::discretion::{Answer, Subject, Verdict};
use crate::value::{find_instant, find_integer, find_text};
use crate::{Event, GrantId, Instant, Milliseconds, NodeCode, RequestId, Role, facts, roster};

impl Deciding<'_> {
    /// Gives powers to each grantee that does not yet hold them under the same key, from whatever incident.
    pub(super) fn grant(&mut self, order: GrantOrder, because: Because) {
        if !self.may_grant(&order) {
            return;
        }
        let order = self.bounded(order);
        for node in &order.grantees {
            if !self.has_room() {
                let because = Because::new(
                    "host:room",
                    "一次决定内容过多:其余节点未获授权",
                    "one decision holds too much: the other nodes were given nothing; give fewer at once, or shorter reasons",
                );
                return self.proposal_refused("grant", because);
            }
            if !self.holds(node, &order) && roster::is_within(self.state, node.as_str(), order.grantor.as_str()) {
                self.give(node, &order, None, None, &because);
            }
        }
    }

    /// A person asks for powers, or to have them longer.
    pub(super) fn grant_requested(&mut self, event: &Event) -> Result<(), Because> {
        let named = ["request", "grant"].iter().find_map(|key| find_text(&event.attributes, key));
        let Some(request) = named.map(RequestId::from) else { return required(event, "request").map(|_| ()) };
        let renews = self.renewed(event);
        if self.state.grant_requests.contains(&request) && renews.is_none() {
            return Err(Because::new(
                "host:grant",
                format!("授权申请 {request} 已存在"),
                format!("there is a wish for powers `{request}` already"),
            ));
        }
        // A renewal that bears the old name gets a name of its own.
        let request = if self.state.grant_requests.contains(&request) {
            RequestId::from(format!("{request}/{}", event.id))
        } else {
            request
        };
        let above = roster::ancestors(self.state, event.node.as_str()).nth(1).map(|node| node.code.clone());
        let Some(grantor) = above else {
            return Err(Because::new("host:grant", "没有可授权的上级", "nobody stands above who could grant"));
        };
        let order = self.wished(event, &grantor, renews.as_ref());
        self.incident = self.incident.clone().or_else(|| self.only_incident(event));
        let wait = self.state.charter().map(|charter| charter.approval_wait).unwrap_or_default();
        let because = Because::new(
            "G",
            format!("申请授权,由 {grantor} 审批"),
            format!("powers are asked for; `{grantor}` decides"),
        );
        self.record(Fact::GrantAsked {
            request,
            incident: self.incident.clone(),
            by: event.source.clone(),
            approver: roster::duty_of(grantor),
            order,
            renews,
            decide_by: self.now() + wait,
            because,
        });
        Ok(())
    }

    fn only_incident(&self, event: &Event) -> Option<crate::IncidentId> {
        let name = event.incident.as_deref()?;
        facts::find_incident(self.state, name).map(|(id, _)| id.clone())
    }

    /// The grant that an event wants to prolong: by its number, by the request that it came from, or by `renews`.
    fn renewed(&self, event: &Event) -> Option<GrantId> {
        let asks = event.kind.contains("renew") || find_text(&event.attributes, "renews").is_some();
        asks.then(|| self.grant_named(event)).flatten()
    }

    fn grant_named(&self, event: &Event) -> Option<GrantId> {
        let names = ["renews", "grant", "request"].iter().filter_map(|key| find_text(&event.attributes, key));
        names.into_iter().find_map(|name| {
            let exact = GrantId::from(name);
            if self.state.grants.contains(&exact) {
                return Some(exact);
            }
            let of_request = |row: &crate::state::Grant| {
                row.key == name || row.request.as_ref().is_some_and(|request| request.as_str() == name)
            };
            self.state.grants.iter().rev().find(|(_, row)| of_request(row)).map(|(id, _)| id.clone())
        })
    }

    fn wished(&self, event: &Event, grantor: &NodeCode, renews: Option<&GrantId>) -> GrantOrder {
        let attributes = &event.attributes;
        let charter = self.state.charter();
        let most = charter.map(|charter| charter.grant_duration_max).unwrap_or_default();
        let hours = find_integer(attributes, "hours").or_else(|| find_integer(attributes, "duration_h"));
        let before = renews.and_then(|grant| self.state.grants.get(grant));
        // Renewal does not reach back: it begins when the old grant ends, or now when that is over.
        let starts = before.map_or(self.now(), |before| before.expires.max(self.now()));
        let stated = ["expires", "until"].iter().find_map(|key| find_instant(attributes, key));
        let expires = stated
            .unwrap_or_else(|| starts + hours.map_or(most, |hours| Milliseconds::hours(hours.clamp(0, 24 * 366))));
        let multiplier = find_integer(attributes, "multiplier_permille")
            .or_else(|| Some(find_integer(attributes, "multiplier")? * 1_000));
        let default = charter.map_or(1_000, |charter| charter.grant_multiplier_max_permille);
        let powers = super::order::texts(event, "powers");
        let supervisor = find_text(attributes, "supervisor").map(ToString::to_string);
        let grantee = find_text(attributes, "grantee").and_then(|code| roster::exact(self.state, code));
        GrantOrder {
            key: find_text(attributes, "request")
                .or_else(|| find_text(attributes, "grant"))
                .unwrap_or_default()
                .to_string(),
            grantor: grantor.clone(),
            grantees: alloc::vec![grantee.map_or_else(|| event.node.clone(), |node| node.code.clone())],
            powers: if powers.is_empty() {
                before.map_or_else(|| alloc::vec!["spend".to_string()], |before| before.powers.clone())
            } else {
                powers
                    .into_iter()
                    .map(|power| if power.starts_with("spend") { "spend".to_string() } else { power })
                    .collect()
            },
            multiplier_permille: multiplier.and_then(|factor| u32::try_from(factor).ok()).unwrap_or(default),
            cap: amount(attributes, "cap").or_else(|| before.and_then(|before| Some(before.cap? - before.used))),
            starts,
            expires,
            supervisor: match supervisor {
                Some(name) => named_party(&name, grantor.clone()),
                None => Party::DutyAbove(crate::Tier::District),
            },
        }
    }

    /// A person decides on a wish for powers. Their conditions beat the wish; nobody gives what they may not.
    pub(super) fn grant_decided(&mut self, event: &Event, request: &RequestId) -> Result<(), Because> {
        let approved = decision(event)?;
        let Some(row) = self.state.grant_requests.get(request).cloned() else { return Ok(()) };
        if row.decided {
            return Err(Because::new("host:decided", "该授权申请已有决定", "this wish for powers has been decided"));
        }
        if event.source == row.by {
            return Err(Because::new("host:second-person", "申请人不得自批", "nobody decides on their own request"));
        }
        let node = roster::node_of(&row.approver).cloned().unwrap_or_else(|| row.order.grantor.clone());
        // Whoever was asked first may still decide after it went up: the powers are theirs to give.
        self.check_approver(event, &node)
            .or_else(|because| self.check_approver(event, &row.order.grantor).map_err(|_| because))?;
        let order = self.bounded(conditioned(event, self.now(), row.order, node));
        if approved && order.powers.is_empty() {
            return Err(Because::new(
                "host:grant",
                "所批权力均不在申请之内",
                "none of the powers given were asked for; ask for them first",
            ));
        }
        self.incident.clone_from(&row.incident);
        self.record(Fact::GrantDecided {
            request: request.clone(),
            incident: row.incident.clone(),
            approved,
            by: event.source.clone(),
            because: Because::new("host:signed", "由有权人签批", "decided by a person with the power"),
        });
        if approved {
            let because = Because::new(
                "G",
                format!("按批准条件授权,至 {} 止", self.local(order.expires)),
                format!("granted on the approver's conditions, until {}", self.local(order.expires)),
            );
            for grantee in order.grantees.clone() {
                self.give(&grantee, &order, Some(request.clone()), row.renews.clone(), &because);
            }
        }
        Ok(())
    }

    /// Nobody decided in time: one tier up.
    pub(super) fn grant_request_overdue(&mut self, request: &RequestId, due: Instant) {
        let Some(row) = self.state.grant_requests.get(request).filter(|row| !row.decided).cloned() else { return };
        let seen_from = roster::node_of(&row.approver).unwrap_or(&row.order.grantor).clone();
        let to = roster::duty_above(self.state, seen_from.as_str());
        let because = Because::new(
            "G",
            format!("授权申请自 {} 起逾期,上提一级", self.local(due)),
            format!("no decision by {}; the wish for powers goes one tier up", self.local(due)),
        );
        if to == row.approver {
            let subject = Self::subject_of("grant-request", request.as_str());
            self.overdue_finding("APPROVAL-OVERDUE", row.incident, row.order.grantor, subject, due, because);
            return;
        }
        let wait = self.state.charter().map(|charter| charter.approval_wait).unwrap_or_default();
        self.record(Fact::GrantEscalated {
            request: request.clone(),
            incident: row.incident,
            to,
            decide_by: self.now() + wait,
            because,
        });
    }

    /// The grantor or the supervisor takes powers back, all or some.
    pub(super) fn grant_revoked(&mut self, event: &Event) -> Result<(), Because> {
        let grant = self
            .grant_named(event)
            .ok_or_else(|| Because::new("host:unknown-grant", "没有这项授权", "there is no such grant"))?;
        let Some(row) = self.state.grants.get(&grant).cloned() else { return Ok(()) };
        if row.revoked || row.expires <= self.now() {
            return Err(Because::new("host:grant", "该授权已终止", "the grant is over"));
        }
        let above = |node: &NodeCode| {
            let powers = ["grant", "approve", "supervise"];
            powers.iter().any(|power| roster::may_act(self.state, &event.source, power, node.as_str()))
        };
        let supervises = roster::node_of(&row.supervisor).is_some_and(|node| node != &row.node && above(node));
        if !above(&row.grantor) && !supervises {
            return Err(Because::new(
                "host:revoke-without-power",
                format!("来源 {} 既非授权方也非监管方,不能收回", event.source),
                format!("`{}` is neither grantor nor supervisor and cannot take it back", event.source),
            ));
        }
        let named: Vec<String> = super::order::texts(event, "powers");
        let powers: Vec<String> =
            row.powers.iter().filter(|held| named.is_empty() || named.contains(held)).cloned().collect();
        if powers.is_empty() {
            return Err(Because::new("host:grant", "授权中没有所列权力", "the grant holds none of these powers"));
        }
        let whole = powers.len() == row.powers.len();
        let reason = find_text(&event.attributes, "reason").unwrap_or("收回授权");
        let because = Because::new("G", reason, reason);
        self.record(Fact::GrantRevoked {
            grant,
            incident: row.incident,
            node: row.node,
            powers,
            whole,
            by: event.source.clone(),
            because,
        });
        Ok(())
    }

    /// Discretion rules on the grant; without a ruling nothing is given.
    fn may_grant(&mut self, order: &GrantOrder) -> bool {
        match self.ask_discretion(Subject::Grant(order.clone()), &order.grantor, true) {
            Ok(Answer { verdict: Verdict::Allow | Verdict::AllowWith(_), .. }) => true,
            Ok(answer) => {
                self.proposal_refused("grant", answer.because);
                false
            }
            Err(failure) => {
                self.policy_failed(Role::Discretion, failure, Fallback::HumanQueue);
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
        held.filter_map(|id| self.state.grants.get(id)).any(|grant| {
            grant.key == order.key && grant.powers == order.powers && grant.expires > now && !grant.revoked
        })
    }

    fn give(
        &mut self,
        node: &NodeCode,
        order: &GrantOrder,
        request: Option<RequestId>,
        renews: Option<GrantId>,
        because: &Because,
    ) {
        let grant = GrantId::from(self.identifier('g'));
        self.record(Fact::GrantGiven {
            grant,
            incident: self.incident.clone(),
            key: order.key.clone(),
            request,
            renews,
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
    ) -> Result<Answer, Option<Failure>> {
        let Some(found) = roster::node(self.state, node.as_str()) else { return Err(Some(Failure::Invalid)) };
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
        self.ask(
            Role::Discretion,
            &mut |policies, binding, state| policies.discretion(binding, state, &question),
            |_, _: &Answer| Ok(()),
        )
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

/// The wish as the approver granted it: each of their conditions replaces what was asked, but no term grows.
fn conditioned(event: &Event, now: Instant, wish: GrantOrder, grantor: NodeCode) -> GrantOrder {
    let attributes = &event.attributes;
    let at = |name: &str| [name.to_string(), format!("conditions.{name}")];
    let number = |name: &str| at(name).iter().find_map(|key| find_integer(attributes, key));
    let moment = |name: &str| at(name).iter().find_map(|key| find_instant(attributes, key));
    let cap = at("cap").iter().find_map(|key| amount(attributes, key));
    let hours = number("hours").or_else(|| number("duration_h"));
    let length = wish.expires - wish.starts;
    // What had not begun when it was signed begins then: a grant does not reach back.
    let starts = moment("starts").unwrap_or(wish.starts).max(now);
    let expires = moment("expires")
        .or_else(|| moment("until"))
        .unwrap_or_else(|| starts + hours.map_or(length, |hours| Milliseconds::hours(hours.clamp(0, 24 * 366))));
    let powers: Vec<String> = at("powers").iter().flat_map(|key| super::order::texts(event, key)).collect();
    let supervisor = at("supervisor").iter().find_map(|key| find_text(attributes, key));
    GrantOrder {
        key: find_text(attributes, "grant").map_or(wish.key, ToString::to_string),
        cap: cap.into_iter().chain(wish.cap).min(),
        powers: if powers.is_empty() { wish.powers } else { narrowed(powers, &wish.powers) },
        supervisor: supervisor.map_or(wish.supervisor, |name| named_party(name, grantor)),
        starts,
        expires,
        ..wish
    }
}

/// Those of the powers named that were asked for; all of them where the wish named none.
fn narrowed(named: Vec<String>, asked: &[String]) -> Vec<String> {
    named.into_iter().filter(|power| asked.is_empty() || asked.contains(power)).collect()
}

/// `970102:audit` is a post of that node; a bare name is one of the grantor's.
fn named_party(text: &str, grantor: NodeCode) -> Party {
    match text.split_once([':', '/']) {
        Some((node, name)) if node.bytes().all(|digit| digit.is_ascii_digit()) => {
            Party::Post { node: node.into(), name: name.to_string() }
        }
        _ => Party::Post { node: grantor, name: text.to_string() },
    }
}

/// An amount of money: `cap.minor`, or a whole number of minor units.
fn amount(attributes: &[crate::value::Attribute], key: &str) -> Option<i64> {
    let found = find_integer(attributes, &format!("{key}.minor")).or_else(|| find_integer(attributes, key));
    found.or_else(|| find_integer(attributes, &format!("{key}_minor"))).filter(|amount| *amount >= 0)
}
