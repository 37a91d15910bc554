//! Behaviours of the hostile policy in Rust: see `guests/hostile`.

use muster_kernel::role::Failure::{Denied, Invalid, OutOfFuel, TooLarge, Trapped};

use super::Expect::{Fails, Harmless};
use super::{ALL, Expect, Guest, Hostile};

pub(super) fn guests() -> Vec<Hostile> {
    let all = |name, expect, why| behaviour(name, name, ALL, expect, why);
    vec![
        all("endless_loop", Fails(OutOfFuel), "loops for ever in a call"),
        all("memory_bomb", Fails(TooLarge), "takes memory until there is none"),
        all("swallowed_memory_bomb", Fails(OutOfFuel), "asks for 64 MiB, hears no, and loops for ever"),
        all("trap", Fails(Trapped), "stops in the middle"),
        all("deep_recursion", Fails(Trapped), "calls itself until the stack ends"),
        all("log_flood", Harmless, "logs a thousand lines; the first 64 are kept"),
        all("log_giants", Fails(TooLarge), "logs giant lines without end"),
        all("log_one_giant", Fails(TooLarge), "logs one line of a mebibyte"),
        all("memory_flood", Fails(TooLarge), "remembers things without end"),
        all("memory_giants", Fails(TooLarge), "remembers three giant texts"),
        all("question_flood", Fails(TooLarge), "asks the host without end: cheap for the guest, dear for the host"),
        all("working_days", Fails(TooLarge), "asks for the day so many working days from now that no calendar has"),
        all("giant_strings", Fails(TooLarge), "answers with a text of a mebibyte"),
        all("aliased_strings", Fails(TooLarge), "answers with a thousand texts that are one and the same 128 KiB"),
        all("million_effects", Fails(TooLarge), "proposes a million effects"),
        all("garbled_text", Fails(Invalid), "answers with a text that is not UTF-8"),
        all("unknown_nodes", Harmless, "proposes effects on nodes that no charter knows; the kernel refuses each"),
        behaviour(
            "lying_manifest",
            "good",
            &["log"],
            Fails(Denied),
            "its manifest claims only the log, its code reads settings",
        ),
    ]
}

fn behaviour(
    name: &'static str,
    behaviour: &'static str,
    claims: &'static [&'static str],
    expect: Expect,
    why: &'static str,
) -> Hostile {
    Hostile { name, why, guest: Guest::Behaviour(behaviour), claims, expect }
}
