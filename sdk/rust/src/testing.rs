//! A host for native tests: holds what the imports answer, so that rules are tested with plain `cargo test`.
//!
//! ```
//! use muster_sdk::{settings, testing::Harness};
//!
//! Harness::new().integer("item_limit", 500_000).run(|| {
//!     assert_eq!(settings::integer("item_limit"), 500_000);
//! });
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::calendar::Civil;
use crate::contract::imports::muster::policy::facts::SpendingFilter;
use crate::roster::Node;
use crate::settings::Row;
use crate::{
    Attribute, Attributes as _, CallOut, Department, Grant, HOUR, Incident, MINUTE, MeasureRecord, Party,
    ResourceOffer, ResourceRequest, SpendRequest, Spending, TaskRecord, Tier, Value, Warning,
};

/// What the imports answer while a test runs.
#[derive(Default)]
pub struct Harness {
    pub(crate) settings: BTreeMap<String, Value>,
    tables: BTreeMap<String, Vec<Row>>,
    nodes: Vec<Node>,
    departments: Vec<(Department, String)>,
    pub(crate) memory: BTreeMap<String, Value>,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) call_outs: Vec<CallOut>,
    pub(crate) measures: Vec<MeasureRecord>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) tasks: Vec<TaskRecord>,
    pub(crate) requests: Vec<ResourceRequest>,
    pub(crate) offers: Vec<ResourceOffer>,
    spends: Vec<(String, SpendRequest, i64)>,
    pub(crate) logged: Vec<String>,
}

thread_local! {
    static CURRENT: RefCell<Option<Harness>> = const { RefCell::new(None) };
}

/// Hands the running harness to an import.
pub(crate) fn with<T>(answer: impl FnOnce(&mut Harness) -> T) -> T {
    CURRENT
        .with_borrow_mut(|current| answer(current.as_mut().expect("a policy asked the host outside of `Harness::run`")))
}

impl Harness {
    /// A host that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value.
    #[must_use]
    pub fn setting(mut self, key: &str, value: Value) -> Self {
        self.settings.insert(key.into(), value);
        self
    }

    /// Sets a whole number.
    #[must_use]
    pub fn integer(self, key: &str, number: i64) -> Self {
        self.setting(key, Value::Integer(number))
    }

    /// Sets a text.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        self.setting(key, Value::Text(text.into()))
    }

    /// Adds a row to a table.
    #[must_use]
    pub fn row(mut self, table: &str, cells: &[(&str, Value)]) -> Self {
        let cells = cells.iter().map(|(key, value)| Attribute { key: (*key).into(), value: value.clone() }).collect();
        self.tables.entry(table.into()).or_default().push(Row { cells });
        self
    }

    /// Adds a node.
    #[must_use]
    pub fn add_node(mut self, code: &str, tier: Tier, parent: Option<&str>) -> Self {
        let parent = parent.map(Into::into);
        self.nodes.push(Node { code: code.into(), name: code.into(), tier, parent, population: None });
        self
    }

    /// Adds a department that gives a service.
    #[must_use]
    pub fn add_department(mut self, node: &str, name: &str, service: &str) -> Self {
        self.departments.push((Department { node: node.into(), name: name.into() }, service.into()));
        self
    }

    /// Adds an incident.
    #[must_use]
    pub fn incident(mut self, incident: Incident) -> Self {
        self.incidents.push(incident);
        self
    }

    /// Adds a warning that was received; add the newest first.
    #[must_use]
    pub fn warning(mut self, warning: Warning) -> Self {
        self.warnings.push(warning);
        self
    }

    /// Adds a measure or proposal that is open.
    #[must_use]
    pub fn measure(mut self, measure: MeasureRecord) -> Self {
        self.measures.push(measure);
        self
    }

    /// Adds a task; add the newest first.
    #[must_use]
    pub fn task(mut self, task: TaskRecord) -> Self {
        self.tasks.push(task);
        self
    }

    /// Adds a request for resources.
    #[must_use]
    pub fn request(mut self, request: ResourceRequest) -> Self {
        self.requests.push(request);
        self
    }

    /// Adds an offer of resources.
    #[must_use]
    pub fn offer(mut self, offer: ResourceOffer) -> Self {
        self.offers.push(offer);
        self
    }

    /// Adds a grant in force.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }

    /// Adds money that is held for an incident since the epoch.
    #[must_use]
    pub fn spend(self, incident: &str, request: SpendRequest) -> Self {
        self.spend_at(incident, request, 0)
    }

    /// Adds money that was asked for at an instant, and is held for an incident.
    #[must_use]
    pub fn spend_at(mut self, incident: &str, request: SpendRequest, requested: i64) -> Self {
        self.spends.push((incident.into(), request, requested));
        self
    }

    /// Runs a test against this host and gives the host back, for what was remembered and logged.
    ///
    /// # Panics
    /// When the test does.
    pub fn run<T>(self, test: impl FnOnce() -> T) -> (T, Self) {
        CURRENT.with_borrow_mut(|current| *current = Some(self));
        let result = test();
        let harness = CURRENT.with_borrow_mut(Option::take).expect("the harness was set above");
        (result, harness)
    }

    /// What the policy remembered under a key.
    pub fn remembered(&self, key: &str) -> Option<&Value> {
        self.memory.get(key)
    }

    /// What the policy logged.
    pub fn logged(&self) -> &[String] {
        &self.logged
    }

    pub(crate) fn rows(&self, table: &str, matching: &[Attribute]) -> Vec<Row> {
        let fits = |row: &&Row| {
            matching.iter().all(|wanted| match row.cells.value(&wanted.key) {
                None => true,
                Some(Value::Text(text)) if text == "*" => true,
                Some(Value::Text(text)) if text.contains('|') => match &wanted.value {
                    Value::Text(wanted) => text.split('|').any(|word| word == wanted),
                    _ => false,
                },
                Some(value) => *value == wanted.value,
            })
        };
        self.tables.get(table).into_iter().flatten().filter(fits).cloned().collect()
    }

    fn exact(&self, code: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.code == code)
    }

    pub(crate) fn ancestors<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a Node> {
        std::iter::successors(self.exact(code), |node| self.exact(node.parent.as_deref()?))
    }

    /// The node, its nearest known ancestor by area code, else the root: the first that has nothing above it.
    pub(crate) fn node(&self, code: &str) -> Option<Node> {
        let digits = code.bytes().all(|digit| digit.is_ascii_digit());
        let areas = [12, 9, 6].into_iter().filter_map(|length| code.get(..length)).map(ToString::to_string);
        let upper = (code.len() >= 6 && digits).then(|| [format!("{}00", &code[..4]), format!("{}0000", &code[..2])]);
        let mut codes = areas.filter(|_| digits).chain(upper.into_iter().flatten());
        let root = || self.nodes.iter().find(|node| node.parent.is_none());
        self.exact(code).or_else(|| codes.find_map(|code| self.exact(&code))).or_else(root).cloned()
    }

    pub(crate) fn at_tier(&self, code: &str, tier: Tier) -> Option<Node> {
        let found = self.ancestors(code).find(|node| node.tier as u8 >= tier as u8);
        found.or_else(|| self.ancestors(code).last()).cloned()
    }

    pub(crate) fn below(&self, code: &str, tier: Tier) -> Vec<String> {
        let within = |node: &&Node| node.tier == tier && self.ancestors(&node.code).any(|above| above.code == code);
        let mut codes: Vec<String> = self.nodes.iter().filter(within).map(|node| node.code.clone()).collect();
        codes.sort_unstable();
        codes
    }

    pub(crate) fn department(&self, code: &str, service: &str) -> Option<Party> {
        self.ancestors(code).find_map(|node| {
            let fits = |row: &&(Department, String)| row.0.node == node.code && row.1 == service;
            self.departments.iter().find(fits).map(|(department, _)| Party::Department(department.clone()))
        })
    }

    /// Civil time in UTC: enough for rules that only need the clock.
    #[expect(clippy::unused_self, reason = "every import asks the harness")]
    pub(crate) fn local(&self, at: i64) -> Civil {
        let clock = at.rem_euclid(24 * HOUR);
        let part = |value: i64| u8::try_from(value).expect("a part of a clock fits");
        Civil {
            year: 1970,
            month: 1,
            day: 1,
            hour: part(clock / HOUR),
            minute: part(clock % HOUR / MINUTE),
            second: part(clock % MINUTE / 1_000),
            weekday: 4,
            working: true,
        }
    }

    #[expect(clippy::unused_self, reason = "every import asks the harness")]
    pub(crate) fn next_clock(&self, after: i64, hour: u8, minute: u8) -> i64 {
        let wanted = i64::from(hour) * HOUR + i64::from(minute) * MINUTE;
        let wait = (wanted - after.rem_euclid(24 * HOUR)).rem_euclid(24 * HOUR);
        after + if wait == 0 { 24 * HOUR } else { wait }
    }

    /// Every day is a working day here: see `local`.
    #[expect(clippy::unused_self, reason = "every import asks the harness")]
    pub(crate) fn add_working_days(&self, start: i64, days: u32) -> i64 {
        start + i64::from(days) * 24 * HOUR
    }

    pub(crate) fn spent(&self, filter: &SpendingFilter) -> Spending {
        let same =
            |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|text| Some(text) == value);
        let within = |outer: &String, node: &str| self.ancestors(node).any(|above| above.code == *outer);
        let selected = self.spends.iter().filter(|(incident, request, requested)| {
            same(&filter.incident, Some(incident))
                && same(&filter.node, Some(&request.node))
                && same(&filter.category, Some(&request.category))
                && same(&filter.vendor, request.vendor.as_deref())
                && filter.within.as_ref().is_none_or(|outer| within(outer, &request.node))
                && filter.since.is_none_or(|since| *requested >= since)
        });
        selected.fold(Spending { count: 0, total: 0 }, |sum, (_, request, _)| Spending {
            count: sum.count + 1,
            total: sum.total + request.amount,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts, memory, roster};

    fn request(node: &str) -> SpendRequest {
        SpendRequest {
            id: "r".into(),
            node: node.into(),
            category: "pumps".into(),
            vendor: None,
            amount: 5,
            quotes: None,
            life_safety: false,
            reason: None,
        }
    }

    #[test]
    fn what_is_set_to_unknown_is_no_longer_remembered() {
        let ((), host) = Harness::new().run(|| {
            memory::set("key", &Value::Flag(true));
            assert_eq!(memory::get("key"), Some(Value::Flag(true)));
            memory::set("key", &Value::Unknown);
            assert_eq!(memory::get("key"), None);
        });
        assert_eq!(host.remembered("key"), None);
    }

    #[test]
    fn spending_is_summed_below_a_node_and_since_an_instant() {
        let host = Harness::new().add_node("d", Tier::District, None).add_node("s", Tier::Street, Some("d"));
        let host = host.spend_at("i", request("s"), HOUR).spend_at("i", request("d"), 3 * HOUR);
        host.run(|| {
            let all =
                SpendingFilter { incident: None, node: None, within: None, category: None, vendor: None, since: None };
            let count = |filter: &SpendingFilter| facts::spent(filter).count;
            assert_eq!(count(&all), 2);
            assert_eq!(count(&SpendingFilter { within: Some("d".into()), ..all.clone() }), 2);
            assert_eq!(count(&SpendingFilter { within: Some("s".into()), ..all.clone() }), 1);
            assert_eq!(count(&SpendingFilter { since: Some(2 * HOUR), ..all }), 1);
        });
    }

    #[test]
    fn an_unknown_place_is_answered_by_the_nearest_area_above_it() {
        let host =
            Harness::new().add_node("960100", Tier::City, None).add_node("960102", Tier::District, Some("960100"));
        host.run(|| {
            let found = |code: &str| roster::find(code).map(|node| node.code);
            assert_eq!(found("960102901002").as_deref(), Some("960102"));
            assert_eq!(found("960103901").as_deref(), Some("960100"));
            assert_eq!(found("").as_deref(), Some("960100"));
        });
    }
}
