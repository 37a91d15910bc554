//! The frozen contract: no file of a frozen version changes, today's contract succeeds the newest of them, and whatever
//! was built for any of them still links; what is built for the next version is told apart from a pretence.

use crate::common;
use std::fs;

use muster_kernel::role::{Binding, Failure, Policies};
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, Role};
use muster_sandbox::{CONTRACT, Capabilities, Capability, CompileError, Engine, Limits};
use muster_testkit::contract::{self, Contract, Import};
use muster_testkit::{district, guests};

/// SHA-256 of every file of every frozen version.
const FROZEN: [(&str, &str, &str); 4] = [
    ("1.0.0", "imports.wit", "24ef8e054c9b742f9612fca4f47e8855863a1726eaee914b817b93db9b8568b9"),
    ("1.0.0", "roles.wit", "87cfcf55d5d6a7056b781c605e5c234a33cdbae5833f64194678266c97abe53b"),
    ("1.0.0", "types.wit", "76a0d10288182482bbf9e291bb9d9e9ad777d14f17c73fea288d4af9103fe19b"),
    ("1.0.0", "worlds.wit", "3f44162e0a84c3cecad98c75a7f1c2ee73b388f25fabce096d83f3c0554b06b5"),
];

fn engine() -> Engine {
    Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine")
}

/// Every version that a guest may have been built for: the frozen ones and today's.
fn versions() -> Vec<Contract> {
    let frozen = contract::frozen_folders();
    assert!(!frozen.is_empty(), "no frozen version was found");
    frozen.iter().map(|folder| Contract::read(folder)).chain([Contract::today()]).collect()
}

#[test]
fn a_frozen_contract_never_changes() {
    let mut found = Vec::new();
    for folder in contract::frozen_folders() {
        let version = folder.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(Contract::read(&folder).version(), version, "the folder is named by its version");
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let digest = Digest::of(&fs::read(&path).expect("readable")).to_string();
            let file = path.file_name().expect("a name").to_string_lossy().into_owned();
            found.push((version.clone(), file, digest));
        }
    }
    found.sort();
    let frozen: Vec<_> = FROZEN.map(|(version, file, digest)| (version.into(), file.into(), digest.into())).into();
    assert_eq!(found, frozen, "a frozen contract was changed: put it back, and make a new version instead");
}

#[test]
fn todays_contract_succeeds_the_newest_frozen_one() {
    let today = Contract::today();
    assert_eq!(today.version(), CONTRACT, "the sandbox says another version than wit/ has");
    let folder = contract::frozen_folders().pop().expect("a frozen version");
    let newest = Contract::read(&folder);
    if newest.version() == today.version() {
        for (version, file, _) in FROZEN.iter().filter(|(version, ..)| *version == today.version()) {
            let text = |folder: &std::path::Path| fs::read_to_string(folder.join(file)).expect("readable");
            assert_eq!(
                text(&contract::folder()),
                text(&folder),
                "wit/{file} differs from frozen {version}: raise the version"
            );
        }
    }
    for world in newest.worlds() {
        assert_eq!(today.succeeds(&newest, &world), Ok(()), "{world}");
    }
}

#[test]
fn a_successor_may_add_and_may_not_take_away_or_change() {
    let today = Contract::today();
    let world = "triage-policy";
    assert_eq!(next().succeeds(&today, world), Ok(()));
    assert!(today.succeeds(&next(), world).is_err(), "an interface was taken away");
    let changed =
        Contract::made_up("1.1.0", |text| text.replace("classify: func(question: question)", "classify: func()"));
    assert!(changed.succeeds(&today, world).is_err(), "a function was changed");
    let case = Contract::made_up("1.1.0", |text| text.replace("enum level { iv,", "enum level { v, iv,"));
    assert!(case.succeeds(&today, "escalation-policy").is_err(), "a case was added to a closed type");
}

#[test]
fn a_dummy_of_every_frozen_version_links_and_starts() {
    let engine = engine();
    for version in versions() {
        for world in version.worlds() {
            let program = engine.compile(&version.dummy(&world)).unwrap_or_else(|reason| panic!("{world}: {reason}"));
            let role = world.strip_suffix("-policy").expect("a role's world");
            let roles: Vec<&str> = program.roles().iter().map(|role| role.as_str()).collect();
            assert_eq!(roles, [role], "{}", version.version());
            assert_eq!(program.imports(), Capabilities::all(), "{world}: a dummy imports all that there is");
            let mut policies = common::bind(&engine, &program, Settings::default(), Capabilities::all());
            let asked = policies.triage(Binding::InForce, &district::state(), &district::triage());
            let expected = if role == "triage" { Failure::Trapped } else { Failure::Unbound };
            assert_eq!(asked.answer.err(), Some(expected), "{world}: a dummy starts, and stops at every call");
        }
    }
}

/// A guest that asks one question of the host and then answers with nothing.
fn asking(version: &Contract, import: &Import) -> Vec<u8> {
    let name = version.version();
    let text = format!(
        "(module {declaration}
          (memory (export \"memory\") 1)
          (global $next (mut i32) (i32.const 8192))
          (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          (func (export \"muster:policy/incentives@{name}#settle\") (param i32) (result i32)
            {call} (i32.const 4096)))",
        declaration = import.declaration,
        call = import.call,
    );
    version.component("incentives-policy", &text)
}

#[test]
fn every_question_of_every_version_is_denied_exactly_when_its_capability_is_not_granted() {
    let engine = engine();
    let mut asked = 0;
    for version in versions() {
        for import in version.imports() {
            let place = format!("{}/{}@{}", import.interface, import.function, version.version());
            let needed = Capability::named(&import.interface)
                .unwrap_or_else(|| panic!("{place}: an interface without a capability"));
            let program =
                engine.compile(&asking(&version, &import)).unwrap_or_else(|reason| panic!("{place}: {reason}"));
            assert_eq!(program.imports(), Capabilities::NONE.with(needed), "{place}");
            for granted in grants() {
                let mut policies = common::bind(&engine, &program, Settings::default(), granted);
                let answer =
                    policies.incentives(Binding::InForce, &district::state(), district::now(), &district::service());
                if granted.has(needed) {
                    assert_eq!(answer.answer, Ok(Vec::new()), "{place} with {:?}: {:?}", granted.names(), answer.call);
                } else {
                    assert_eq!(answer.answer, Err(Failure::Denied), "{place} with {:?}", granted.names());
                    assert!(answer.call.detail.is_some_and(|detail| detail.contains(needed.interface())), "{place}");
                }
                asked += 1;
            }
        }
    }
    println!("{asked} questions in {} version(s)", versions().len());
    assert!(asked > 300, "only {asked} questions were asked: the list was not read from the contract");
}

/// Nothing, everything, each capability alone and all but each.
fn grants() -> Vec<Capabilities> {
    let alone = Capability::ALL.map(|capability| Capabilities::NONE.with(capability));
    let mut grants = vec![Capabilities::NONE, Capabilities::all()];
    grants.extend(alone);
    grants.extend(alone.map(|one| Capabilities::all().without(one)));
    grants
}

/// What the next minor version may look like: another interface to import.
fn next() -> Contract {
    let interface = "\ninterface weather {\n    rainfall: func(node: string) -> option<s64>;\n}\n";
    Contract::made_up("1.1.0", |text| {
        let text = text.replace("    import facts;\n", "    import facts;\n    import weather;\n");
        text.replace("interface log {", &format!("{interface}\ninterface log {{"))
    })
}

#[test]
fn a_guest_of_the_next_version_is_told_that_this_host_is_older() {
    let next = next();
    let weather = next.imports().into_iter().find(|import| import.interface == "weather").expect("the new interface");
    let refused = engine().compile(&asking(&next, &weather)).err().expect("this host has no weather");
    let message = refused.to_string();
    assert!(matches!(&refused, CompileError::Newer { wanted, .. } if wanted == "1.1.0"), "{message}");
    assert!(message.contains("weather") && message.contains("update this host"), "{message}");
    // One that uses nothing new runs: what it can do is what this host knows.
    let log = next.imports().into_iter().find(|import| import.interface == "log").expect("the log");
    let program = engine().compile(&asking(&next, &log)).expect("nothing new is used");
    assert_eq!(program.roles(), [Role::Incentives]);
}

/// An instance ends with its answer: what would give the answer's memory back is work for nothing, and is left out.
#[test]
fn a_policy_that_was_built_has_nothing_to_give_back() {
    let package = guests::policy("triage");
    let holds = |word: &str| package.windows(word.len()).any(|found| found == word.as_bytes());
    assert!(holds("muster:policy/triage@1.0.0#classify"), "the words of exports are found by this");
    assert!(!holds("cabi_post_"));
}
