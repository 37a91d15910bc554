//! What a policy may ask the host, and sets of it. A set is only ever made smaller on its way to a call: what the manifest
//! wants, what the binding allows, what the host allows.

/// Something that a policy may ask the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// To log.
    Log,
    /// To read its settings.
    Settings,
    /// To read nodes, departments and posts.
    Roster,
    /// To reckon in civil time.
    Calendar,
    /// To remember.
    Memory,
    /// To read what the journal says.
    Facts,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Log, Self::Settings, Self::Roster, Self::Calendar, Self::Memory, Self::Facts];

    /// The capability whose interface has this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.interface() == name)
    }

    /// The name of the contract's interface.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Settings => "settings",
            Self::Roster => "roster",
            Self::Calendar => "calendar",
            Self::Memory => "memory",
            Self::Facts => "facts",
        }
    }
}

/// A name that is no capability of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no capability; there are: log, settings, roster, calendar, memory, facts")]
pub struct UnknownCapability(pub String);

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that the contract knows.
    pub fn all() -> Self {
        Capability::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u8)
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of this set that the other lacks: what a new grant adds to an old one.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The set that these names make, as manifests and bindings write them: the names of the contract's interfaces.
    ///
    /// # Errors
    /// When a name is none of the contract's: a capability that this host does not know cannot be granted by it.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownCapability> {
        names.into_iter().try_fold(Self::NONE, |set, name| {
            let capability = Capability::named(name).ok_or_else(|| UnknownCapability(name.into()))?;
            Ok(set.with(capability))
        })
    }

    /// The names of the set, in the order of the contract.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Capability::interface).collect()
    }

    /// The capabilities of the set, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set has this one.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_a_set_and_a_set_gives_its_names() {
        let set = Capabilities::from_names(["facts", "log"]).expect("known names");
        assert_eq!(set.names(), ["log", "facts"]);
        assert!(set.has(Capability::Facts) && !set.has(Capability::Memory));
        assert_eq!(Capabilities::from_names(Capabilities::all().names()), Ok(Capabilities::all()));
        let unknown = Capabilities::from_names(["log", "network"]).expect_err("no such capability");
        assert!(unknown.to_string().contains("`network`"), "{unknown}");
        for capability in Capability::ALL {
            assert!(unknown.to_string().contains(capability.interface()), "{unknown}");
        }
    }

    #[test]
    fn what_a_new_grant_adds_is_what_the_old_one_lacks() {
        let old = Capabilities::from_names(["log", "settings"]).expect("known names");
        let new = Capabilities::from_names(["settings", "memory"]).expect("known names");
        assert_eq!(new.without(old).names(), ["memory"]);
        assert!(new.without(Capabilities::all()).is_empty());
        assert_eq!(new.and(old).names(), ["settings"]);
    }
}
