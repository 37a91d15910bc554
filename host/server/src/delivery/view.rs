//! What the outbox must know of a district, asked of its state: the words of a fact, names, places, ways.
//!
//! It runs on the carrier's own thread, which may wait. The state that answers is at least as new as the entry. It never
//! makes an answer up: where not even the journal can be read, the carrier ends, and nothing counts as told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::record::{Entry, Fact};
use muster_kernel::state::ResponseKey;
use muster_kernel::{DistrictId, IncidentId, NodeCode, State, fold, roster};
use muster_outbox::{DistrictView, IncidentPlace, Language, Said};
use muster_runtime::Host;

use super::lock;
use crate::{language, sentence};

/// What was asked for one batch of entries, so that it is asked once and not for every fact of it.
#[derive(Default)]
pub(super) struct Memo(Mutex<Known>);

#[derive(Default)]
struct Known {
    districts: BTreeMap<DistrictId, District>,
    lineages: BTreeMap<(DistrictId, NodeCode), Vec<NodeCode>>,
    incidents: BTreeMap<(DistrictId, IncidentId), Option<IncidentPlace>>,
}

#[derive(Clone)]
struct District {
    names: BTreeMap<String, String>,
    utc_offset_seconds: i32,
}

impl Memo {
    pub(super) fn forget(&self) {
        *lock(&self.0) = Known::default();
    }

    /// The answer that is known, or the one that is asked for now.
    fn or_ask<K: Ord, V: Clone>(
        &self,
        part: impl Fn(&mut Known) -> &mut BTreeMap<K, V>,
        key: K,
        ask: impl FnOnce(&K) -> V,
    ) -> V {
        if let Some(known) = part(&mut lock(&self.0)).get(&key) {
            return known.clone();
        }
        let answer = ask(&key);
        part(&mut lock(&self.0)).insert(key, answer.clone());
        answer
    }
}

/// The states of the host's districts.
pub(super) struct States {
    host: Arc<Host>,
    memo: Arc<Memo>,
}

impl States {
    pub(super) fn new(host: Arc<Host>, memo: Arc<Memo>) -> Self {
        Self { host, memo }
    }

    fn ask<T: Send + 'static>(&self, district: &DistrictId, ask: impl Fn(&State) -> T + Send + Sync + 'static) -> T {
        let answer = self.host.ask_waiting(district, ask);
        // INVARIANT (nothing lost): an answer that is made up could let a message pass as none. The carrier's thread ends
        // here, keeps nothing more, and the status says so; the next start takes up where it stood.
        answer.unwrap_or_else(|error| panic!("{district} cannot be asked, nor its journal read: {error}"))
    }

    fn district(&self, district: &DistrictId) -> District {
        let ask = |district: &DistrictId| {
            self.ask(district, |state| District {
                names: state.charter().map(|charter| charter.name.clone()).unwrap_or_default(),
                utc_offset_seconds: state.charter().map_or(0, |charter| charter.utc_offset_seconds),
            })
        };
        self.memo.or_ask(|known| &mut known.districts, district.clone(), ask)
    }
}

/// The server's name for a recipient's language.
const fn spoken(language: Language) -> language::Language {
    match language {
        Language::Chinese => language::Language::Chinese,
        Language::English => language::Language::English,
    }
}

impl DistrictView for States {
    fn say(&self, entry: &Entry, fact: &Fact, language: Language) -> Said {
        let fact = fact.clone();
        self.ask(&entry.district, move |state| {
            let said = sentence::of(&fact, state, spoken(language));
            Said { label: said.label.into(), text: said.text }
        })
    }

    fn name(&self, district: &DistrictId, language: Language) -> String {
        let District { names, .. } = self.district(district);
        let name = names.get(language.tag()).or_else(|| names.values().next());
        name.map_or_else(|| district.to_string(), Clone::clone)
    }

    fn utc_offset_seconds(&self, district: &DistrictId) -> i32 {
        self.district(district).utc_offset_seconds
    }

    fn lineage(&self, district: &DistrictId, node: &NodeCode) -> Vec<NodeCode> {
        let ask = |(district, node): &(DistrictId, NodeCode)| {
            let node = node.clone();
            self.ask(district, move |state| {
                let above = roster::ancestors(state, node.as_str()).map(|node| node.code.clone());
                above.collect::<Vec<_>>()
            })
        };
        self.memo.or_ask(|known| &mut known.lineages, (district.clone(), node.clone()), ask)
    }

    fn incident(&self, district: &DistrictId, incident: &IncidentId) -> Option<IncidentPlace> {
        let ask = |(district, incident): &(DistrictId, IncidentId)| {
            let incident = incident.clone();
            self.ask(district, move |state| {
                let row = state.incidents.get(&incident)?;
                Some(IncidentPlace { node: row.node.clone(), life_safety: row.life_safety })
            })
        };
        self.memo.or_ask(|known| &mut known.incidents, (district.clone(), incident.clone()), ask)
    }

    fn ways(&self, entry: &Entry, fact: &Fact) -> Vec<String> {
        let fact = fact.clone();
        match &fact {
            Fact::CalloutEscalated { .. } | Fact::ConfirmationEscalated { .. } | Fact::MeasureOverdue { .. } => {
                self.ask(&entry.district, move |state| ways(state, &fact).unwrap_or_default())
            }
            // Only a step of a ladder names ways.
            _ => Vec::new(),
        }
    }
}

/// The ways that the step behind a fact names, as far as its ladder still stands.
fn ways(state: &State, fact: &Fact) -> Option<Vec<String>> {
    let place = |rung: &u32| usize::try_from(*rung).ok();
    match fact {
        Fact::CalloutEscalated { callout, missed, rung, .. } => {
            let ladder = fold::callout_ladder(&state.callouts.get(callout)?.order, *missed);
            ladder.get(place(rung)?).map(|step| step.channels.clone())
        }
        Fact::ConfirmationEscalated { incident, scheme, node, rung, .. } => {
            let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
            let waiting = state.responses.get(&key)?.confirmation.as_ref()?;
            waiting.ladder.get(place(rung)?).map(|step| step.channels.clone())
        }
        Fact::MeasureOverdue { measure, rung, .. } => {
            state.measures.get(measure)?.ladder.get(place(rung)?).map(|step| step.channels.clone())
        }
        _ => None,
    }
}
