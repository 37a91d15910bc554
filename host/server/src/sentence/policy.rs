//! Policies: which are in force, how a call ended, what the fallback did; and the machinery's own facts.

use muster_kernel::record::{Fact, Fallback};
use muster_kernel::role::{Call, Failure};

use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::CharterActivated { charter } => {
            let (district, nodes) = (&charter.district, charter.nodes.len());
            let text = say!(
                speaker,
                "{district} 的辖区配置生效({nodes} 个节点)",
                "the charter of {district} is in force ({nodes} nodes)"
            );
            speaker.record(("配置", "charter"), text)
        }
        Fact::PolicyActivated { activation, previous } => {
            let (role, name, version) = (speaker.role(activation.role), &activation.name, &activation.version);
            let digest = activation.package.short();
            let before = previous.map(|digest| digest.short());
            let before =
                before.map(|digest| say!(speaker, ",替换 {digest}", ", replaces {digest}")).unwrap_or_default();
            let text = say!(
                speaker,
                "{role}:{name} {version}({digest}{before})",
                "{role}: {name} {version} ({digest}{before})"
            );
            speaker.decision(("策略生效", "policy"), text)
        }
        Fact::PolicyFailed { role, failure, fallback, .. } => {
            let (role, failure, fallback) =
                (speaker.role(*role), failure_word(speaker, *failure), fallback_word(speaker, *fallback));
            speaker.alarm(
                ("兜底", "fallback"),
                say!(speaker, "{role}:{failure};{fallback}", "{role}: {failure}; {fallback}"),
            )
        }
        Fact::TimerSet { role, key, due: at, .. } => {
            let (role, at) = (speaker.role(*role), speaker.time(*at));
            speaker.record(("定时", "timer"), say!(speaker, "{role} 定时 {key}:{at}", "{role} timer {key} at {at}"))
        }
        Fact::TimerCancelled { role, key, .. } => {
            let role = speaker.role(*role);
            speaker
                .record(("定时", "timer"), say!(speaker, "{role} 定时 {key} 取消", "{role} timer {key} is cancelled"))
        }
        Fact::MemorySet { role, key, .. } => {
            let role = speaker.role(*role);
            speaker.record(("记忆", "memory"), say!(speaker, "{role} 记下 {key}", "{role} remembers {key}"))
        }
        _ => None,
    }
}

/// How one call to a policy went.
pub(super) fn call(speaker: &Speaker<'_>, call: &Call) -> String {
    let (role, fuel) = (speaker.role(call.role), call.fuel);
    let package = call.package.map_or_else(|| speaker.word("未绑定策略", "no policy").into(), |digest| digest.short());
    match call.failure {
        None => say!(speaker, "{role}:{package} 作答,用量 {fuel}", "{role}: {package} answered, using {fuel} fuel"),
        Some(failure) => {
            let failure = failure_word(speaker, failure);
            let detail = call.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            say!(speaker, "{role}:{package} 失败:{failure}{detail}", "{role}: {package} failed: {failure}{detail}")
        }
    }
}

fn failure_word(speaker: &Speaker<'_>, failure: Failure) -> &'static str {
    match failure {
        Failure::Unbound => speaker.word("未绑定策略", "no policy is bound"),
        Failure::Trapped => speaker.word("策略异常中止", "the policy trapped"),
        Failure::OutOfFuel => speaker.word("策略用量耗尽", "the policy ran out of fuel"),
        Failure::TooSlow => speaker.word("策略超时被停", "the policy was stopped by the clock"),
        Failure::TooLarge => speaker.word("策略超出大小限制", "the policy went over a size limit"),
        Failure::Denied => speaker.word("策略要求未授予的能力", "the policy asked for what it was not granted"),
        Failure::Invalid => speaker.word("策略答复无效", "the policy's answer was not valid"),
        Failure::HostFault => speaker.word("主机未能运行策略", "the host could not run the policy"),
    }
}

fn fallback_word(speaker: &Speaker<'_>, fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::BuiltIn => speaker.word("由内置规则处置", "the built-in rule answered"),
        Fallback::HumanQueue => speaker.word("转人工处置", "a person must decide"),
        Fallback::Later => speaker.word("留待以后处置", "it is done later"),
    }
}
