//! The gate: everything that the host knows about who may come in, in one place. It proves what callers show, slows down
//! those who guess, keeps the register of tokens with one writer, and remembers approvals. What an identity may do is
//! decided by `muster-access`; this only asks. It must never hold a lock while it waits, nor log a secret.

pub(crate) mod approvals;
mod caller;
mod issuers;
pub(crate) mod permit;
pub(crate) mod tokens;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use muster_access::guard::{GuessingGuard, Throttled};
use muster_access::listen::{Listening, is_at_the_machine, listen};
use muster_access::second_person::{Approval, SecondPersonRules};
use muster_access::token::{FileStore, Limits, Proofs, Shown, StoreError, TokenRegister, TokenStore as _};
use muster_access::{Identity, Proof, ProofFailure, Settings, Words, bearer};
use muster_kernel::{DistrictId, Instant, NodeCode};
use muster_runtime::Host;

pub(crate) use caller::{Caller, at_the_door};

use crate::connection::Peer;
use issuers::RunningIssuers;

/// Where in the data folder the register of tokens is.
const REGISTER: &str = "access/tokens.json";

/// The file of the register in a data folder. Its folder is made, for its owner alone.
///
/// # Errors
/// When the folder cannot be made.
pub fn register_file(data: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let file = data.join(REGISTER);
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    Ok(file)
}

/// Why there is no gate, so that nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The register's folder.
    #[error("the folder of the register of tokens in {path}: {reason}")]
    Folder {
        /// The data folder.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The register.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The districts did not answer.
    #[error("the tree of district {0} cannot be asked: {1}")]
    District(DistrictId, muster_runtime::QueryError),
}

/// Who may come in.
pub struct Gate {
    settings: Settings,
    proofs: RwLock<Arc<Proofs>>,
    /// The one writer. Held while a change is journaled; those who only prove never need it.
    register: tokio::sync::Mutex<TokenRegister>,
    store: FileStore,
    guard: Mutex<GuessingGuard>,
    issuers: RunningIssuers,
    development: Option<Arc<Identity>>,
    public: Option<Arc<Identity>>,
    approvals: Mutex<Vec<Approval>>,
}

/// Why somebody is not let in.
pub(crate) enum NotLetIn {
    /// Nothing was shown.
    NothingShown,
    /// What was shown is no proof.
    Failed(ProofFailure),
    /// Too many failed proofs.
    Throttled(Throttled),
}

impl Gate {
    /// The gate of a host.
    ///
    /// # Errors
    /// When the register of tokens cannot be read, or a district cannot be asked for its root.
    pub async fn open(settings: Settings, data: &Path, host: &Host) -> Result<Self, GateError> {
        let file = register_file(data).map_err(|reason| GateError::Folder { path: data.into(), reason })?;
        let store = FileStore::new(file);
        let register = store.load()?;
        let mut districts: Vec<(DistrictId, NodeCode)> = Vec::new();
        for id in host.districts() {
            let root = |state: &muster_kernel::State| state.charter().map(top);
            let root = host.query(id.as_str(), root).await;
            let root = root.map_err(|reason| GateError::District(id.clone(), reason))?;
            districts.extend(root.map(|root| (id, root)));
        }
        let access = &settings.access;
        let development = access.development.then(|| Arc::new(Identity::loopback_development(&districts)));
        let public = access.public_view.then(|| Arc::new(Identity::public(districts.into_iter().map(|(id, _)| id))));
        Ok(Self {
            proofs: RwLock::new(Arc::new(Proofs::of(&register))),
            register: tokio::sync::Mutex::new(register),
            store,
            guard: Mutex::new(GuessingGuard::new(access.pace())),
            issuers: RunningIssuers::new(access),
            development,
            public,
            approvals: Mutex::default(),
            settings,
        })
    }

    /// Whether the host may listen on an address, with what protects its port now.
    pub fn listening(&self, bind: std::net::SocketAddr, at: Instant) -> Listening {
        listen(bind, self.settings.posture(self.proofs().any_holds(at)))
    }

    /// What must be said at the start and in the status as long as it is so.
    pub fn warnings(&self) -> Vec<Words> {
        let development = self.development.is_some().then(|| {
            Words::new(
                "开发模式：本机上的任何人无需凭证即可做任何事；正式使用请去掉 development = true，并使用令牌",
                "DEVELOPMENT MODE: whoever sits at this machine may do everything without proof; for real use take out \
                 `development = true` and use tokens",
            )
        });
        development.into_iter().collect()
    }

    fn proofs(&self) -> Arc<Proofs> {
        Arc::clone(&self.proofs.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn guard(&self) -> MutexGuard<'_, GuessingGuard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn approvals(&self) -> MutexGuard<'_, Vec<Approval>> {
        self.approvals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.settings.access.limits()
    }

    pub(crate) fn second_person_rules(&self) -> SecondPersonRules {
        self.settings.access.second_person_rules()
    }

    /// Failed proofs since the start by kind, and proofs that had to wait.
    pub(crate) fn failures(&self) -> (Vec<(&'static str, u64)>, u64) {
        let guard = self.guard();
        (guard.failures().iter().map(|(code, count)| (*code, *count)).collect(), guard.throttled())
    }

    /// Issuers whose newest keys are not in force, and why.
    pub(crate) fn issuer_problems(&self) -> Vec<(String, String)> {
        self.issuers.problems()
    }

    /// Who a caller is, by what they show: a bearer token, else a client certificate, else, where the settings let it, by
    /// sitting at the machine, else nobody in particular.
    pub(crate) async fn identify(
        &self,
        authorization: Option<&str>,
        peer: &Peer,
        was_forwarded: bool,
        at: Instant,
    ) -> Result<Arc<Identity>, NotLetIn> {
        if let Some(header) = authorization {
            return self.by_header(header, peer.remote, at).await;
        }
        if let Some(machine) = &peer.machine {
            self.guard().admit(peer.remote, None, at).map_err(NotLetIn::Throttled)?;
            let machines = &self.settings.access.client_certificate;
            return machine.identity(machines, at).map_err(|failure| self.failed(peer.remote, failure, at));
        }
        if let Some(development) = &self.development
            && is_at_the_machine(peer.remote, was_forwarded)
        {
            return Ok(Arc::clone(development));
        }
        self.public.clone().ok_or(NotLetIn::NothingShown)
    }

    async fn by_header(&self, header: &str, remote: IpAddr, at: Instant) -> Result<Arc<Identity>, NotLetIn> {
        let proved = match bearer(header) {
            Ok(token) if Shown::is_ours(token) => match Shown::parse(token) {
                Ok(shown) => {
                    self.guard().admit(remote, Some(shown.id), at).map_err(NotLetIn::Throttled)?;
                    self.proofs().prove(&shown, at)
                }
                Err(failure) => self.admitted(remote, at, Err(failure))?,
            },
            Ok(token) => {
                self.admitted(remote, at, Ok(()))?.map_err(NotLetIn::Failed)?;
                self.issuers.prove(token, at).await
            }
            Err(failure) => self.admitted(remote, at, Err(failure))?,
        };
        proved.map_err(|failure| self.failed(remote, failure, at))
    }

    /// What is answered to something that names no token of this host, if its sender may try at all.
    fn admitted<T>(
        &self,
        remote: IpAddr,
        at: Instant,
        answer: Result<T, ProofFailure>,
    ) -> Result<Result<T, ProofFailure>, NotLetIn> {
        self.guard().admit(remote, None, at).map_err(NotLetIn::Throttled)?;
        Ok(answer)
    }

    fn failed(&self, remote: IpAddr, failure: ProofFailure, at: Instant) -> NotLetIn {
        self.guard().failed(remote, &failure, at);
        NotLetIn::Failed(failure)
    }

    /// Whether somebody who came in before would still be let in with the same proof: for answers that last.
    pub(crate) fn still_holds(&self, identity: &Identity, at: Instant) -> bool {
        match &identity.proof {
            Proof::Token { id, .. } => self.proofs().still_holds(*id, at),
            // Others end with their connection, or with the host.
            _ => true,
        }
    }

    /// To be called now and then: keeps on which day tokens were used last, and forgets approvals that hold no more.
    ///
    /// # Errors
    /// When the register cannot be kept; nothing is lost but the days.
    pub async fn tidy(&self, at: Instant) -> Result<(), StoreError> {
        let hold = self.second_person_rules().approvals_hold;
        self.approvals().retain(|approval| approval.given + hold > at);
        let mut register = self.register.lock().await;
        let days: Vec<_> = self.proofs().days().collect();
        if register.used(days) {
            tokio::task::block_in_place(|| self.store.replace(&register))?;
        }
        Ok(())
    }
}

/// The topmost node of a tree: a body above the district's own root gives orders, too, and whoever sits at a machine under
/// development plays all of them.
fn top(charter: &muster_kernel::charter::Charter) -> NodeCode {
    let parent = |code: &NodeCode| charter.nodes.iter().find(|node| node.code == *code)?.parent.clone();
    // A tree has no circle; the bound holds whatever a file says.
    let above = std::iter::successors(Some(charter.root.clone()), parent).take(charter.nodes.len() + 1);
    above.last().unwrap_or_else(|| charter.root.clone())
}
