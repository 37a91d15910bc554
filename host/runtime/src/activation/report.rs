//! What became of an attempt to change a policy, step by step, in words for the people who wait for it.

use muster_kernel::record::Activation;
use muster_kernel::{Digest, Instant, PolicyMode, Role};
use serde::Serialize;

/// The steps of every activation, in order, whoever asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The files are read once, and hashed.
    Read,
    /// Who signed for the package, and does it count here and now?
    Trust,
    /// Does the binary keep to the contract, and to what its manifest says?
    Contract,
    /// Does it ask the host for more than the policy before it?
    Capabilities,
    /// It becomes machine code.
    Compile,
    /// Do the settings fit the manifest's schema?
    Settings,
    /// Does it answer its own tests?
    SelfTests,
    /// What would it have decided otherwise of late?
    Backtest,
    /// The exact bytes are kept.
    Store,
    /// The journal says so; the next event runs on it.
    Activate,
}

impl Step {
    /// In Chinese.
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Read => "读取",
            Self::Trust => "信任",
            Self::Contract => "契约",
            Self::Capabilities => "能力",
            Self::Compile => "编译",
            Self::Settings => "设置",
            Self::SelfTests => "自检",
            Self::Backtest => "回测",
            Self::Store => "留存",
            Self::Activate => "生效",
        }
    }

    /// In English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Trust => "trust",
            Self::Contract => "contract",
            Self::Capabilities => "capabilities",
            Self::Compile => "compile",
            Self::Settings => "settings",
            Self::SelfTests => "self-tests",
            Self::Backtest => "backtest",
            Self::Store => "store",
            Self::Activate => "activate",
        }
    }
}

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Words {
    /// Words in Chinese and English.
    pub fn new(chinese: impl Into<String>, english: impl Into<String>) -> Self {
        Self { zh: chinese.into(), en: english.into() }
    }
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// True when the attempt went on from here.
    pub passed: bool,
    /// What was found; when it did not pass: why, and what to do.
    pub words: Words,
}

/// An attempt to change a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When it was made.
    pub at: Instant,
    /// The role.
    pub role: Role,
    /// How the policy was to run.
    pub mode: PolicyMode,
    /// The package's id and version.
    pub name: String,
    /// Digest of the package.
    pub package: Digest,
    /// Digest of the settings.
    pub settings: Digest,
    /// Who asked.
    pub by: String,
    /// By which way.
    pub way: &'static str,
    /// Its steps so far.
    pub steps: Vec<StepReport>,
    /// True for one that was only to be looked at.
    pub dry_run: bool,
    /// The entry that put it in its place.
    pub seq: Option<u64>,
    /// What a backtest found, as the vault keeps it.
    pub backtest: Option<Digest>,
}

impl Attempt {
    /// The step that stopped it.
    pub fn refusal(&self) -> Option<&StepReport> {
        self.steps.iter().find(|step| !step.passed)
    }

    /// Whether every step passed.
    pub fn passed(&self) -> bool {
        self.refusal().is_none()
    }

    pub(super) fn pass(&mut self, step: Step, words: Words) {
        self.steps.push(StepReport { step, passed: true, words });
    }

    pub(super) fn refuse(&mut self, step: Step, words: Words) {
        self.steps.push(StepReport { step, passed: false, words });
    }

    pub(crate) fn activated(&mut self, seq: u64, activation: &Activation) {
        self.seq = Some(seq);
        let words = match activation.mode {
            PolicyMode::Enforce => Words::new(
                format!("自第 {seq} 条之后的下一事件起作答"),
                format!("it answers from the event after entry {seq} on"),
            ),
            PolicyMode::Shadow => {
                Words::new(format!("自第 {seq} 条起影子运行"), format!("it runs as a shadow from entry {seq} on"))
            }
            PolicyMode::Canary => Words::new(
                format!("自第 {seq} 条起灰度作答"),
                format!("it answers for its share of incidents from entry {seq} on"),
            ),
            PolicyMode::Baseline => {
                Words::new(format!("自第 {seq} 条起作为认证基线"), format!("it is the baseline from entry {seq} on"))
            }
        };
        self.pass(Step::Activate, words);
    }

    /// Other trust files than those it was judged by came into force before it did.
    pub(crate) fn overtaken(&mut self) {
        self.refuse(
            Step::Activate,
            Words::new(
                "未生效:审查期间信任文件或吊销名单已更新;请重试,将按新的信任审查",
                "it did not take force: the trust file or the deny-list changed while it was looked at; try again, and it is \
                 judged by the new ones",
            ),
        );
    }

    pub(crate) fn not_activated(&mut self, reason: &str) {
        self.refuse(
            Step::Activate,
            Words::new(format!("未能生效:{reason}"), format!("it did not take force: {reason}")),
        );
    }
}
