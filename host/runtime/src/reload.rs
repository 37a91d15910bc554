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
use muster_kernel::{Digest, State};
use notify::{RecursiveMode, Watcher};

use crate::district::Install;
use crate::folder::{self, Folder};
use crate::open::{OpenError, Parts};

/// How long a folder must be quiet before it is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// What a folder wants changed.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) charter: Option<(Box<Charter>, Digest)>,
    pub(crate) installs: Vec<Install>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.charter.is_none() && self.installs.is_empty()
    }
}

/// What differs between a folder and what is in force.
pub(crate) fn difference(parts: &Parts, folder: &Folder, state: &State) -> Result<Changes, OpenError> {
    // A drill's district bears a name of its own; everything else of the charter is the same.
    let in_force = state.charter();
    let named = in_force.map(|charter| Charter { district: folder.charter.district.clone(), ..charter.clone() });
    let charter =
        (named.as_ref() != Some(&folder.charter)).then(|| (Box::new(folder.charter.clone()), folder.charter_digest));
    let changed = folder.policies.iter().filter(|(role, files)| {
        !state.core.policies.get(role).is_some_and(|activation| {
            activation.package == files.package.digest && activation.settings == files.settings_digest
        })
    });
    // Compiling takes long, and one package needs nothing of another.
    let installs = std::thread::scope(|scope| {
        let compiling: Vec<_> = changed.map(|(role, files)| scope.spawn(move || parts.prepare(*role, files))).collect();
        let joined = compiling.into_iter().map(|thread| thread.join().expect("compiling does not panic"));
        joined.collect::<Result<Vec<Install>, OpenError>>()
    })?;
    Ok(Changes { charter, installs })
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

/// Reads a folder and says what it wants changed.
pub(crate) fn read(parts: &Parts, path: &Path, state: &State) -> Result<Changes, OpenError> {
    difference(parts, &folder::read(path)?, state)
}
