//! What people owe each other: command, mode exits, plans, powers, resources, residents' cases, pairs, findings, awards
//! and processes.

use muster_kernel::act::ResourceLine;
use muster_kernel::record::{Fact, PairKind};
use muster_kernel::{AwardStatus, FeedbackClass, FindingStatus, NodeCode};

use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    command(speaker, fact)
        .or_else(|| response(speaker, fact))
        .or_else(|| powers(speaker, fact))
        .or_else(|| resources(speaker, fact))
        .or_else(|| feedback(speaker, fact))
        .or_else(|| pairs(speaker, fact))
        .or_else(|| findings(speaker, fact))
        .or_else(|| rewards(speaker, fact))
        .or_else(|| processes(speaker, fact))
}

fn command(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::CommandAssumed { incident, commander, person, previous, .. } => {
            let (name, post) = (speaker.incident(Some(incident)), speaker.party(commander));
            let person = person.as_ref().map(|person| format!(" ({person})")).unwrap_or_default();
            let before = previous.as_ref().map(|before| speaker.party(before));
            let before = before.map(|before| say!(speaker, ",接替 {before}", ", after {before}")).unwrap_or_default();
            let text =
                say!(speaker, "{name} 由 {post}{person} 负责指挥{before}", "{post}{person} commands {name}{before}");
            speaker.decision(("指挥", "command"), text)
        }
        Fact::ProposalRefused { proposed, .. } => speaker.alarm(
            ("拒绝", "refused"),
            say!(
                speaker,
                "主机不准策略的建议({proposed})生效",
                "the host does not let a policy's proposal ({proposed}) take effect"
            ),
        ),
        Fact::IncidentClosed { incident, by, .. } => {
            let name = speaker.incident(Some(incident));
            speaker.decision(("办结", "closed"), say!(speaker, "{by} 办结 {name}", "{by} closes {name}"))
        }
        Fact::DutyOverridden { node, post, person, from, until, .. } => {
            let (place, from, until) = (speaker.place(node), speaker.time(*from), speaker.time(*until));
            let text = say!(
                speaker,
                "{place} {post} 由 {person} 替班,{from} 至 {until}",
                "{person} stands in as {post} of {place} from {from} until {until}"
            );
            speaker.decision(("替班", "stands in"), text)
        }
        Fact::HeartbeatLost { source, last, .. } => {
            let last = speaker.time(*last);
            speaker.alarm(
                ("失联", "silent"),
                say!(speaker, "{source} 自 {last} 起无消息", "nothing heard from {source} since {last}"),
            )
        }
        Fact::SourceJudged { source, confirmed, .. } => {
            let word = speaker.word(
                if *confirmed { "属实" } else { "不实" },
                if *confirmed { "proved right" } else { "proved wrong" },
            );
            speaker.record(("信源", "source"), say!(speaker, "{source} 的说法{word}", "the word of {source} {word}"))
        }
        _ => None,
    }
}

fn response(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::LevelEnded { scheme, node, by, .. } => {
            let place = speaker.place(node);
            let text =
                say!(speaker, "{by} 终止 {place} 的 {scheme} 响应", "{by} ends the {scheme} response of {place}");
            speaker.decision(("终止响应", "response ended"), text)
        }
        Fact::HazardCleared { incident, cleared, .. } => {
            let name = speaker.incident(Some(incident));
            let text = if *cleared {
                say!(speaker, "{name} 隐患已消除", "the hazard of {name} is over")
            } else {
                say!(speaker, "{name} 隐患再现", "the hazard of {name} is back")
            };
            speaker.decision(("隐患", "hazard"), text)
        }
        Fact::ModeExitChecked { node, may_return, blockers, .. } => {
            let place = speaker.place(node);
            if *may_return {
                let text = say!(speaker, "{place} 可转回常态", "{place} may return to normal");
                return speaker.decision(("转常检查", "exit check"), text);
            }
            let reasons: Vec<&str> = blockers
                .iter()
                .filter_map(|blocker| super::of_reason(&blocker.because, speaker.language).text)
                .collect();
            let reasons = reasons.join(speaker.word(";", "; "));
            speaker.ask(
                ("转常检查", "exit check"),
                say!(speaker, "{place} 尚不能转回常态:{reasons}", "{place} may not return to normal: {reasons}"),
            )
        }
        Fact::CalloutEnRoute { party, occurred, arrives, .. } => {
            let (party, at) = (speaker.party(party), speaker.time(*occurred));
            let by = arrives.map(|arrives| speaker.time(arrives));
            let by = by.map(|by| say!(speaker, ",预计 {by} 到", ", expected by {by}")).unwrap_or_default();
            speaker
                .record(("途中", "on the way"), say!(speaker, "{party} 于 {at} 出发{by}", "{party} left at {at}{by}"))
        }
        Fact::CalloutLapsed { party, .. } => {
            let party = speaker.party(party);
            let text =
                say!(speaker, "{party} 签收后未到,呼叫重新生效", "{party} did not come; the call stands open again");
            speaker.alarm(("失效", "lapsed"), text)
        }
        Fact::CalloutPlanned { party, occurred, on_time, .. } => {
            let (party, at) = (speaker.party(party), speaker.time(*occurred));
            let late = if *on_time { "" } else { speaker.word("(超时)", " (late)") };
            let text =
                say!(speaker, "{party} 于 {at} 提交联合方案{late}", "{party} handed in the joint plan at {at}{late}");
            speaker.decision(("方案", "plan"), text)
        }
        Fact::MeasureConfirmed { measure_kind: kind, node, people, .. } => {
            let place = speaker.place(node);
            let people = people.map(|people| say!(speaker, ",{people} 人", ", {people} people")).unwrap_or_default();
            let text =
                say!(speaker, "{kind} @ {place} 已落实{people}", "{kind} @ {place} has been carried out{people}");
            speaker.decision(("落实", "carried out"), text)
        }
        Fact::TaskReopened { task, .. } => {
            let kind = speaker.state.tasks.get(task).map_or("", |row| row.order.kind.as_str());
            let text = say!(speaker, "任务 {task} {kind} 重新打开", "task {task} {kind} is open again");
            speaker.alarm(("重开", "reopened"), text)
        }
        _ => None,
    }
}

fn powers(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::GrantAsked { request, order, approver, decide_by, .. } => {
            let (approver, due, powers) = (speaker.party(approver), speaker.time(*decide_by), order.powers.join(" "));
            let who: Vec<String> = order.grantees.iter().map(|node| speaker.place(node)).collect();
            let who = who.join(speaker.word("、", ", "));
            let text = say!(
                speaker,
                "{who} 申请授权 {powers}({request}),由 {approver} 在 {due} 前决定",
                "{who} asks for the powers {powers} ({request}): {approver} decides by {due}"
            );
            speaker.ask(("申请授权", "powers asked"), text)
        }
        Fact::GrantEscalated { request, to, decide_by, .. } => {
            let (to, due) = (speaker.party(to), speaker.time(*decide_by));
            let text = say!(
                speaker,
                "授权申请 {request} 上提至 {to},{due} 前决定",
                "the wish for powers {request} goes up to {to}, to be decided by {due}"
            );
            speaker.alarm(("上提", "went up"), text)
        }
        Fact::GrantDecided { request, approved, by, .. } => {
            let verdict =
                speaker.word(if *approved { "批准" } else { "不批准" }, if *approved { "approves" } else { "refuses" });
            let text =
                say!(speaker, "{by} {verdict}授权申请 {request}", "{by} {verdict} the wish for powers {request}");
            speaker.decision(("授权审批", "powers decided"), text)
        }
        Fact::GrantRevoked { node, powers, whole, by, .. } => {
            let (place, powers) = (speaker.place(node), powers.join(" "));
            let part = if *whole { "" } else { speaker.word("(部分)", " (in part)") };
            let text = say!(
                speaker,
                "{by} 收回 {place} 的授权 {powers}{part}",
                "{by} takes the powers {powers} of {place} back{part}"
            );
            speaker.decision(("收回", "taken back"), text)
        }
        Fact::PowerFrozen { node, power, frozen, by, .. } => {
            let place = speaker.place(node);
            let word =
                speaker.word(if *frozen { "冻结" } else { "恢复" }, if *frozen { "freezes" } else { "restores" });
            let text = say!(speaker, "{by} {word} {place} 的 {power} 权", "{by} {word} the power `{power}` of {place}");
            // What leaves the house may be the label alone.
            speaker.alarm(if *frozen { ("冻结", "frozen") } else { ("恢复", "restored") }, text)
        }
        Fact::SpendSettled { spend, amount, released, .. } => {
            let (amount, released) = (speaker.money(*amount), speaker.money(*released));
            let text = say!(
                speaker,
                "支出 {spend} 结算 {amount},释放 {released}",
                "{spend} settled at {amount}, {released} freed"
            );
            speaker.record(("结算", "settled"), text)
        }
        Fact::PapersOverdue { spend, due, .. } => {
            let due = speaker.time(*due);
            let text =
                say!(speaker, "支出 {spend} 未在 {due} 前补齐手续", "the papers of {spend} did not come by {due}");
            speaker.alarm(("逾期", "overdue"), text)
        }
        _ => None,
    }
}

fn lines(lines: &[ResourceLine]) -> String {
    let shown: Vec<String> = lines.iter().map(|line| format!("{} × {}", line.kind, line.quantity)).collect();
    shown.join(", ")
}

fn resources(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::ResourceOffered { offer, node, lines: offered, arrives, late_by, .. } => {
            let (place, what) = (speaker.place(node), lines(offered));
            let when = arrives.map(|arrives| speaker.time(arrives));
            let when = when.map(|when| say!(speaker, ",{when} 到", ", there by {when}")).unwrap_or_default();
            let late = super::callout::late_by(speaker, *late_by);
            let text = say!(
                speaker,
                "{place} 提供 {what}({offer}){when}{late}",
                "{place} offers {what} ({offer}){when}{late}"
            );
            speaker.ask(("提供", "offered"), text)
        }
        Fact::OfferExpired { offer, .. } => speaker
            .alarm(("失效", "lapsed"), say!(speaker, "资源提供 {offer} 逾期失效", "the offer {offer} has lapsed")),
        Fact::ResourceReturned { offer, lines: returned, .. } => {
            let what = lines(returned);
            let text = say!(speaker, "归还 {what}({offer})", "{what} went back ({offer})");
            speaker.record(("归还", "returned"), text)
        }
        _ => None,
    }
}

fn class(speaker: &Speaker<'_>, class: FeedbackClass) -> &'static str {
    match class {
        FeedbackClass::LifeSafety => speaker.word("生命安全", "life safety"),
        FeedbackClass::Utilities => speaker.word("水电气热", "utilities"),
        FeedbackClass::General => speaker.word("一般", "general"),
        FeedbackClass::Complex => speaker.word("疑难", "complex"),
    }
}

fn feedback(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::FeedbackOpened { case, class: of, contact_by, node, .. } => {
            let (class, due, place) = (class(speaker, *of), speaker.time(*contact_by), speaker.place(node));
            let text = say!(
                speaker,
                "{place} 诉求 {case}({class}),{due} 前首次联系",
                "{place}: case {case} ({class}), first contact by {due}"
            );
            speaker.ask(("诉求", "feedback"), text)
        }
        Fact::FeedbackContacted { case, on_time, occurred, .. } => {
            let at = speaker.time(*occurred);
            let late = if *on_time { "" } else { speaker.word("(超时)", " (late)") };
            speaker.decision(
                ("联系", "contacted"),
                say!(speaker, "诉求 {case} 于 {at} 首次联系{late}", "{case}: first contact at {at}{late}"),
            )
        }
        Fact::FeedbackOverdue { case, due, .. } => {
            let due = speaker.time(*due);
            let text = say!(speaker, "诉求 {case} 未在 {due} 前联系", "{case}: no contact by {due}");
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::FeedbackResolved { case, resolved, .. } => {
            let word = speaker
                .word(if *resolved { "已解决" } else { "未解决" }, if *resolved { "resolved" } else { "not resolved" });
            speaker.decision(("办理", "answered"), say!(speaker, "诉求 {case} {word}", "{case}: {word}"))
        }
        Fact::FeedbackRated { case, satisfied, .. } => {
            let word = speaker.word(
                if *satisfied { "满意" } else { "不满意" },
                if *satisfied { "satisfied" } else { "not satisfied" },
            );
            speaker.record(("评价", "rated"), say!(speaker, "诉求 {case}:居民{word}", "{case}: the resident is {word}"))
        }
        _ => None,
    }
}

fn places(speaker: &Speaker<'_>, nodes: &[NodeCode]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| speaker.place(node)).collect();
    names.join(speaker.word("、", ", "))
}

fn pairs(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::PairOpened { pair, pair_kind, awaits, due, .. } => {
            let (who, due) = (places(speaker, awaits), speaker.time(*due));
            let text = match pair_kind {
                PairKind::Order => {
                    say!(speaker, "命令 {pair} 待 {who} 在 {due} 前确认", "order {pair}: {who} must confirm by {due}")
                }
                PairKind::Report => {
                    say!(speaker, "报告 {pair} 待 {who} 在 {due} 前回应", "report {pair}: {who} must answer by {due}")
                }
            };
            speaker.ask(("对碰", "pair"), text)
        }
        Fact::PairAnswered { pair, node, on_time, .. } => {
            let place = speaker.place(node);
            let late = if *on_time { "" } else { speaker.word("(超时)", " (late)") };
            speaker.decision(
                ("对碰", "pair"),
                say!(speaker, "{place} 已回应 {pair}{late}", "{place} answers {pair}{late}"),
            )
        }
        _ => None,
    }
}

fn findings(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::FindingAnswered { finding, by, answer, excuse, .. } => {
            let text = if *excuse {
                say!(
                    speaker,
                    "{by} 就 {finding} 申请容错:{answer},待审",
                    "{by} asks to be excused for {finding}: {answer}, for review"
                )
            } else {
                say!(speaker, "{by} 答复 {finding}:{answer}", "{by} answers {finding}: {answer}")
            };
            speaker.ask(("答复", "answered"), text)
        }
        Fact::FindingOverdue { finding, due, .. } => {
            let due = speaker.time(*due);
            let text = say!(speaker, "{finding} 未在 {due} 前答复", "{finding} was not answered by {due}");
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::FindingDecided { finding, status, by, .. } => {
            let word = match status {
                FindingStatus::Excused => speaker.word("予以容错", "excuses"),
                FindingStatus::Upheld => speaker.word("予以认定", "upholds"),
                _ => speaker.word("关闭", "closes"),
            };
            speaker.decision(("裁定", "decided"), say!(speaker, "{by} {word} {finding}", "{by} {word} {finding}"))
        }
        _ => None,
    }
}

fn status(speaker: &Speaker<'_>, status: AwardStatus) -> &'static str {
    match status {
        AwardStatus::Pending => speaker.word("待预算审核", "waits for the budget check"),
        AwardStatus::Settled => speaker.word("已入账", "booked"),
        AwardStatus::Refused => speaker.word("不予发放", "refused"),
        AwardStatus::Disputed => speaker.word("有异议,暂停", "disputed, on hold"),
        AwardStatus::Expired => speaker.word("过期收回", "lapsed"),
    }
}

fn rewards(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::AwardBooked { to, currency, amount: sum, status: of, .. } => {
            let (sum, of) = (speaker.amount(*currency, *sum), status(speaker, *of));
            speaker.decision(("奖励", "award"), say!(speaker, "{to} 获 {sum},{of}", "{to} earned {sum}: {of}"))
        }
        Fact::AwardDecided { award, to, amount: sum, status: of, by, .. } => {
            let of = status(speaker, *of);
            // Only its row knows whether it is points or money, and a bare number is taken for either.
            let sum = speaker.state.awards.get(award).map(|row| speaker.amount(row.currency, *sum));
            let sum = sum.unwrap_or_else(|| say!(speaker, "奖励 {award}", "the award {award}"));
            speaker.decision(("奖励", "award"), say!(speaker, "{by}:{to} 的 {sum} {of}", "{by}: {sum} of {to} {of}"))
        }
        Fact::LedgerBooked { currency, postings, memo, .. } => {
            let parts: Vec<String> = postings
                .iter()
                .map(|posting| format!("{} {}", posting.account, speaker.amount(*currency, posting.amount)))
                .collect();
            let parts = parts.join(speaker.word("、", ", "));
            speaker.record(("记账", "booked"), format!("{memo}: {parts}"))
        }
        _ => None,
    }
}

fn processes(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::ProcessStarted { process, process_kind, .. } => speaker.decision(
            ("流程", "process"),
            say!(speaker, "启动流程 {process_kind}({process})", "the process {process_kind} begins ({process})"),
        ),
        Fact::ProcessStepped { process, finished, state, .. } => {
            let state = speaker.details(state);
            let text = if *finished {
                say!(speaker, "流程 {process} 结束:{state}", "the process {process} is over: {state}")
            } else {
                say!(speaker, "流程 {process}:{state}", "the process {process}: {state}")
            };
            speaker.decision(("流程", "process"), text)
        }
        Fact::ProcessMigrated { process, version, moved, .. } => {
            let text = if *moved {
                say!(speaker, "流程 {process} 迁移到 {version}", "the process {process} moves to {version}")
            } else {
                say!(speaker, "流程 {process} 留在 {version}", "the process {process} stays on {version}")
            };
            speaker.decision(("流程", "process"), text)
        }
        _ => None,
    }
}
