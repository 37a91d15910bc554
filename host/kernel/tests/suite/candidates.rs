//! What the index says is what a look at everything says, whatever is opened, closed, moved and named in between: the open
//! incidents that an event may mean, and the first free number behind a name.

use crate::support::{CITY, STREET, charter, start};
use muster_kernel::act::Because;
use muster_kernel::charter::Charter;
use muster_kernel::facts::{self, CANDIDATES_MAX};
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, IncidentId, Instant, Milliseconds, NodeCode, RiskStage, State, fold, roster};
use proptest::collection::vec;
use proptest::prelude::*;

const PLACES: [&str; 6] = ["990000", CITY, "990103", STREET, "990103901001", "nowhere"];

#[derive(Debug, Clone)]
enum Happening {
    /// So many incidents at a place.
    Open(usize, usize),
    /// The incident with this number, if there is one.
    Close(usize),
    /// The street belongs to another node.
    Move(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..PLACES.len(), 1_usize..20).prop_map(|(place, count)| Happening::Open(place, count)),
        4 => (0_usize..200).prop_map(Happening::Close),
        1 => (0_usize..3).prop_map(Happening::Move),
    ]
}

/// A district that is told facts, one entry after the other.
struct District {
    state: State,
    seq: u64,
    now: Instant,
}

impl District {
    fn tell(&mut self, facts: Vec<Fact>) {
        self.seq += 1;
        self.now = self.now + Milliseconds::minutes(1);
        let entry = Entry {
            version: 1,
            district: "test".into(),
            seq: self.seq,
            prev: Digest::ZERO,
            at: self.now,
            cause: Cause::Migration,
            calls: Vec::new(),
            facts,
        };
        fold::fold(&mut self.state, &entry, Digest::ZERO);
    }

    fn set_tree(&mut self, above_street: &str) {
        let mut charter: Charter = charter();
        let street = charter.nodes.iter_mut().find(|node| node.code.as_str() == STREET).expect("the street");
        street.parent = Some(above_street.into());
        self.tell(vec![Fact::CharterActivated { charter: Box::new(charter) }]);
    }

    fn open(&self, place: &str, number: usize) -> Fact {
        let incident = IncidentId::from(format!("i-{:09}-{number:02}", self.seq + 1));
        Fact::IncidentOpened {
            name: incident.to_string(),
            incident,
            scheme: "flood".into(),
            hazard: "rainstorm".into(),
            node: place.into(),
            stage: RiskStage::Prevent,
            life_safety: false,
            parent: None,
            tags: Vec::new(),
            because: Because::new("T", "测试", "a test"),
        }
    }

    /// The candidates, by looking at everything.
    fn looked_for(&self, code: &str) -> Vec<IncidentId> {
        let near = |node: &NodeCode| {
            roster::is_within(&self.state, node.as_str(), code) || roster::is_within(&self.state, code, node.as_str())
        };
        let rows = self.state.incidents.iter().filter(|(_, row)| row.closed.is_none() && near(&row.node));
        let mut rows: Vec<_> = rows.map(|(id, row)| (row.opened, id.clone())).collect();
        rows.sort_by(|one, other| other.cmp(one));
        rows.into_iter().take(CANDIDATES_MAX).map(|(_, id)| id).collect()
    }
}

fn found(state: &State, code: &str) -> Vec<IncidentId> {
    facts::candidates(state, code).into_iter().map(|view| view.id).collect()
}

/// Names that collide with one another's numbers.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "a-2",
        "a-3",
        "a-2-2",
        "a-02",
        "b",
        "b-2",
        "i-000000003",
        "i-000000003-2",
        "-",
        "a-",
    ])
    .prop_map(Into::into)
}

proptest! {
    #[test]
    fn the_number_behind_a_name_is_the_first_that_is_free(names in vec(name(), 1..30)) {
        let mut district = District { state: State::default(), seq: 0, now: start() };
        district.set_tree("990103");
        for name in names {
            let mut opened = district.open(STREET, 2);
            if let Fact::IncidentOpened { name: own, .. } = &mut opened {
                *own = name;
            }
            district.tell(vec![opened]);
        }
        let mut loaded = district.state.clone();
        fold::rebuild_index(&mut loaded);
        for index in [&district.state.index, &loaded.index] {
            for name in index.incident_names.keys() {
                let borne = |number: &u32| index.incident_names.contains_key(&format!("{name}-{number}"));
                let free = (2..1_000).find(|number| !borne(number)).expect("more numbers than names");
                prop_assert_eq!(index.name_numbers.get(name).copied().unwrap_or(2), free, "behind {}", name);
            }
        }
    }

    #[test]
    fn what_the_index_finds_is_what_a_look_at_everything_finds(happenings in vec(happening(), 1..40)) {
        let mut district = District { state: State::default(), seq: 0, now: start() };
        district.set_tree("990103");
        for happening in happenings {
            match happening {
                Happening::Open(place, count) => {
                    district.tell((0..count).map(|number| district.open(PLACES[place], number)).collect());
                }
                Happening::Close(number) => {
                    let Some(incident) = district.state.incidents.iter().nth(number).map(|(id, _)| id.clone()) else {
                        continue;
                    };
                    let because = Because::new("T", "测试", "a test");
                    district.tell(vec![Fact::IncidentClosed { incident, by: "test".into(), because }]);
                }
                Happening::Move(above) => district.set_tree(["990000", CITY, "990103"][above]),
            }
            for place in PLACES {
                prop_assert_eq!(found(&district.state, place), district.looked_for(place), "at {}", place);
            }
        }
        let mut loaded = district.state.clone();
        fold::rebuild_index(&mut loaded);
        for place in PLACES {
            prop_assert_eq!(found(&loaded, place), district.looked_for(place), "at {}, loaded", place);
        }
        prop_assert_eq!(loaded.index.incidents_within, district.state.index.incidents_within);
    }
}
