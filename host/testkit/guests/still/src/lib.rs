//! No rules at all: what is left of a call is what the engine, the question and the answer cost. The floor under the
//! policies that benches measure. It must never be bound in a district.

use muster_sdk::triage::{Answer, Placement, Question};
use muster_sdk::{Because, Triage};

struct Still;

impl Triage for Still {
    fn classify(_: Question) -> Answer {
        let because = Because { rule: "S".into(), source: None, sentences: Vec::new() };
        Answer {
            placement: Placement::RecordOnly,
            classification: String::new(),
            group: None,
            tags: Vec::new(),
            because,
        }
    }
}

muster_sdk::policy! { triage: Still }
