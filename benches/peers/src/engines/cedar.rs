//! Cedar: a permit for each rule that its language can say; the response names those that hold.

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression};
use muster_kernel::role::escalation::Question;

use super::Engine;
use crate::document::{Document, Form, document};
use crate::rules::Outcome;

const RULES: &str = include_str!("../../rules/thirty.cedar");
/// The rules that count or search in a list of records: Cedar has no loops.
pub(super) const LACKS: &[&str] = &["I28", "I29"];

/// The policies, and what each proposes.
pub(super) struct Authorization {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    proposals: HashMap<PolicyId, Outcome>,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
}

impl Authorization {
    pub(super) fn load() -> Self {
        let policies = PolicySet::from_str(RULES).expect("the policies parse");
        let proposals = policies.policies().map(|policy| {
            let annotation = |key: &str| policy.annotation(key).unwrap_or_default().to_owned();
            let parameter = policy.annotation("parameter").map_or(0, |text| text.parse().expect("a whole number"));
            let outcome = Outcome {
                rule: annotation("id").into(),
                kind: annotation("kind").into(),
                parameter,
                sentence: annotation("sentence").into(),
            };
            (policy.id().clone(), outcome)
        });
        let proposals = proposals.collect();
        let name = |text: &str| EntityUid::from_str(text).expect("a name");
        Self {
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            principal: name(r#"Policy::"thirty""#),
            action: name(r#"Action::"propose""#),
            resource: name(r#"Incident::"open""#),
            policies,
            proposals,
        }
    }
}

impl Engine for Authorization {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        let Document { now, event, data, incident } = document(&mut Values, question);
        let fields = [("now", now), ("event", event), ("data", data), ("incident", incident)];
        let context = Context::from_pairs(fields.map(|(key, value)| (key.to_owned(), value))).expect("a context");
        let (principal, action, resource) = (self.principal.clone(), self.action.clone(), self.resource.clone());
        let request = Request::new(principal, action, resource, context, None).expect("a request");
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        let diagnostics = response.diagnostics();
        assert!(diagnostics.errors().next().is_none(), "a policy failed");
        diagnostics.reason().map(|id| self.proposals[id].clone()).collect()
    }
}

struct Values;

impl<'a> Form<'a> for Values {
    type Value = RestrictedExpression;
    type Record = Vec<(String, RestrictedExpression)>;

    fn flag(&mut self, flag: bool) -> Self::Value {
        RestrictedExpression::new_bool(flag)
    }

    fn integer(&mut self, number: i64) -> Self::Value {
        RestrictedExpression::new_long(number)
    }

    fn text(&mut self, text: &'a str) -> Self::Value {
        RestrictedExpression::new_string(text.into())
    }

    fn list(&mut self, values: Vec<Self::Value>) -> Self::Value {
        RestrictedExpression::new_set(values)
    }

    fn record(&mut self, fields: usize) -> Self::Record {
        Vec::with_capacity(fields)
    }

    fn field(&mut self, record: &mut Self::Record, key: &'a str, value: Self::Value) {
        record.push((key.into(), value));
    }

    fn close(&mut self, record: Self::Record) -> Self::Value {
        RestrictedExpression::new_record(record).expect("no field is named twice")
    }
}
