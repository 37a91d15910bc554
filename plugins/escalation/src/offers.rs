//! Offers of resources: what is still needed is taken, in part where need be; the rest is asked for elsewhere.

use muster_sdk::{
    Act, Attributes, Effect, Event, MINUTE, OfferAnswer, Party, ResourceLine, because, effect, facts, settings,
};

/// The answer to an offer. One that nobody asked for is registered by the host and waits for a person.
pub(crate) fn answer(now: i64, event: &Event) -> Vec<Effect> {
    let Some(offer) = event.text("offer").and_then(facts::find_offer) else { return Vec::new() };
    let Some(request) = offer.request.as_deref().and_then(facts::find_request) else { return Vec::new() };
    let late = offer.arrives.zip(request.needed_by).map_or(0, |(arrives, needed)| (arrives - needed).max(0));
    let late_max = settings::integer("offers.late_minutes_max") * MINUTE;
    let open = |kind: &str| {
        let line = request.lines.iter().find(|line| line.kind == kind);
        line.map_or(0, |line| line.wanted.saturating_sub(line.committed))
    };
    let accept: Vec<ResourceLine> = offer
        .lines
        .iter()
        .map(|line| ResourceLine { kind: line.kind.clone(), quantity: line.quantity.min(open(&line.kind)) })
        .filter(|line| line.quantity > 0 && late <= late_max)
        .collect();
    let covers = request.lines.iter().all(|line| {
        let taken = accept.iter().find(|taken| taken.kind == line.kind).map_or(0, |taken| taken.quantity);
        taken + line.committed >= line.wanted
    });
    let tier = settings::text("offers.remainder_from");
    let remainder_from = muster_sdk::Tier::parse(&tier).map(Party::DutyAbove).filter(|_| !covers);
    let minutes = late / MINUTE;
    let (chinese, english) = match (accept.is_empty(), covers) {
        (true, _) => (
            format!("晚到 {minutes} 分钟或已不需要:不接受"),
            format!("{minutes} min late, or no longer needed: declined"),
        ),
        (false, true) => (format!("全部接受,晚到 {minutes} 分钟"), format!("taken whole, {minutes} min late")),
        (false, false) => (
            format!("部分接受,晚到 {minutes} 分钟;不足部分向上级申请"),
            format!("taken in part, {minutes} min late; the rest is asked for above"),
        ),
    };
    let answer = OfferAnswer { offer: offer.id, accept, answer_by: offer.valid_until.or(Some(now)), remainder_from };
    vec![effect(Act::AnswerOffer(answer), because("RM", chinese, english))]
}
