//! Resources: asked for, offered, taken in part or whole, and given back. The words follow EDXL-RM.
//!
//! INVARIANT: never more is taken than was offered, and never more is committed to a request than it still needs.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use crate::act::{Because, OfferAnswer, Party, ResourceLine, ResourceOrder};
use crate::record::Fact;
use crate::state::OfferStatus;
use crate::value::{find_instant, find_integer, find_text};
use crate::{Event, Milliseconds, OfferId, RequestId, roster};

/// The most lines that one request or offer may hold.
const LINES_MAX: usize = 128;

impl Deciding<'_> {
    /// A person asks for resources.
    pub(super) fn resource_requested(&mut self, event: &Event) -> Result<(), Because> {
        let request = RequestId::from(required(event, "request")?);
        if self.state.requests.contains(&request) {
            return Err(Because::new(
                "host:resource",
                format!("资源申请 {request} 已存在"),
                format!("there is a resource request `{request}` already"),
            ));
        }
        let order = ResourceOrder {
            key: request.to_string(),
            to: roster::duty_above(self.state, event.node.as_str()),
            lines: lines(event)?,
            needed_by: find_instant(&event.attributes, "needed_by"),
        };
        let because = Because::new("host:resource-asked", "申请资源", "resources are asked for");
        self.record(Fact::ResourceRequested {
            request,
            incident: self.incident.clone(),
            by: event.source.clone(),
            node: event.node.clone(),
            order,
            because,
        });
        Ok(())
    }

    /// A policy asks for resources. While a request with the same key is open, another changes nothing.
    pub(super) fn request_resource(&mut self, order: ResourceOrder, because: Because) {
        let same = |row: &&crate::state::ResourceRequest| row.key == order.key && row.incident == self.incident;
        if self.state.requests.values().any(|row| same(&row)) {
            return;
        }
        let node = self.incident_node();
        let to = self.paired_giver(&node, &order).unwrap_or_else(|| roster::resolve(self.state, &order.to, &node));
        let request = RequestId::from(self.identifier('r'));
        self.record(Fact::ResourceRequested {
            request,
            incident: self.incident.clone(),
            by: "policy".to_string(),
            node: node.into(),
            order: ResourceOrder { to, ..order },
            because,
        });
    }

    /// A standing agreement of aid is asked first.
    fn paired_giver(&self, node: &str, order: &ResourceOrder) -> Option<Party> {
        let agreements = &self.state.charter()?.agreements;
        let gives = |agreement: &&crate::charter::Agreement| {
            roster::is_within(self.state, node, agreement.receiver.as_str())
                && !order.lines.is_empty()
                && order
                    .lines
                    .iter()
                    .all(|line| agreement.resources.get(&line.kind).is_some_and(|most| line.quantity <= *most))
        };
        agreements.iter().find(gives).map(|agreement| roster::duty_of(agreement.giver.clone()))
    }

    /// Somebody offers resources, asked or not.
    pub(super) fn resource_offered(&mut self, event: &Event) -> Result<(), Because> {
        let offer = OfferId::from(required(event, "offer")?);
        if self.state.offers.contains(&offer) {
            return Err(Because::new(
                "host:resource",
                format!("资源提供 {offer} 已登记"),
                format!("there is an offer `{offer}` already"),
            ));
        }
        let request = find_text(&event.attributes, "request").map(RequestId::from);
        let wanted = match &request {
            None => None,
            Some(id) => Some(self.state.requests.get(id).ok_or_else(|| unknown_request(id))?),
        };
        let arrives = find_integer(&event.attributes, "eta_min")
            .map(|minutes| event.occurred + Milliseconds::minutes(minutes.clamp(0, 60 * 24 * 90)));
        let late_by = wanted.and_then(|row| Some(arrives? - row.needed_by?)).filter(|late| late.0 > 0);
        let because = match late_by {
            Some(late) => Because::new(
                "host:resource-offered",
                format!("预计到达晚于需要时间 {} 分钟", late.as_minutes()),
                format!("it arrives {} min later than needed", late.as_minutes()),
            ),
            None => Because::new("host:resource-offered", "登记资源提供", "the offer is registered"),
        };
        self.record(Fact::ResourceOffered {
            offer,
            request,
            incident: self.incident.clone(),
            by: event.source.clone(),
            node: event.node.clone(),
            lines: lines(event)?,
            arrives,
            late_by,
            valid_until: find_instant(&event.attributes, "valid_until"),
            because,
        });
        Ok(())
    }

    /// A policy takes an offer, whole or in part.
    pub(super) fn answer_offer(&mut self, answer: OfferAnswer, because: Because) {
        let offer = OfferId::from(answer.offer.as_str());
        let Some(row) = self.state.offers.get(&offer).filter(|row| row.status == OfferStatus::Open).cloned() else {
            return;
        };
        let request = row.request.as_ref().and_then(|id| self.state.requests.get(id));
        let needed = |kind: &str| {
            let line = request.and_then(|request| request.lines.iter().find(|line| line.kind == kind));
            line.map(|line| line.wanted.saturating_sub(line.committed))
        };
        let taken = answer.accept.iter().filter_map(|wanted| {
            let offered = row.lines.iter().find(|line| line.kind == wanted.kind)?.quantity;
            let most = needed(&wanted.kind).map_or(offered, |needed| offered.min(needed));
            let quantity = wanted.quantity.min(most);
            (quantity > 0).then(|| ResourceLine { kind: wanted.kind.clone(), quantity })
        });
        let taken: Vec<ResourceLine> = taken.collect();
        let open = request.map(|request| {
            let line = |line: &crate::state::RequestLine| {
                let now = taken.iter().find(|taken| taken.kind == line.kind).map_or(0, |taken| taken.quantity);
                let quantity = line.wanted.saturating_sub(line.committed).saturating_sub(now);
                (quantity > 0).then(|| ResourceLine { kind: line.kind.clone(), quantity })
            };
            request.lines.iter().filter_map(line).collect::<Vec<_>>()
        });
        let open = open.unwrap_or_default();
        let needed_by = request.and_then(|request| request.needed_by);
        let remainder = answer.remainder_from.clone();
        self.record(Fact::OfferAnswered {
            offer,
            request: row.request.clone(),
            incident: row.incident.clone(),
            answer: OfferAnswer { accept: taken, ..answer },
            open: open.clone(),
            because: because.clone(),
        });
        if let (Some(to), Some(request), false) = (remainder, row.request, open.is_empty()) {
            let key = format!("remainder/{request}");
            self.request_resource(ResourceOrder { key, to, lines: open, needed_by }, because);
        }
    }

    pub(super) fn offer_expired(&mut self, offer: &OfferId) {
        let Some(row) = self.state.offers.get(offer).filter(|row| row.status == OfferStatus::Open) else { return };
        let incident = row.incident.clone();
        let because =
            Because::new("host:offer-expired", "资源提供逾期未答复,失效", "nobody answered the offer in its time");
        self.record(Fact::OfferExpired { offer: offer.clone(), incident, because });
    }

    /// What was borrowed goes back.
    pub(super) fn resource_returned(&mut self, event: &Event) -> Result<(), Because> {
        let offer = OfferId::from(required(event, "offer")?);
        let Some(row) = self.state.offers.get(&offer).cloned() else {
            return Err(Because::new(
                "host:resource",
                format!("没有资源提供 {offer}"),
                format!("there is no offer `{offer}`"),
            ));
        };
        let wanted = lines(event).unwrap_or_else(|_| row.taken.clone());
        let more = wanted.iter().find(|line| {
            let taken = row.taken.iter().find(|taken| taken.kind == line.kind).map_or(0, |taken| taken.quantity);
            line.quantity > taken
        });
        if let Some(line) = more {
            return Err(Because::new(
                "host:resource",
                format!("归还的 {} 多于借用数", line.kind),
                format!("more `{}` is returned than was taken", line.kind),
            ));
        }
        self.record(Fact::ResourceReturned { offer, incident: row.incident, lines: wanted, by: event.source.clone() });
        Ok(())
    }
}

fn unknown_request(id: &RequestId) -> Because {
    Because::new("host:unknown-request", format!("没有资源申请 {id}"), format!("there is no resource request `{id}`"))
}

/// `items.N.type` and `items.N.qty`.
fn lines(event: &Event) -> Result<Vec<ResourceLine>, Because> {
    let text = |key: alloc::string::String| find_text(&event.attributes, &key);
    let mut found = Vec::new();
    for number in 0..LINES_MAX {
        let kind = text(format!("items.{number}.type")).or_else(|| text(format!("items.{number}.kind")));
        let Some(kind) = kind else { break };
        let quantity = find_integer(&event.attributes, &format!("items.{number}.qty"))
            .or_else(|| find_integer(&event.attributes, &format!("items.{number}.quantity")));
        let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok()).ok_or_else(|| {
            Because::new(
                "host:resource",
                format!("资源第 {} 项数量无效", number + 1),
                format!("`items.{number}.qty` must be a whole number from 0"),
            )
        })?;
        found.push(ResourceLine { kind: kind.to_string(), quantity });
    }
    if found.is_empty() {
        return Err(Because::new("host:resource", "未写明资源(items)", "the event holds no `items`"));
    }
    Ok(found)
}
