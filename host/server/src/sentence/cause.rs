//! What made the kernel decide.

use muster_kernel::record::Cause;
use muster_kernel::value::find_text;

use super::{Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, cause: &Cause) -> String {
    match cause {
        Cause::Event(event) => {
            let kind = kind(speaker, &event.kind);
            let (place, source, id) = (speaker.place(&event.node), &event.source, &event.id);
            let drill = if event.exercise { speaker.word("[演练] ", "[drill] ") } else { "" };
            let text =
                ["text", "reason", "headline", "description"].iter().find_map(|key| find_text(&event.attributes, key));
            let text = text.map(|text| say!(speaker, ":{text}", ": {text}")).unwrap_or_default();
            say!(speaker, "{drill}{kind} {place}{text}({source} {id})", "{drill}{kind}, {place}{text} ({source} {id})")
        }
        Cause::Timer { key, due } => {
            let due = speaker.time(*due);
            say!(speaker, "到时 {due}({key})", "a time has come: {due} ({key})")
        }
        Cause::Migration => speaker.word("在办流程迁移到新策略", "running processes move to the new policy").into(),
        Cause::Charter { digest } => {
            let digest = digest.short();
            say!(speaker, "载入辖区配置 {digest}", "the charter is set: {digest}")
        }
        Cause::Activation(activation) => {
            let (role, name, version) = (speaker.role(activation.role), &activation.name, &activation.version);
            let who = activation.evidence.as_ref().map(|evidence| evidence.by.as_str());
            let who = who.map(|who| say!(speaker, "({who})", " ({who})")).unwrap_or_default();
            say!(
                speaker,
                "为{role}绑定策略 {name} {version}{who}",
                "a policy is bound to {role}: {name} {version}{who}"
            )
        }
        Cause::Withdrawal(withdrawal) => {
            let (package, by) = (withdrawal.package.short(), &withdrawal.by);
            say!(speaker, "停用策略包 {package}({by})", "package {package} may not answer any more ({by})")
        }
    }
}

/// What kind of event it is, in people's words; the type itself where it is not one of Muster's own.
fn kind<'a>(speaker: &Speaker<'_>, kind: &'a str) -> &'a str {
    match kind.strip_prefix("gov.muster.").unwrap_or(kind) {
        "signal.reported" => speaker.word("信息上报", "signal"),
        "warning.received" => speaker.word("收到预警", "warning"),
        "order.issued" => speaker.word("下达命令", "order"),
        "callout.issued" => speaker.word("发出呼叫", "call-out"),
        "callout.acknowledged" => speaker.word("呼叫应答", "acknowledgement"),
        "callout.reported_in" => speaker.word("到场报到", "report-in"),
        "callout.released" => speaker.word("解除呼叫", "release"),
        "spend.requested" => speaker.word("申请支出", "request to spend"),
        "approval.decided" => speaker.word("签批", "approval"),
        "measure.decided" => speaker.word("措施审批", "decision on a measure"),
        "report.submitted" => speaker.word("报送报告", "report"),
        "casualty.updated" | "figures.updated" => speaker.word("数据更新", "figures"),
        "task.updated" => speaker.word("任务进展", "task update"),
        "volunteer.checked_in" | "service.started" => speaker.word("服务开始", "service begins"),
        "volunteer.checked_out" | "service.ended" => speaker.word("服务结束", "service ends"),
        "callout.en_route" => speaker.word("出发", "on the way"),
        "grant.requested" => speaker.word("申请授权", "request for powers"),
        "grant.revoked" => speaker.word("收回授权", "powers taken back"),
        "resource.requested" => speaker.word("申请资源", "request for resources"),
        "resource.offered" => speaker.word("提供资源", "offer of resources"),
        "resource.returned" => speaker.word("归还资源", "resources returned"),
        "feedback.received" => speaker.word("群众诉求", "public feedback"),
        "feedback.contacted" => speaker.word("诉求首次联系", "first contact"),
        "feedback.resolved" => speaker.word("诉求办结", "feedback answered"),
        "feedback.rated" => speaker.word("居民评价", "rating"),
        "finding.answered" => speaker.word("答复监管发现", "answer to a finding"),
        "finding.decided" => speaker.word("裁定监管发现", "decision on a finding"),
        "commander.appointed" => speaker.word("任命指挥员", "command"),
        _ => kind,
    }
}
