//! A district's folder: `district.toml` over the profile it extends, and the policies they bind. See
//! `docs/district-folder.md`.
//!
//! Reading only: nothing takes effect from here. Every fault names file, place and cure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use muster_kernel::act::{Party, Rung};
use muster_kernel::charter::{
    Actor, Agreement, CalloutClock, Charter, ControlUnit, Department, Node, SpendingCeiling, Team, Vendor,
};
use muster_kernel::{
    CalloutKind, Digest, DistrictId, Level, Milliseconds, NodeCode, Role, RungCondition, Tier, roster,
};
use muster_packages::PackageError;
use muster_packages::settings::SettingsError;
use serde::Deserialize;

mod people;
mod policies;

pub use policies::{Allowed, BoundFiles};
use policies::{ChangeFile, PolicyFile};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Something is missing or contradicts itself.
    #[error("{file}: `{field}`: {reason}")]
    Field {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A settings file.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A package.
    #[error("{file}: {reason}")]
    Package {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: PackageError,
    },
}

/// What a district's folder says.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// The charter.
    pub charter: Charter,
    /// Digest of the charter as read.
    pub charter_digest: Digest,
    /// The policies, by role.
    pub policies: BTreeMap<Role, BoundFiles>,
    /// The certified baselines, by role.
    pub baselines: BTreeMap<Role, BoundFiles>,
    /// Folders whose files it was read from.
    pub watched: BTreeSet<PathBuf>,
}

/// `district.toml`, or the `profile.toml` of a folder that is extended.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    district: Option<String>,
    extends: Option<PathBuf>,
    root: Option<String>,
    #[serde(default)]
    name: BTreeMap<String, String>,
    utc_offset: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    node: Vec<NodeFile>,
    #[serde(default)]
    department: Vec<DepartmentFile>,
    #[serde(default)]
    actor: Vec<ActorFile>,
    #[serde(default)]
    spending: BTreeMap<Tier, SpendingFile>,
    #[serde(default)]
    measures: BTreeMap<String, Tier>,
    #[serde(default)]
    levels: LevelsFile,
    #[serde(default)]
    grants: GrantsFile,
    #[serde(default)]
    callouts: BTreeMap<CalloutKind, CalloutFile>,
    #[serde(default)]
    times: TimesFile,
    #[serde(default)]
    calendar: people::CalendarFile,
    #[serde(default)]
    duty: Vec<people::DutyFile>,
    #[serde(default)]
    team: Vec<Team>,
    #[serde(default)]
    vendor: Vec<Vendor>,
    #[serde(default)]
    agreement: Vec<Agreement>,
    #[serde(default)]
    unit: Vec<ControlUnit>,
    #[serde(default)]
    heartbeat: Vec<people::HeartbeatFile>,
    #[serde(default)]
    exemptions: Vec<String>,
    #[serde(default)]
    clocks: people::ClocksFile,
    #[serde(default)]
    funds: people::FundsFile,
    #[serde(default)]
    policies: BTreeMap<Role, PolicyFile>,
    #[serde(default)]
    change: ChangeFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    code: String,
    name: String,
    tier: Tier,
    parent: Option<String>,
    population: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentFile {
    node: String,
    name: String,
    title: String,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorFile {
    source: String,
    powers: Vec<String>,
    node: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpendingFile {
    item_minor: i64,
    incident_minor: i64,
    #[serde(default)]
    multiplies: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelsFile {
    provisional_max: Option<Level>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsFile {
    multiplier_max_permille: Option<u32>,
    hours_max: Option<i64>,
    carries_from: Option<Tier>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalloutFile {
    acknowledge_minutes: Option<i64>,
    arrive_minutes: Option<i64>,
    plan_minutes: Option<i64>,
    acknowledge_working_days: Option<u32>,
    acknowledgement_holds_minutes: Option<i64>,
    #[serde(default)]
    ladder: Vec<RungFile>,
    #[serde(default)]
    arrival_ladder: Vec<RungFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RungFile {
    after_minutes: i64,
    duty_above: Tier,
    #[serde(default)]
    channels: Vec<String>,
    condition: Option<RungCondition>,
    #[serde(default)]
    repeats: u32,
    every_minutes: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesFile {
    callout_match_minutes: Option<i64>,
    identity_days: Option<i64>,
    approval_wait_minutes: Option<i64>,
}

/// Reads a district's folder.
///
/// # Errors
/// When anything in it cannot be used; nothing is half read.
pub fn read(path: &Path) -> Result<Folder, FolderError> {
    read_noting(path, &mut BTreeSet::new())
}

/// The same; and notes the folders of the files that are named, also when one of them cannot be used.
///
/// # Errors
/// When anything in it cannot be used; nothing is half read.
pub(crate) fn read_noting(path: &Path, watched: &mut BTreeSet<PathBuf>) -> Result<Folder, FolderError> {
    let (charter, policies) = read_charter(path, watched)?;
    let bytes = serde_json::to_vec(&charter).expect("a charter holds nothing that JSON cannot say");
    let (mut bound, mut baselines) = (BTreeMap::new(), BTreeMap::new());
    for (role, files) in policies {
        let field = policies::field(role);
        bound.insert(role, policies::read(path, &field, &files, watched)?);
        if let Some(files) = &files.baseline {
            baselines.insert(role, policies::read(path, &format!("{field}.baseline"), files, watched)?);
        }
    }
    let charter_digest = Digest::of(&bytes);
    let watched = watched.clone();
    Ok(Folder { path: path.into(), charter, charter_digest, policies: bound, baselines, watched })
}

fn read_charter(
    path: &Path,
    watched: &mut BTreeSet<PathBuf>,
) -> Result<(Charter, BTreeMap<Role, PolicyFile>), FolderError> {
    let name = path.join("district.toml");
    watched.insert(path.to_path_buf());
    let mut file = read_file(&name)?;
    rebase(&mut file, path);
    if let Some(profile) = file.extends.take() {
        let folder = path.join(profile);
        watched.insert(folder.clone());
        let mut base = read_file(&folder.join("profile.toml"))?;
        rebase(&mut base, &folder);
        file = over(base, file);
    }
    let policies = std::mem::take(&mut file.policies);
    let charter = Builder { file: name.display().to_string() }.charter(file)?;
    Ok((charter, policies))
}

fn read_text(path: &Path) -> Result<String, FolderError> {
    std::fs::read_to_string(path).map_err(|reason| FolderError::Unreadable { file: path.display().to_string(), reason })
}

fn read_file(path: &Path) -> Result<File, FolderError> {
    let text = read_text(path)?;
    toml::from_str(&text)
        .map_err(|reason| FolderError::Syntax { file: path.display().to_string(), reason: reason.to_string() })
}

/// Paths are relative to the file that names them.
fn rebase(file: &mut File, folder: &Path) {
    file.policies.values_mut().for_each(|policy| policy.rebase(folder));
}

/// The district's own words over those of the profile: values replace, lists are added.
fn over(mut base: File, own: File) -> File {
    base.district = own.district.or(base.district);
    base.root = own.root.or(base.root);
    base.name.extend(own.name);
    base.utc_offset = own.utc_offset.or(base.utc_offset);
    base.currency = own.currency.or(base.currency);
    base.node.extend(own.node);
    base.department.extend(own.department);
    base.actor.extend(own.actor);
    base.calendar.over(own.calendar);
    base.duty.extend(own.duty);
    base.team.extend(own.team);
    base.vendor.extend(own.vendor);
    base.agreement.extend(own.agreement);
    base.unit.extend(own.unit);
    base.heartbeat.extend(own.heartbeat);
    base.exemptions.extend(own.exemptions);
    base.clocks.over(own.clocks);
    base.funds.over(own.funds);
    base.spending.extend(own.spending);
    base.measures.extend(own.measures);
    base.levels.provisional_max = own.levels.provisional_max.or(base.levels.provisional_max);
    let (grants, wanted) = (&mut base.grants, own.grants);
    grants.multiplier_max_permille = wanted.multiplier_max_permille.or(grants.multiplier_max_permille);
    grants.hours_max = wanted.hours_max.or(grants.hours_max);
    grants.carries_from = wanted.carries_from.or(grants.carries_from);
    base.callouts.extend(own.callouts);
    base.change.over(&own.change);
    let (times, wanted) = (&mut base.times, own.times);
    times.callout_match_minutes = wanted.callout_match_minutes.or(times.callout_match_minutes);
    times.identity_days = wanted.identity_days.or(times.identity_days);
    times.approval_wait_minutes = wanted.approval_wait_minutes.or(times.approval_wait_minutes);
    for (role, policy) in own.policies {
        base.policies.entry(role).or_default().over(policy);
    }
    base
}

/// Builds a charter and says what is wrong with it.
struct Builder {
    file: String,
}

impl Builder {
    fn wrong(&self, field: impl Into<String>, reason: impl Into<String>) -> FolderError {
        FolderError::Field { file: self.file.clone(), field: field.into(), reason: reason.into() }
    }

    fn needed<T>(&self, value: Option<T>, field: &str) -> Result<T, FolderError> {
        value.ok_or_else(|| self.wrong(field, "is missing here and in the profile it extends"))
    }

    fn charter(&self, file: File) -> Result<Charter, FolderError> {
        let nodes = self.nodes(file.node)?;
        let root = NodeCode::from(self.needed(file.root, "root")?);
        let known: BTreeSet<&NodeCode> = nodes.iter().map(|node| &node.code).collect();
        if !known.contains(&root) {
            return Err(self.wrong("root", format!("names `{root}`, which is no `[[node]]`")));
        }
        for department in &file.department {
            if !known.contains(&NodeCode::from(department.node.as_str())) {
                let field = format!("department `{}`", department.name);
                return Err(self.wrong(field, format!("its node `{}` is no `[[node]]`", department.node)));
            }
        }
        let minutes = |value: i64| Milliseconds::minutes(value);
        let people = people::People {
            calendar: file.calendar,
            duty: file.duty,
            team: file.team,
            vendor: file.vendor,
            agreement: file.agreement,
            unit: file.unit,
            heartbeat: file.heartbeat,
            exemptions: file.exemptions,
            clocks: file.clocks,
            funds: file.funds,
        };
        let mut charter = Charter {
            district: DistrictId::from(self.needed(file.district, "district")?),
            name: file.name,
            root,
            utc_offset_seconds: self.offset(&self.needed(file.utc_offset, "utc_offset")?)?,
            currency: self.needed(file.currency, "currency")?,
            departments: file.department.into_iter().map(department).collect(),
            actors: file.actor.into_iter().map(actor).collect(),
            spending: file.spending.into_iter().map(|(tier, limit)| (tier, ceiling(limit))).collect(),
            measures: file.measures,
            provisional_level_max: self.needed(file.levels.provisional_max, "levels.provisional_max")?,
            grant_multiplier_max_permille: self
                .needed(file.grants.multiplier_max_permille, "grants.multiplier_max_permille")?,
            grant_duration_max: Milliseconds::hours(self.needed(file.grants.hours_max, "grants.hours_max")?),
            grant_carries_from: self.needed(file.grants.carries_from, "grants.carries_from")?,
            callouts: file.callouts.into_iter().map(|(kind, clock)| (kind, clock_of(clock))).collect(),
            callout_match_window: minutes(
                self.needed(file.times.callout_match_minutes, "times.callout_match_minutes")?,
            ),
            identity_window: Milliseconds::hours(24 * self.needed(file.times.identity_days, "times.identity_days")?),
            approval_wait: minutes(self.needed(file.times.approval_wait_minutes, "times.approval_wait_minutes")?),
            nodes,
            change: file.change.rules(),
            ..Charter::default()
        };
        people.settle(&mut charter).map_err(|(field, reason)| self.wrong(field, reason))?;
        Ok(charter)
    }

    fn offset(&self, text: &str) -> Result<i32, FolderError> {
        let parse = || {
            let (sign, rest) = match text.split_at_checked(1)? {
                ("+", rest) => (1, rest),
                ("-", rest) => (-1, rest),
                _ => return None,
            };
            let (hours, minutes) = rest.split_once(':')?;
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
        };
        parse().ok_or_else(|| self.wrong("utc_offset", format!("is `{text}`; write it as `+08:00`")))
    }

    fn nodes(&self, files: Vec<NodeFile>) -> Result<Vec<Node>, FolderError> {
        let codes: BTreeSet<String> = files.iter().map(|node| node.code.clone()).collect();
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for file in files {
            let parent = file.parent.clone().or_else(|| nearest_above(&file.code, &codes));
            if let Some(parent) = &parent
                && !codes.contains(parent)
            {
                let field = format!("node `{}`.parent", file.code);
                return Err(self.wrong(field, format!("names `{parent}`, which is no `[[node]]`")));
            }
            let node = Node {
                code: NodeCode::from(file.code.as_str()),
                name: file.name,
                tier: file.tier,
                parent: parent.map(NodeCode::from),
                population: file.population,
            };
            if nodes.insert(file.code.clone(), node).is_some() {
                return Err(self.wrong(format!("node `{}`", file.code), "stands there twice"));
            }
        }
        self.check_tree(&nodes)?;
        Ok(nodes.into_values().collect())
    }

    /// Every node stands below a node of a higher tier, so there is no loop.
    fn check_tree(&self, nodes: &BTreeMap<String, Node>) -> Result<(), FolderError> {
        for node in nodes.values() {
            let Some(parent) = node.parent.as_ref().and_then(|parent| nodes.get(parent.as_str())) else { continue };
            if parent.tier <= node.tier {
                let field = format!("node `{}`.parent", node.code);
                let reason =
                    format!("`{}` is of tier {}; it must be higher than {}", parent.code, parent.tier, node.tier);
                return Err(self.wrong(field, reason));
            }
        }
        Ok(())
    }
}

/// The nearest known area code above one.
fn nearest_above(code: &str, known: &BTreeSet<String>) -> Option<String> {
    roster::lineage_of(code).skip(1).find(|above| known.contains(above))
}

fn department(file: DepartmentFile) -> Department {
    Department {
        node: file.node.into(),
        name: file.name,
        title: file.title,
        services: file.services,
        sources: file.sources,
    }
}

fn actor(file: ActorFile) -> Actor {
    Actor { source: file.source, powers: file.powers, node: file.node.map(NodeCode::from) }
}

fn ceiling(file: SpendingFile) -> SpendingCeiling {
    SpendingCeiling { item: file.item_minor, incident: file.incident_minor, multiplies: file.multiplies }
}

fn clock_of(file: CalloutFile) -> CalloutClock {
    let rungs = |rungs: Vec<RungFile>| {
        let rungs = rungs.into_iter().map(|rung| Rung {
            after: Milliseconds::minutes(rung.after_minutes),
            to: vec![Party::DutyAbove(rung.duty_above)],
            channels: rung.channels,
            condition: rung.condition.unwrap_or(RungCondition::Always),
            repeats: rung.repeats,
            every: rung.every_minutes.map(Milliseconds::minutes),
        });
        rungs.collect()
    };
    CalloutClock {
        acknowledge_within: file.acknowledge_minutes.map(Milliseconds::minutes),
        arrive_within: file.arrive_minutes.map(Milliseconds::minutes),
        plan_within: file.plan_minutes.map(Milliseconds::minutes),
        acknowledge_working_days: file.acknowledge_working_days,
        acknowledgement_holds: file.acknowledgement_holds_minutes.map(Milliseconds::minutes),
        ladder: rungs(file.ladder),
        arrival_ladder: rungs(file.arrival_ladder),
    }
}
