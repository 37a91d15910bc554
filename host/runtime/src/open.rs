//! Bringing a district up: view, then journal, then the policies that the journal says are in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_kernel::record::{Activation, Entry};
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, DistrictId, Role, State, fold, snapshot};
use muster_packages::Package;
use muster_sandbox::{Bound, Capabilities, CompileError, Limits, PolicySet, Program};
use muster_store::{Disk, Journal, Options as JournalOptions, Rows, Vault, VaultError};

use crate::district::{District, Install};
use crate::folder::{BoundFiles, FolderError};
use crate::workshop::Workshop;

/// Why a district cannot be brought up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] muster_store::Error),
    /// The journal refused an entry.
    #[error(transparent)]
    Append(#[from] muster_store::AppendError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The checkpoints.
    #[error(transparent)]
    Checkpoint(#[from] muster_store::CheckpointError),
    /// The view.
    #[error(transparent)]
    View(#[from] muster_store::ViewError),
    /// The sandbox.
    #[error(transparent)]
    Engine(#[from] muster_sandbox::EngineError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A package cannot be compiled.
    #[error("{package}: {reason}")]
    Compile {
        /// The package.
        package: String,
        /// Why.
        reason: CompileError,
    },
    /// A package does not answer for the role that it is bound to.
    #[error("{package} answers for {offered}, not for {role}; bind it to what it answers for")]
    Role {
        /// The package.
        package: String,
        /// What it answers for.
        offered: String,
        /// What it is bound to.
        role: Role,
    },
    /// An entry cannot be read.
    #[error("entry {seq} of district {district} cannot be read: {reason}")]
    Entry {
        /// The district.
        district: DistrictId,
        /// The position.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// The journal does not hold what was durable once.
    #[error(
        "district {district}: the view has seen entry {seen} in the journal, which {found}: entries that were \
         acknowledged are missing; restore the data folder from a backup, or delete its `view` to go on without them"
    )]
    Lost {
        /// The district.
        district: DistrictId,
        /// The entry that the view reflects.
        seen: u64,
        /// What the journal holds instead.
        found: String,
    },
    /// A district was given twice.
    #[error("district {0} is named by two folders")]
    Twice(DistrictId),
    /// The machine.
    #[error("{what}: {reason}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// No folder was given.
    #[error("no district folder is given")]
    NoDistrict,
    /// A file of the play.
    #[error("{file}, line {line}: {reason}")]
    Stream {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// What the parts of a host need of one another while a district is brought up.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) workshop: Workshop,
    pub(crate) journal: Arc<Journal>,
    pub(crate) vault: Vault,
    pub(crate) view: Option<Arc<dyn Rows>>,
}

impl Parts {
    /// The parts of a data folder that nobody writes to through this.
    pub(crate) fn read_only(data: &Path) -> Result<Self, OpenError> {
        let folder = data.join("journal");
        if !folder.is_dir() {
            let reason = std::io::Error::new(std::io::ErrorKind::NotFound, "it holds no `journal`; give a host's data");
            return Err(OpenError::System { what: data.display().to_string(), reason });
        }
        let disk =
            Disk::open(&folder).map_err(|reason| OpenError::System { what: folder.display().to_string(), reason })?;
        let journal = Arc::new(Journal::open_read_only(disk, JournalOptions::default())?);
        let vault = Vault::open(&data.join("vault"))?;
        Ok(Self { workshop: Workshop::new(Limits::STANDARD)?, journal, vault, view: None })
    }

    /// A district as its journal left it, with the policies that were in force.
    pub(crate) fn bring_up(&self, id: &DistrictId) -> Result<District, OpenError> {
        let mut state = self.from_view(id)?.unwrap_or_default();
        let begun = state.core.seq;
        for record in self.journal.read(id.as_str(), begun + 1) {
            let record = record?;
            let unreadable = |reason: String| OpenError::Entry { district: id.clone(), seq: record.seq, reason };
            let entry = Entry::from_bytes(&record.payload).map_err(|reason| unreadable(reason.to_string()))?;
            fold::fold(&mut state, &entry, Digest(record.hash));
        }
        tracing::info!(target: "muster::open", district = %id, from_view = begun, seq = state.core.seq, "state restored");
        let mut policies = PolicySet::new(self.workshop.engine().clone());
        let mut unloaded = BTreeMap::new();
        for (role, activation) in &state.core.policies {
            match self.from_vault(activation) {
                Ok(bound) => policies.bind(*role, bound),
                // The role is answered by the fallback, loudly, until a good policy is bound again.
                Err(error) => {
                    tracing::error!(target: "muster::open", district = %id, %role, %error, "the policy in force cannot be loaded");
                    unloaded.insert(*role, error.to_string());
                }
            }
        }
        Ok(District { unloaded, ..District::new(id.clone(), state, policies) })
    }

    /// The view's state, if it is whole. The view is written only once the journal holds what it reflects, so a view that
    /// runs ahead of the journal is proof of a loss.
    fn from_view(&self, id: &DistrictId) -> Result<Option<State>, OpenError> {
        let Some(view) = self.view.as_ref() else { return Ok(None) };
        let discard = |reason: &str| {
            tracing::warn!(target: "muster::view", district = %id, reason, "the view is not used; the journal rebuilds it");
            if let Err(error) = view.forget(id.as_str()) {
                tracing::warn!(target: "muster::view", district = %id, %error, "the view could not be forgotten");
            }
            Ok(None)
        };
        let loaded = match view.load(id.as_str()) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Ok(None),
            Err(error) => return discard(&error.to_string()),
        };
        if loaded.version != snapshot::VERSION {
            return discard("it is of another version");
        }
        let seen = loaded.position;
        let lost = |found: String| Err(OpenError::Lost { district: id.clone(), seen: seen.seq, found });
        match self.journal.record(id.as_str(), seen.seq)? {
            Some(record) if record.hash == seen.hash => {}
            Some(_) => return lost("is now another entry".into()),
            None => return lost(format!("ends at {}", self.journal.head(id.as_str()).seq)),
        }
        match snapshot::load(loaded.items.into_iter()) {
            Ok(state) if state.core.seq == seen.seq => Ok(Some(state)),
            Ok(_) => discard("its items are of another position"),
            Err(error) => discard(&error.to_string()),
        }
    }

    pub(crate) fn from_vault(&self, activation: &Activation) -> Result<Bound, OpenError> {
        let settings = self.vault.get(&activation.settings.0)?;
        let settings: Settings = serde_json::from_slice(&settings).map_err(|reason| OpenError::System {
            what: format!("settings {}", activation.settings.short()),
            reason: reason.into(),
        })?;
        let program = self.program(&activation.name, activation.package, || self.vault.get(&activation.package.0))?;
        let granted = program.imports().and(Capabilities::all());
        Ok(Bound {
            program,
            package: activation.package,
            settings: Arc::new(settings),
            settings_digest: activation.settings,
            granted,
        })
    }

    fn program(
        &self,
        name: &str,
        package: Digest,
        bytes: impl FnOnce() -> Result<Vec<u8>, VaultError>,
    ) -> Result<Program, OpenError> {
        let refused = |refused| match refused {
            Refused::Bytes(reason) => OpenError::Vault(reason),
            Refused::Program(reason) => OpenError::Compile { package: name.into(), reason },
        };
        self.workshop.program(package, || bytes().map_err(Refused::Bytes)).map_err(refused)
    }

    /// Compiles what a folder binds to a role, and keeps its exact bytes before any entry can name them.
    pub(crate) fn prepare(&self, role: Role, files: &BoundFiles) -> Result<Install, OpenError> {
        let Package { manifest, bytes, digest, .. } = &files.package;
        let name = format!("{} {}", manifest.id, manifest.version);
        let program = self.program(&name, *digest, || Ok(bytes.clone()))?;
        let roles = program.roles();
        if !roles.contains(&role) {
            let offered: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            return Err(OpenError::Role { package: name, offered: offered.join(", "), role });
        }
        self.vault.put(bytes)?;
        self.vault.put(&files.settings_bytes)?;
        let granted = program.imports().and(Capabilities::all());
        let activation = Activation {
            role,
            name: manifest.id.clone(),
            version: manifest.version.clone(),
            package: *digest,
            settings: files.settings_digest,
            engine: self.workshop.engine().identity().into(),
        };
        let settings = Arc::new(files.settings.clone());
        let bound = Bound { program, package: *digest, settings, settings_digest: files.settings_digest, granted };
        Ok(Install { activation, bound })
    }
}

/// Why a program is not to be had.
enum Refused {
    Bytes(VaultError),
    Program(CompileError),
}

impl From<CompileError> for Refused {
    fn from(reason: CompileError) -> Self {
        Self::Program(reason)
    }
}
