//! May this caller do that there? Asked by every route, of the tree of the district as it is now. It must never answer
//! for a route that did not ask, and tells those who may not what they lack, and nothing else.

use muster_access::{Action, Claim, Refusal, Scope, Target, Verdict, Words, permits};
use muster_kernel::{Event, NodeCode, State, roster};
use muster_runtime::{Host, NotPermitted, Permission};

use super::Caller;
use crate::problem::{Kind, Problem};

/// How far below the asked node an answer may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The node alone.
    Alone,
    /// The node and every node below it.
    Below,
}

impl Reach {
    fn of(scope: Scope) -> Self {
        if scope == Scope::OwnNode { Self::Alone } else { Self::Below }
    }
}

/// The tree where none is needed.
fn no_tree(_: &NodeCode) -> Option<NodeCode> {
    None
}

impl Caller {
    /// For the host as a whole.
    pub(crate) fn on_host(&self, action: Action) -> Result<(), Problem> {
        match permits(&self.identity, action, &Target::host(), &no_tree) {
            Verdict::Permitted(_) => Ok(()),
            Verdict::Refused(refusal) => Err(self.refused(&refusal)),
        }
    }

    /// Whether something of the host as a whole is for this caller: for what is left out of an answer, and refused to nobody.
    pub(crate) fn may_on_host(&self, action: Action) -> bool {
        permits(&self.identity, action, &Target::host(), &no_tree).is_permitted()
    }

    /// Whether the caller may learn which districts there are at all.
    fn knows_the_host(&self) -> bool {
        self.may_on_host(Action::ReadStatus)
    }

    /// For some node of a district at least. Asked before anything costly is looked up of which only the answer tells at
    /// which node it lies: whoever has no part in the district does not make the host work.
    pub(crate) fn somewhere_in(&self, host: &Host, action: Action, district: &str) -> Result<(), Problem> {
        if !host.serves(district) && self.knows_the_host() {
            return Err(self.no_such_district(district));
        }
        match permits(&self.identity, action, &Target::district(district), &no_tree) {
            Verdict::Refused(refusal) if !refusal.depends_on_tree() => Err(self.refused(&refusal)),
            Verdict::Permitted(_) | Verdict::Refused(_) => Ok(()),
        }
    }

    /// For a node of a district, by the district's name in the route; without a node, for its root.
    pub(crate) async fn in_district(
        &self,
        host: &Host,
        action: Action,
        district: &str,
        node: Option<&str>,
    ) -> Result<Reach, Problem> {
        if !host.serves(district) && self.knows_the_host() {
            return Err(self.no_such_district(district));
        }
        let target = Target::district(district);
        let named = Target { node: node.map(NodeCode::from), ..target.clone() };
        match permits(&self.identity, action, &named, &no_tree) {
            Verdict::Permitted(grounds) => return Ok(Reach::of(grounds.scope)),
            Verdict::Refused(refusal) if !refusal.depends_on_tree() => return Err(self.refused(&refusal)),
            Verdict::Refused(_) => {}
        }
        // A drill is played in the tree of its district, also before it has begun.
        let real = target.district.clone().map(|id| id.to_string()).unwrap_or_default();
        let (identity, node) = (std::sync::Arc::clone(&self.identity), node.map(ToOwned::to_owned));
        let ask = move |state: &State| match node_of(state, node.as_deref()) {
            Some(code) => permits(&identity, action, &target.at(code), state),
            None => permits(&identity, action, &target, state),
        };
        let verdict = host.query(&real, ask).await.map_err(|error| Problem::of_query(&error, self.language))?;
        match verdict {
            Verdict::Permitted(grounds) => Ok(Reach::of(grounds.scope)),
            Verdict::Refused(refusal) => Err(self.refused(&refusal)),
        }
    }

    /// For what lies at a node of a state that is at hand. `None`: for the root.
    pub(crate) fn at_node(&self, state: &State, action: Action, district: &str, node: Option<&str>) -> bool {
        let target = Target::district(district);
        let target = node_of(state, node).map_or(target.clone(), |code| target.at(code));
        permits(&self.identity, action, &target, state).is_permitted()
    }

    /// For sending an event, in whose name it is sent included. What only the tree can tell is asked of the state, just
    /// before the event is decided.
    pub(crate) fn to_send(&self, host: &Host, district: &str, event: &Event) -> Result<Option<Permission>, Problem> {
        if Action::is_of_the_host(&event.kind) {
            let words = Words::new(
                format!("`{}` 只由主机自己写入", event.kind),
                format!("events of the type `{}` are written by the host itself", event.kind),
            );
            return Err(self.forbidden(&words).field(Some("type")));
        }
        if !host.serves(district) && self.knows_the_host() {
            return Err(self.no_such_district(district));
        }
        let action = Action::of_event(&event.kind);
        let mut target = Target::district(district);
        target.exercise |= event.exercise;
        let place = (!event.place.is_empty()).then(|| NodeCode::from(event.place.as_str()));
        let named = Target { node: place, ..target.clone() };
        let permission: Option<Permission> = match permits(&self.identity, action, &named, &no_tree) {
            Verdict::Permitted(_) => None,
            Verdict::Refused(refusal) if !refusal.depends_on_tree() => return Err(self.refused(&refusal)),
            Verdict::Refused(_) => {
                let (identity, place) = (std::sync::Arc::clone(&self.identity), event.place.clone());
                Some(Box::new(move |state: &State| {
                    // Where the kernel will place it.
                    let node = roster::node(state, &place).map(|node| node.code.clone());
                    let target = Target { node, ..target };
                    match permits(&identity, action, &target, state) {
                        Verdict::Permitted(_) => Ok(()),
                        Verdict::Refused(refusal) => {
                            let words = refusal.words();
                            Err(NotPermitted { chinese: words.zh, english: words.en })
                        }
                    }
                }))
            }
        };
        self.in_the_name_of(&event.source)?;
        Ok(permission)
    }

    /// An event is sent under a source that its sender holds, or in their own name.
    pub(crate) fn in_the_name_of(&self, source: &str) -> Result<(), Problem> {
        let nobody = |_: &NodeCode, _: &str| None;
        let held = self.identity.may_act_as(&Claim::Source(source), nobody);
        let own = || self.identity.may_act_as(&Claim::Person(source), nobody);
        held.or_else(|refused| own().map_err(|_| refused))
            .map_err(|refused| self.forbidden(&refused.words()).field(Some("source")))
    }

    /// A person's name in a request stands for the caller.
    pub(crate) fn is_person(&self, field: &str, name: &str) -> Result<(), Problem> {
        let theirs = self.identity.may_act_as(&Claim::Person(name), |_, _| None);
        theirs.map_err(|refused| self.forbidden(&refused.words()).field(Some(field)))
    }

    /// The answer to a refusal. Whoever showed nothing is asked for a proof.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Problem {
        self.forbidden(&refusal.words())
    }

    pub(crate) fn forbidden(&self, words: &Words) -> Problem {
        // The words may hold what the caller wrote, a new line too: it is escaped, so that nobody writes lines of the log.
        let reason = words.to_string();
        tracing::info!(target: "muster::access", subject = %self.identity.subject, ?reason, "refused");
        if self.is_anybody() {
            return Problem::unauthenticated(self.language);
        }
        Problem::new(Kind::Forbidden, self.language, self.language.of(&words.zh, &words.en))
    }

    fn no_such_district(&self, district: &str) -> Problem {
        Problem::of_query(&muster_runtime::QueryError::UnknownDistrict(district.into()), self.language)
    }
}

/// The node that is meant, as the kernel places it: the nearest that the tree knows, and the root where none is named.
fn node_of(state: &State, node: Option<&str>) -> Option<NodeCode> {
    roster::node(state, node.unwrap_or_default()).map(|node| node.code.clone())
}
