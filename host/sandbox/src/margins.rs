//! How near calls came to their limits, so that people see it before it bites. Never part of a decision and not journaled:
//! the entry's fuel is.

use std::fmt;

/// What a call may run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Units of fuel.
    Fuel,
    /// Bytes of linear memory, at the highest. A memory never shrinks.
    Memory,
    /// Elements of a table, at the highest.
    Table,
    /// Bytes handed over with questions to the host. What the answer takes is bounded as well, but not counted.
    Transfer,
    /// Questions to the host.
    Questions,
    /// Log lines. Lines beyond the limit are dropped and end nothing.
    LogLines,
    /// Changes to the policy's memory.
    MemoryChanges,
}

impl Resource {
    /// All of them, in the order of [`Margins`].
    pub const ALL: [Self; 7] =
        [Self::Fuel, Self::Memory, Self::Table, Self::Transfer, Self::Questions, Self::LogLines, Self::MemoryChanges];

    /// Its name in status and metrics, as manifests and bindings write the limit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Memory => "memory_bytes",
            Self::Table => "table_elements",
            Self::Transfer => "transfer",
            Self::Questions => "questions",
            Self::LogLines => "log_lines",
            Self::MemoryChanges => "memory_changes",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

/// How much of a limit was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// What was used.
    pub used: u64,
    /// What might have been used.
    pub limit: u64,
}

impl Used {
    /// The used part in thousandths, from 0 to 1000. A limit of nothing is reached when something was used.
    pub fn permille(self) -> u32 {
        let part = match self.limit {
            0 => u128::from(self.used.min(1)) * 1_000,
            limit => u128::from(self.used) * 1_000 / u128::from(limit),
        };
        u32::try_from(part.min(1_000)).unwrap_or(1_000)
    }
}

/// How near a call came to each of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Margins([Used; Resource::ALL.len()]);

impl Margins {
    pub(crate) fn new(used: impl Fn(Resource) -> Used) -> Self {
        Self(Resource::ALL.map(used))
    }

    /// How much of one limit was used.
    pub fn of(&self, resource: Resource) -> Used {
        self.0[resource as usize]
    }

    /// All limits and what was used of them.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, Used)> {
        Resource::ALL.into_iter().zip(self.0)
    }

    /// The limit that was nearest, and how much of it was used, in thousandths. The first of several that are as near.
    pub fn nearest(&self) -> (Resource, u32) {
        let first = (Resource::Fuel, self.of(Resource::Fuel).permille());
        let parts = self.iter().map(|(resource, used)| (resource, used.permille()));
        parts.fold(first, |nearest, next| if next.1 > nearest.1 { next } else { nearest })
    }

    /// For each limit the nearer of two calls.
    #[must_use]
    pub fn worse(&self, other: &Self) -> Self {
        Self::new(|resource| {
            let (one, two) = (self.of(resource), other.of(resource));
            if (two.permille(), two.used) > (one.permille(), one.used) { two } else { one }
        })
    }
}

/// What was seen of a role's calls since its policy was bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Calls that ran, also those that failed.
    pub calls: u64,
    /// The last call.
    pub last: Margins,
    /// For each limit the call that came nearest to it.
    pub worst: Margins,
}

impl Seen {
    pub(crate) fn add(&mut self, margins: Margins) {
        let worst = if self.calls == 0 { margins } else { self.worst.worse(&margins) };
        *self = Self { calls: self.calls.saturating_add(1), last: margins, worst };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn margins(fuel: u64, questions: u64) -> Margins {
        Margins::new(|resource| match resource {
            Resource::Fuel => Used { used: fuel, limit: 1_000 },
            Resource::Questions => Used { used: questions, limit: 10 },
            _ => Used { used: 0, limit: 5 },
        })
    }

    #[test]
    fn the_resources_stand_where_their_numbers_say() {
        for (place, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(resource as usize, place);
        }
    }

    #[test]
    fn the_nearest_is_by_parts_and_not_by_numbers() {
        assert_eq!(margins(700, 8).nearest(), (Resource::Questions, 800));
        assert_eq!(margins(900, 8).nearest(), (Resource::Fuel, 900));
        assert_eq!(Used { used: 3, limit: 0 }.permille(), 1_000);
        assert_eq!(Used { used: 0, limit: 0 }.permille(), 0);
        assert_eq!(Used { used: u64::MAX, limit: 1 }.permille(), 1_000);
    }

    #[test]
    fn the_worst_of_each_limit_is_kept() {
        let mut seen = Seen::default();
        seen.add(margins(700, 1));
        seen.add(margins(10, 9));
        assert_eq!((seen.calls, seen.last), (2, margins(10, 9)));
        assert_eq!(seen.worst, margins(700, 9));
    }
}
