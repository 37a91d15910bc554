//! The journal as the outbox reads it: durable entries of every chain, those of drills included.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::DistrictId;
use muster_kernel::record::Entry;
use muster_outbox::{Journal, JournalError};
use muster_runtime::Host;

use super::heard::Heard;
use super::view::Memo;

/// The host's journal.
pub(super) struct Durable {
    host: Arc<Host>,
    memo: Arc<Memo>,
    heard: Arc<Heard>,
}

impl Durable {
    pub(super) fn new(host: Arc<Host>, memo: Arc<Memo>, heard: Arc<Heard>) -> Self {
        Self { host, memo, heard }
    }
}

impl Journal for Durable {
    fn heads(&self) -> Result<BTreeMap<DistrictId, u64>, JournalError> {
        Ok(self.host.heads())
    }

    fn entries(&self, district: &DistrictId, after: u64, most: usize) -> Result<Vec<Entry>, JournalError> {
        // What is known of the district is asked anew with every batch of entries.
        self.memo.forget();
        let entries = self.host.entries_after(district, after, most).map_err(|error| JournalError {
            district: district.clone(),
            after,
            reason: error.to_string(),
        })?;
        if !entries.is_empty() {
            self.heard.read_again(district);
        }
        Ok(entries)
    }
}
