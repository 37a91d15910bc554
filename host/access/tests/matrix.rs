//! The table of roles and actions: as people read it, and as it works out at every kind of place.

use std::collections::BTreeSet;

use muster_access::matrix::{markdown, scope_of};
use muster_access::{
    AccessRole, ActKind, Action, Binding, Claim, Identity, Post, Proof, Scope, Subject, Target, permits,
};
use muster_kernel::{DistrictId, NodeCode};

fn parent(node: &NodeCode) -> Option<NodeCode> {
    let code = node.as_str();
    (code.len() > 6).then(|| code[..code.len() - 3].into())
}

/// Every kind of place as seen from the street 990100901 of Yunhe.
fn places() -> [(&'static str, Target); 7] {
    let yunhe = || Target::district("yunhe");
    [
        ("own", yunhe().at("990100901")),
        ("below", yunhe().at("990100901001")),
        ("above", yunhe().at("990100")),
        ("sibling", yunhe().at("990100902")),
        ("other district", Target::district("lanzhu").at("970102901")),
        ("exercise", Target::district("yunhe.exercise").at("990100901")),
        ("host", Target::host()),
    ]
}

fn holder(role: AccessRole) -> Identity {
    let binding = match role {
        AccessRole::Operator => Binding::of_host(role),
        role => Binding::at(role, "yunhe", "990100901"),
    };
    identity(vec![binding])
}

fn identity(bindings: Vec<Binding>) -> Identity {
    Identity {
        subject: Subject::parse("li").expect("a subject"),
        display_name: "Li".into(),
        bindings,
        posts: BTreeSet::from([Post { node: "990100901".into(), name: "duty_leader".into() }]),
        sources: BTreeSet::from(["urn:app:muster:street:990100901".to_owned()]),
        proof: Proof::Public,
    }
}

#[test]
fn the_table_for_people() {
    insta::assert_snapshot!(markdown());
    let page = include_str!("../../../docs/access.md");
    assert!(page.contains(&markdown()), "docs/access.md shows another table; put this one there:\n{}", markdown());
    let sample = include_str!("samples/muster.toml");
    assert!(page.contains(sample.trim_end()), "docs/access.md shows other settings than tests/samples/muster.toml");
}

#[test]
fn every_role_action_and_place() {
    let mut lines = Vec::new();
    for role in AccessRole::ALL {
        let holder = holder(role);
        for action in Action::all() {
            let reached =
                places().into_iter().filter(|(_, target)| permits(&holder, action, target, &parent).is_permitted());
            let reached: Vec<&str> = reached.map(|(place, _)| place).collect();
            let expected: &[&str] = match scope_of(role, action) {
                Scope::Nowhere => &[],
                Scope::OwnNode => &["own"],
                Scope::OwnAndBelow => &["own", "below"],
                Scope::District => &["own", "below", "above", "sibling"],
                Scope::Host => &["own", "below", "above", "sibling", "other district", "exercise", "host"],
            };
            assert_eq!(reached, expected, "{role} {action}");
            if !reached.is_empty() {
                lines.push(format!("{} {action}: {}", role.as_str(), reached.join(", ")));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn whoever_writes_policies_does_not_release_them_and_whoever_runs_the_host_decides_nothing() {
    let has = |role, action| scope_of(role, action) > Scope::Nowhere;
    assert!(!has(AccessRole::PolicyAuthor, Action::ReleasePolicy));
    assert!(!has(AccessRole::Operator, Action::ReleasePolicy) && !has(AccessRole::Operator, Action::ReadIncidents));
    for kind in ActKind::all() {
        assert!(!has(AccessRole::Operator, Action::Send(kind)), "the operator sends {kind:?}");
        assert!(!has(AccessRole::PublicReader, Action::Send(kind)), "the public sends {kind:?}");
        // Whoever supervises does not do what is supervised.
        let supervises = matches!(kind, ActKind::Freeze | ActKind::DecideFinding);
        if supervises {
            let others = AccessRole::ALL.into_iter().filter(|role| *role != AccessRole::Supervisor);
            assert!(others.into_iter().all(|role| !has(role, Action::Send(kind))), "{kind:?}");
        }
    }
    for action in [Action::AdministerTokens, Action::ReplayDeadLetters] {
        let holders: Vec<AccessRole> = AccessRole::ALL.into_iter().filter(|role| has(*role, action)).collect();
        assert_eq!(holders, [AccessRole::Operator]);
    }
}

#[test]
fn a_binding_that_does_not_hold_together_counts_for_nothing() {
    let widened = Binding { district: None, ..Binding::at(AccessRole::Commander, "yunhe", "990100901") };
    let by_name = Binding::at(AccessRole::Commander, "yunhe.exercise", "990100901");
    let placed = Binding { district: Some("yunhe".into()), ..Binding::of_host(AccessRole::Operator) };
    for binding in [widened, by_name, placed] {
        assert!(binding.check().is_err());
        let holder = identity(vec![binding]);
        for action in Action::all() {
            for (place, target) in places() {
                assert!(!permits(&holder, action, &target, &parent).is_permitted(), "{action} {place}");
            }
        }
    }
}

#[test]
fn nobody_acts_in_anothers_name() {
    let li = holder(AccessRole::DutyOfficer);
    let (own, other): (NodeCode, NodeCode) = ("990100901".into(), "990100902".into());
    let on_duty =
        |node: &NodeCode, post: &str| (node.as_str() == "990100902" && post == "commander").then(|| "li".to_owned());
    let may = |claim: Claim<'_>| li.may_act_as(&claim, on_duty);
    assert_eq!(may(Claim::Person("li")), Ok(()));
    assert_eq!(may(Claim::Post { node: &own, name: "duty_leader" }), Ok(()));
    assert_eq!(may(Claim::Post { node: &other, name: "commander" }), Ok(()), "the roster names li");
    assert_eq!(may(Claim::Source("urn:app:muster:street:990100901")), Ok(()));
    for claim in [
        Claim::Person("Li"),
        Claim::Person("wang"),
        Claim::Post { node: &other, name: "duty_leader" },
        Claim::Post { node: &own, name: "commander" },
        Claim::Source("urn:app:muster:street:990100902"),
        Claim::Source("urn:app:muster:street:990100901001"),
    ] {
        let refused = may(claim).expect_err("in another's name");
        assert!(refused.words().en.contains(&claim.to_string()));
    }
}

#[test]
fn the_development_profile_does_everything_and_the_public_one_thing() {
    let districts = [(DistrictId::from("yunhe"), NodeCode::from("990100"))];
    let development = Identity::loopback_development(&districts);
    let public = Identity::public([DistrictId::from("yunhe")]);
    for action in Action::all() {
        let at_root = Target::district("yunhe").at("990100");
        assert!(permits(&development, action, &at_root, &parent).is_permitted(), "{action}");
        assert!(
            permits(&development, action, &Target::district("yunhe.exercise").at("990100"), &parent).is_permitted()
        );
        let everybody = matches!(action, Action::ReadPublicView | Action::ReadHealth);
        assert_eq!(permits(&public, action, &at_root, &parent).is_permitted(), everybody, "{action}");
    }
    assert!(!permits(&public, Action::ReadPublicView, &Target::district("lanzhu"), &parent).is_permitted());
}

#[test]
fn subjects_that_look_alike_are_not_taken() {
    for text in ["", " li", "li ", "li\n", "li\u{200b}", "\u{202e}il", &"x".repeat(201)] {
        assert!(Subject::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(Subject::parse("李华").expect("a subject").as_str(), "李华");
}
