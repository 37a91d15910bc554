//! What all seeds share: the example cities with the events of their storms, and packages that misbehave. Read once.

use muster_kernel::change::ChangeRules;
use muster_kernel::settings::Settings;
use muster_kernel::value::Attribute;
use muster_kernel::{Event, Instant, Role, Value};
use muster_packages::Package;
use muster_runtime::folder::{self, Allowed, BoundFiles, Folder};
use muster_runtime::{Workshop, play};
use muster_sandbox::Limits;
use muster_store::Vault;

/// The cities, each with the stream of its storm.
const CITIES: [(&str, &str); 4] =
    [("yunhe", "rainstorm"), ("hailan", "typhoon"), ("lanzhu", "epidemic"), ("qinghe", "gas")];
/// How a policy may misbehave. Each ends quickly, so that a thousand seeds stay affordable.
const BEHAVIOURS: [&str; 6] =
    ["trap", "endless_loop", "memory_bomb", "question_flood", "garbled_text", "giant_strings"];
/// Roles that the misbehaving package answers for.
const ROLES: [Role; 3] = [Role::Triage, Role::Escalation, Role::Discretion];

/// One city.
pub struct City {
    /// Its folder as it stands.
    pub folder: Folder,
    /// What happened there, in order of arrival.
    pub events: Vec<(Instant, Event)>,
}

/// What all seeds share.
pub struct World {
    /// Compiles each package once.
    pub workshop: Workshop,
    /// Keeps exact bytes; what is in it depends on the bytes alone.
    pub vault: Vault,
    /// The cities.
    pub cities: Vec<City>,
    hostile: Package,
    _folder: tempfile::TempDir,
}

impl World {
    /// Reads the examples and builds the package that misbehaves.
    ///
    /// # Errors
    /// When the examples cannot be read.
    pub fn read() -> anyhow::Result<Self> {
        let examples = muster_testkit::examples::examples();
        let folder = tempfile::tempdir()?;
        let vault = Vault::open(folder.path())?;
        // Fuel decides, and it is the same everywhere; the clock, which is not, must never be what ends a call here.
        let limits = Limits { milliseconds: 1 << 40, ..Limits::STANDARD };
        let cities = CITIES.iter().map(|(name, stream)| {
            let place = examples.path().join(name);
            let events = play::read_stream(&place.join("streams").join(stream).with_extension("jsonl"))?;
            Ok(City { folder: carefree(folder::read(&place)?), events })
        });
        Ok(Self {
            workshop: Workshop::new(limits)?,
            vault,
            cities: cities.collect::<anyhow::Result<_>>()?,
            hostile: Package::read(muster_testkit::guests::hostile("hostile").to_vec())?,
            _folder: folder,
        })
    }

    /// A city's folder after somebody changed it: a number among its settings, or a policy that misbehaves.
    pub fn changed(&self, folder: &Folder, random: &mut fastrand::Rng) -> Folder {
        let mut changed = folder.clone();
        if random.bool() {
            let role = ROLES[random.usize(..ROLES.len())];
            if let Some(files) = changed.policies.get_mut(&role) {
                let mut settings = files.settings.clone();
                settings.values.insert("edition".into(), Value::Integer(random.i64(0..3)));
                *files = bind(files.package.clone(), settings);
            }
        } else {
            let role = ROLES[random.usize(..ROLES.len())];
            let behaviour = BEHAVIOURS[random.usize(..BEHAVIOURS.len())];
            let mut settings = Settings::default();
            settings.values.insert("behaviour".into(), Value::Text(behaviour.into()));
            // It may ask what the policy before it asked, and no more: who wants more needs a person's yes.
            let before = changed.policies.get(&role).map(|files| files.package.contents.capabilities());
            let names = before.unwrap_or_default().iter().map(|capability| capability.as_str().to_owned()).collect();
            let mut files = bind(self.hostile.clone(), settings);
            files.allowed.capabilities = Some(names);
            changed.policies.insert(role, files);
        }
        changed
    }
}

/// A city that lets every change in at once: what misbehaves must come into force here, and what a change is held against
/// has tests of its own.
fn carefree(mut folder: Folder) -> Folder {
    folder.charter.change = Some(ChangeRules { backtest_entries: 0, ..ChangeRules::default() });
    for files in folder.policies.values_mut() {
        files.package.manifest.settings_schema = None;
    }
    folder
}

fn bind(package: Package, settings: Settings) -> BoundFiles {
    BoundFiles::new(package, settings, Vec::new(), Allowed::default())
}

/// A signal like thousands of others, or an act that fits nothing.
pub fn noise(like: &Event, number: u64, random: &mut fastrand::Rng) -> Event {
    let mut event = like.clone();
    event.id = format!("noise-{number}");
    event.source = "urn:simulation:noise".into();
    event.exercise = random.u8(..10) == 0;
    let acts = [
        "gov.muster.signal.reported",
        "gov.muster.callout.acknowledged",
        "gov.muster.callout.released",
        "gov.muster.approval.given",
        "gov.muster.task.completed",
        "gov.muster.nobody.knows.this",
    ];
    if random.bool() {
        event.kind = acts[random.usize(..acts.len())].into();
    }
    if random.bool() && !event.attributes.is_empty() {
        let place = random.usize(..event.attributes.len());
        let Attribute { value, .. } = &mut event.attributes[place];
        *value = Value::Text(format!("unknown-{}", random.u32(..50)));
    }
    event
}
