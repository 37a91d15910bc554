//! Points and money of incentives: double entry, from a pot, settled or held for a person's budget check.
//!
//! INVARIANT: the postings of a booking add up to zero; no account but the treasury goes below zero; one cause is paid once.

use alloc::format;
use alloc::string::{String, ToString};

use super::Deciding;
use super::level::required;
use super::measure::decision;
use crate::act::Because;
use crate::charter::Charter;
use crate::record::{Fact, Posting};
use crate::role::incentives::{Award, Service};
use crate::value::find_text;
use crate::{AwardId, AwardStatus, Currency, Event, IncidentId, roster};

/// Where pots are filled from: the one account that may be below zero.
const TREASURY: &str = "treasury";

fn pot_of(currency: Currency) -> String {
    format!("pot:{currency}")
}

impl Deciding<'_> {
    /// Fills the pots as the charter says; what was filled before counts.
    pub(super) fn fill_pots(&mut self, charter: &Charter) {
        for (currency, pot) in &charter.funds.pots {
            let filled = -self.balance(*currency, TREASURY);
            let more = pot.budget - filled;
            if more != 0 && self.balance(*currency, &pot_of(*currency)) + more >= 0 {
                self.book(*currency, TREASURY, &pot_of(*currency), more, "budget", None);
            }
        }
    }

    fn balance(&self, currency: Currency, account: &str) -> i64 {
        self.state.accounts.get(&(currency, account.to_string())).copied().unwrap_or_default()
    }

    fn book(
        &mut self,
        currency: Currency,
        from: &str,
        to: &str,
        amount: i64,
        memo: &str,
        incident: Option<IncidentId>,
    ) {
        let postings = alloc::vec![
            Posting { account: from.to_string(), amount: -amount },
            Posting { account: to.to_string(), amount },
        ];
        self.record(Fact::LedgerBooked { currency, postings, memo: memo.to_string(), incident });
    }

    /// Books what a service earned: settled at once where the pot covers it and it is small, else held.
    pub(super) fn book_awards(&mut self, incident: Option<&IncidentId>, service: &Service, awards: &[Award]) {
        for award in awards {
            let Some(amount) = Some(award.amount).filter(|amount| *amount > 0) else { continue };
            let id = AwardId::from(self.identifier('a'));
            let pot = self.state.charter().and_then(|charter| charter.funds.pots.get(&award.currency).copied());
            let covered = self.balance(award.currency, &pot_of(award.currency)) >= amount;
            let small = pot.is_some_and(|pot| amount <= pot.check_above);
            let status = if covered && small { AwardStatus::Settled } else { AwardStatus::Pending };
            let because = match status {
                AwardStatus::Settled => award.because.clone(),
                _ => pending(&award.because, covered),
            };
            self.record(Fact::AwardBooked {
                award: id,
                incident: incident.cloned(),
                service: service.id.clone(),
                to: award.to.clone(),
                currency: award.currency,
                amount,
                per_head: award.per_head,
                status,
                because,
            });
            if status == AwardStatus::Settled {
                self.pay(award.currency, &award.to, amount, incident.cloned());
            }
        }
    }

    fn pay(&mut self, currency: Currency, to: &str, amount: i64, incident: Option<IncidentId>) {
        self.book(currency, &pot_of(currency), &format!("account:{to}"), amount, "award", incident);
    }

    /// A person who holds the budget says yes or no to an award. Nobody does so for themselves.
    pub(super) fn award_decided(&mut self, event: &Event) -> Result<(), Because> {
        let award = self.award_of(event)?;
        let approved = decision(event)?;
        let Some(row) = self.state.awards.get(&award).cloned() else { return Ok(()) };
        if !matches!(row.status, AwardStatus::Pending | AwardStatus::Disputed) {
            return Err(Because::new("host:award", "该奖励不待审核", "this award waits for no budget check"));
        }
        if !roster::may_act(self.state, &event.source, "budget", event.node.as_str()) || event.source.contains(&row.to)
        {
            return Err(Because::new(
                "host:budget-without-power",
                format!("来源 {} 无权审核预算,或为受奖方本人", event.source),
                format!("source `{}` holds no budget power, or would award itself", event.source),
            ));
        }
        let covered = self.balance(row.currency, &pot_of(row.currency)) >= row.amount;
        if approved && !covered {
            return Err(Because::new(
                "host:pot-empty",
                "奖励池余额不足以支付该奖励",
                "the pot does not cover this award",
            ));
        }
        let status = if approved { AwardStatus::Settled } else { AwardStatus::Refused };
        self.record(Fact::AwardDecided {
            award,
            incident: row.incident.clone(),
            to: row.to.clone(),
            amount: row.amount,
            status,
            by: event.source.clone(),
            because: Because::new("host:budget-checked", "预算审核", "the budget check"),
        });
        if approved {
            self.pay(row.currency, &row.to, row.amount, row.incident);
        }
        Ok(())
    }

    /// Somebody disputes an award: what was paid goes back to the pot until it is decided.
    pub(super) fn award_disputed(&mut self, event: &Event) -> Result<(), Because> {
        let award = self.award_of(event)?;
        let Some(row) = self.state.awards.get(&award).cloned() else { return Ok(()) };
        if !matches!(row.status, AwardStatus::Pending | AwardStatus::Settled) {
            return Err(Because::new("host:award", "该奖励不可再提出异议", "this award is not open to dispute"));
        }
        let reason = find_text(&event.attributes, "reason").unwrap_or("提出异议");
        let because = Because::new("host:disputed", reason, reason);
        self.take_back(award, &row, AwardStatus::Disputed, &event.source, because);
        Ok(())
    }

    pub(super) fn award_expired(&mut self, award: &AwardId) {
        let Some(row) = self.state.awards.get(award).cloned() else { return };
        let because = Because::new("V", "奖励过期未用,收回", "the award was not used in its time");
        self.take_back(award.clone(), &row, AwardStatus::Expired, "host", because);
    }

    fn take_back(
        &mut self,
        award: AwardId,
        row: &crate::state::AwardState,
        status: AwardStatus,
        by: &str,
        because: Because,
    ) {
        let account = format!("account:{}", row.to);
        let held = self.balance(row.currency, &account).min(row.amount).max(0);
        if row.status == AwardStatus::Settled && held > 0 {
            let pot = pot_of(row.currency);
            self.book(row.currency, &account, &pot, held, "taken back", row.incident.clone());
        }
        self.record(Fact::AwardDecided {
            award,
            incident: row.incident.clone(),
            to: row.to.clone(),
            amount: row.amount,
            status,
            by: by.to_string(),
            because,
        });
    }

    /// By its number, or the newest of who earned it.
    fn award_of(&self, event: &Event) -> Result<AwardId, Because> {
        let named = find_text(&event.attributes, "award").map(AwardId::from);
        if let Some(award) = named.filter(|award| self.state.awards.contains(award)) {
            return Ok(award);
        }
        let to = ["to", "team", "person"].iter().find_map(|key| find_text(&event.attributes, key));
        let found = to.and_then(|to| self.state.awards.iter().rev().find(|(_, row)| row.to == to));
        match found {
            Some((award, _)) => Ok(award.clone()),
            None => required(event, "award").and(Err(Because::new(
                "host:unknown-award",
                "没有这项奖励",
                "there is no such award",
            ))),
        }
    }
}

fn pending(earned: &Because, covered: bool) -> Because {
    let (chinese, english) = if covered {
        (",待预算审核", "; it waits for the budget check")
    } else {
        (",奖励池余额不足,待预算审核", "; the pot does not cover it, it waits for the budget check")
    };
    let mut because = earned.clone();
    for sentence in &mut because.sentences {
        sentence.text.push_str(if sentence.language.starts_with("zh") { chinese } else { english });
    }
    because
}
