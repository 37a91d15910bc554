//! What a clock that was set must not do: hold a recipient for longer than it would ever wait, or pass off the time that it
//! jumped over as time in which somebody was tried. Decides on instants that it is given; never reads a clock.

use muster_kernel::{Instant, Milliseconds};

use super::lane::{Lane, Slot};
use super::{Limits, Step};
use crate::{Change, Key, Row};

impl Limits {
    /// The most that counts as tried from one look at the clock to the next.
    pub(super) fn counted_max(&self) -> Milliseconds {
        Milliseconds(60_000.min(self.give_up_after.0 / 4))
    }
}

impl Lane {
    /// The clock shows this; it may have shown more before. No wait is longer from here than the longest of its kind.
    pub(super) fn look(&mut self, limits: &Limits, now: Instant, step: &mut Step) {
        self.rate.bound(now);
        self.endpoints.values_mut().for_each(|endpoint| endpoint.bound(limits, now));
        self.bound_receipts(now, step);
        let latest = now + limits.pause_max;
        for slot in self.slots(now) {
            self.count(limits, &slot, now);
            let Some(progress) = self.progress_mut(&slot) else { continue };
            if progress.not_before.is_some_and(|instant| instant > latest) {
                progress.not_before = Some(latest);
                self.keep(&slot, step);
            }
        }
    }

    /// What was delivered later than now begins its wait anew; what was missed already does not wait again.
    fn bound_receipts(&mut self, now: Instant, step: &mut Step) {
        for (id, one) in self.awaiting.iter_mut().filter(|(_, one)| one.delivered > now) {
            let missed = one.progress.out.contains(&one.channel);
            let within = if missed { Milliseconds(0) } else { one.until - one.delivered };
            (one.delivered, one.until) = (now, now + within);
            step.changes.push(Change { key: Key::Awaiting(id.clone()), row: Some(Row::Awaiting(one.clone())) });
        }
    }

    /// Counts the time up to now, once a message was tried.
    pub(super) fn count(&mut self, limits: &Limits, slot: &Slot, now: Instant) {
        let Some(progress) = self.progress_mut(slot).filter(|progress| progress.since.is_some()) else { return };
        let from = progress.counted.replace(now).unwrap_or(now);
        let passed = (now - from).0.clamp(0, limits.counted_max().0);
        progress.spent = Milliseconds(progress.spent.0.saturating_add(passed));
    }
}
