//! Permissions are monotone: less is never more, and wider never less. Over random identities, actions and targets.

use std::collections::BTreeSet;

use muster_kernel::charter::Charter;
use muster_kernel::fold;
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, Instant, NodeCode, State, Tier};
use proptest::prelude::*;

use crate::permit::{Tree, reaches};
use crate::{AccessRole, ActKind, Action, Binding, Identity, Proof, Refusal, Scope, Subject, Target, Verdict, permits};

/// District, two streets, and communities under each.
struct Yunhe;

const NODES: [&str; 7] = ["990000", "990100", "990100901", "990100902", "990100901001", "990100901002", "990100902001"];

impl Tree for Yunhe {
    fn parent(&self, node: &NodeCode) -> Option<NodeCode> {
        let code = node.as_str();
        match code.len() {
            12 | 9 if NODES.contains(&code) => Some(code[..code.len() - 3].into()),
            6 if code == "990100" => Some("990000".into()),
            _ => None,
        }
    }

    fn tier(&self, node: &NodeCode) -> Option<Tier> {
        match node.as_str() {
            "990000" => Some(Tier::City),
            "990100" => Some(Tier::District),
            code if !NODES.contains(&code) => None,
            code if code.len() == 9 => Some(Tier::Street),
            _ => Some(Tier::Community),
        }
    }
}

fn identity(bindings: Vec<Binding>) -> Identity {
    Identity {
        subject: Subject::parse("li").expect("a subject"),
        display_name: "Li".into(),
        bindings,
        posts: BTreeSet::new(),
        sources: BTreeSet::new(),
        proof: Proof::Public,
    }
}

fn nodes() -> impl Strategy<Value = NodeCode> {
    prop::sample::select(NODES.as_slice()).prop_map(NodeCode::from)
}

fn bindings() -> impl Strategy<Value = Binding> {
    let places = (
        prop::option::weighted(0.9, prop::sample::select(vec!["yunhe", "lanzhu"])),
        prop::option::weighted(0.8, nodes()),
        prop::option::weighted(0.3, prop::sample::select(Tier::ALL)),
        any::<bool>(),
    );
    let roles = prop::sample::select(AccessRole::ALL.as_slice());
    let any_form = (roles, places).prop_map(|(role, (district, node, tier, exercise))| Binding {
        role,
        district: district.map(Into::into),
        node,
        tier,
        exercise,
    });
    prop_oneof![9 => any_form, 1 => Just(Binding::of_host(AccessRole::Operator))]
}

fn targets() -> impl Strategy<Value = Target> {
    let districts = prop::sample::select(vec!["yunhe", "lanzhu", "yunhe.exercise"]);
    let in_district = (districts, prop::option::weighted(0.9, nodes())).prop_map(|(district, node)| {
        let target = Target::district(district);
        node.map_or(target.clone(), |node| target.at(node))
    });
    prop_oneof![9 => in_district, 1 => Just(Target::host())]
}

fn actions() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::all())
}

fn may(bindings: &[Binding], action: Action, target: &Target) -> bool {
    permits(&identity(bindings.to_vec()), action, target, &Yunhe).is_permitted()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn taking_a_binding_away_never_gives_a_permission(
        held in prop::collection::vec(bindings(), 1..5), gone in any::<prop::sample::Index>(),
        action in actions(), target in targets(),
    ) {
        let mut less = held.clone();
        less.remove(gone.index(held.len()));
        prop_assert!(!may(&less, action, &target) || may(&held, action, &target));
    }

    #[test]
    fn a_wider_scope_never_takes_a_permission_away(binding in bindings(), action in actions(), target in targets()) {
        let reached = Scope::ALL.map(|scope| reaches(&binding, scope, action, &target, &Yunhe).is_ok());
        prop_assert!(reached.is_sorted(), "{reached:?}");
    }

    #[test]
    fn a_binding_further_up_reaches_all_that_it_reached_below(
        binding in bindings(), scope in prop::sample::select(vec![Scope::OwnAndBelow, Scope::District, Scope::Host]),
        action in actions(), target in targets(),
    ) {
        let parent = binding.node.as_ref().and_then(|node| Yunhe.parent(node));
        // At the top, or without a node, there is nothing further up.
        let parent = parent.or_else(|| binding.node.clone());
        let up = Binding { node: parent, ..binding.clone() };
        let reaches = |binding: &Binding| reaches(binding, scope, action, &target, &Yunhe).is_ok();
        prop_assert!(!reaches(&binding) || reaches(&up));
    }

    #[test]
    fn narrowing_to_a_tier_never_gives_a_permission(
        binding in bindings(), tier in prop::sample::select(Tier::ALL), action in actions(), target in targets(),
    ) {
        let wide = Binding { tier: None, ..binding.clone() };
        let narrow = Binding { tier: Some(tier), ..binding };
        prop_assert!(!may(&[narrow], action, &target) || may(&[wide], action, &target));
    }

    #[test]
    fn other_districts_and_drills_are_walls(binding in bindings(), action in actions(), target in targets()) {
        prop_assume!(binding.district != target.district || binding.exercise != target.exercise);
        if let Verdict::Permitted(grounds) = permits(&identity(vec![binding]), action, &target, &Yunhe) {
            prop_assert_eq!(grounds.scope, Scope::Host);
        }
    }

    #[test]
    fn a_permission_rests_on_a_row_of_the_table(
        held in prop::collection::vec(bindings(), 0..5), action in actions(), target in targets()
    ) {
        match permits(&identity(held.clone()), action, &target, &Yunhe) {
            Verdict::Permitted(grounds) => {
                prop_assert!(held.contains(&grounds.binding));
                prop_assert_eq!(grounds.scope, crate::matrix::scope_of(grounds.binding.role, action));
                prop_assert!(grounds.scope > Scope::Nowhere);
            }
            Verdict::Refused(refusal) => {
                let words = refusal.words();
                prop_assert!(!words.zh.is_empty() && words.en.starts_with("may not "));
            }
        }
    }
}

#[test]
fn the_charter_in_force_is_a_tree() {
    let node = |code: &str| muster_kernel::charter::Node {
        code: code.into(),
        name: code.into(),
        tier: Yunhe.tier(&code.into()).expect("known"),
        parent: Yunhe.parent(&code.into()),
        population: None,
    };
    let charter =
        Charter { root: "990100".into(), nodes: NODES.iter().map(|code| node(code)).collect(), ..Charter::default() };
    let mut state = State::default();
    let commander = identity(vec![Binding::at(AccessRole::Commander, "yunhe", "990100901")]);
    let community = Target::district("yunhe").at("990100901001");
    assert!(!permits(&commander, Action::ReadIncidents, &community, &state).is_permitted(), "no tree yet");
    let entry = Entry {
        version: 1,
        district: "yunhe".into(),
        seq: 1,
        prev: Digest::ZERO,
        at: Instant::MIN,
        cause: Cause::Charter { digest: Digest::ZERO },
        calls: Vec::new(),
        facts: vec![Fact::CharterActivated { charter: Box::new(charter) }],
    };
    fold::fold(&mut state, &entry, Digest::ZERO);
    for code in NODES.into_iter().chain(["unknown"]).map(NodeCode::from) {
        assert_eq!((state.parent(&code), state.tier(&code)), (Yunhe.parent(&code), Yunhe.tier(&code)), "{code}");
    }
    assert!(permits(&commander, Action::ReadIncidents, &community, &state).is_permitted());
}

#[test]
fn where_the_tier_is_unknown_a_binding_that_is_narrowed_to_one_reaches_nothing() {
    let narrow = |role, node| Binding { tier: Some(Tier::Nation), ..Binding::at(role, "yunhe", node) };
    let commander = identity(vec![narrow(AccessRole::Commander, "990199")]);
    let at = |node: &str| Target::district("yunhe").at(node);
    assert!(!permits(&commander, Action::ReadIncidents, &at("990199"), &Yunhe).is_permitted());
    assert!(!permits(&commander, Action::ReadPolicies, &Target::district("yunhe"), &Yunhe).is_permitted());
    assert!(permits(&commander, Action::ReadPolicies, &at("990100"), &Yunhe).is_permitted());
    let no_tiers = |node: &NodeCode| Yunhe.parent(node);
    assert!(!permits(&commander, Action::ReadPolicies, &at("990100"), &no_tiers).is_permitted());
}

#[test]
fn a_circle_in_the_tree_ends() {
    let circle = |node: &NodeCode| Some(NodeCode::from(if node.as_str() == "a" { "b" } else { "a" }));
    let held = vec![Binding::at(AccessRole::Commander, "yunhe", "c")];
    let verdict = permits(&identity(held), Action::ReadIncidents, &Target::district("yunhe").at("a"), &circle);
    assert!(matches!(verdict, Verdict::Refused(Refusal::OutsideNode { .. })));
}

#[test]
fn the_refusal_that_came_nearest_is_told() {
    let held = |bindings: Vec<Binding>, action, target: Target| {
        let Verdict::Refused(refusal) = permits(&identity(bindings), action, &target, &Yunhe) else {
            panic!("permitted");
        };
        let words = refusal.words();
        format!("{}\n{}", words.zh, words.en)
    };
    let order = Action::Send(ActKind::Order);
    let commander = |node| Binding::at(AccessRole::Commander, "yunhe", node);
    let yunhe = || Target::district("yunhe");
    let street = Binding { tier: Some(Tier::Street), ..commander("990100") };
    let told = [
        held(vec![], order, yunhe()),
        held(vec![Binding::at(AccessRole::Reporter, "yunhe", "990100")], order, yunhe().at("990100")),
        held(vec![commander("990100")], order, Target::district("lanzhu").at("970102")),
        held(vec![commander("990100")], order, Target::district("yunhe.exercise").at("990100")),
        held(vec![commander("990100").in_drills()], order, yunhe().at("990100")),
        held(vec![Binding::in_district(AccessRole::Commander, "yunhe")], order, yunhe().at("990100")),
        held(vec![commander("990100")], order, yunhe()),
        held(vec![commander("990100901"), commander("990100902")], order, yunhe().at("990100")),
        held(vec![street], order, yunhe().at("990100")),
        held(vec![commander("990100")], Action::ReadMetrics, Target::host()),
        held(vec![commander("990100")], Action::ReadDistrict, Target::host()),
    ];
    insta::assert_snapshot!(told.join("\n"), @r##"
不能下达命令：没有绑定任何角色；请由管理员绑定角色
may not give an order: bound to no role; ask an administrator for one
不能下达命令：需要以下角色之一：值班员、指挥员
may not give an order: it needs one of the roles duty officer, commander
不能在 lanzhu 下达命令：指挥员的绑定不在该辖区
may not give an order in lanzhu: the role commander is bound elsewhere
不能在演练中下达命令：指挥员的绑定不含演练；请绑定 exercise = true
may not give an order in a drill: the role commander is bound outside of drills; bind it with `exercise = true`
不能在实战中下达命令：指挥员的绑定只含演练
may not give an order outside of drills: the role commander is bound for drills only
不能下达命令：指挥员的绑定没有写明节点；请补上 node
may not give an order: the role commander is bound without a node; add `node`
不能下达命令：对象没有已知的节点，而指挥员只及于节点；请写明节点
may not give an order: no known node is named, and the role commander reaches nodes only; name the node
不能在 990100 下达命令：指挥员只及于 990100902 及其下级
may not give an order at 990100: the role commander reaches 990100902 and below only
不能下达命令：指挥员只及于街道、乡镇及以下层级
may not give an order: the role commander reaches the tier street and lower ones only
不能读指标：需要以下角色之一：运维人员
may not read metrics: it needs one of the roles operator
不能读辖区概况：指挥员的绑定只及于辖区，不及于主机
may not read how a district stands for the whole host: the role commander is bound to a district
"##);
}
