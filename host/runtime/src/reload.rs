//! Change in the middle of things: what a folder says now against what is in force, prepared off the path of events.
//!
//! Read once, checked, compiled, kept; only then handed to the district, which swaps between two events. Any fault leaves
//! everything as it was and is shown in the status.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use muster_kernel::charter::Charter;
use muster_kernel::role::Binding;
use muster_kernel::state::Core;
use muster_kernel::{Digest, PolicyMode, Role};
use notify::{RecursiveMode, Watcher};

use crate::activation::{self, Attempt, Candidate, Scene};
use crate::district::Install;
use crate::folder::{BoundFiles, Folder};
use crate::open::{OpenError, Parts};

/// How long a folder must be quiet before it is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// How long after the first change it is read at the latest: a file that is written all the time keeps no revocation away.
const LONGEST: Duration = Duration::from_secs(2);

/// How often a folder that is not there is looked for.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// What a folder wants changed, as far as it may.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) charter: Option<(Box<Charter>, Digest)>,
    pub(crate) installs: Vec<Install>,
    /// One for each policy that the folder wants, admitted or not.
    pub(crate) attempts: Vec<Attempt>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.charter.is_none() && self.installs.is_empty()
    }

    /// Why some of what the folder wants is not let in.
    pub(crate) fn problem(&self) -> Option<String> {
        let refused = self.attempts.iter().filter_map(|attempt| {
            let step = attempt.refusal()?;
            Some(format!("{}: {}: {}", attempt.role, step.step.english(), step.words.en))
        });
        let refused: Vec<String> = refused.collect();
        (!refused.is_empty()).then(|| refused.join("; "))
    }
}

/// What differs between a folder and what came from it before, put through every step of an activation.
///
/// What the folder said before and people changed since is left alone: only a changed file asks again.
pub(crate) fn difference(
    parts: &Parts,
    folder: &Folder,
    core: &Core,
    crisis: bool,
    now: muster_kernel::Instant,
    way: &'static str,
) -> Changes {
    // A drill's district bears a name of its own; everything else of the charter is the same.
    let in_force = core.charter.as_ref();
    let named = in_force.map(|charter| Charter { district: folder.charter.district.clone(), ..charter.clone() });
    let charter =
        (named.as_ref() != Some(&folder.charter)).then(|| (Box::new(folder.charter.clone()), folder.charter_digest));
    let scene = Scene { parts, district: &folder.charter.district, core, crisis, now, dry_run: false };
    let candidates = wanted(parts, folder, core, way);
    // Compiling takes long, and one package needs nothing of another.
    let admitted: Vec<_> = std::thread::scope(|scope| {
        let admitting: Vec<_> = candidates.iter().map(|candidate| scope.spawn(|| scene.admit(candidate))).collect();
        admitting.into_iter().map(|thread| thread.join().expect("a step of an activation does not panic")).collect()
    });
    let (attempts, installs): (Vec<_>, Vec<_>) = admitted.into_iter().unzip();
    Changes { charter, installs: installs.into_iter().flatten().collect(), attempts }
}

/// What a folder asks for that it did not ask for before.
fn wanted(parts: &Parts, folder: &Folder, core: &Core, way: &'static str) -> Vec<Candidate> {
    let of = |role: &Role, mode: PolicyMode, files: &BoundFiles| Candidate {
        role: *role,
        mode,
        permille: None,
        files: files.clone(),
        by: activation::HOST.into(),
        way,
        second: None,
        reason: None,
        expires: None,
    };
    // What people put in force keeps the terms that they gave it; what came from the folder has those that it says now.
    let other_terms = |role: &Role, files: &BoundFiles| {
        let in_force = core.activation(*role, Binding::InForce);
        let ours = in_force.filter(|found| {
            let way = found.evidence.as_ref().map(|evidence| evidence.way.as_str());
            let from_here = matches!(way, Some("folder" | "start"));
            from_here && found.package == files.package.digest && found.settings == files.settings_digest
        });
        let given = ours.and_then(|found| found.terms.as_ref());
        given.is_some_and(|given| *given != activation::terms(parts, files))
    };
    let asked_before = |role: &Role, files: &BoundFiles| {
        core.folder.get(role) == Some(&(files.package.digest, files.settings_digest)) && !other_terms(role, files)
    };
    let in_force = folder.policies.iter().filter(|(role, files)| !asked_before(role, files));
    let is_baseline = |role: &Role, files: &BoundFiles| {
        let known = core.activation(*role, Binding::Baseline);
        known.is_some_and(|known| known.package == files.package.digest && known.settings == files.settings_digest)
    };
    let baselines = folder.baselines.iter().filter(|(role, files)| !is_baseline(role, files));
    let in_force = in_force.map(|(role, files)| of(role, PolicyMode::Enforce, files));
    in_force.chain(baselines.map(|(role, files)| of(role, PolicyMode::Baseline, files))).collect()
}

/// The folders that are watched.
pub(crate) struct Watched {
    watcher: notify::RecommendedWatcher,
    /// Each with the district folder - or trust file - that it belongs to.
    owners: Vec<(PathBuf, PathBuf)>,
    /// Folders that are not there, or may be others by now: a folder that was replaced is not the one that is watched.
    lost: BTreeSet<PathBuf>,
}

/// Watches folders until it is dropped.
pub(crate) struct FolderWatch(Arc<Mutex<Watched>>);

/// What the watch calls for each folder that may have changed.
pub(crate) type OnChange = Arc<dyn Fn(&Path) + Send + Sync>;

/// What the system tells of.
#[derive(Debug)]
enum Told {
    /// Something of this path changed.
    Path(PathBuf),
    /// Some of what changed was not told: anything may have.
    Anything,
}

impl FolderWatch {
    /// Calls back, on a thread of its own, for each district folder of which a watched file changed.
    pub(crate) fn start(folders: Vec<(PathBuf, BTreeSet<PathBuf>)>, on_change: OnChange) -> Result<Self, OpenError> {
        let (tell, told) = channel::<Told>();
        let failed = |reason: notify::Error| OpenError::System {
            what: "watch the district folders".into(),
            reason: std::io::Error::other(reason),
        };
        // The receiver is gone only when the host stops.
        let hear =
            move |event: notify::Result<notify::Event>| heard(event).into_iter().for_each(|one| drop(tell.send(one)));
        let watcher = notify::recommended_watcher(hear).map_err(failed)?;
        let mut watched = Watched { watcher, owners: Vec::new(), lost: BTreeSet::new() };
        for (district, named) in folders {
            for folder in named {
                watched.add(&district, &folder).map_err(failed)?;
            }
        }
        let watched = Arc::new(Mutex::new(watched));
        // Whoever holds the watch ends the thread by dropping it.
        let looked_after = Arc::downgrade(&watched);
        let look_after = move || run(&told, &looked_after, &on_change);
        let spawned = std::thread::Builder::new().name("reload".into()).spawn(look_after);
        spawned.map_err(|reason| OpenError::System { what: "start the reload thread".into(), reason })?;
        Ok(Self(watched))
    }

    /// Watches what a district's folder names by now, too. True when any of it was not watched before: then what lies there
    /// may have changed unseen since it was read.
    pub(crate) fn follow(&mut self, district: &Path, named: &BTreeSet<PathBuf>) -> bool {
        let mut watched = self.0.lock().expect("no holder panics");
        let mut grown = false;
        for folder in named {
            match watched.add(district, folder) {
                Ok(new) => grown |= new,
                Err(error) => {
                    tracing::warn!(
                        target: "muster::reload", folder = %folder.display(), %error,
                        "a folder that a district names cannot be watched yet; it is looked for every second"
                    );
                    watched.lose(district, folder);
                }
            }
        }
        grown
    }
}

impl Watched {
    fn add(&mut self, district: &Path, folder: &Path) -> notify::Result<bool> {
        let owned = owned(district, folder);
        if self.owners.contains(&owned) {
            return Ok(false);
        }
        self.watcher.watch(&owned.0, RecursiveMode::NonRecursive)?;
        self.owners.push(owned);
        Ok(true)
    }

    /// A folder that is not there, to be watched as soon as it is.
    fn lose(&mut self, district: &Path, folder: &Path) {
        let owned = owned(district, folder);
        self.lost.insert(owned.0.clone());
        self.owners.push(owned);
    }

    /// The districts that something was told of. A folder that was removed, replaced or missing is watched anew as soon as
    /// it is there, and counts as changed.
    fn touched(&mut self, changed: &[Told]) -> BTreeSet<PathBuf> {
        let itself = |folder: &Path| changed.iter().any(|one| matches!(one, Told::Path(path) if path == folder));
        let moved = self.owners.iter().filter(|(folder, _)| itself(folder)).map(|(folder, _)| folder.clone());
        self.lost.extend(moved);
        let watcher = &mut self.watcher;
        let found: Vec<PathBuf> = self.lost.extract_if(.., |folder| is_watched_anew(watcher, folder)).collect();
        let is_touched = |folder: &PathBuf| {
            found.contains(folder)
                || changed.iter().any(|one| match one {
                    Told::Path(path) => path.parent() == Some(folder) || path == folder,
                    Told::Anything => true,
                })
        };
        self.owners.iter().filter(|(folder, _)| is_touched(folder)).map(|(_, district)| district.clone()).collect()
    }
}

fn owned(district: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    (folder.canonicalize().unwrap_or_else(|_| folder.into()), district.to_path_buf())
}

fn is_watched_anew(watcher: &mut notify::RecommendedWatcher, folder: &Path) -> bool {
    // Where the folder is gone its watch went with it; where it was moved the watch went along.
    drop(watcher.unwatch(folder));
    watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
}

/// What an event of the system means here.
fn heard(event: notify::Result<notify::Event>) -> Vec<Told> {
    match event {
        Ok(event) if event.need_rescan() => vec![Told::Anything],
        Ok(event) if event.kind.is_access() => Vec::new(),
        Ok(event) => event.paths.into_iter().map(Told::Path).collect(),
        Err(error) => {
            tracing::warn!(target: "muster::reload", %error, "the system could not tell what changed; every folder is read again");
            vec![Told::Anything]
        }
    }
}

/// What was told until there is quiet, or, where something never is quiet, until the longest wait is over; nothing, when
/// nothing was told for a while. `None` once nobody tells any more.
fn collect(told: &Receiver<Told>, quiet: Duration, longest: Duration) -> Option<Vec<Told>> {
    let mut changed = match told.recv_timeout(LOOKS_AGAIN) {
        Ok(one) => vec![one],
        Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => return None,
    };
    let deadline = Instant::now() + longest;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Some(changed);
        }
        match told.recv_timeout(quiet.min(left)) {
            Ok(one) => changed.push(one),
            Err(RecvTimeoutError::Timeout) => return Some(changed),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn run(told: &Receiver<Told>, watched: &Weak<Mutex<Watched>>, on_change: &OnChange) {
    while let Some(changed) = collect(told, QUIET, LONGEST) {
        let Some(watched) = watched.upgrade() else { return };
        let districts = watched.lock().expect("no holder panics").touched(&changed);
        drop(watched);
        for district in districts {
            on_change(&district);
        }
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
