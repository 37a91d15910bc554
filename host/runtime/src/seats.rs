//! A district and its drill, brought up side by side and given their seats on a shard.

use std::sync::Arc;

use muster_kernel::{DistrictId, Instant};
use muster_store::Record;

use crate::activation::{Attempt, is_in_crisis};
use crate::district::{District, Outcome, exercise_of};
use crate::folder::Folder;
use crate::open::{OpenError, Parts};
use crate::reload::{self, Changes};
use crate::shard::{Mailbox, Shard};

/// A district that was brought up, with what its folder changed.
pub(crate) struct OpenedDistrict {
    district: District,
    drill: District,
    drill_begins: Changes,
    /// What must be durable before the district serves.
    pub(crate) records: Vec<Record>,
    /// Why the folder's newest files are not in force, when they are not.
    pub(crate) problem: Option<String>,
    /// What its folder wanted, step by step.
    pub(crate) attempts: Vec<Attempt>,
}

/// A new district begins with all that its folder says, or not at all.
fn admitted(attempt: &Attempt) -> Result<(), OpenError> {
    let Some(refused) = attempt.refusal() else { return Ok(()) };
    Err(OpenError::NotAdmitted { role: attempt.role, step: refused.step.english(), reason: refused.words.en.clone() })
}

impl OpenedDistrict {
    /// Brings a district up and applies what its folder says. A package that cannot be used now does not keep the host
    /// from serving what is in force.
    pub(crate) fn open(parts: &Parts, folder: &Folder, now: Instant) -> Result<Self, OpenError> {
        // What the folder still has, the vault need not miss.
        for files in folder.policies.values() {
            parts.vault.put(&files.package.bytes)?;
            parts.vault.put(&files.settings_bytes)?;
        }
        let mut district = parts.bring_up(&folder.charter.district)?;
        let mut outcome = Outcome::default();
        let changes =
            reload::difference(parts, folder, &district.state.core, is_in_crisis(&district.state), now, "start");
        let problem = changes.problem();
        if district.state.core.seq == 0 {
            changes.attempts.iter().try_for_each(admitted)?;
        }
        if let Some((charter, digest)) = changes.charter {
            district.set_charter(now, charter, digest, &mut outcome);
        }
        for install in changes.installs {
            district.install(now, install, &mut outcome);
        }
        let drill = parts.bring_up(&exercise_of(&district.id))?;
        let drill_begins = district.for_drill(&drill);
        Ok(Self { district, drill, drill_begins, records: outcome.records, problem, attempts: changes.attempts })
    }

    /// Seats the district and its drill; gives what the outside sees of each.
    pub(crate) fn take_seats(self, shard: &mut Shard) -> [(DistrictId, Arc<Mailbox>); 2] {
        let seated = [(self.district, Changes::default()), (self.drill, self.drill_begins)];
        seated.map(|(district, begins)| {
            let (id, mailbox) = (district.id.clone(), Mailbox::new());
            shard.seat(district, Arc::clone(&mailbox), begins);
            (id, mailbox)
        })
    }
}
