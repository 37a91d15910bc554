//! Change in the middle of things: what a folder says now against what is in force, prepared off the path of events.
//!
//! Read once, checked, compiled, kept; only then handed to the district, which swaps between two events. Any fault leaves
//! everything as it was and is shown in the status.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use muster_kernel::charter::Charter;
use muster_kernel::role::Binding;
use muster_kernel::state::Core;
use muster_kernel::{Digest, Instant, PolicyMode, Role};
use notify::{RecursiveMode, Watcher};

use crate::activation::{self, Attempt, Candidate, Scene};
use crate::district::Install;
use crate::folder::{BoundFiles, Folder};
use crate::open::{OpenError, Parts};

/// How long a folder must be quiet before it is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);

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
    now: Instant,
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

/// Watches folders until it is dropped.
pub(crate) struct FolderWatch {
    _watcher: notify::RecommendedWatcher,
}

/// What the watch calls for each folder that may have changed.
pub(crate) type OnChange = Arc<dyn Fn(&Path) + Send + Sync>;

impl FolderWatch {
    /// Calls back, on a thread of its own, for each district folder of which a watched file changed.
    pub(crate) fn start(folders: Vec<(PathBuf, BTreeSet<PathBuf>)>, on_change: OnChange) -> Result<Self, OpenError> {
        let (tell, told) = channel::<PathBuf>();
        let failed = |reason: notify::Error| OpenError::System {
            what: "watch the district folders".into(),
            reason: std::io::Error::other(reason),
        };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            for path in event.paths {
                // The receiver is gone only when the host stops.
                drop(tell.send(path));
            }
        })
        .map_err(failed)?;
        let mut owners = Vec::new();
        for (district, watched) in folders {
            for folder in watched {
                let folder = folder.canonicalize().unwrap_or(folder);
                watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(failed)?;
                owners.push((folder, district.clone()));
            }
        }
        let spawned = std::thread::Builder::new().name("reload".into()).spawn(move || run(&told, &owners, &on_change));
        spawned.map_err(|reason| OpenError::System { what: "start the reload thread".into(), reason })?;
        Ok(Self { _watcher: watcher })
    }
}

fn run(told: &Receiver<PathBuf>, owners: &[(PathBuf, PathBuf)], on_change: &OnChange) {
    while let Ok(first) = told.recv() {
        let mut changed = vec![first];
        loop {
            match told.recv_timeout(QUIET) {
                Ok(path) => changed.push(path),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let touched = |folder: &Path| changed.iter().any(|path| path.parent() == Some(folder) || path == folder);
        let districts: BTreeSet<&PathBuf> =
            owners.iter().filter(|(folder, _)| touched(folder)).map(|(_, district)| district).collect();
        for district in districts {
            on_change(district);
        }
    }
}
