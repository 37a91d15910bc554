//! What the suite found, for machines and for people. Nothing here looks at a clock: the same run gives the same report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster_kernel::{Digest, Role};
use muster_runtime::activation::Words;
use serde::Serialize;

/// The version of the report's form.
pub const REPORT_VERSION: u16 = 1;

/// The parts of the suite, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Manifest, binary and contract agree, and it compiles.
    Contract,
    /// The settings fit the package's schema.
    Settings,
    /// The package's own tests.
    SelfTests,
    /// Everyday and unusual questions are answered.
    Corpus,
    /// The same question gives the same answer, fuel and traces.
    Determinism,
    /// Fuel and memory against their limits.
    Budgets,
    /// Questions that are meant to break it.
    Hostile,
    /// The host's promises hold with it in force.
    Invariants,
}

impl Check {
    /// All parts, in order.
    pub const ALL: [Self; 8] = [
        Self::Contract,
        Self::Settings,
        Self::SelfTests,
        Self::Corpus,
        Self::Determinism,
        Self::Budgets,
        Self::Hostile,
        Self::Invariants,
    ];

    /// In Chinese.
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Contract => "契约",
            Self::Settings => "设置",
            Self::SelfTests => "自检",
            Self::Corpus => "语料",
            Self::Determinism => "确定性",
            Self::Budgets => "预算",
            Self::Hostile => "恶意输入",
            Self::Invariants => "宿主不变量",
        }
    }

    /// In English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Settings => "settings",
            Self::SelfTests => "self-tests",
            Self::Corpus => "corpus",
            Self::Determinism => "determinism",
            Self::Budgets => "budgets",
            Self::Hostile => "hostile input",
            Self::Invariants => "invariants",
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth looking at; the package passes.
    Warning,
    /// The package does not pass.
    Fault,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// By which part.
    pub check: Check,
    /// How much it weighs.
    pub weight: Weight,
    /// Where: a case of the corpus, a test, a stream, or the package itself.
    pub place: String,
    /// What.
    pub what: Words,
    /// What to do.
    pub cure: Words,
}

/// How one part ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The part.
    pub check: Check,
    /// `None` when it was not reached, because an earlier part failed.
    pub passed: Option<bool>,
    /// What was done, in a sentence.
    pub words: Words,
}

/// Fuel that calls used, in units of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Fuel {
    /// Half of the everyday and unusual questions used at most this.
    pub p50: u64,
    /// 99 of a hundred used at most this.
    pub p99: u64,
    /// The most that one of them used.
    pub max: u64,
    /// The most that a hostile question used.
    pub hostile_max: u64,
    /// What a call may use.
    pub limit: u64,
}

impl Fuel {
    /// The share of the limit in thousandths, rounded up.
    pub fn permille(&self, used: u64) -> u64 {
        used.saturating_mul(1_000).div_ceil(self.limit.max(1))
    }
}

/// What was seen of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleReport {
    /// The role.
    pub role: Role,
    /// Everyday and unusual questions.
    pub questions: usize,
    /// Hostile ones.
    pub hostile: usize,
    /// Failures by nature of the question and kind of failure, for instance `hostile/too_large`.
    pub failures: BTreeMap<String, usize>,
    /// Fuel.
    pub fuel: Fuel,
    /// Linear memory that 99 of 100 calls did not pass, in bytes.
    pub memory_bytes_p99: u64,
    /// The most linear memory that one call had, in bytes.
    pub memory_bytes_max: u64,
}

/// All that the suite found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u16,
    /// The host and its engine, on which fuel depends.
    pub host: String,
    /// The package's id and version.
    pub name: String,
    /// Digest of the package's exact bytes.
    pub package: Digest,
    /// Digest of the settings.
    pub settings: Digest,
    /// The seed of the corpus.
    pub seed: u64,
    /// Everyday and unusual questions a role.
    pub questions: usize,
    /// SHA-256 over all that was asked; `None` when nothing was.
    pub corpus: Option<Digest>,
    /// The verdict.
    pub passed: bool,
    /// The parts, in order.
    pub checks: Vec<CheckReport>,
    /// The roles that were asked.
    pub roles: Vec<RoleReport>,
    /// Memory that a call may use, in bytes.
    pub memory_bytes_limit: u64,
    /// What was found, in the order of the parts.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report's exact bytes, as they are kept and as statements name them by digest.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a report holds nothing that JSON cannot say");
        bytes.push(b'\n');
        bytes
    }

    /// The most fuel that one call used.
    pub fn fuel_max(&self) -> u64 {
        self.roles.iter().map(|role| role.fuel.max.max(role.fuel.hostile_max)).max().unwrap_or(0)
    }

    /// The most linear memory that one call had, in bytes; the limit, when none was asked.
    pub fn memory_bytes_max(&self) -> u64 {
        self.roles.iter().map(|role| role.memory_bytes_max).max().unwrap_or(self.memory_bytes_limit)
    }

    /// For people, in Chinese.
    pub fn chinese(&self) -> String {
        let verdict = if self.passed { "通过" } else { "未通过" };
        let mut text = format!("{} {}:{verdict}\n", self.name, self.package.short());
        let marks = ["通过", "未通过", "未进行"];
        self.parts(&mut text, marks, Check::chinese, |words| &words.zh);
        for role in &self.roles {
            let Fuel { p50, p99, max, limit, .. } = role.fuel;
            let share = tenths(role.fuel.permille(max));
            line(&mut text, &format!("  {}:{} 问,另有恶意 {} 问", role.role, role.questions, role.hostile));
            line(&mut text, &format!("    燃料 p50 {p50},p99 {p99},最大 {max},为上限 {limit} 的 {share}%"));
            let (p99, max, limit) = (role.memory_bytes_p99, role.memory_bytes_max, self.memory_bytes_limit);
            line(&mut text, &format!("    内存 p99 {p99}、最大 {max} 字节,上限 {limit}"));
            for (failure, count) in &role.failures {
                line(&mut text, &format!("    未能作答 {failure}:{count} 次"));
            }
        }
        for found in &self.findings {
            let weight = if found.weight == Weight::Fault { "不合格" } else { "注意" };
            let (check, place) = (found.check.chinese(), &found.place);
            line(&mut text, &format!("{weight}({check})[{place}]:{};{}", found.what.zh, found.cure.zh));
        }
        self.provenance(&mut text, "种子", "语料", "宿主");
        text
    }

    /// For people, in English.
    pub fn english(&self) -> String {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        let mut text = format!("{} {}: {verdict}\n", self.name, self.package.short());
        self.parts(&mut text, ["passed", "FAILED", "not reached"], Check::english, |words| &words.en);
        for role in &self.roles {
            let Fuel { p50, p99, max, limit, .. } = role.fuel;
            let share = tenths(role.fuel.permille(max));
            line(&mut text, &format!("  {}: {} questions, {} hostile ones", role.role, role.questions, role.hostile));
            line(&mut text, &format!("    fuel p50 {p50}, p99 {p99}, max {max}: {share} % of {limit}"));
            let (p99, max, limit) = (role.memory_bytes_p99, role.memory_bytes_max, self.memory_bytes_limit);
            line(&mut text, &format!("    memory p99 {p99}, at most {max} bytes of {limit}"));
            for (failure, count) in &role.failures {
                line(&mut text, &format!("    no answer, {failure}: {count} times"));
            }
        }
        for found in &self.findings {
            let weight = if found.weight == Weight::Fault { "fault" } else { "warning" };
            let (check, place) = (found.check.english(), &found.place);
            line(&mut text, &format!("{weight} ({check}) [{place}]: {}; {}", found.what.en, found.cure.en));
        }
        self.provenance(&mut text, "seed", "corpus", "host");
        text
    }

    fn parts(&self, text: &mut String, marks: [&str; 3], name: fn(Check) -> &'static str, of: fn(&Words) -> &String) {
        let [passed, failed, not_reached] = marks;
        for part in &self.checks {
            let mark = part.passed.map_or(not_reached, |well| if well { passed } else { failed });
            let words = of(&part.words);
            let colon = if words.is_empty() { "" } else { ": " };
            line(text, &format!("  {} {mark}{colon}{words}", name(part.check)));
        }
    }

    fn provenance(&self, text: &mut String, seed: &str, corpus: &str, host: &str) {
        let digest = self.corpus.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        line(text, &format!("{seed} {}, {corpus} {digest}, {host} {}", self.seed, self.host));
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("a text takes what is written to it");
}

/// Thousandths as hundredths with one digit behind the point.
fn tenths(permille: u64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}
