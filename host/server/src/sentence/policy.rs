//! Policies: which are in force, how a call ended, what the fallback did; and the machinery's own facts.

use muster_kernel::PolicyMode;
use muster_kernel::record::{Activation, Fact, Fallback};
use muster_kernel::role::{Binding, Call, Failure};

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
            let mode = mode(speaker, activation);
            let text = say!(
                speaker,
                "{role}{mode}:{name} {version}({digest}{before})",
                "{role}{mode}: {name} {version} ({digest}{before})"
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
        Fact::PolicyDemoted { role, binding, package, to, .. } => {
            let (role, binding, package) = (speaker.role(*role), binding_word(speaker, *binding), package.short());
            let next = to.map(|to| to.short());
            let next = match next {
                Some(next) => say!(speaker, ",由 {next} 接替", ", {next} takes its place"),
                None => String::new(),
            };
            speaker.alarm(
                ("策略降级", "demoted"),
                say!(speaker, "{role}{binding} {package}{next}", "{role}, {binding} {package}{next}"),
            )
        }
        Fact::CandidateCompared { role, package, failure, differences } => {
            let (role, package, count) = (speaker.role(*role), package.short(), differences.len());
            let outcome = match failure {
                Some(failure) => failure_word(speaker, *failure).to_owned(),
                None if differences.is_empty() => speaker.word("答复一致", "it answered alike").to_owned(),
                None => {
                    let first = &differences[0].subject;
                    say!(speaker, "{count} 处不同,首处:{first}", "{count} differences, the first: {first}")
                }
            };
            speaker
                .record(("影子", "shadow"), say!(speaker, "{role} {package}:{outcome}", "{role} {package}: {outcome}"))
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

/// How an activation runs, where it does not simply answer.
fn mode(speaker: &Speaker<'_>, activation: &Activation) -> String {
    match activation.mode {
        PolicyMode::Enforce => String::new(),
        PolicyMode::Shadow => speaker.word("(影子运行)", " (shadow)").into(),
        PolicyMode::Baseline => speaker.word("(认证基线)", " (baseline)").into(),
        PolicyMode::Canary => {
            let permille = activation.permille.unwrap_or(0);
            say!(speaker, "(灰度 {permille}‰)", " (canary for {permille} of a thousand)")
        }
    }
}

fn binding_word(speaker: &Speaker<'_>, binding: Binding) -> &'static str {
    match binding {
        Binding::InForce => speaker.word("现行版本", "the policy in force"),
        Binding::Candidate => speaker.word("试运行版本", "the policy on trial"),
        Binding::LastKnownGood => speaker.word("上一可用版本", "the last known good policy"),
        Binding::Baseline => speaker.word("认证基线", "the certified baseline"),
        Binding::Former(_) => speaker.word("旧流程版本", "a former policy"),
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
        Fallback::InForce => speaker.word("由现行版本作答", "the one in force answered"),
        Fallback::LastKnownGood => speaker.word("由上一可用版本作答", "the last known good one answered"),
        Fallback::Baseline => speaker.word("由认证基线作答", "the certified baseline answered"),
        Fallback::BuiltIn => speaker.word("由内置规则处置", "the built-in rule answered"),
        Fallback::HumanQueue => speaker.word("转人工处置", "a person must decide"),
        Fallback::Later => speaker.word("留待以后处置", "it is done later"),
    }
}
