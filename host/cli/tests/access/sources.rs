//! Sources: who may bring what one says, and that nobody speaks for one that is not theirs.

use muster_access::{AccessRole, ActKind, Action};
use serde_json::json;

use crate::fortress::Fortress;
use crate::matrix::{ABROAD, OWN, Place, Probe, ROOT, WITHIN};

/// For every role a source, which those who bear the role speak for, and one of drills.
pub(crate) fn settings() -> String {
    let source = |name: String, role: AccessRole, exercise: &str| {
        format!(
            "[intake.{name}]\nformat = \"json_lines\"\nsource = \"urn:test:{}\"\nexercise = \"{exercise}\"\n\
             [intake.{name}.mapping]\nkind = \"ponding\"\nid = [\"id\"]\nplace = {{ field = \"node\" }}\n",
            role.as_str()
        )
    };
    let both = |role: AccessRole| {
        let name = role.as_str();
        source(name.into(), role, "mark") + &source(format!("{name}-drills"), role, "always")
    };
    AccessRole::ALL.into_iter().map(both).collect()
}

/// What a source says is a signal that whoever brings it must be permitted to send.
pub(crate) fn probes(role: AccessRole) -> Vec<Probe> {
    let places = [WITHIN.as_slice(), &[(Place::Drill, OWN), (Place::Abroad, ABROAD)]].concat();
    let probe = |(place, node): (Place, &str)| {
        let ending = if place == Place::Drill { "-drills" } else { "" };
        Probe {
            route: ("POST", "/v1/intake/{source}"),
            path: format!("/v1/intake/{}{ending}", role.as_str()),
            body: Some(("application/x-ndjson", json!({"id": format!("{place:?}-{node}"), "node": node}))),
            action: Action::Send(ActKind::Signal),
            place,
        }
    };
    places.into_iter().map(probe).collect()
}

#[test]
fn nobody_speaks_for_a_source_that_is_not_theirs_nor_learns_which_there_are() {
    let host = Fortress::start(&settings());
    let bindings = json!([{"role": "commander", "district": "yunhe", "node": ROOT}]);
    let stranger = host.issue("stranger", bindings.clone(), &["urn:test:somebody"]);
    let own = host.issue("own", bindings, &["urn:test:commander"]);
    let line = json!({"id": "x", "node": OWN});
    let send = |token: Option<&str>, source: &str| {
        let path = format!("/v1/intake/{source}");
        host.ask("POST", &path, token, &[], Some(("application/x-ndjson", &line)))
    };
    let answer = send(Some(&stranger), "commander");
    assert_eq!((answer.status, &answer.body["field"]), (403, &json!("source")), "{}", answer.body);
    assert_eq!(send(Some(&own), "commander").status, 200);
    assert_eq!(send(Some(&own), "nobody").status, 404);
    assert_eq!(send(None, "nobody").body, send(None, "commander").body, "a stranger hears the same of both");
}
