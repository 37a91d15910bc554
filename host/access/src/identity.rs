//! Who somebody is, what they are bound to, and how they proved it. An identity is made by a proof only, or by the
//! development profile on the machine itself; it must never be read from what a caller merely says.

use std::collections::BTreeSet;
use std::fmt;

use muster_kernel::{DistrictId, NodeCode, Tier};
use serde::{Deserialize, Deserializer, Serialize};

use crate::token::TokenId;
use crate::{AccessRole, Words};

/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 200;
/// What a drill's district ends with; the runtime names them so.
pub(crate) const EXERCISE_SUFFIX: &str = ".exercise";

/// A person or machine, by the one name under which it is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Subject(String);

/// Why a text names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Empty, or nearly endless.
    #[error("a subject has 1 to {SUBJECT_BYTES_MAX} bytes; this one has {0}")]
    Length(usize),
    /// Something that people could not tell from another subject.
    #[error("the subject `{0}` begins or ends with a space or holds a control character; write it without")]
    Unprintable(String),
}

impl Subject {
    /// Reads a subject.
    ///
    /// # Errors
    /// When it is empty, too long, or holds what cannot be seen.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        if text.is_empty() || text.len() > SUBJECT_BYTES_MAX {
            return Err(SubjectError::Length(text.len()));
        }
        // Format characters (bidirectional marks, zero widths) make two subjects look like one.
        let hidden = |letter: char| {
            letter.is_control()
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        if text.trim() != text || text.chars().any(hidden) {
            return Err(SubjectError::Unprintable(text.escape_debug().to_string()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two subjects are to be counted as one person: letters' case does not make two people.
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A role, and where it is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The role.
    pub role: AccessRole,
    /// The district; absent for roles of the host, and only for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<DistrictId>,
    /// The node that is its own. Without one it reaches only what its role has in the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeCode>,
    /// Narrows it to nodes of this tier and lower ones: the streets under a district, but not the district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Held in the district's drills instead of in the district.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exercise: bool,
}

/// Why a binding cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// A role of the host with a place.
    #[error("the role {0} is held for the whole host; leave out `district`, `node`, `tier` and `exercise`")]
    HostRoleWithPlace(AccessRole),
    /// A role of a district without one.
    #[error("the role {0} is held in a district; say `district`")]
    WithoutDistrict(AccessRole),
    /// A drill's district by its own name.
    #[error("`{0}` is where the drills of a district are played; name the district and say `exercise = true`")]
    ExerciseByName(DistrictId),
}

impl Binding {
    /// A role at a node of a district.
    pub fn at(role: AccessRole, district: impl Into<DistrictId>, node: impl Into<NodeCode>) -> Self {
        Self { role, district: Some(district.into()), node: Some(node.into()), tier: None, exercise: false }
    }

    /// A role in a district, without a node of its own.
    pub fn in_district(role: AccessRole, district: impl Into<DistrictId>) -> Self {
        Self { role, district: Some(district.into()), node: None, tier: None, exercise: false }
    }

    /// A role of the host.
    pub fn of_host(role: AccessRole) -> Self {
        Self { role, district: None, node: None, tier: None, exercise: false }
    }

    /// The same in the drills.
    #[must_use]
    pub fn in_drills(self) -> Self {
        Self { exercise: true, ..self }
    }

    /// Whether it holds together.
    ///
    /// # Errors
    /// When role and place do not fit.
    pub fn check(&self) -> Result<(), BindingError> {
        let placed = self.district.is_some() || self.node.is_some() || self.tier.is_some() || self.exercise;
        match (&self.district, self.role.is_of_the_host()) {
            (_, true) if placed => Err(BindingError::HostRoleWithPlace(self.role)),
            (None, false) => Err(BindingError::WithoutDistrict(self.role)),
            (Some(district), _) if district.as_str().ends_with(EXERCISE_SUFFIX) => {
                Err(BindingError::ExerciseByName(district.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// A post (岗位) of a node: what acts. Persons hold posts for a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// The node.
    pub node: NodeCode,
    /// The post's name, for instance `duty_leader`.
    pub name: String,
}

impl fmt::Display for Post {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.node, self.name)
    }
}

/// How an identity was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Proof {
    /// A bearer token of this host.
    Token {
        /// Its id.
        id: TokenId,
        /// Whether it dies with its first use for an administrative act.
        one_time: bool,
    },
    /// A signed token of an issuer.
    OpenIdConnect {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// A client certificate.
    ClientCertificate {
        /// Its subject, RFC 4514.
        subject: String,
        /// The SHA-256 of its bytes.
        digest: muster_kernel::Digest,
    },
    /// Nothing: the development profile, from this machine.
    LoopbackDevelopment,
    /// Nothing: anybody, where the settings open the public view.
    Public,
}

/// Somebody, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Under which name they are counted.
    pub subject: Subject,
    /// What people call them.
    pub display_name: String,
    /// Roles, and where.
    pub bindings: Vec<Binding>,
    /// Posts that they hold by their proof, whatever the roster says.
    pub posts: BTreeSet<Post>,
    /// The `source`s under which they send events; the charter's powers rest on these.
    pub sources: BTreeSet<String>,
    /// How it was proved.
    pub proof: Proof,
}

impl Identity {
    /// Whoever sits at the machine, under the development profile: every role at the node that is given for each district, and in its drills.
    pub fn loopback_development(districts: &[(DistrictId, NodeCode)]) -> Self {
        let of_district = |role: AccessRole, (district, root): &(DistrictId, NodeCode)| {
            let binding = Binding::at(role, district.clone(), root.clone());
            [binding.clone(), binding.in_drills()]
        };
        let roles = AccessRole::ALL.into_iter().filter(|role| !role.is_of_the_host());
        let mut bindings: Vec<Binding> =
            roles.flat_map(|role| districts.iter().flat_map(move |district| of_district(role, district))).collect();
        bindings.push(Binding::of_host(AccessRole::Operator));
        bindings.sort_by(|one, other| one.district.cmp(&other.district));
        Self::unproved("development", "development, this machine", bindings, Proof::LoopbackDevelopment)
    }

    /// Anybody, in the districts whose public view is open.
    pub fn public(districts: impl IntoIterator<Item = DistrictId>) -> Self {
        let bound = districts.into_iter().map(|id| Binding::in_district(AccessRole::PublicReader, id));
        let mut bindings: Vec<Binding> = bound.collect();
        bindings.sort_by(|one, other| one.district.cmp(&other.district));
        Self::unproved("public", "public", bindings, Proof::Public)
    }

    /// The bindings that are worth a look for a district first. Nobody's proof is bound in all the thousands of districts that
    /// a host may have, but who needs none is: theirs stand in the order of districts, the host's before all.
    pub(crate) fn bindings_near(&self, district: Option<&DistrictId>) -> impl Iterator<Item = &Binding> {
        let all = self.bindings.as_slice();
        let (of_host, of_district) = match self.proof {
            Proof::LoopbackDevelopment | Proof::Public => {
                let (of_host, placed) = all.split_at(all.partition_point(|binding| binding.district.is_none()));
                let first = placed.partition_point(|binding| binding.district.as_ref() < district);
                let end = placed.partition_point(|binding| binding.district.as_ref() <= district);
                (of_host, &placed[first..end])
            }
            _ => (all, &[][..]),
        };
        of_host.iter().chain(of_district)
    }

    fn unproved(subject: &str, name: &str, bindings: Vec<Binding>, proof: Proof) -> Self {
        Self {
            subject: Subject(subject.into()),
            display_name: name.into(),
            bindings,
            posts: BTreeSet::new(),
            sources: BTreeSet::new(),
            proof,
        }
    }

    /// Whether this identity may put its hand to an act in somebody's name.
    ///
    /// `on_duty` says whom the roster names for a post of a node now; the roster stands in the charter.
    ///
    /// # Errors
    /// When it is neither the identity nor a post or source that it holds.
    pub fn may_act_as(
        &self,
        claim: &Claim<'_>,
        on_duty: impl Fn(&NodeCode, &str) -> Option<String>,
    ) -> Result<(), NotTheirs> {
        if self.proof == Proof::LoopbackDevelopment {
            return Ok(());
        }
        let theirs = match claim {
            Claim::Person(name) => *name == self.subject.as_str(),
            Claim::Post { node, name } => {
                let post = Post { node: (*node).clone(), name: (*name).into() };
                self.posts.contains(&post) || on_duty(node, name).is_some_and(|who| who == self.subject.as_str())
            }
            Claim::Source(source) => self.sources.contains(*source),
        };
        if theirs { Ok(()) } else { Err(NotTheirs { subject: self.subject.clone(), claim: claim.to_string() }) }
    }
}

/// In whose name an act is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<'a> {
    /// A person: the `by` of an act or of a change.
    Person(&'a str),
    /// A post of a node.
    Post {
        /// The node.
        node: &'a NodeCode,
        /// The post's name.
        name: &'a str,
    },
    /// The `source` of an event.
    Source(&'a str),
}

impl fmt::Display for Claim<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(formatter, "person `{name}`"),
            Self::Post { node, name } => write!(formatter, "post `{name}` of {node}"),
            Self::Source(source) => write!(formatter, "source `{source}`"),
        }
    }
}

/// An act in somebody else's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{subject}` may not act as {claim}; act as yourself, or as a post or source that you hold")]
pub struct NotTheirs {
    /// Who tried.
    pub subject: Subject,
    /// In whose name.
    pub claim: String,
}

impl NotTheirs {
    /// The same for people.
    pub fn words(&self) -> Words {
        let zh = format!(
            "{} 不能以他人名义({})行事；请以本人名义，或以本人担任的岗位、持有的来源行事",
            self.subject, self.claim
        );
        Words::new(zh, self.to_string())
    }
}
