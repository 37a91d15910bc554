//! What one entry may hold. An answer is bounded by what a call may hand over, but one decision can ask many times, and one
//! answer can be recorded many times: for each node, each addressee, each process.
//!
//! INVARIANT (an entry can be read again): what policies propose beyond the room is left out and said so, long before an
//! entry reaches the largest record that a journal reads.

use super::Deciding;
use crate::act::{Because, Effect};
use crate::record::{Fact, Fallback};
use crate::role::Failure;
use crate::{Instant, Milliseconds, Role};

/// Bytes of facts, as written, after which no further proposal of a policy takes effect in this entry. A journal reads
/// records of 16 MiB; one proposal and everything that follows from it stays far below the difference.
const FACT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many processes one entry may start. A process that starts another, which starts another, ends here.
const PROCESSES_STARTED_MAX: u32 = 16;

/// How soon a timer may fall due that a policy sets while it answers a timer. Without it a policy that says "at once" each
/// time would decide for ever.
const TIMER_APART: Milliseconds = Milliseconds::minutes(1);

impl Deciding<'_> {
    /// Counts a fact towards what the entry may hold.
    pub(super) fn weigh(&mut self, fact: &Fact) {
        self.bytes = self.bytes.saturating_add(serde_json::to_vec(fact).map_or(0, |bytes| bytes.len()));
    }

    /// Whether the entry has room for what else policies propose.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < FACT_BYTES_MAX
    }

    /// Lets proposals take effect one by one, as far as there is room. What is left out is a failure of the policy that
    /// proposed it, and people are asked.
    pub(super) fn enact_all(&mut self, role: Role, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            if !self.has_room() {
                self.policy_failed(role, Some(Failure::TooLarge), Fallback::HumanQueue);
                return;
            }
            self.enact(effect);
        }
    }

    /// Whether one more process may start in this entry; if not, that is said.
    pub(super) fn may_start_process(&mut self, kind: &str) -> bool {
        self.started += 1;
        if self.started <= PROCESSES_STARTED_MAX {
            return true;
        }
        let because = Because::new(
            "host:processes",
            alloc::format!("一次决定最多启动 {PROCESSES_STARTED_MAX} 个流程:未再启动「{kind}」"),
            alloc::format!("one decision starts at most {PROCESSES_STARTED_MAX} processes: `{kind}` was not started"),
        );
        self.proposal_refused("process", because);
        false
    }

    /// When a timer that a policy asks for falls due.
    pub(super) fn due_for_policy(&self, wanted: Instant) -> Instant {
        if self.on_timer { wanted.max(self.now() + TIMER_APART) } else { wanted }
    }
}
