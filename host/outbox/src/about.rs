//! What a fact is about: whom it tells, where it is, whether lives are at stake. Reads the fact, never a state.

use muster_kernel::act::Party;
use muster_kernel::record::{Entry, Fact};
use muster_kernel::{IncidentId, NodeCode};
use serde_json::Value as Json;

use crate::{DistrictView, IncidentPlace};

/// Who is told, called or asked by a fact. Empty for facts that are addressed to nobody.
pub(crate) fn told(fact: &Fact) -> Vec<&Party> {
    match fact {
        Fact::CalloutIssued { called, .. } => called.iter().map(|called| &called.party).collect(),
        Fact::CalloutEscalated { to, .. }
        | Fact::ConfirmationEscalated { to, .. }
        | Fact::MeasureOverdue { to, .. }
        | Fact::NoticeSent { notice: muster_kernel::act::Notice { to, .. }, .. } => to.iter().collect(),
        Fact::ConfirmationRequired { by, .. } => vec![by],
        Fact::MeasureProposed { proposal, .. } => proposal.deciders.iter().collect(),
        Fact::TaskOpened { order, .. } => vec![&order.to],
        Fact::ResourceRequested { order, .. } => vec![&order.to],
        Fact::OfferAnswered { answer, .. } => answer.remainder_from.iter().collect(),
        Fact::GrantGiven { supervisor, .. } => vec![supervisor],
        Fact::SpendRuled { signature_by, .. } => signature_by.iter().collect(),
        Fact::ApprovalEscalated { to, .. } | Fact::GrantEscalated { to, .. } => vec![to],
        Fact::GrantAsked { approver, .. } => vec![approver],
        Fact::ReportRequired { duty, .. } => vec![&duty.to],
        Fact::FindingRaised { order, .. } => order.tell.iter().collect(),
        Fact::CommandAssumed { commander, deputies, .. } => [commander].into_iter().chain(deputies).collect(),
        Fact::CalloutReleased { party, .. } | Fact::CalloutLapsed { party, .. } => vec![party],
        _ => Vec::new(),
    }
}

/// Where and how grave a fact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The node, when the fact or its incident names one.
    pub(crate) node: Option<NodeCode>,
    /// Lives are at stake, says the fact or its incident.
    pub(crate) life_safety: bool,
}

/// Places of a node in the journal's form of a fact. They last: fields of facts are added, never renamed.
const NODE_PLACES: [&str; 10] = [
    "/node",
    "/order/node",
    "/order/caller",
    "/order/grantor",
    "/proposal/measure/node",
    "/duty/node",
    "/request/node",
    "/warning/node",
    "/party/post/node",
    "/party/department/node",
];

const LIFE_SAFETY_PLACES: [&str; 4] =
    ["/life_safety", "/order/life_safety", "/proposal/measure/life_safety", "/request/life_safety"];

/// Reads a fact. `json` is its journal form, without the kind around it.
pub(crate) fn about(entry: &Entry, json: &Json, view: &dyn DistrictView) -> About {
    let incident = json.get("incident").and_then(Json::as_str).map(IncidentId::from);
    let place: Option<IncidentPlace> = incident.and_then(|incident| view.incident(&entry.district, &incident));
    let text = |at: &&str| json.pointer(at).and_then(Json::as_str).map(NodeCode::from);
    let node = NODE_PLACES.iter().find_map(text).or_else(|| place.as_ref().map(|place| place.node.clone()));
    let grave = LIFE_SAFETY_PLACES.iter().any(|at| json.pointer(at) == Some(&Json::Bool(true)));
    About { node, life_safety: grave || place.is_some_and(|place| place.life_safety) }
}

/// The journal form of a fact, without the kind around it.
pub(crate) fn body(fact: &Fact) -> Json {
    let mut json = serde_json::to_value(fact).expect("a fact holds nothing that JSON cannot say");
    json.get_mut(fact.kind()).map(Json::take).expect("a fact stands under its kind")
}
