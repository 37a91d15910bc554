//! Every role × every route × every kind of place. What is expected comes from the table of `muster-access`; a route that
//! the host serves and that is not asked here fails the test.

use std::collections::BTreeSet;

use muster_access::matrix::scope_of;
use muster_access::{AccessRole, ActKind, Action, Scope};
use serde_json::{Value as Json, json};

use crate::fortress::Fortress;
use crate::sources;

pub(crate) const OWN: &str = "990103";
const BELOW: &str = "990103901";
const FOREIGN: &str = "990105";
pub(crate) const ROOT: &str = "990100";
pub(crate) const ABROAD: &str = "970102";

/// Where something is, as seen from the holder of a role at `OWN` in Yunhe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Own,
    Below,
    Foreign,
    Root,
    Abroad,
    Drill,
    Host,
}

use Place::{Abroad, Below, Drill, Foreign, Host, Own, Root};

pub(crate) const WITHIN: [(Place, &str); 4] = [(Own, OWN), (Below, BELOW), (Foreign, FOREIGN), (Root, ROOT)];

/// What the table says.
fn is_expected(role: AccessRole, action: Action, place: Place) -> bool {
    match scope_of(role, action) {
        Scope::Nowhere => false,
        Scope::OwnNode => place == Own,
        Scope::OwnAndBelow => matches!(place, Own | Below),
        Scope::District => matches!(place, Own | Below | Foreign | Root),
        Scope::Host => true,
    }
}

/// One question to one route.
pub(crate) struct Probe {
    pub(crate) route: (&'static str, &'static str),
    pub(crate) path: String,
    pub(crate) body: Option<(&'static str, Json)>,
    pub(crate) action: Action,
    pub(crate) place: Place,
}

fn get(route: &'static str, path: String, action: Action, place: Place) -> Probe {
    Probe { route: ("GET", route), path, body: None, action, place }
}

/// A kind of event for every kind of act.
fn event_type(kind: ActKind) -> &'static str {
    let word = match kind {
        ActKind::Signal => "signal.reported",
        ActKind::Warning => "warning.received",
        ActKind::Order => "order.issued",
        ActKind::Command => "commander.appointed",
        ActKind::CommandLost => "command.lost",
        ActKind::Call => "callout.issued",
        ActKind::AnswerCall => "callout.acknowledged",
        ActKind::Spend => "spend.requested",
        ActKind::Approve => "approval.decided",
        ActKind::AskGrant => "grant.requested",
        ActKind::RevokeGrant => "grant.revoked",
        ActKind::Freeze => "power.frozen",
        ActKind::Report => "report.submitted",
        ActKind::Task => "task.updated",
        ActKind::Service => "service.started",
        ActKind::Resource => "resource.requested",
        ActKind::DecideAward => "award.decided",
        ActKind::DisputeAward => "award.disputed",
        ActKind::ReceiveFeedback => "feedback.received",
        ActKind::HandleFeedback => "feedback.contacted",
        ActKind::AnswerPair => "pair.answered",
        ActKind::AnswerFinding => "finding.answered",
        ActKind::DecideFinding => "finding.decided",
        ActKind::Roster => "duty.overridden",
    };
    assert_eq!(Action::of_event(word), Action::Send(kind), "{word}");
    word
}

fn event(role: AccessRole, kind: ActKind, node: &str, drill: bool, way: &str) -> Json {
    let mut event = json!({
        "specversion": "1.0", "id": format!("{way}-{}-{kind:?}-{node}-{drill}", role.as_str()),
        "source": format!("urn:test:{}", role.as_str()), "type": format!("gov.muster.{}", event_type(kind)),
        "jurisdiction": node, "data": {"hazard": "rainstorm", "colour": "blue"},
    });
    if drill {
        event["exercise"] = json!(true);
    }
    event
}

/// Everything that a holder of a role can try.
fn probes(role: AccessRole, scene: &Scene) -> Vec<Probe> {
    let mut probes = events(role);
    probes.extend(sources::probes(role));
    probes.extend(district_routes(scene));
    probes.extend(placed_routes(scene));
    probes.extend(policy_routes(role, scene));
    probes.extend(host_routes());
    probes
}

const STRUCTURED: &str = "application/cloudevents+json";

fn events(role: AccessRole) -> Vec<Probe> {
    let mut probes = Vec::new();
    for kind in ActKind::all() {
        let places = [WITHIN.as_slice(), &[(Drill, OWN), (Abroad, ABROAD)]].concat();
        for (place, node) in places {
            let district = if place == Abroad { "lanzhu" } else { "yunhe" };
            let mut probe = |route: &'static str, path: String, way: &str| {
                let body = Some((STRUCTURED, event(role, kind, node, place == Drill, way)));
                probes.push(Probe { route: ("POST", route), path, body, action: Action::Send(kind), place });
            };
            probe("/v1/districts/{district}/events", format!("/v1/districts/{district}/events"), "to");
            // Where the event goes by its jurisdiction is asked by the same code; two kinds show that it is asked.
            if matches!(kind, ActKind::Signal | ActKind::Order) {
                probe("/v1/events", "/v1/events".into(), "any");
                let path = format!("/v1/districts/{district}/events/approval");
                probe("/v1/districts/{district}/events/approval", path, "yes");
            }
        }
    }
    probes
}

/// Routes that speak of a district as a whole.
fn district_routes(scene: &Scene) -> Vec<Probe> {
    use Action as A;
    let mut probes = Vec::new();
    for (place, district) in [(Root, "yunhe"), (Abroad, "lanzhu"), (Drill, "yunhe.exercise")] {
        let mut probe = |route: &'static str, action: Action| {
            let path =
                route.replace("{district}", district).replace("{register}", "ledger").replace("{role}", "triage");
            probes.push(get(route, path, action, place));
        };
        probe("/v1/districts/{district}", A::ReadDistrict);
        probe("/v1/public/{district}", A::ReadPublicView);
        probe("/v1/districts/{district}/incidents", A::ReadIncidents);
        probe("/v1/districts/{district}/registers/{register}", A::ReadRegisters);
        probe("/v1/districts/{district}/findings", A::ReadFindings);
        probe("/v1/districts/{district}/entries", A::ReadEntries);
        probe("/v1/districts/{district}/stream", A::ReadStream);
        probe("/v1/districts/{district}/policies", A::ReadPolicies);
        probe("/v1/districts/{district}/policies/{role}/history", A::ReadPolicies);
    }
    probes.push(get("/v1/backtests/{digest}", format!("/v1/backtests/{}", scene.backtest), A::ReadBacktests, Root));
    // A register without places stays that of the whole district, whatever node is named with it.
    let ledger = format!("/v1/districts/yunhe/registers/ledger?node={OWN}");
    probes.push(get("/v1/districts/{district}/registers/{register}", ledger, A::ReadRegisters, Root));
    probes
}

/// Routes that can be asked about a node, or about what lies at one.
fn placed_routes(scene: &Scene) -> Vec<Probe> {
    use Action as A;
    let mut probes = Vec::new();
    for (place, node) in WITHIN {
        let mut probe = |route: &'static str, path: String, action: Action| {
            probes.push(get(route, format!("/v1/districts/yunhe{path}"), action, place));
        };
        let seen = scene.at(node);
        probe("/v1/districts/{district}/incidents", format!("/incidents?node={node}"), A::ReadIncidents);
        probe("/v1/districts/{district}/findings", format!("/findings?node={node}"), A::ReadFindings);
        probe(
            "/v1/districts/{district}/registers/{register}",
            format!("/registers/tasks?node={node}"),
            A::ReadRegisters,
        );
        let incident = format!("/incidents/{}", seen.incident);
        probe("/v1/districts/{district}/incidents/{incident}", incident, A::ReadIncidents);
        probe("/v1/districts/{district}/entries/{seq}", format!("/entries/{}", seen.seq), A::ReadEntries);
        let why = format!("/entries/{}/explanation", seen.seq);
        probe("/v1/districts/{district}/entries/{seq}/explanation", why, A::ReadExplanations);
    }
    probes
}

fn policy_routes(role: AccessRole, _: &Scene) -> Vec<Probe> {
    let mut probes = Vec::new();
    let changes = [
        ("end-trial", false, Action::ProposePolicy),
        ("shadow", false, Action::ProposePolicy),
        ("activate", true, Action::ProposePolicy),
        ("promote", false, Action::ReleasePolicy),
        ("canary", false, Action::ReleasePolicy),
        ("activate", false, Action::ReleasePolicy),
        ("rollback", false, Action::ReleasePolicy),
    ];
    for (action, dry_run, needed) in changes {
        for (place, district) in [(Root, "yunhe"), (Abroad, "lanzhu"), (Drill, "yunhe.exercise")] {
            // Whoever is let in is told that this is no package, or that nothing is on trial; nothing changes.
            let body = json!({
                "action": action, "by": role.as_str(), "dry_run": dry_run, "package": "AAAA", "permille": 10,
                "to": "0".repeat(64),
            });
            let mut probe = |route: &'static str| {
                let path = route.replace("{district}", district).replace("{role}", "triage");
                let body = Some(("application/json", body.clone()));
                probes.push(Probe { route: ("POST", route), path, body, action: needed, place });
            };
            probe("/v1/districts/{district}/policies/{role}");
            probe("/v1/districts/{district}/policies/{role}/approval");
        }
    }
    probes
}

fn host_routes() -> Vec<Probe> {
    use Action as A;
    let plain = |route: &'static str, action| get(route, route.to_owned(), action, Host);
    let mut probes = vec![
        plain("/v1/status", A::ReadStatus),
        plain("/v1/tokens", A::AdministerTokens),
        plain("/v1/outbox", A::ReadOutbox),
        plain("/v1/outbox/dead-letters", A::ReadDeadLetters),
        plain("/metrics", A::ReadMetrics),
        plain("/v1/openapi.json", A::ReadHealth),
        plain("/healthz", A::ReadHealth),
        plain("/readyz", A::ReadHealth),
    ];
    // Without a name of who acts: whoever is let in hears of that.
    let acts = [
        "/v1/outbox/messages/{id}/{act}",
        "/v1/outbox/recipients/{recipient}/channels/{channel}/enable",
        "/v1/outbox/recipients/{recipient}/forget",
    ];
    for route in acts {
        let path = route.replace("{id}", "yunhe%2F1%2F0%2Fnobody").replace("{act}", "replay");
        probes.push(Probe {
            route: ("POST", route),
            path: path.replace("{recipient}", "nobody").replace("{channel}", "none"),
            body: Some(("application/json", json!({}))),
            action: A::ReplayDeadLetters,
            place: Host,
        });
    }
    let revoke = "/v1/tokens/{token}/revoke";
    for (route, body) in [("/v1/tokens", json!({})), (revoke, json!({"reason": "a test"}))] {
        probes.push(Probe {
            route: ("POST", route),
            path: route.replace("{token}", "0000000000000000"),
            body: Some(("application/json", body)),
            action: A::AdministerTokens,
            place: Host,
        });
    }
    probes
}

/// What lies at a node of Yunhe.
struct Seen {
    node: &'static str,
    incident: String,
    seq: u64,
}

/// What there is to be read.
struct Scene {
    seen: Vec<Seen>,
    backtest: String,
}

impl Scene {
    fn at(&self, node: &str) -> &Seen {
        self.seen.iter().find(|seen| seen.node == node).expect("set up")
    }

    fn set_up(host: &Fortress) -> Self {
        let bindings = json!([
            {"role": "commander", "district": "yunhe", "node": ROOT},
            {"role": "policy_author", "district": "yunhe"},
        ]);
        let token = host.issue("setup", bindings, &["urn:test:weather", "urn:test:grid"]);
        let mut seen = Vec::new();
        // From the lowest up: a warning belongs to what is already open above its node.
        for node in [BELOW, OWN, FOREIGN, ROOT] {
            let warning = crate::support::warning(&format!("w-{node}"), node, "red");
            let answer = host.post("/v1/districts/yunhe/events", Some(&token), &warning);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let seq = answer.body["seq"].as_u64().expect("a position");
            seen.push(Seen { node, incident: String::new(), seq });
        }
        let incidents = host.get("/v1/districts/yunhe/incidents", Some(&token)).body;
        for row in incidents["incidents"].as_array().expect("incidents") {
            if let Some(seen) = seen.iter_mut().find(|seen| row["node"] == seen.node) {
                row["id"].as_str().expect("an id").clone_into(&mut seen.incident);
            }
        }
        assert!(seen.iter().all(|seen| !seen.incident.is_empty()), "an incident at every node: {incidents}");
        let dry = json!({"action": "activate", "by": "setup", "dry_run": true});
        let attempt = host.post("/v1/districts/yunhe/policies/triage", Some(&token), &dry).body;
        let report = attempt["backtest"].as_str();
        let backtest = report.unwrap_or_else(|| panic!("a backtest: {attempt}")).to_owned();
        Self { seen, backtest }
    }
}

fn binding(role: AccessRole) -> Json {
    if role.is_of_the_host() { json!({"role": role}) } else { json!({"role": role, "district": "yunhe", "node": OWN}) }
}

fn send(host: &Fortress, token: Option<&str>, probe: &Probe) -> (u16, Json) {
    let body = probe.body.as_ref().map(|(kind, body)| (*kind, body));
    let answer = host.ask(probe.route.0, &probe.path, token, &[], body);
    (answer.status, answer.body)
}

#[test]
fn every_role_at_every_route_and_place() {
    let host = Fortress::start(&sources::settings());
    let scene = Scene::set_up(&host);
    let (mut asked, mut wrong, mut count) = (BTreeSet::from([("GET", "/v1/districts")]), Vec::new(), 0);
    for role in AccessRole::ALL {
        let source = format!("urn:test:{}", role.as_str());
        let token = host.issue(role.as_str(), json!([binding(role)]), &[&source]);
        for probe in probes(role, &scene) {
            let (status, answer) = send(&host, Some(&token), &probe);
            let expected = is_expected(role, probe.action, probe.place);
            let let_in = status != 401 && status != 403;
            let in_words = let_in || answer["detail"].as_str().is_some_and(|detail| !detail.is_empty());
            if let_in != expected || (!expected && status != 403) || !in_words {
                wrong.push(format!("{role} {} {:?}: {status}, {}", probe.path, probe.place, probe.action));
            }
            asked.insert(probe.route);
            count += 1;
        }
        // The list holds what the role may read, and nothing else.
        let listed = host.get("/v1/districts", Some(&token)).body;
        let listed = listed["districts"].as_array().expect("a list").len();
        let expected = match scope_of(role, Action::ReadDistrict) {
            Scope::Host => 2,
            Scope::Nowhere => 0,
            _ => 1,
        };
        assert_eq!(listed, expected, "{role} sees districts");
    }
    assert!(wrong.is_empty(), "{} of {count} answers are not those of the table:\n{}", wrong.len(), wrong.join("\n"));
    let served: BTreeSet<_> = muster_server::routes().into_iter().collect();
    let holes: Vec<_> = served.difference(&asked).collect();
    assert!(holes.is_empty(), "the host serves routes that no role was tried at: {holes:?}");
}

#[test]
fn nobody_is_let_in_without_a_proof_and_drills_are_a_world_of_their_own() {
    let host = Fortress::start(&sources::settings());
    let scene = Scene::set_up(&host);
    let mut first = None;
    for probe in
        probes(AccessRole::Commander, &scene).iter().chain([&get("none", "/no/such".into(), Action::ReadHealth, Host)])
    {
        let (status, answer) = send(&host, None, probe);
        assert_eq!(status, 401, "{} answers a stranger", probe.path);
        assert_eq!(answer, *first.get_or_insert_with(|| answer.clone()), "401 is the same for all: {}", probe.path);
    }
    let bindings = json!([{"role": "commander", "district": "yunhe", "node": ROOT, "exercise": true}]);
    let player = host.issue("player", bindings, &["urn:test:commander"]);
    for drill in [true, false] {
        let order = event(AccessRole::Commander, ActKind::Signal, BELOW, drill, "wall");
        let answer = host.post("/v1/districts/yunhe/events", Some(&player), &order);
        assert_eq!(answer.status, if drill { 200 } else { 403 }, "{}", answer.body);
        let district = if drill { "yunhe.exercise" } else { "yunhe" };
        let answer = host.get(&format!("/v1/districts/{district}/incidents"), Some(&player));
        assert_eq!(answer.status, if drill { 200 } else { 403 }, "{}", answer.body);
    }
}
