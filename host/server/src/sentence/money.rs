//! Grants, spending, approvals and service.

use muster_kernel::SpendId;
use muster_kernel::act::SpendRequest;
use muster_kernel::record::{Fact, SpendVerdict};
use muster_kernel::role::incentives::Award;

use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    grants(speaker, fact).or_else(|| spending(speaker, fact)).or_else(|| service(speaker, fact))
}

fn grants(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::GrantGiven { grantor, node, powers, cap, expires, supervisor, .. } => {
            let (grantor, holder) = (speaker.place(grantor), speaker.place(node));
            let powers = powers.join(speaker.word("、", ", "));
            let cap = cap.map(|cap| speaker.money(cap));
            let cap = cap.map(|cap| say!(speaker, ",上限 {cap}", ", at most {cap}")).unwrap_or_default();
            let (expires, supervisor) = (speaker.time(*expires), speaker.party(supervisor));
            let text = say!(
                speaker,
                "{grantor} 授权 {holder}:{powers}{cap},至 {expires} 止,由 {supervisor} 监督",
                "{grantor} grants {holder}: {powers}{cap}, until {expires}, supervised by {supervisor}"
            );
            speaker.decision(("授权", "granted"), text)
        }
        Fact::GrantExpired { node, .. } => {
            let holder = speaker.place(node);
            speaker.decision(
                ("授权到期", "grant over"),
                say!(speaker, "{holder} 的授权到期失效", "the grant of {holder} has expired"),
            )
        }
        _ => None,
    }
}

fn spending(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::SpendRuled { .. } => ruled(speaker, fact),
        Fact::ApprovalEscalated { spend, to, decide_by, .. } => {
            let (wish, to, due) = (known_wish(speaker, spend), speaker.party(to), speaker.time(*decide_by));
            let text = say!(
                speaker,
                "{wish} 无人签批,转 {to},须于 {due} 前决定",
                "nobody signed {wish}; it goes to {to}, who must decide by {due}"
            );
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::ApprovalDecided { spend, approved, by, .. } => {
            let wish = known_wish(speaker, spend);
            if *approved {
                speaker.decision(("签批", "signed"), say!(speaker, "{by} 签批 {wish}", "{by} signed {wish}"))
            } else {
                speaker.decision(("不同意", "refused"), say!(speaker, "{by} 不同意 {wish}", "{by} refused {wish}"))
            }
        }
        _ => None,
    }
}

fn ruled(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    let Fact::SpendRuled { request, verdict, limits, duties, signature_by, decide_by, .. } = fact else { return None };
    let wish = wish(speaker, request);
    let limits: Vec<String> = limits
        .iter()
        .map(|one| {
            let (name, limit, left) = (&one.name, speaker.money(one.limit), speaker.money(one.remaining));
            say!(speaker, "{name} 限额 {limit}、余 {left}", "{name} limit {limit}, {left} left")
        })
        .collect();
    let limits = if limits.is_empty() { String::new() } else { format!(" [{}]", limits.join("; ")) };
    let duties = duties.join(speaker.word("、", ", "));
    let duties =
        if duties.is_empty() { duties } else { say!(speaker, ",附条件:{duties}", ", on condition: {duties}") };
    let signer =
        signature_by.as_ref().map_or_else(|| speaker.word("上级", "a higher tier").into(), |by| speaker.party(by));
    let due = decide_by.map(|due| speaker.time(due));
    let due = due.map(|due| say!(speaker, ",须于 {due} 前决定", " by {due}")).unwrap_or_default();
    match verdict {
        SpendVerdict::Allowed => speaker.decision(
            ("支出", "spend"),
            say!(speaker, "准予 {wish}{duties}{limits}", "{wish} is allowed{duties}{limits}"),
        ),
        SpendVerdict::Refused => {
            let text = say!(speaker, "不予 {wish}{limits}", "{wish} is refused{limits}");
            speaker.decision(("不予支出", "spend refused"), text)
        }
        SpendVerdict::SecondSignature => {
            let text = say!(
                speaker,
                "{wish} 须由 {signer} 复签{due}{limits}",
                "{wish} needs the signature of {signer}{due}{limits}"
            );
            speaker.ask(("待签", "sign"), text)
        }
        SpendVerdict::Routed => {
            let text = say!(
                speaker,
                "{wish} 超出本级权限,报 {signer} 决定{due}{limits}",
                "{wish} is above this tier; {signer} must decide{due}{limits}"
            );
            speaker.ask(("待批", "decide"), text)
        }
    }
}

fn service(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::ServiceStarted { team, headcount, .. } => speaker.record(
            ("服务", "service"),
            say!(speaker, "{team} {headcount} 人开始服务", "{team} began service with {headcount} people"),
        ),
        Fact::ServiceSettled { service, awards, .. } => {
            let who = service.team.as_ref().or(service.person.as_ref()).unwrap_or(&service.id);
            let (time, awards) = (speaker.length(service.ended - service.started), awards_of(speaker, awards));
            speaker.decision(
                ("服务", "service"),
                say!(speaker, "{who} 服务 {time},{awards}", "{who} served {time}: {awards}"),
            )
        }
        _ => None,
    }
}

fn awards_of(speaker: &Speaker<'_>, awards: &[Award]) -> String {
    let shown: Vec<String> = awards.iter().map(|award| speaker.amount(award.currency, award.amount)).collect();
    if shown.is_empty() { speaker.word("不计奖励", "no award").into() } else { shown.join(", ") }
}

fn wish(speaker: &Speaker<'_>, request: &SpendRequest) -> String {
    let (place, amount, category) = (speaker.place(&request.node), speaker.money(request.amount), &request.category);
    say!(speaker, "{place} 支出 {amount}({category})", "{amount} for {category} by {place}")
}

fn known_wish(speaker: &Speaker<'_>, spend: &SpendId) -> String {
    let row = speaker.state.spends.get(spend);
    row.map_or_else(|| spend.to_string(), |row| wish(speaker, &row.request))
}
