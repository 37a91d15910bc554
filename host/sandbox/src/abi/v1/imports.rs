//! What a guest may ask the host: the contract's imports over the call's own context. Whether it may ask at all is
//! checked there, below this translation.

use muster_kernel::{Instant, LogSeverity, OfferId, RequestId, calendar, facts, roster};
use wasmtime::Result;

use super::answer::Kernel;
use super::bindings::muster::policy as contract;
use super::question::Wit;
use super::wit;
use crate::capability::Capability;
use crate::context::Context;

impl contract::types::Host for Context {}

/// Bytes of a value that has no fixed size.
pub(super) fn length(value: &wit::Value) -> usize {
    if let wit::Value::Text(text) = value { text.len() } else { 0 }
}

fn optional(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

impl contract::log::Host for Context {
    fn write(&mut self, severity: contract::log::Severity, message: String) -> Result<()> {
        self.need(Capability::Log, message.len())?;
        let severity = match severity {
            contract::log::Severity::Debug => LogSeverity::Debug,
            contract::log::Severity::Info => LogSeverity::Info,
            contract::log::Severity::Warning => LogSeverity::Warning,
            contract::log::Severity::Error => LogSeverity::Error,
        };
        self.log(severity, message)
    }
}

fn node(node: &muster_kernel::charter::Node) -> contract::roster::Node {
    contract::roster::Node {
        code: node.code.to_string(),
        name: node.name.clone(),
        tier: node.tier.wit(),
        parent: node.parent.as_ref().map(ToString::to_string),
        population: node.population,
    }
}

impl contract::roster::Host for Context {
    fn find(&mut self, code: String) -> Result<Option<contract::roster::Node>> {
        self.need(Capability::Roster, code.len())?;
        Ok(roster::node(&self.state, &code).map(node))
    }

    fn at_tier(&mut self, code: String, tier: wit::Tier) -> Result<Option<contract::roster::Node>> {
        self.need(Capability::Roster, code.len())?;
        Ok(roster::at_tier(&self.state, &code, tier.kernel()).map(node))
    }

    fn below(&mut self, code: String, tier: wit::Tier) -> Result<Vec<String>> {
        self.need(Capability::Roster, code.len())?;
        Ok(roster::below(&self.state, &code, tier.kernel())
            .into_iter()
            .map(muster_kernel::NodeCode::into_string)
            .collect())
    }

    fn department(&mut self, code: String, service: String) -> Result<Option<wit::Party>> {
        self.need(Capability::Roster, code.len() + service.len())?;
        Ok(roster::department(&self.state, &code, &service).map(|department| {
            wit::Party::Department(wit::Department { node: department.node.to_string(), name: department.name.clone() })
        }))
    }
}

impl contract::calendar::Host for Context {
    fn local(&mut self, at: i64) -> Result<contract::calendar::Civil> {
        self.need(Capability::Calendar, 0)?;
        let civil = calendar::local(&self.state, Instant::from_millis(at));
        Ok(contract::calendar::Civil {
            year: civil.year,
            month: civil.month,
            day: civil.day,
            hour: civil.hour,
            minute: civil.minute,
            second: civil.second,
            weekday: civil.weekday,
            working: civil.working,
        })
    }

    fn next_clock(&mut self, after: i64, hour: u8, minute: u8) -> Result<i64> {
        self.need(Capability::Calendar, 0)?;
        Ok(calendar::next_clock(&self.state, Instant::from_millis(after), hour, minute).as_millis())
    }

    fn add_working_days(&mut self, start: i64, days: u32) -> Result<i64> {
        // The calendar is looked at day by day.
        self.need_for(Capability::Calendar, 0, days)?;
        Ok(calendar::add_working_days(&self.state, Instant::from_millis(start), days).as_millis())
    }
}

impl contract::memory::Host for Context {
    fn get(&mut self, key: String) -> Result<Option<wit::Value>> {
        self.need(Capability::Memory, key.len())?;
        Ok(self.remembered(&key).map(Wit::wit))
    }

    fn set(&mut self, key: String, value: wit::Value) -> Result<()> {
        self.need(Capability::Memory, key.len() + length(&value))?;
        self.remember(key, value.kernel())
    }
}

impl contract::facts::Host for Context {
    fn find_incident(&mut self, id: String) -> Result<Option<wit::Incident>> {
        self.need(Capability::Facts, id.len())?;
        Ok(facts::incident(&self.state, &id).map(|incident| incident.wit()))
    }

    fn children(&mut self, id: String) -> Result<Vec<wit::Incident>> {
        self.need(Capability::Facts, id.len())?;
        Ok(facts::children(&self.state, &id).iter().map(Wit::wit).collect())
    }

    fn warnings(&mut self, code: String, hazard: Option<String>) -> Result<Vec<wit::Warning>> {
        self.need(Capability::Facts, code.len() + optional(hazard.as_ref()))?;
        Ok(facts::warnings(&self.state, &code, hazard.as_deref(), self.now).iter().map(Wit::wit).collect())
    }

    fn warning_history(&mut self, code: String, hazard: String, since: i64) -> Result<Vec<wit::Warning>> {
        self.need(Capability::Facts, code.len() + hazard.len())?;
        let since = Instant::from_millis(since);
        Ok(facts::warning_history(&self.state, &code, &hazard, since).iter().map(Wit::wit).collect())
    }

    fn responses(&mut self, incident: String) -> Result<Vec<wit::Response>> {
        self.need(Capability::Facts, incident.len())?;
        Ok(facts::responses(&self.state, &incident).iter().map(Wit::wit).collect())
    }

    fn open_call_outs(&mut self, incident: String) -> Result<Vec<wit::CallOut>> {
        self.need(Capability::Facts, incident.len())?;
        Ok(facts::open_callouts(&self.state, &incident).iter().map(Wit::wit).collect())
    }

    fn measures(&mut self, incident: String) -> Result<Vec<wit::MeasureRecord>> {
        self.need(Capability::Facts, incident.len())?;
        Ok(facts::measures(&self.state, &incident).iter().map(Wit::wit).collect())
    }

    fn tasks(&mut self, incident: String) -> Result<Vec<wit::TaskRecord>> {
        self.need(Capability::Facts, incident.len())?;
        Ok(facts::tasks(&self.state, &incident).iter().map(Wit::wit).collect())
    }

    fn find_request(&mut self, id: String) -> Result<Option<wit::ResourceRequest>> {
        self.need(Capability::Facts, id.len())?;
        let id = RequestId::from(id);
        Ok(self.state.requests.get(&id).cloned().map(|row| (id, row).wit()))
    }

    fn find_offer(&mut self, id: String) -> Result<Option<wit::ResourceOffer>> {
        self.need(Capability::Facts, id.len())?;
        let id = OfferId::from(id);
        Ok(self.state.offers.get(&id).cloned().map(|row| (id, row).wit()))
    }

    fn call_outs_issued(&mut self, node: String, since: i64) -> Result<u32> {
        self.need(Capability::Facts, node.len())?;
        Ok(facts::callouts_issued(&self.state, &node, Instant::from_millis(since)))
    }

    fn grants(&mut self, code: String) -> Result<Vec<wit::Grant>> {
        self.need(Capability::Facts, code.len())?;
        Ok(facts::grants(&self.state, &code, self.now).iter().map(Wit::wit).collect())
    }

    fn spent(&mut self, filter: contract::facts::SpendingFilter) -> Result<wit::Spending> {
        let texts = [&filter.incident, &filter.node, &filter.within, &filter.category, &filter.vendor];
        self.need(Capability::Facts, texts.into_iter().map(|text| optional(text.as_ref())).sum())?;
        let (count, total) = facts::spent(&self.state, &filter.kernel());
        Ok(wit::Spending { count, total })
    }
}
