//! One way for a policy to come into a district, whoever asks: a saved file, the command line, the interface, a start.
//!
//! Read, trust, contract, capabilities, compile, settings, self-tests, backtest, store, activate. A step that does not
//! pass ends the attempt: the policy that answered before serves on, and the attempt says why, with the cure. Everything
//! here happens beside the path of events; only the last step is an entry of the journal.

mod authority;
mod backtest;
pub mod proving_ground;
mod report;
pub mod self_test;
pub(crate) mod trust;

use std::sync::Arc;

use muster_kernel::change::ChangeRules;
use muster_kernel::record::{Activation, Evidence, Signer, Terms};
use muster_kernel::role::Binding;
use muster_kernel::state::Core;
use muster_kernel::{DistrictId, Instant, Mode, PolicyMode, Role, State};
use muster_packages::attestation::{ApprovalKind, Attestations};
use muster_packages::check_claims;
use muster_packages::trust::{Case, Office, Profile};
use muster_sandbox::{Bound, Capabilities, Limits, Program, Wanted};

pub(crate) use backtest::Backtester;
pub use backtest::{Example, Report};
pub use report::{Attempt, Step, StepReport, Words};

use crate::bindings;
use crate::district::Install;
use crate::folder::BoundFiles;
use crate::open::Parts;
use trust::Standing;

/// Who is named where the host acts by itself.
pub(crate) const HOST: &str = "host";

/// What somebody wants to run.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) role: Role,
    pub(crate) mode: PolicyMode,
    pub(crate) permille: Option<u16>,
    pub(crate) files: BoundFiles,
    /// Who asks.
    pub(crate) by: String,
    /// By which way: `folder`, `start`, `api`, `rollback`, `promotion`.
    pub(crate) way: &'static str,
    /// A second person, where the development profile takes names for signatures.
    pub(crate) second: Option<String>,
    /// Why a rule is to be set aside.
    pub(crate) reason: Option<String>,
    /// When it is to end.
    pub(crate) expires: Option<Instant>,
}

/// The district and the host, as the attempt finds them.
pub(crate) struct Scene<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) district: &'a DistrictId,
    pub(crate) core: &'a Core,
    /// An emergency is on in the district.
    pub(crate) crisis: bool,
    pub(crate) now: Instant,
    pub(crate) dry_run: bool,
}

/// Whether an emergency is on anywhere in a district: then only what the profile allows may change.
pub(crate) fn is_in_crisis(state: &State) -> bool {
    state.modes.iter().any(|(_, row)| row.mode == Mode::Emergency)
}

/// What is known of a candidate as the steps go on.
struct Walk<'a> {
    scene: &'a Scene<'a>,
    candidate: &'a Candidate,
    attempt: Attempt,
    standing: Standing,
    attestations: Attestations,
    rules: ChangeRules,
    evidence: Evidence,
    /// What the backtest found, as bytes; empty before it.
    report: Vec<u8>,
    expires: Option<Instant>,
    /// Two people broke the glass: crisis rules and backtest stand aside until it expires.
    broken_glass: bool,
}

/// How a step ends that does not pass.
type Refused = Words;

impl Scene<'_> {
    /// Takes a candidate through every step before the journal. Gives the attempt, and, when all passed, what to install.
    pub(crate) fn admit(&self, candidate: &Candidate) -> (Attempt, Option<Install>) {
        let package = &candidate.files.package;
        let attempt = Attempt {
            at: self.now,
            role: candidate.role,
            mode: candidate.mode,
            name: format!("{} {}", package.manifest.id, package.manifest.version),
            package: package.digest,
            settings: candidate.files.settings_digest,
            by: candidate.by.clone(),
            way: candidate.way,
            steps: Vec::new(),
            dry_run: self.dry_run,
            seq: None,
            backtest: None,
        };
        let rules = self.core.charter.as_ref().map(muster_kernel::charter::Charter::change_rules).unwrap_or_default();
        let evidence = Evidence { by: candidate.by.clone(), way: candidate.way.into(), ..Evidence::default() };
        let mut walk = Walk {
            scene: self,
            candidate,
            attempt,
            standing: self.parts.trust.standing(),
            attestations: Attestations::none(),
            rules,
            evidence,
            report: Vec::new(),
            expires: candidate.expires,
            broken_glass: false,
        };
        let install = walk.all();
        (walk.attempt, install)
    }
}

/// What a package would get: manifest, binding and host ceiling, intersected.
pub(crate) fn terms(parts: &Parts, files: &BoundFiles) -> Terms {
    let (package, allowed) = (&files.package, &files.allowed);
    let imported = package.contents.capabilities();
    let within = |name: &&str| allowed.capabilities.as_ref().is_none_or(|names| names.iter().any(|one| one == name));
    let capabilities = imported.iter().map(|capability| capability.as_str()).filter(within);
    let wanted = |limits: muster_packages::LimitsWanted| Wanted {
        fuel: limits.fuel,
        memory_bytes: limits.memory_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        ..Wanted::default()
    };
    let host = parts.workshop.engine().limits();
    let limits = host.narrowed(&wanted(package.manifest.limits.unwrap_or_default())).narrowed(&wanted(allowed.limits));
    Terms { capabilities: capabilities.map(str::to_owned).collect(), limits: bindings::recorded(&limits) }
}

impl Walk<'_> {
    fn all(&mut self) -> Option<Install> {
        let read = self.read();
        self.note(Step::Read, read)?;
        let trusted = self.trusted();
        self.note(Step::Trust, trusted)?;
        let claims = self.contract();
        self.note(Step::Contract, claims)?;
        let terms = terms(self.scene.parts, &self.candidate.files);
        let widened = self.capabilities(&terms);
        self.note(Step::Capabilities, widened)?;
        let program = match self.compile() {
            Ok(program) => program,
            Err(refused) => {
                self.attempt.refuse(Step::Compile, refused);
                return None;
            }
        };
        self.attempt.pass(Step::Compile, Words::new("可在本机运行", "it runs on this host"));
        let settings = self.settings();
        self.note(Step::Settings, settings)?;
        let install = self.install(program, terms);
        let tested = self.self_tests(&install.bound);
        self.note(Step::SelfTests, tested)?;
        let backtested = self.backtest(&install);
        self.note(Step::Backtest, backtested)?;
        if self.scene.dry_run {
            return None;
        }
        let stored = self.store();
        self.note(Step::Store, stored)?;
        let evidence = Some(Box::new(std::mem::take(&mut self.evidence)));
        let activation = Activation { evidence, expires: self.expires, ..install.activation };
        Some(Install { activation, bound: install.bound })
    }
}

impl Walk<'_> {
    fn note(&mut self, step: Step, outcome: Result<Words, Refused>) -> Option<()> {
        match outcome {
            Ok(words) => self.attempt.pass(step, words),
            Err(words) => {
                self.attempt.refuse(step, words);
                return None;
            }
        }
        Some(())
    }

    fn read(&mut self) -> Result<Words, Refused> {
        let bytes = &self.candidate.files.attestations;
        self.attestations = Attestations::read(bytes).map_err(|reason| {
            Words::new(format!("签名文件无法读取:{reason}"), format!("the attestations cannot be read: {reason}"))
        })?;
        let package = &self.candidate.files.package;
        let (digest, size, lines) = (package.digest.short(), package.bytes.len(), self.attestations.lines.len());
        Ok(Words::new(
            format!("策略包 {digest},{size} 字节,{lines} 份签名"),
            format!("package {digest}, {size} bytes, {lines} attestations"),
        ))
    }

    fn trusted(&mut self) -> Result<Words, Refused> {
        let scene = self.scene;
        let case = Case {
            package: self.attempt.package,
            district: scene.district,
            role: self.candidate.role,
            settings: self.attempt.settings,
            at: scene.now,
            crisis: scene.crisis,
        };
        let judged = self.standing.trust.judge(&case, &self.attestations, &self.standing.deny);
        let judged = judged.map_err(|refusal| Words::new(refusal.chinese(), refusal.to_string()))?;
        let certified = judged.signers.iter().any(|signer| signer.office == Office::Certifier);
        if self.candidate.mode == PolicyMode::Baseline && !certified && judged.profile == Profile::Production {
            return Err(Words::new(
                "基线须有认证方签名;请先认证(muster certify)",
                "a baseline must be signed by a certifier; have it certified (`muster certify`)",
            ));
        }
        let signer = |signer: &muster_packages::trust::Signer| Signer {
            holder: signer.holder.clone(),
            office: signer.office.as_str().into(),
            key: signer.key.to_string(),
        };
        self.evidence.signers = judged.signers.iter().map(signer).collect();
        self.evidence.signers.sort();
        self.evidence.signers.dedup();
        self.evidence.warnings = judged.warnings.iter().map(ToString::to_string).collect();
        let empty = self.candidate.files.attestations.is_empty();
        self.evidence.attestations = (!empty).then_some(self.attestations.digest);
        let names: Vec<&str> = self.evidence.signers.iter().map(|signer| signer.holder.as_str()).collect();
        let (names, profile) = (names.join(", "), judged.profile.as_str());
        if self.evidence.signers.is_empty() {
            return Ok(Words::new(
                format!("无有效签名({profile} 配置放行)"),
                format!("nobody's signature counts; the {profile} profile lets it in"),
            ));
        }
        Ok(Words::new(format!("签名有效:{names}"), format!("signed by {names}")))
    }

    fn contract(&self) -> Result<Words, Refused> {
        let package = &self.candidate.files.package;
        check_claims(&package.manifest, &package.contents)
            .map_err(|error| Words::new(error.chinese(), error.to_string()))?;
        let roles = package.contents.roles();
        let role = self.candidate.role;
        if !roles.contains(&role) {
            let offered: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let offered = offered.join(", ");
            return Err(Words::new(
                format!("策略包承担 {offered},不承担 {role};请绑定到它承担的角色"),
                format!("the package answers for {offered}, not for {role}; bind it to what it answers for"),
            ));
        }
        if self.candidate.mode == PolicyMode::Canary && role == Role::Workflow {
            return Err(Words::new(
                "流程策略不能灰度:在办流程始终按同一版本办理;请先影子运行再启用",
                "a workflow policy cannot be a canary, for a process stays on one version; try it as a shadow, then activate it",
            ));
        }
        if role == Role::Workflow {
            self.names_its_version_alone()?;
        }
        Ok(Words::new("与契约及清单相符", "it keeps to the contract and to its manifest"))
    }

    /// Running processes know the policy that wrote their state by its version: two packages of one version would read
    /// each other's states, and nothing would be carried over.
    fn names_its_version_alone(&self) -> Result<(), Refused> {
        let version = &self.candidate.files.package.manifest.version;
        let former = self.scene.core.standby.get(&Role::Workflow).map(|standby| standby.former.as_slice());
        let known = self.scene.core.activation(Role::Workflow, Binding::InForce).into_iter();
        let mut known = known.chain(former.unwrap_or_default());
        let other = |known: &Activation| known.package != self.attempt.package && known.version == *version;
        let Some(other) = known.find(|known| other(known)) else { return Ok(()) };
        let package = other.package.short();
        Err(Words::new(
            format!("另一策略包 {package} 已用版本号 {version},在办流程据此识别版本;请在其清单中提高版本号"),
            format!(
                "version {version} is that of another package, {package}, and running processes know their policy by its \
                 version; give this one a higher version in its manifest"
            ),
        ))
    }

    fn compile(&self) -> Result<Program, Refused> {
        let package = &self.candidate.files.package;
        let compiled = self.scene.parts.program(&self.attempt.name, package.digest, || Ok(package.bytes.clone()));
        compiled.map_err(|error| Words::new(format!("无法编译:{error}"), error.to_string()))
    }

    fn settings(&self) -> Result<Words, Refused> {
        let files = &self.candidate.files;
        let Some(schema) = &files.package.manifest.settings_schema else {
            return Ok(Words::new("策略包未附设置格式", "the package says nothing of its settings"));
        };
        let faults = schema.check(&files.settings);
        if faults.is_empty() {
            return Ok(Words::new("设置与格式相符", "the settings fit the package's schema"));
        }
        let said = |say: fn(&muster_packages::schema::SettingsFault) -> String| {
            faults.iter().take(10).map(say).collect::<Vec<_>>().join("; ")
        };
        Err(Words::new(said(muster_packages::schema::SettingsFault::chinese), said(ToString::to_string)))
    }

    fn install(&self, program: Program, terms: Terms) -> Install {
        let files = &self.candidate.files;
        let manifest = &files.package.manifest;
        let activation = Activation {
            mode: self.candidate.mode,
            permille: self.candidate.permille.filter(|_| self.candidate.mode == PolicyMode::Canary),
            terms: Some(terms),
            ..Activation::plain(
                self.candidate.role,
                &manifest.id,
                &manifest.version,
                files.package.digest,
                files.settings_digest,
                self.scene.parts.workshop.engine().identity(),
            )
        };
        let bound = Bound {
            program,
            package: files.package.digest,
            settings: Arc::new(files.settings.clone()),
            settings_digest: files.settings_digest,
            granted: Capabilities::NONE,
            limits: Limits::FIRST,
        };
        Install { bound: bindings::within(bound, &activation), activation }
    }

    fn self_tests(&self, bound: &Bound) -> Result<Words, Refused> {
        if self.candidate.way == "rollback" {
            return Ok(Words::new("回退,不重测", "a rollback is not tested again"));
        }
        let manifest = &self.candidate.files.package.manifest;
        let tests: Vec<_> = manifest.tests.iter().filter(|test| test.role == self.candidate.role).cloned().collect();
        let passed = self_test::run(self.scene.parts.workshop.engine(), bound, &tests)?;
        Ok(Words::new(format!("{passed} 项自检通过"), format!("{passed} self-tests pass")))
    }

    /// A shadow has no effect, a baseline none yet, and what was in force before was judged then.
    fn backtest(&mut self, install: &Install) -> Result<Words, Refused> {
        let scene = self.scene;
        let takes_effect = matches!(self.candidate.mode, PolicyMode::Enforce | PolicyMode::Canary);
        if !takes_effect && !scene.dry_run || self.candidate.way == "rollback" {
            return Ok(Words::new("不需回测", "no backtest is needed"));
        }
        let report =
            scene.parts.backtester.run(scene.parts, scene.district, &install.activation, &install.bound, &self.rules);
        let report = report.map_err(|error| {
            Words::new(format!("回测无法进行:{error}"), format!("the backtest cannot be run: {error}"))
        })?;
        let Some(report) = report else {
            return Ok(Words::new("尚无可回测的事件", "there is nothing to test it on yet"));
        };
        let bytes = serde_json::to_vec(&report).expect("a report holds nothing that JSON cannot say");
        let drafted = self.scene.parts.vault.draft(&bytes);
        let digest = muster_kernel::Digest(drafted.map_err(|error| Words::new(error.to_string(), error.to_string()))?);
        self.report = bytes;
        self.attempt.backtest = Some(digest);
        self.evidence.backtest = Some(report.summary(digest));
        let words = report.words();
        if report.passed {
            return Ok(words);
        }
        self.override_backtest(&report, words)
    }

    fn override_backtest(&mut self, report: &Report, words: Words) -> Result<Words, Refused> {
        let reasons = |of: fn(&Words) -> &String| report.reasons.iter().map(of).cloned().collect::<Vec<_>>().join("; ");
        let (zh, en) = (reasons(|words| &words.zh), reasons(|words| &words.en));
        if self.broken_glass {
            return Ok(Words::new(
                format!("{};{zh};已破窗", words.zh),
                format!("{}; {en}; the glass is broken", words.en),
            ));
        }
        let may = !self.scene.crisis || self.rules.override_in_emergency;
        let Some((exception, _)) = self.exception(ApprovalKind::Override).filter(|_| may) else {
            let cure = if may {
                Words::new(
                    "请修正策略,或由两人说明理由放行(muster approve --kind override)",
                    "mend the policy, or let two people take responsibility (`muster approve --kind override`)",
                )
            } else {
                Words::new(
                    "应急期间不得放行;请修正策略,或由两人破窗启用",
                    "no override while an emergency is on: mend the policy, or break the glass with two people",
                )
            };
            return Err(Words::new(
                format!("{};{zh};{}", words.zh, cure.zh),
                format!("{}; {en}; {}", words.en, cure.en),
            ));
        };
        let people = exception.people.join(", ");
        self.evidence.exceptions.push(exception);
        Ok(Words::new(
            format!("{};{zh};由 {people} 放行", words.zh),
            format!("{}; {en}; let pass by {people}", words.en),
        ))
    }

    /// The exact bytes, before any entry can name them.
    fn store(&self) -> Result<Words, Refused> {
        let files = &self.candidate.files;
        let vault = &self.scene.parts.vault;
        let kept = [&files.package.bytes, &files.settings_bytes, &files.attestations, &self.report];
        kept.into_iter()
            .filter(|bytes| !bytes.is_empty())
            .try_for_each(|bytes| vault.put(bytes).map(drop))
            .map_err(|error| Words::new(format!("无法留存:{error}"), format!("it cannot be kept: {error}")))?;
        Ok(Words::new("原样留存", "the exact bytes are kept"))
    }
}
