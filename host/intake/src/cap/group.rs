//! What a message says of each hazard at each node: several infos in several languages are one warning.

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::{Colour, Hazard, Instant, Milliseconds, NodeCode};

use super::message::{Alert, Area, Info, Pair};
use super::word::{ResponseType, Urgency};
use super::{Cap, colour, dialect};
use crate::earlier::Covered;
use crate::refusal::{Reason, Refusal, quote};

/// Codes that a refusal or an event repeats.
const CODES_SAID_MAX: usize = 8;

/// One hazard at one node.
#[derive(Debug, Default)]
pub(super) struct Group<'m> {
    /// Who speaks of it, the most severe first, and the areas of each that lie at the node.
    pub(super) infos: Vec<(&'m Info<'m>, Vec<&'m Area<'m>>)>,
    /// Every colour that is named, the most severe first.
    pub(super) colours: Vec<Colour>,
}

impl Group<'_> {
    /// Whether nothing needs to be done any more: every info says so.
    pub(super) fn is_over(&self) -> bool {
        self.infos.iter().all(|(info, _)| is_over(info))
    }

    /// Until when it counts: the latest that an info says; `None` when one sets no end.
    pub(super) fn expires(&self, sent: Instant, valid_hours: Option<u16>) -> Option<Instant> {
        let default = valid_hours.map(|hours| sent + Milliseconds::hours(i64::from(hours)));
        let ends = self.infos.iter().filter(|(info, _)| !is_over(info));
        let ends = ends.map(|(info, _)| info.expires.map(super::Time::instant).or(default));
        ends.collect::<Option<Vec<Instant>>>().and_then(|ends| ends.into_iter().max())
    }
}

/// CAP 1.2, section 3.2.2: no action is needed any more, or the event is no threat any more.
pub(super) fn is_over(info: &Info<'_>) -> bool {
    info.urgency == Urgency::Past || info.responses.contains(&ResponseType::AllClear)
}

/// The groups of a message, and the codes that no row of the settings knows.
pub(super) struct Groups<'m> {
    pub(super) by_place: BTreeMap<Covered, Group<'m>>,
    pub(super) unmapped: BTreeSet<String>,
}

impl Cap {
    /// Sorts what the infos of a message say by hazard and node.
    pub(super) fn groups<'m>(&self, alert: &'m Alert<'m>) -> Result<Groups<'m>, Refusal> {
        let mut groups = Groups { by_place: BTreeMap::new(), unmapped: BTreeSet::new() };
        let mut placeless: Vec<(Hazard, &'m Info<'m>)> = Vec::new();
        for (place, info) in alert.infos.iter().enumerate() {
            let hazard = self.hazard(info).map_err(|reason| Refusal::at(path(alert, place), reason))?;
            let mut nodes: BTreeMap<NodeCode, Vec<&'m Area<'m>>> = BTreeMap::new();
            for area in &info.areas {
                for node in self.nodes(area, &mut groups.unmapped) {
                    nodes.entry(node).or_default().push(area);
                }
            }
            if nodes.is_empty() {
                match &self.places.default_node {
                    Some(node) => nodes.extend([(node.clone(), info.areas.iter().collect())]),
                    None => placeless.push((hazard.clone(), info)),
                }
            }
            for (node, areas) in nodes {
                groups.by_place.entry(Covered { hazard: hazard.clone(), node }).or_default().infos.push((info, areas));
                if groups.by_place.len() > super::EVENTS_MAX {
                    let reason = Reason::TooLarge { what: "hazards and nodes", limit: super::EVENTS_MAX };
                    return Err(Refusal::at(path(alert, place), reason));
                }
            }
        }
        for (hazard, info) in placeless {
            // Another language's info says where: this one's words go with it.
            let same = groups.by_place.iter_mut().filter(|(covered, _)| covered.hazard == hazard);
            let joined = same.map(|(_, group)| group.infos.push((info, Vec::new()))).count();
            if joined == 0 {
                return Err(Refusal::at("alert/info/area", Reason::UnknownPlace(said(&groups.unmapped, info))));
            }
        }
        for group in groups.by_place.values_mut() {
            let colours = |info: &Info<'_>| colour::of_info(info, self.settings.dialect, &self.colours);
            let live = group.infos.iter().filter(|(info, _)| !is_over(info)).flat_map(|(info, _)| colours(info));
            group.colours = live.collect();
            group.colours.sort_by(|one, other| other.cmp(one));
            group.colours.dedup();
            group.infos.sort_by_key(|(info, _)| {
                (is_over(info), std::cmp::Reverse(colours(info).first().copied()), info.severity)
            });
        }
        Ok(groups)
    }

    fn nodes(&self, area: &Area<'_>, unmapped: &mut BTreeSet<String>) -> BTreeSet<NodeCode> {
        let mut nodes = BTreeSet::new();
        for Pair { name, value } in &area.geocodes {
            match self.places.node(name, value) {
                Some(node) => nodes.extend([node]),
                None => unmapped.extend([format!("{}={}", quote(name), quote(value))]),
            }
        }
        nodes
    }

    /// By the codes in their order, then by the words of the event, then by the list that the code itself belongs to.
    fn hazard(&self, info: &Info<'_>) -> Result<Hazard, Reason> {
        let codes = &info.event_codes;
        let by_settings = codes.iter().find_map(|code| self.places.hazard(Some(&code.name), &code.value));
        let by_list = || {
            let listed = codes.iter().filter(|code| code.name == dialect::EVENT_CODES);
            listed.into_iter().find_map(|code| dialect::hazard_of(&code.value)).map(Hazard::from)
        };
        let by_words = || self.places.hazard(None, &info.event);
        let known = by_settings.or_else(by_words).or_else(by_list).or_else(|| self.places.default_hazard.clone());
        known.ok_or_else(|| {
            let codes =
                codes.iter().take(CODES_SAID_MAX).map(|code| format!("`{}:{}`", quote(&code.name), quote(&code.value)));
            let words = std::iter::once(format!("`{}`", quote(&info.event)));
            Reason::UnknownHazard(codes.chain(words).collect::<Vec<_>>().join(", "))
        })
    }
}

fn path(alert: &Alert<'_>, info: usize) -> String {
    if alert.infos.len() > 1 { format!("alert/info[{}]", info + 1) } else { "alert/info".into() }
}

/// The codes that nobody knows; without any, the area or event in words.
fn said(unmapped: &BTreeSet<String>, info: &Info<'_>) -> String {
    let shown: Vec<&str> = unmapped.iter().take(CODES_SAID_MAX).map(String::as_str).collect();
    match (shown.is_empty(), info.areas.first()) {
        (false, _) => format!("`{}`", shown.join("`, `")),
        (true, Some(area)) => format!("`{}`", quote(&area.description)),
        (true, None) => format!("`{}`", quote(&info.event)),
    }
}
