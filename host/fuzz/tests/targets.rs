//! Every target with the corpus of what once broke it, and with real inputs that a seed changed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use muster_fuzz::mutation::mutate;
use muster_fuzz::targets::{Target, World};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_target_breaks() {
    let rounds = number("MUSTER_FUZZ_ROUNDS", 2_000);
    let seed = number("MUSTER_FUZZ_SEED", 1);
    let world = World::read().expect("the examples are whole");
    for target in world.targets().expect("the examples are whole") {
        let mut tried = 0;
        for input in corpus(target.name).iter().chain(&target.inputs) {
            attempt(&world, &target, input, "an input of the corpus");
            tried += 1;
        }
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..rounds / u64::from(target.cost) {
            let input = mutate(&target.inputs, &mut random);
            attempt(&world, &target, &input, &format!("round {round} of seed {seed}"));
            tried += 1;
        }
        println!("{}: {tried} inputs", target.name);
    }
}

fn attempt(world: &World, target: &Target, input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(world, input))).is_ok() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    let file = folder.join(target.name);
    let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input));
    panic!("{what} broke the target {}; it was kept as {} ({kept:?})", target.name, file.display());
}

/// What once broke a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("readable")).collect()
}
