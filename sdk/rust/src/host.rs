//! What a policy may ask the host. In a guest these are the contract's imports; in native tests the harness answers.

/// Runs the import in a guest, the harness elsewhere.
macro_rules! answered {
    ($import:expr, $harness:expr) => {{
        #[cfg(target_arch = "wasm32")]
        {
            $import
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            $crate::testing::with($harness)
        }
    }};
}

/// Lines for the policy's author.
pub mod log {
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::log;

    /// Something is wrong.
    pub fn error(message: &str) {
        answered!(log::write(log::Severity::Error, message), |harness| harness.logged.push(message.to_string()));
    }

    /// Worth knowing.
    pub fn info(message: &str) {
        answered!(log::write(log::Severity::Info, message), |harness| harness.logged.push(message.to_string()));
    }
}

/// The district's numbers and tables.
pub mod settings {
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::settings as import;
    pub use crate::contract::imports::muster::policy::settings::Row;
    use crate::{Attribute, Attributes as _, MINUTE, Value};

    /// The setting with this key.
    pub fn get(key: &str) -> Option<Value> {
        answered!(import::get(key), |harness| harness.settings.get(key).cloned())
    }

    /// Ends the call: the policy cannot answer without this setting. The host falls back, and the log says why.
    fn missing(key: &str, wanted: &str) -> ! {
        let message = format!("the setting `{key}` is missing or is not {wanted}");
        super::log::error(&message);
        panic!("{message}")
    }

    /// The whole number with this key.
    ///
    /// # Panics
    /// When it is missing or something else: the host then falls back.
    pub fn integer(key: &str) -> i64 {
        match get(key) {
            Some(Value::Integer(number)) => number,
            _ => missing(key, "a whole number"),
        }
    }

    /// The text with this key.
    ///
    /// # Panics
    /// When it is missing or something else: the host then falls back.
    pub fn text(key: &str) -> String {
        match get(key) {
            Some(Value::Text(text)) => text,
            _ => missing(key, "text"),
        }
    }

    /// The yes or no with this key.
    ///
    /// # Panics
    /// When it is missing or something else: the host then falls back.
    pub fn flag(key: &str) -> bool {
        match get(key) {
            Some(Value::Flag(flag)) => flag,
            _ => missing(key, "true or false"),
        }
    }

    /// The number of minutes with this key, in milliseconds.
    ///
    /// # Panics
    /// When it is missing or something else: the host then falls back.
    pub fn minutes(key: &str) -> i64 {
        integer(key) * MINUTE
    }

    /// The rows of a table whose cells equal every given text; an absent cell or `*` matches anything.
    pub fn rows(table: &str, matching: &[(&str, &str)]) -> Vec<Row> {
        let matching: Vec<Attribute> = matching
            .iter()
            .map(|(key, text)| Attribute { key: (*key).into(), value: Value::Text((*text).into()) })
            .collect();
        answered!(import::rows(table, &matching), |harness| harness.rows(table, &matching))
    }

    /// A cell that a row must have.
    ///
    /// # Panics
    /// When it is missing: the host then falls back.
    pub fn cell<'a>(row: &'a Row, column: &str) -> &'a str {
        row.text(column).unwrap_or_else(|| missing(column, "text in every row"))
    }
}

/// Nodes, departments, posts and teams.
pub mod roster {
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::roster as import;
    pub use crate::contract::imports::muster::policy::roster::Node;
    use crate::{Party, Tier};

    /// The node with this code, or its nearest known ancestor.
    pub fn find(code: &str) -> Option<Node> {
        answered!(import::find(code), |harness| harness.node(code))
    }

    /// The nearest node at this tier or higher.
    pub fn at_tier(code: &str, tier: Tier) -> Option<Node> {
        answered!(import::at_tier(code, tier), |harness| harness.at_tier(code, tier))
    }

    /// All nodes of a tier at or below a node.
    pub fn below(code: &str, tier: Tier) -> Vec<String> {
        answered!(import::below(code, tier), |harness| harness.below(code, tier))
    }

    /// The department that serves a node with this service.
    pub fn department(code: &str, service: &str) -> Option<Party> {
        answered!(import::department(code, service), |harness| harness.department(code, service))
    }
}

/// Civil time in the district's time zone.
pub mod calendar {
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::calendar as import;
    pub use crate::contract::imports::muster::policy::calendar::Civil;

    /// The civil time at an instant.
    pub fn local(at: i64) -> Civil {
        answered!(import::local(at), |harness| harness.local(at))
    }

    /// The next time the clock shows this hour and minute.
    pub fn next_clock(after: i64, hour: u8, minute: u8) -> i64 {
        answered!(import::next_clock(after, hour, minute), |harness| harness.next_clock(after, hour, minute))
    }

    /// The same clock time so many working days later.
    pub fn add_working_days(start: i64, days: u32) -> i64 {
        answered!(import::add_working_days(start, days), |harness| harness.add_working_days(start, days))
    }
}

/// A small keyed store of the policy's own for one incident.
pub mod memory {
    use crate::Value;
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::memory as import;

    /// What was set under this key.
    pub fn get(key: &str) -> Option<Value> {
        answered!(import::get(key), |harness| harness.memory.get(key).cloned())
    }

    /// The text that was set under this key.
    pub fn text(key: &str) -> Option<String> {
        match get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The instant that was set under this key.
    pub fn instant(key: &str) -> Option<i64> {
        match get(key)? {
            Value::Instant(at) => Some(at),
            _ => None,
        }
    }

    /// Sets a value; it takes effect with the decision. `Unknown` removes the key.
    pub fn set(key: &str, value: &Value) {
        answered!(import::set(key, value), |harness| {
            match value {
                Value::Unknown => harness.memory.remove(key),
                value => harness.memory.insert(key.to_string(), value.clone()),
            };
        });
    }
}

/// What the journal already says.
pub mod facts {
    #[cfg(target_arch = "wasm32")]
    use crate::contract::imports::muster::policy::facts as import;
    pub use crate::contract::imports::muster::policy::facts::SpendingFilter;
    use crate::types::Response;
    use crate::{
        CallOut, Grant, Incident, MeasureRecord, ResourceOffer, ResourceRequest, Spending, TaskRecord, Warning,
    };

    /// An incident by id or name.
    pub fn find_incident(id: &str) -> Option<Incident> {
        answered!(import::find_incident(id), |harness| harness.incidents.iter().find(|row| row.id == id).cloned())
    }

    /// The incidents that belong to this one.
    pub fn children(id: &str) -> Vec<Incident> {
        answered!(import::children(id), |harness| {
            harness.incidents.iter().filter(|row| row.parent.as_deref() == Some(id)).cloned().collect()
        })
    }

    /// Warnings of a hazard received for a node since an instant, newest first.
    pub fn warning_history(node: &str, hazard: &str, since: i64) -> Vec<Warning> {
        answered!(import::warning_history(node, hazard, since), |harness| {
            let fits = |row: &&Warning| row.node == node && row.hazard == hazard && row.issued >= since;
            harness.warnings.iter().filter(fits).cloned().collect()
        })
    }

    /// Call-outs of an incident that are not released.
    pub fn open_call_outs(incident: &str) -> Vec<CallOut> {
        answered!(import::open_call_outs(incident), |harness| {
            let _ = incident;
            harness.call_outs.clone()
        })
    }

    /// Proposals and measures of an incident that are not ended.
    pub fn measures(incident: &str) -> Vec<MeasureRecord> {
        answered!(import::measures(incident), |harness| {
            let _ = incident;
            harness.measures.clone()
        })
    }

    /// Tasks of an incident, open or not, the newest first.
    pub fn tasks(incident: &str) -> Vec<TaskRecord> {
        answered!(import::tasks(incident), |harness| {
            let _ = incident;
            harness.tasks.clone()
        })
    }

    /// A request for resources.
    pub fn find_request(id: &str) -> Option<ResourceRequest> {
        answered!(import::find_request(id), |harness| harness.requests.iter().find(|row| row.id == id).cloned())
    }

    /// An offer of resources.
    pub fn find_offer(id: &str) -> Option<ResourceOffer> {
        answered!(import::find_offer(id), |harness| harness.offers.iter().find(|row| row.id == id).cloned())
    }

    /// How many call-outs a node and those below it issued since an instant.
    pub fn call_outs_issued(node: &str, since: i64) -> u32 {
        answered!(import::call_outs_issued(node, since), |harness| {
            let own = harness.call_outs.iter().filter(|row| row.order.caller == node && row.issued >= since);
            u32::try_from(own.count()).unwrap_or(u32::MAX)
        })
    }

    /// Warnings in force for a node or above it, newest first.
    pub fn warnings(node: &str, hazard: Option<&str>) -> Vec<Warning> {
        answered!(import::warnings(node, hazard), |harness| {
            let bears = |row: &Warning| harness.ancestors(node).any(|above| above.code == row.node) || row.node == node;
            let fits = |row: &&Warning| bears(row) && hazard.is_none_or(|hazard| row.hazard == hazard);
            harness.warnings.iter().filter(fits).cloned().collect()
        })
    }

    /// Levels of every scheme and node of an incident.
    pub fn responses(incident: &str) -> Vec<Response> {
        answered!(import::responses(incident), |harness| {
            harness.incidents.iter().filter(|row| row.id == incident).map(|row| row.response.clone()).collect()
        })
    }

    /// Grants in force that reach a node.
    pub fn grants(node: &str) -> Vec<Grant> {
        answered!(import::grants(node), |harness| {
            harness.grants.iter().filter(|row| row.grantee == node).cloned().collect()
        })
    }

    /// Spending that a filter selects.
    pub fn spent(filter: &SpendingFilter) -> Spending {
        answered!(import::spent(filter), |harness| harness.spent(filter))
    }
}
