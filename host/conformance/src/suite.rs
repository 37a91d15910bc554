//! The parts of the suite in order, from the manifest to the streams. A package whose claims do not hold is not run.

use std::sync::Arc;

use muster_kernel::Role;
use muster_kernel::settings::Settings;
use muster_packages::{Package, check_claims};
use muster_runtime::activation::{Words, self_test};
use muster_sandbox::{Bound, Capabilities, Engine, EngineError, Limits, PolicySet, Wanted};

use crate::corpus::Corpus;
use crate::examination::Examination;
use crate::report::{Check, CheckReport, Finding, REPORT_VERSION, Report, Weight};
use crate::streams;

/// Questions a role, when nobody says otherwise.
pub const QUESTIONS: usize = 500;
/// The most questions a role: above, a run takes hours and finds nothing new.
pub const QUESTIONS_MAX: usize = 100_000;
/// The seed, when nobody says otherwise.
pub const SEED: u64 = 1;

/// What a package is put through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Everyday and unusual questions a role, from 1 to [`QUESTIONS_MAX`]; a fifth as many hostile ones come on top.
    pub questions: usize,
    /// Makes the corpus.
    pub seed: u64,
}

impl Default for Course {
    fn default() -> Self {
        Self { questions: QUESTIONS, seed: SEED }
    }
}

/// Why the suite could not be run. This says nothing of the package.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// No engine on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Too few or too many questions.
    #[error("`questions` is {0}; ask from 1 to {QUESTIONS_MAX} a role")]
    Questions(usize),
}

/// The settings that a package brings for its first self-test: what it is certified with when nobody gives others.
pub fn settings_of_first_test(package: &Package) -> Option<&Settings> {
    package.manifest.tests.first().map(|test| &test.settings)
}

/// A package on one engine.
pub(crate) struct Seat {
    pub(crate) engine: Engine,
    pub(crate) bound: Bound,
    pub(crate) policies: PolicySet,
}

/// Puts a package with these settings through the suite.
///
/// # Errors
/// When the machine cannot run it, or the course asks for no question or too many.
pub fn certify(package: &Package, settings: &Settings, course: &Course) -> Result<Report, SuiteError> {
    if course.questions == 0 || course.questions > QUESTIONS_MAX {
        return Err(SuiteError::Questions(course.questions));
    }
    // The second engine shares nothing with the first: no pool, no compiled code, no clock.
    let engines = [Engine::new(Limits::STANDARD)?, Engine::new(Limits::STANDARD)?];
    let mut run = Run::begin(package, settings, course, &engines[0]);
    run.all(&engines);
    Ok(run.end())
}

struct Run<'a> {
    package: &'a Package,
    settings: &'a Settings,
    course: &'a Course,
    limits: Limits,
    report: Report,
}

impl<'a> Run<'a> {
    fn begin(package: &'a Package, settings: &'a Settings, course: &'a Course, engine: &Engine) -> Self {
        let limits = limits(package, engine);
        let report = Report {
            version: REPORT_VERSION,
            host: format!("muster {} {}", env!("CARGO_PKG_VERSION"), engine.identity()),
            name: format!("{} {}", package.manifest.id, package.manifest.version),
            package: package.digest,
            settings: muster_packages::settings::digest(settings),
            seed: course.seed,
            questions: course.questions,
            corpus: None,
            passed: false,
            checks: Vec::new(),
            roles: Vec::new(),
            memory_bytes_limit: u64::try_from(limits.memory_bytes).unwrap_or(u64::MAX),
            findings: Vec::new(),
        };
        Self { package, settings, course, limits, report }
    }

    fn all(&mut self, engines: &[Engine; 2]) {
        let Some(mut seats) = self.contract(engines) else { return };
        if !self.fitting_settings() {
            return;
        }
        self.self_tests(&seats[0]);
        self.questions(&mut seats);
        self.invariants(&seats[0]);
    }

    fn contract(&mut self, engines: &[Engine; 2]) -> Option<[Seat; 2]> {
        let place = || "manifest".to_owned();
        let cure = Words::new("请修正清单或策略后重新构建", "mend the manifest or the policy and build it anew");
        if let Err(error) = check_claims(&self.package.manifest, &self.package.contents) {
            self.fault(Check::Contract, place(), Words::new(error.chinese(), error.to_string()), cure);
            self.close(Check::Contract, Words::new("", ""));
            return None;
        }
        let seats = engines.each_ref().map(|engine| self.seat(engine));
        let seats = match seats {
            [Ok(first), Ok(second)] => Some([first, second]),
            [Err(error), _] | [_, Err(error)] => {
                let what = Words::new(format!("无法编译:{error}"), error);
                self.fault(Check::Contract, "component".into(), what, cure);
                None
            }
        };
        let names = |names: Vec<&str>| names.join(", ");
        let roles = names(self.package.contents.roles().into_iter().map(Role::as_str).collect());
        let asks =
            names(self.package.contents.capabilities().into_iter().map(muster_packages::Capability::as_str).collect());
        let words =
            Words::new(format!("承担 {roles};可用能力 {asks}"), format!("answers for {roles}; asks for {asks}"));
        self.close(Check::Contract, words);
        seats
    }

    fn seat(&self, engine: &Engine) -> Result<Seat, String> {
        let program = engine.compile(&self.package.bytes).map_err(|error| error.to_string())?;
        let bound = Bound {
            // What it imports is what it is certified with; a binding can only grant less.
            granted: Capabilities::all().and(program.imports()),
            program,
            package: self.package.digest,
            settings: Arc::new(self.settings.clone()),
            settings_digest: self.report.settings,
            limits: self.limits,
        };
        let mut policies = PolicySet::new(engine.clone());
        for role in bound.program.roles() {
            policies.bind(role, bound.clone());
        }
        Ok(Seat { engine: engine.clone(), bound, policies })
    }

    fn fitting_settings(&mut self) -> bool {
        let faults = self.package.manifest.settings_schema.as_ref().map(|schema| schema.check(self.settings));
        let cure = || Words::new("请按格式修正设置", "mend the settings as the schema says");
        for fault in faults.iter().flatten() {
            let what = Words::new(fault.chinese(), fault.to_string());
            self.fault(Check::Settings, "settings".into(), what, cure());
        }
        let words = match faults {
            None => Words::new("策略包未附设置格式", "the package says nothing of its settings"),
            Some(_) => Words::new("按设置格式核对", "held against the package's schema"),
        };
        self.close(Check::Settings, words)
    }

    fn self_tests(&mut self, seat: &Seat) {
        let tests = &self.package.manifest.tests;
        for test in tests {
            if let Err(what) = self_test::run(&seat.engine, &seat.bound, std::slice::from_ref(test)) {
                let cure = Words::new("请修正策略或自检", "mend the policy or the test");
                self.fault(Check::SelfTests, test.name.clone(), what, cure);
            }
        }
        let count = tests.len();
        let words = Words::new(format!("{count} 项自检"), format!("{count} self-tests"));
        self.close(Check::SelfTests, words);
    }

    fn questions(&mut self, seats: &mut [Seat; 2]) {
        let corpus = Corpus { seed: self.course.seed, questions: self.course.questions };
        let mut examination = Examination::new(corpus, self.limits);
        for role in seats[0].bound.program.roles() {
            examination.role(role, seats);
        }
        let result = examination.end();
        self.report.corpus = Some(result.corpus);
        self.report.roles = result.roles;
        self.report.findings.extend(result.findings);
        for (check, words) in result.words {
            self.close(check, words);
        }
    }

    fn invariants(&mut self, seat: &Seat) {
        let name = (self.package.manifest.id.as_str(), self.package.manifest.version.as_str());
        let played = streams::play(seat, name, self.course);
        self.report.findings.extend(played.findings);
        let (streams, entries, asked, failed) = (played.streams, played.entries, played.asked, played.failed);
        let words = Words::new(
            format!("{streams} 段事件流,{entries} 条记录,询问 {asked} 次,其中 {failed} 次由兜底作答"),
            format!("{streams} streams, {entries} entries, {asked} questions, of which fallbacks answered {failed}"),
        );
        self.close(Check::Invariants, words);
    }

    fn fault(&mut self, check: Check, place: String, what: Words, cure: Words) {
        self.report.findings.push(Finding { check, weight: Weight::Fault, place, what, cure });
    }

    /// Notes how a part ended, by its findings. Gives whether it passed.
    fn close(&mut self, check: Check, words: Words) -> bool {
        let findings = &self.report.findings;
        let passed = !findings.iter().any(|found| found.check == check && found.weight == Weight::Fault);
        self.report.checks.push(CheckReport { check, passed: Some(passed), words });
        passed
    }

    fn end(mut self) -> Report {
        for check in Check::ALL {
            if !self.report.checks.iter().any(|part| part.check == check) {
                self.report.checks.push(CheckReport { check, passed: None, words: Words::new("", "") });
            }
        }
        self.report.checks.sort_by_key(|part| part.check);
        self.report.findings.sort_by_key(|found| found.check);
        self.report.passed = self.report.checks.iter().all(|part| part.passed == Some(true));
        self.report
    }
}

/// The host's limits, lowered to what the manifest wants: what the package gets where no binding says less.
fn limits(package: &Package, engine: &Engine) -> Limits {
    let wanted = package.manifest.limits.unwrap_or_default();
    engine.limits().narrowed(&Wanted {
        fuel: wanted.fuel,
        memory_bytes: wanted.memory_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        ..Wanted::default()
    })
}
