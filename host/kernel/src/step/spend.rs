//! Spending: discretion rules, the charter's ceilings hold, sums count, and a second person signs where asked.
//!
//! Discretion fails closed: without a valid ruling a higher tier decides.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::measure::decision;
use super::sense::Located;
use crate::act::{Because, Party, SpendRequest};
use crate::record::{Fact, Fallback, SpendVerdict};
use crate::role::discretion::{Answer, LimitUse, Signature, Subject, Verdict};
use crate::value::{Value, find, find_integer, find_text};
use crate::{Event, GrantId, Instant, RequestId, Role, SpendId, Tier, facts, roster};

/// What the charter lets a node spend at this instant.
struct Ceiling {
    item: i64,
    incident: i64,
    grant: Option<(GrantId, Option<i64>)>,
}

impl Deciding<'_> {
    pub(super) fn spend(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let request = self.request(event)?;
        self.incident.clone_from(&located.incident);
        let ruled = self.ask_discretion(Subject::Spend(request.clone()), &request.node, false);
        let ceiling = self.ceiling(&request);
        let fact = match ruled {
            Ok(answer) => self.ruled(event, request, answer, ceiling),
            Err(failure) => {
                self.policy_failed(Role::Discretion, failure, Fallback::HumanQueue);
                self.closed(event, request)
            }
        };
        self.record(fact);
        Ok(())
    }

    fn request(&self, event: &Event) -> Result<SpendRequest, Because> {
        let id = SpendId::from(required(event, "request")?);
        if self.state.spends.contains(&id) {
            return Err(Because::new(
                "host:spend",
                format!("支出申请 {id} 已存在"),
                format!("there is a spend request `{id}` already"),
            ));
        }
        if !roster::may_act(self.state, &event.source, "spend", event.node.as_str()) {
            return Err(Because::new(
                "host:spend-without-power",
                format!("来源 {} 无权代表 {} 申请支出", event.source, event.node),
                format!("source `{}` holds no power to spend for node `{}`", event.source, event.node),
            ));
        }
        self.check_currency(event)?;
        let amount = find_integer(&event.attributes, "amount.minor").filter(|amount| *amount > 0).ok_or_else(|| {
            Because::new(
                "host:spend",
                "金额(amount.minor)须为大于零的整数(分)",
                "`data.amount.minor` must be a whole number above zero, in minor units",
            )
        })?;
        Ok(SpendRequest {
            id,
            node: event.node.clone(),
            category: required(event, "category")?.to_string(),
            vendor: find_text(&event.attributes, "vendor").map(ToString::to_string),
            amount,
            quotes: find_integer(&event.attributes, "quotes"),
            life_safety: find(&event.attributes, "life_safety") == Some(&Value::Flag(true)),
            reason: find_text(&event.attributes, "reason").map(ToString::to_string),
        })
    }

    fn check_currency(&self, event: &Event) -> Result<(), Because> {
        let ours = self.state.charter().map(|charter| charter.currency.as_str()).unwrap_or_default();
        match find_text(&event.attributes, "amount.currency") {
            Some(theirs) if theirs != ours => Err(Because::new(
                "host:currency",
                format!("币种 {theirs} 与本辖区币种 {ours} 不符"),
                format!("the amount is in {theirs}; this district keeps its books in {ours}"),
            )),
            _ => Ok(()),
        }
    }

    fn ceiling(&self, request: &SpendRequest) -> Option<Ceiling> {
        let node = roster::exact(self.state, request.node.as_str())?;
        let charter = self.state.charter()?;
        if facts::is_frozen(self.state, request.node.as_str(), "spend") {
            return None;
        }
        let base = charter.spending.get(&node.tier)?;
        let grants = facts::grants(self.state, request.node.as_str(), self.now());
        let grant = grants.into_iter().find(|(_, grant)| grant.powers.iter().any(|power| power == "spend"));
        let factor = match &grant {
            Some((_, grant)) if base.multiplies => grant.multiplier_permille.min(charter.grant_multiplier_max_permille),
            _ => 1_000,
        };
        let widened = |limit: i64| limit.saturating_mul(i64::from(factor)) / 1_000;
        let grant = grant.map(|(id, grant)| (id, grant.cap.map(|cap| cap - grant.used)));
        Some(Ceiling { item: widened(base.item), incident: widened(base.incident), grant })
    }

    /// INVARIANT (the host holds the ceiling): what a policy allows beyond it goes up instead.
    fn ruled(&self, event: &Event, request: SpendRequest, answer: Answer, ceiling: Option<Ceiling>) -> Fact {
        let exceeded = self.exceeded(&request, ceiling.as_ref());
        let (verdict, signature, duties) = match answer.verdict {
            Verdict::Allow => (SpendVerdict::Allowed, None, Vec::new()),
            Verdict::AllowWith(duties) => (SpendVerdict::Allowed, None, duties),
            Verdict::SecondSignature(signature) => (SpendVerdict::SecondSignature, Some(signature), Vec::new()),
            Verdict::Route(signature) => (SpendVerdict::Routed, Some(signature), Vec::new()),
            Verdict::Refuse => (SpendVerdict::Refused, None, Vec::new()),
        };
        let spends = matches!(verdict, SpendVerdict::Allowed | SpendVerdict::SecondSignature);
        let (verdict, signature, because) = match exceeded {
            Some(because) if spends => (SpendVerdict::Routed, Some(self.upward(&request)), because),
            // Who spends does not sign what was sent up, nor does a body beside or below.
            _ if verdict == SpendVerdict::Routed && !self.is_above(&request, signature.as_ref()) => {
                (verdict, Some(self.upward(&request)), answer.because)
            }
            _ => (verdict, signature, answer.because),
        };
        let reserved = match verdict {
            SpendVerdict::Allowed | SpendVerdict::SecondSignature => request.amount,
            SpendVerdict::Routed | SpendVerdict::Refused => 0,
        };
        let grant = ceiling.and_then(|ceiling| ceiling.grant).map(|(id, _)| id);
        self.spend_fact(event, request, verdict, reserved, answer.limits, duties, grant, signature, because)
    }

    /// Which ceiling of the charter the request would break, in words.
    fn exceeded(&self, request: &SpendRequest, ceiling: Option<&Ceiling>) -> Option<Because> {
        let over = |name: &str, chinese: &str, limit: i64, wanted: i64| {
            (wanted > limit).then(|| {
                Because::new(
                    "host:ceiling",
                    format!("超出主机持有的{chinese}上限:需 {},限 {}", yuan(wanted), yuan(limit)),
                    format!("over the host's {name} ceiling: {} wanted, {} allowed", yuan(wanted), yuan(limit)),
                )
            })
        };
        let Some(ceiling) = ceiling else { return over("tier", "层级", 0, request.amount) };
        let filter = facts::SpendingFilter {
            incident: self.incident.as_ref().map(ToString::to_string),
            node: Some(request.node.to_string()),
            ..facts::SpendingFilter::default()
        };
        let (_, used) = if self.incident.is_some() { facts::spent(self.state, &filter) } else { (0, 0) };
        let left_in_grant = ceiling.grant.as_ref().and_then(|(_, left)| *left);
        over("item", "单项", ceiling.item, request.amount)
            .or_else(|| over("incident", "单次事件", ceiling.incident, used.saturating_add(request.amount)))
            .or_else(|| over("grant", "授权", left_in_grant?, request.amount))
            .or_else(|| over("budget", "预算", self.budget_left(request)?, request.amount))
            .or_else(|| over("vendor", "框架协议单价", self.vendor_ceiling(request)?, request.amount))
    }

    /// What is left in the budget of the nearest node that has one.
    fn budget_left(&self, request: &SpendRequest) -> Option<i64> {
        let budgets = &self.state.charter()?.funds.budgets;
        let mut above = roster::ancestors(self.state, request.node.as_str());
        let (node, budget) = above.find_map(|node| Some((node.code.clone(), *budgets.get(&node.code)?)))?;
        let filter = facts::SpendingFilter { within: Some(node.to_string()), ..facts::SpendingFilter::default() };
        Some(budget - facts::spent(self.state, &filter).1)
    }

    /// No signature spends what the budget does not hold.
    fn check_budget(&self, request: &SpendRequest) -> Result<(), Because> {
        match self.budget_left(request) {
            Some(left) if request.amount > left => Err(Because::new(
                "host:budget",
                format!("预算只余 {},不足以支付 {}", yuan(left), yuan(request.amount)),
                format!("the budget holds {}, which does not cover {}", yuan(left), yuan(request.amount)),
            )),
            _ => Ok(()),
        }
    }

    /// The highest price that a framework contract allows for one order.
    fn vendor_ceiling(&self, request: &SpendRequest) -> Option<i64> {
        let vendors = &self.state.charter()?.vendors;
        let vendor = vendors.iter().find(|vendor| Some(&vendor.id) == request.vendor.as_ref())?;
        vendor.ceilings.get(&request.category).copied()
    }

    fn upward(&self, request: &SpendRequest) -> Signature {
        let wait = self.state.charter().map(|charter| charter.approval_wait).unwrap_or_default();
        Signature { by: roster::duty_above(self.state, request.node.as_str()), decide_by: self.now() + wait }
    }

    /// Whether the signature asked for is that of a body above the one that spends; at the top its own is the highest.
    fn is_above(&self, request: &SpendRequest, signature: Option<&Signature>) -> bool {
        let Some(signature) = signature else { return false };
        let by = roster::resolve(self.state, &signature.by, request.node.as_str());
        let mut above = roster::ancestors(self.state, request.node.as_str()).skip(1).peekable();
        let is_top = above.peek().is_none();
        roster::node_of(&by)
            .is_some_and(|signer| (is_top && *signer == request.node) || above.any(|node| node.code == *signer))
    }

    fn closed(&self, event: &Event, request: SpendRequest) -> Fact {
        let because = Because::new(
            "host:fallback-discretion",
            "决策策略不可用:不予放行,提请上级决定",
            "discretion is unavailable: nothing is allowed here, a higher tier decides",
        );
        let signature = Some(self.upward(&request));
        self.spend_fact(event, request, SpendVerdict::Routed, 0, Vec::new(), Vec::new(), None, signature, because)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one fact, gathered in one place")]
    fn spend_fact(
        &self,
        event: &Event,
        request: SpendRequest,
        verdict: SpendVerdict,
        reserved: i64,
        limits: Vec<LimitUse>,
        duties: Vec<String>,
        grant: Option<GrantId>,
        signature: Option<Signature>,
        because: Because,
    ) -> Fact {
        let (signature_by, decide_by) = match signature {
            Some(signature) => {
                let by = roster::resolve(self.state, &signature.by, request.node.as_str());
                (Some(by), Some(signature.decide_by))
            }
            None => (None, None),
        };
        Fact::SpendRuled {
            spend: request.id.clone(),
            incident: self.incident.clone(),
            by: event.source.clone(),
            request,
            verdict,
            reserved,
            limits,
            duties,
            grant,
            signature_by,
            decide_by,
            because,
        }
    }

    /// A person signs or refuses. Nobody signs for their own request.
    pub(super) fn approval(&mut self, event: &Event) -> Result<(), Because> {
        let wish = RequestId::from(required(event, "request")?);
        if self.state.grant_requests.contains(&wish) {
            return self.grant_decided(event, &wish);
        }
        let spend = SpendId::from(required(event, "request")?);
        let approved = decision(event)?;
        let Some(row) = self.state.spends.get(&spend).cloned() else {
            return Err(Because::new(
                "host:unknown-request",
                format!("没有支出申请 {spend}"),
                format!("there is no spend request `{spend}`"),
            ));
        };
        let Some(signer) = &row.signature_by else {
            return Err(Because::new("host:decided", "该申请不待审批", "this request waits for no signature"));
        };
        if event.source == row.by {
            return Err(Because::new("host:second-person", "申请人不得自批", "nobody signs for their own request"));
        }
        let node = roster::node_of(signer).cloned().unwrap_or_else(|| row.request.node.clone());
        self.check_approver(event, &node)?;
        let went_up = row.verdict == SpendVerdict::Routed;
        if approved && went_up {
            self.check_ceiling_of(&node, row.request.amount)?;
            self.check_budget(&row.request)?;
        }
        self.incident.clone_from(&row.incident);
        self.record(Fact::ApprovalDecided {
            spend,
            incident: row.incident,
            approved,
            covered_by: (approved && went_up).then_some(node),
            by: event.source.clone(),
            because: Because::new("host:signed", "由有权人签批", "signed by a person with the power"),
        });
        Ok(())
    }

    /// Who approves what was sent up needs a ceiling of their own that covers it. The city has no tier above here.
    fn check_ceiling_of(&self, node: &crate::NodeCode, amount: i64) -> Result<(), Because> {
        let tier = roster::exact(self.state, node.as_str()).map(|found| found.tier);
        let ceiling = tier.and_then(|tier| self.state.charter()?.spending.get(&tier).map(|ceiling| ceiling.item));
        match (tier, ceiling) {
            (Some(tier), None) if tier >= Tier::City => Ok(()),
            (_, Some(limit)) if amount <= limit => Ok(()),
            _ => Err(Because::new(
                "host:ceiling",
                format!("{node} 的单项上限不足以批准 {}", yuan(amount)),
                format!("the item ceiling of `{node}` does not cover {}", yuan(amount)),
            )),
        }
    }

    /// The papers came: what was spent in the end. It may be less than was held, never more.
    pub(super) fn spend_settled(&mut self, event: &Event) -> Result<(), Because> {
        let spend = SpendId::from(required(event, "request")?);
        let Some(row) = self.state.spends.get(&spend).cloned() else {
            return Err(Because::new(
                "host:unknown-request",
                format!("没有支出申请 {spend}"),
                format!("there is no spend request `{spend}`"),
            ));
        };
        if row.verdict != SpendVerdict::Allowed || row.settled.is_some() {
            return Err(Because::new(
                "host:spend",
                "该支出未获准或已结算",
                "this spending is not allowed, or is settled",
            ));
        }
        let amount = find_integer(&event.attributes, "amount.minor").unwrap_or(row.reserved);
        if amount < 0 || amount > row.reserved {
            return Err(Because::new(
                "host:spend",
                format!("结算 {} 超出占用 {}:须另行申请", yuan(amount), yuan(row.reserved)),
                format!("{} is more than the {} that is held: ask anew", yuan(amount), yuan(row.reserved)),
            ));
        }
        self.record(Fact::SpendSettled {
            spend,
            incident: row.incident,
            amount,
            released: row.reserved - amount,
            by: event.source.clone(),
        });
        Ok(())
    }

    /// Nobody signed in time: one tier up, as long as there is one.
    pub(super) fn approval_overdue(&mut self, spend: &SpendId, due: Instant) {
        let Some(row) = self.state.spends.get(spend).cloned() else { return };
        let seen_from = row.signature_by.as_ref().and_then(roster::node_of).unwrap_or(&row.request.node).clone();
        let to: Party = roster::duty_above(self.state, seen_from.as_str());
        let wait = self.state.charter().map(|charter| charter.approval_wait).unwrap_or_default();
        let because = Because::new(
            "host:approval-overdue",
            format!("审批自 {} 起逾期,上提一级", self.local(due)),
            format!("no signature by {}; the request goes one tier up", self.local(due)),
        );
        if row.signature_by.as_ref() == Some(&to) {
            let subject = Self::subject_of("spend", spend.as_str());
            self.overdue_finding("APPROVAL-OVERDUE", row.incident, row.request.node, subject, due, because);
            return;
        }
        self.record(Fact::ApprovalEscalated {
            spend: spend.clone(),
            incident: row.incident,
            to,
            decide_by: self.now() + wait,
            because,
        });
    }
}

/// Minor units with two decimals, for people.
fn yuan(minor: i64) -> String {
    format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
}
