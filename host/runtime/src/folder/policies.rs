//! Which package answers for which role, with which settings, and how far it may go: `[policies.ROLE]` and `[change]`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_kernel::change::ChangeRules;
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, Milliseconds, Role};
use muster_packages::{Capability, LimitsWanted, Package};
use serde::Deserialize;

use super::{FolderError, read_text};
use crate::activation::trust::beside;

/// The file in a district's folder that holds what people approved by signature.
const APPROVALS: &str = "approvals.dsse.jsonl";

/// A package and its settings, as read.
#[derive(Debug, Clone)]
pub struct BoundFiles {
    /// The package.
    pub package: Package,
    /// The settings.
    pub settings: Settings,
    /// The settings as bytes, for the vault.
    pub settings_bytes: Vec<u8>,
    /// Digest of those bytes.
    pub settings_digest: Digest,
    /// What was signed about the package, as it stands beside it and in the district's approvals.
    pub attestations: Vec<u8>,
    /// How far the binding lets it go.
    pub allowed: Allowed,
}

/// How far a binding lets a package go: never further than the host does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What it may ask the host, by name; `None`: all that it imports.
    pub capabilities: Option<Vec<String>>,
    /// What one call may use.
    pub limits: LimitsWanted,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    pub(super) package: Option<PathBuf>,
    #[serde(default)]
    pub(super) settings: Vec<PathBuf>,
    pub(super) capabilities: Option<Vec<String>>,
    pub(super) fuel: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    /// What answers when the others fail.
    pub(super) baseline: Option<Box<PolicyFile>>,
}

impl PolicyFile {
    /// Paths are relative to the file that names them.
    pub(super) fn rebase(&mut self, folder: &Path) {
        self.package = self.package.as_ref().map(|package| folder.join(package));
        self.settings = self.settings.iter().map(|settings| folder.join(settings)).collect();
        if let Some(baseline) = &mut self.baseline {
            baseline.rebase(folder);
        }
    }

    /// The district's own words over those of the profile.
    pub(super) fn over(&mut self, own: Self) {
        self.package = own.package.or_else(|| self.package.take());
        self.settings.extend(own.settings);
        self.capabilities = own.capabilities.or_else(|| self.capabilities.take());
        self.fuel = own.fuel.or(self.fuel);
        self.memory_bytes = own.memory_bytes.or(self.memory_bytes);
        self.baseline = own.baseline.or_else(|| self.baseline.take());
    }
}

/// `[change]`: when a policy may take force, and when a failing one loses it. What is not named stays as the host has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeFile {
    backtest_entries: Option<u32>,
    changed_permille_max: Option<u32>,
    looser_max: Option<u32>,
    failed_max: Option<u32>,
    override_in_emergency: Option<bool>,
    widen_in_emergency: Option<bool>,
    failures_max: Option<u32>,
    failing_within_minutes: Option<i64>,
    trial_failures_max: Option<u32>,
    trial_changed_permille_max: Option<u32>,
    trial_asked_min: Option<u32>,
    break_glass_hours_max: Option<i64>,
}

impl ChangeFile {
    pub(super) fn over(&mut self, own: &Self) {
        self.backtest_entries = own.backtest_entries.or(self.backtest_entries);
        self.changed_permille_max = own.changed_permille_max.or(self.changed_permille_max);
        self.looser_max = own.looser_max.or(self.looser_max);
        self.failed_max = own.failed_max.or(self.failed_max);
        self.override_in_emergency = own.override_in_emergency.or(self.override_in_emergency);
        self.widen_in_emergency = own.widen_in_emergency.or(self.widen_in_emergency);
        self.failures_max = own.failures_max.or(self.failures_max);
        self.failing_within_minutes = own.failing_within_minutes.or(self.failing_within_minutes);
        self.trial_failures_max = own.trial_failures_max.or(self.trial_failures_max);
        self.trial_changed_permille_max = own.trial_changed_permille_max.or(self.trial_changed_permille_max);
        self.trial_asked_min = own.trial_asked_min.or(self.trial_asked_min);
        self.break_glass_hours_max = own.break_glass_hours_max.or(self.break_glass_hours_max);
    }

    /// The rules; `None` when the files say nothing, so that a charter without the section stays as it was.
    pub(super) fn rules(&self) -> Option<ChangeRules> {
        let standard = ChangeRules::default();
        let rules = ChangeRules {
            backtest_entries: self.backtest_entries.unwrap_or(standard.backtest_entries),
            changed_permille_max: self.changed_permille_max.or(standard.changed_permille_max),
            looser_max: self.looser_max.or(standard.looser_max),
            failed_max: self.failed_max.unwrap_or(standard.failed_max),
            override_in_emergency: self.override_in_emergency.unwrap_or(standard.override_in_emergency),
            widen_in_emergency: self.widen_in_emergency.unwrap_or(standard.widen_in_emergency),
            failures_max: self.failures_max.unwrap_or(standard.failures_max),
            failing_within: self.failing_within_minutes.map_or(standard.failing_within, Milliseconds::minutes),
            trial_failures_max: self.trial_failures_max.unwrap_or(standard.trial_failures_max),
            trial_changed_permille_max: self.trial_changed_permille_max.or(standard.trial_changed_permille_max),
            trial_asked_min: self.trial_asked_min.unwrap_or(standard.trial_asked_min),
            break_glass_max: self.break_glass_hours_max.map_or(standard.break_glass_max, Milliseconds::hours),
        };
        (rules != standard).then_some(rules)
    }
}

/// Reads the files that a role is bound to. `field` names the place in the district's file.
pub(super) fn read(
    path: &Path,
    field: &str,
    files: &PolicyFile,
    watched: &mut BTreeSet<PathBuf>,
) -> Result<BoundFiles, FolderError> {
    let wrong = |key: &str, reason: String| FolderError::Field {
        file: path.join("district.toml").display().to_string(),
        field: format!("{field}.{key}"),
        reason,
    };
    let Some(package) = &files.package else {
        return Err(wrong("package", "is missing: name the component that answers for the role".into()));
    };
    let known: Vec<&str> = Capability::ALL.iter().map(|capability| capability.as_str()).collect();
    if let Some(unknown) = files.capabilities.iter().flatten().find(|name| !known.contains(&name.as_str())) {
        return Err(wrong("capabilities", format!("`{unknown}` is none; there are: {}", known.join(", "))));
    }
    for file in files.settings.iter().chain([package]) {
        watched.extend(file.parent().map(Path::to_path_buf));
    }
    let named = package.display().to_string();
    let bytes = std::fs::read(package).map_err(|reason| FolderError::Unreadable { file: named.clone(), reason })?;
    let attestations = attestations(path, package)?;
    let package = Package::read(bytes).map_err(|reason| FolderError::Package { file: named, reason })?;
    let mut settings = Settings::default();
    for file in &files.settings {
        muster_packages::settings::read(&mut settings, &read_text(file)?, &file.display().to_string())?;
    }
    let allowed = Allowed {
        capabilities: files.capabilities.clone(),
        limits: LimitsWanted { fuel: files.fuel, memory_bytes: files.memory_bytes },
    };
    Ok(BoundFiles::new(package, settings, attestations, allowed))
}

impl BoundFiles {
    /// A package with settings, however they came.
    pub fn new(package: Package, settings: Settings, attestations: Vec<u8>, allowed: Allowed) -> Self {
        let settings_bytes = serde_json::to_vec(&settings).expect("settings hold nothing that JSON cannot say");
        let settings_digest = Digest::of(&settings_bytes);
        Self { package, settings, settings_bytes, settings_digest, attestations, allowed }
    }
}

/// The role's field in `district.toml`.
pub(super) fn field(role: Role) -> String {
    format!("policies.{role}")
}

/// What stands beside the package, and what people approved in the district's folder.
fn attestations(path: &Path, package: &Path) -> Result<Vec<u8>, FolderError> {
    let mut all = Vec::new();
    for file in [beside(package), path.join(APPROVALS)] {
        match std::fs::read(&file) {
            Ok(bytes) => {
                all.extend_from_slice(&bytes);
                all.push(b'\n');
            }
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {}
            Err(reason) => return Err(FolderError::Unreadable { file: file.display().to_string(), reason }),
        }
    }
    Ok(all)
}
