//! What a plan's subscriptions name, held against the charters of the districts that the host serves: a slip in a name
//! makes a subscription that is silent for ever. Reads the two; changes nothing.

use muster_kernel::NodeCode;
use muster_kernel::act::{Party, Rung};
use muster_kernel::charter::Charter;

use super::{Plan, SettingsError};
use crate::Subscription;
use crate::subscription::EXERCISE;

/// Something that is named and that no charter has. It may still come to be, with another charter or by a policy's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// `unknown-node` or `unknown-party`.
    pub code: &'static str,
    /// The field and what is to be looked at, in Chinese.
    pub chinese: String,
    /// The field and what is to be looked at, in English.
    pub english: String,
}

/// Posts that every node has, whatever its rosters say: the host itself turns to them.
const OWN_POSTS: [&str; 3] = ["duty", "commander", "deputy_commander"];

impl Plan {
    /// What the subscriptions name and none of these charters has.
    ///
    /// # Errors
    /// The first district that the host does not serve, or that is named as its drills are: nothing could ever match it.
    pub fn unheard(&self, charters: &[Charter]) -> Result<Vec<Unheard>, SettingsError> {
        let mut found = Vec::new();
        for (index, subscription) in self.subscriptions.iter().enumerate() {
            let at = format!("subscription[{index}]");
            districts(&at, subscription, charters)?;
            let wanted = |charter: &&Charter| {
                subscription.districts.is_empty() || subscription.districts.contains(&charter.district)
            };
            let charters: Vec<&Charter> = charters.iter().filter(wanted).collect();
            let nodes = subscription.nodes.iter().enumerate();
            found.extend(nodes.filter(|(_, node)| !charters.iter().any(|charter| has_node(charter, node))).map(
                |(index, node)| Unheard {
                    code: "unknown-node",
                    chinese: format!("`outbox.{at}.nodes[{index}]` 为 `{node}`,辖区配置中没有该节点:此项不会匹配"),
                    english: format!(
                        "`outbox.{at}.nodes[{index}]` is `{node}`, a node in no charter: it matches nothing"
                    ),
                },
            ));
            let parties = subscription.parties.iter().enumerate();
            found.extend(parties.filter(|(_, party)| !charters.iter().any(|charter| has_party(charter, party))).map(
                |(index, party)| {
                    let party = written(party);
                    Unheard {
                        code: "unknown-party",
                        chinese: format!(
                            "`outbox.{at}.parties[{index}]` 为 `{party}`,辖区配置中没有:若无策略指名,此项不会匹配"
                        ),
                        english: format!(
                            "`outbox.{at}.parties[{index}]` is `{party}`, in no charter: it matches nothing unless a \
                             policy names it"
                        ),
                    }
                },
            ));
        }
        Ok(found)
    }
}

fn districts(at: &str, subscription: &Subscription, charters: &[Charter]) -> Result<(), SettingsError> {
    for (index, district) in subscription.districts.iter().enumerate() {
        if charters.iter().any(|charter| charter.district == *district) {
            continue;
        }
        let reason = if let Some(plain) = district.as_str().strip_suffix(EXERCISE) {
            format!(
                "is `{district}`, which never matches: a drill goes by the name of its district; write `{plain}`, and \
                 `exercises = true` for its drills"
            )
        } else {
            let known: Vec<&str> = charters.iter().map(|charter| charter.district.as_str()).collect();
            format!(
                "is `{district}`, which this host does not serve; name one of {}, or leave it out for all",
                known.join(", ")
            )
        };
        return Err(SettingsError::new(format!("{at}.districts[{index}]"), reason));
    }
    Ok(())
}

fn has_node(charter: &Charter, node: &NodeCode) -> bool {
    charter.nodes.iter().any(|one| one.code == *node)
}

fn has_party(charter: &Charter, party: &Party) -> bool {
    match party {
        Party::Post { node, name } => {
            (has_node(charter, node) && OWN_POSTS.contains(&name.as_str()))
                || charter.duties.iter().any(|duty| duty.node == *node && duty.post == *name)
                || rungs(charter).any(|rung| rung.to.contains(party))
        }
        Party::Department { node, name } => {
            charter.departments.iter().any(|one| one.node == *node && one.name == *name)
        }
        Party::Team(id) => charter.teams.iter().any(|team| team.id == *id),
        // Settings cannot name it.
        Party::DutyAbove(_) => true,
    }
}

fn rungs(charter: &Charter) -> impl Iterator<Item = &Rung> {
    charter.callouts.values().flat_map(|clock| clock.ladder.iter().chain(&clock.arrival_ladder))
}

/// A party as the settings write it.
fn written(party: &Party) -> String {
    match party {
        Party::Post { node, name } => format!("post:{node}/{name}"),
        Party::Department { node, name } => format!("department:{node}/{name}"),
        Party::Team(id) => format!("team:{id}"),
        Party::DutyAbove(tier) => format!("duty above {tier}"),
    }
}
