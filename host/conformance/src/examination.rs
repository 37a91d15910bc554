//! The examination: every case of the corpus is asked and asked again, and judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::role::Failure;
use muster_kernel::{Digest, Role, State, snapshot};
use muster_runtime::activation::Words;
use muster_sandbox::Limits;

use crate::ask::{Observation, ask};
use crate::corpus::{Case, Corpus, Nature, scene};
use crate::report::{Check, Finding, Fuel, RoleReport, Weight};
use crate::suite::Seat;

/// How often a question is asked on the first engine; on the second one it is asked once.
const TIMES: usize = 3;
/// Findings of one kind that are told with their place; the rest is in the counts.
const TOLD_MAX: usize = 3;
/// The share of its fuel that a package should leave for days that are worse than the corpus, in thousandths.
const SPARE_PERMILLE: u64 = 500;

/// What came of the examination.
pub(crate) struct Examined {
    pub(crate) corpus: Digest,
    pub(crate) roles: Vec<RoleReport>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) words: [(Check, Words); 4],
}

pub(crate) struct Examination {
    corpus: Corpus,
    limits: Limits,
    state: Arc<State>,
    /// Digests of the scene and of all that was asked in it, one after another.
    asked: Vec<u8>,
    cases: usize,
    calls: usize,
    roles: Vec<RoleReport>,
    findings: Vec<Finding>,
    /// How many findings of each kind there were.
    told: BTreeMap<(Check, Role, &'static str), usize>,
}

/// What is gathered while one role is asked.
struct Tally {
    role: Role,
    fuel: Vec<u64>,
    memory_bytes: Vec<u64>,
    hostile_fuel: u64,
    hostile: usize,
    failures: BTreeMap<String, usize>,
    /// An everyday question and what was seen of it first: it must be seen again after each hostile one.
    known: (Case, Observation),
}

impl Examination {
    pub(crate) fn new(corpus: Corpus, limits: Limits) -> Self {
        let state = scene::state();
        Self {
            corpus,
            limits,
            // A policy answers from the state as well: another scene is another corpus.
            asked: snapshot::digest(&state).0.to_vec(),
            state,
            cases: 0,
            calls: 0,
            roles: Vec::new(),
            findings: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Puts all questions of a role.
    pub(crate) fn role(&mut self, role: Role, seats: &mut [Seat; 2]) {
        let known = self.corpus.case(role, Nature::Everyday, 0);
        let seen = ask(&mut seats[0].policies, &self.state, &known.question);
        let mut tally = Tally {
            role,
            fuel: Vec::with_capacity(self.corpus.questions),
            memory_bytes: Vec::with_capacity(self.corpus.questions),
            hostile_fuel: 0,
            hostile: 0,
            failures: BTreeMap::new(),
            known: (known, seen),
        };
        for case in self.corpus.cases(role) {
            self.cases += 1;
            let line = format!("{} {:?}", case.name, case.question);
            self.asked.extend(Digest::of(line.as_bytes()).0);
            let seen = self.repeatedly(role, &case, seats);
            self.judge(&mut tally, &case, &seen);
            if case.nature == Nature::Hostile {
                self.answers_on(&tally, &case, &mut seats[0]);
            }
        }
        self.budget(tally);
    }

    /// Asks several times, on fresh instances and on both engines; everything must be the same each time.
    fn repeatedly(&mut self, role: Role, case: &Case, seats: &mut [Seat; 2]) -> Observation {
        let [first, second] = seats;
        let seen = ask(&mut first.policies, &self.state, &case.question);
        let again = (1..TIMES).map(|_| ask(&mut first.policies, &self.state, &case.question)).collect::<Vec<_>>();
        let elsewhere = ask(&mut second.policies, &self.state, &case.question);
        self.calls += TIMES + 1;
        let others = again.iter().chain([&elsewhere]);
        // What the host ended is not the package's answer; it is a finding by itself.
        let differences = others.filter(|other| !is_hosts(&seen) && !is_hosts(other));
        let differences: Vec<_> = differences.flat_map(|other| seen.differences(other)).collect();
        if let Some((zh, en)) = differences.first() {
            let what = Words::new(
                format!("同一问题重问,{zh}不同"),
                format!("asked again, the same question gives another {en}"),
            );
            let cure = Words::new(
                "策略只能依据问题、设置和所给状态作答;请向宿主维护方报告本例",
                "a policy may answer from question, settings and given state alone; report this case to who keeps the host",
            );
            self.find(Check::Determinism, Weight::Fault, role, en, &case.name, what, cure);
        }
        seen
    }

    fn judge(&mut self, tally: &mut Tally, case: &Case, seen: &Observation) {
        if case.nature == Nature::Hostile {
            tally.hostile += 1;
            tally.hostile_fuel = tally.hostile_fuel.max(seen.fuel);
        } else {
            tally.fuel.push(seen.fuel);
            tally.memory_bytes.push(seen.memory_bytes);
        }
        let Some(failure) = seen.failure() else { return };
        let word = failure.as_str();
        *tally.failures.entry(format!("{}/{word}", case.nature.as_str())).or_default() += 1;
        let (check, weight) = match (case.nature, failure) {
            (Nature::Hostile, Failure::TooSlow | Failure::HostFault | Failure::Unbound) => {
                (Check::Hostile, Weight::Fault)
            }
            // It failed by a failure with a name, as it may.
            (Nature::Hostile, _) => return,
            (_, Failure::OutOfFuel) => (Check::Budgets, Weight::Fault),
            (Nature::Everyday, _) | (_, Failure::TooSlow | Failure::HostFault) => (Check::Corpus, Weight::Fault),
            (Nature::Unusual, _) => (Check::Corpus, Weight::Warning),
        };
        let what =
            Words::new(format!("策略未能作答:{}", in_chinese(failure)), format!("the policy gives no answer: {word}"));
        self.find(check, weight, tally.role, word, &case.name, what, cure(failure));
    }

    /// A call leaves nothing behind, whatever it met: the next question is answered as it was before.
    fn answers_on(&mut self, tally: &Tally, case: &Case, seat: &mut Seat) {
        let (known, before) = &tally.known;
        let after = ask(&mut seat.policies, &self.state, &known.question);
        self.calls += 1;
        if after != *before && !is_hosts(&after) && !is_hosts(before) {
            let what = Words::new(
                format!("此问之后,{} 的答复与之前不同", known.name),
                format!("after this question, {} is not answered as before", known.name),
            );
            let cure = Words::new("请向宿主维护方报告本例", "report this case to who keeps the host");
            self.find(Check::Hostile, Weight::Fault, tally.role, "after", &case.name, what, cure);
        }
    }

    fn budget(&mut self, mut tally: Tally) {
        tally.fuel.sort_unstable();
        tally.memory_bytes.sort_unstable();
        let used = &tally.fuel;
        let fuel = Fuel {
            p50: at(used, 500),
            p99: at(used, 990),
            max: at(used, 1_000),
            hostile_max: tally.hostile_fuel,
            limit: self.limits.fuel,
        };
        let share = fuel.permille(fuel.p99);
        if share > SPARE_PERMILLE {
            let what = Words::new(
                format!("p99 用去燃料上限的 {share}‰"),
                format!("p99 uses {share} thousandths of the fuel limit"),
            );
            let cure = Words::new(
                "请精简规则,或在清单中放宽 limits.fuel(不超过宿主上限)",
                "make the rules cheaper, or raise `limits.fuel` in the manifest where the host's limit is higher",
            );
            let place = format!("{}/fuel", tally.role);
            self.find(Check::Budgets, Weight::Warning, tally.role, "p99", &place, what, cure);
        }
        self.roles.push(RoleReport {
            role: tally.role,
            questions: self.corpus.questions,
            hostile: tally.hostile,
            failures: tally.failures,
            fuel,
            memory_bytes_p99: at(&tally.memory_bytes, 990),
            memory_bytes_max: at(&tally.memory_bytes, 1_000),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "a finding has so many parts")]
    fn find(
        &mut self,
        check: Check,
        weight: Weight,
        role: Role,
        kind: &'static str,
        place: &str,
        what: Words,
        cure: Words,
    ) {
        let told = self.told.entry((check, role, kind)).or_default();
        *told += 1;
        // A fault is always told at least once: a warning of the same kind must not use up its place.
        if *told <= TOLD_MAX || weight == Weight::Fault && !self.has_fault(check, place) {
            self.findings.push(Finding { check, weight, place: place.into(), what, cure });
        }
    }

    /// Whether a fault of this part is told for the same role and nature.
    fn has_fault(&self, check: Check, place: &str) -> bool {
        let stem = |place: &str| place.rsplit_once('/').map_or_else(|| place.to_owned(), |(stem, _)| stem.to_owned());
        let told = |found: &Finding| found.weight == Weight::Fault && stem(&found.place) == stem(place);
        self.findings.iter().any(|found| found.check == check && told(found))
    }

    pub(crate) fn end(self) -> Examined {
        let (cases, calls) = (self.cases, self.calls);
        let hostile: usize = self.roles.iter().map(|role| role.hostile).sum();
        let ordinary = cases - hostile;
        let words = [
            (Check::Corpus, Words::new(format!("{ordinary} 问"), format!("{ordinary} questions"))),
            (
                Check::Determinism,
                Words::new(
                    format!("{cases} 问,共 {calls} 次调用,两个引擎"),
                    format!("{cases} questions in {calls} calls on two engines"),
                ),
            ),
            (Check::Budgets, self.most_fuel()),
            (Check::Hostile, Words::new(format!("{hostile} 问"), format!("{hostile} questions"))),
        ];
        Examined { corpus: Digest::of(&self.asked), roles: self.roles, findings: self.findings, words }
    }

    fn most_fuel(&self) -> Words {
        let most = self.roles.iter().map(|role| role.fuel.permille(role.fuel.max)).max().unwrap_or(0);
        Words::new(
            format!("燃料最多用去上限的 {most}‰"),
            format!("at most {most} thousandths of the fuel limit are used"),
        )
    }
}

/// The host ended the call, or could not begin it: that is never reproducible.
fn is_hosts(seen: &Observation) -> bool {
    matches!(seen.failure(), Some(Failure::TooSlow | Failure::HostFault))
}

fn in_chinese(failure: Failure) -> &'static str {
    match failure {
        Failure::Unbound => "未承担该角色",
        Failure::Trapped => "运行中止",
        Failure::OutOfFuel => "燃料用尽",
        Failure::TooSlow => "超时",
        Failure::TooLarge => "超出容量上限",
        Failure::Denied => "请求了未授予的能力",
        Failure::Invalid => "答复无法读取",
        Failure::HostFault => "宿主故障",
    }
}

fn cure(failure: Failure) -> Words {
    match failure {
        Failure::Unbound => Words::new("请在策略中承担该角色", "implement the role that it exports"),
        Failure::Trapped => Words::new(
            "请去掉会中止的代码(越界、溢出、unwrap)",
            "take out what can panic: indexing, overflow, unwrapping",
        ),
        Failure::OutOfFuel => Words::new("请限制循环,精简规则表", "bound the loops and make the tables smaller"),
        Failure::TooLarge => {
            Words::new("请少占内存,缩短答复、日志与记忆", "use less memory, and answer, log and remember less")
        }
        Failure::Denied => Words::new("请在清单中声明所需能力", "declare the capability in the manifest"),
        Failure::Invalid => Words::new("请按契约返回 UTF-8 文本", "answer in the contract's form, text as UTF-8"),
        Failure::TooSlow | Failure::HostFault => Words::new(
            "请在空闲的机器上重试;仍然如此则减少对宿主的提问",
            "try again on a machine at rest; if it stays, ask the host less in one call",
        ),
    }
}

/// The value below or at which so many thousandths of all stand.
fn at(sorted: &[u64], permille: usize) -> u64 {
    let place = (sorted.len() * permille).div_ceil(1_000).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}
