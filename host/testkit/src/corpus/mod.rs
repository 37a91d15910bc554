//! The corpus of hostile guests: each with what must become of it, and why it is there. One list, so that the number of
//! them is one number. It must never be weakened to let a host pass.

mod answers;
mod calls;
mod compile;
mod made;
mod nondeterminism;
mod rust;
mod versions;

use muster_kernel::Role;
use muster_kernel::role::Failure;

/// A guest that means no good, and what must become of it.
#[derive(Clone)]
pub struct Hostile {
    /// Its name, unique in the corpus.
    pub name: &'static str,
    /// What it tries.
    pub why: &'static str,
    /// What it is.
    pub guest: Guest,
    /// What its manifest says it asks of the host, by capability; it is granted no more.
    pub claims: &'static [&'static str],
    /// What must become of it.
    pub expect: Expect,
}

/// What a hostile guest is.
#[derive(Clone, Copy)]
pub enum Guest {
    /// The hostile policy in Rust with this behaviour, asked as escalation.
    Behaviour(&'static str),
    /// A component, asked as incentives if it comes to that.
    Component(fn() -> Vec<u8>),
}

impl Guest {
    /// The role in which it is asked.
    pub fn role(self) -> Role {
        match self {
            Self::Behaviour(_) => Role::Escalation,
            Self::Component(_) => Role::Incentives,
        }
    }
}

/// What must become of a hostile guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Refused while its parts are counted, before the compiler sees it; the message has these words.
    RefusedAtRead(&'static str),
    /// Refused by the compiler or the linker; the message has these words.
    RefusedAtCompile(&'static str),
    /// Runs, and its call fails like this.
    Fails(Failure),
    /// Runs and answers, the same each time: what it tries comes to nothing.
    Harmless,
}

impl std::fmt::Display for Expect {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RefusedAtRead(words) => write!(to, "refused before it is compiled: \"{words}\""),
            Self::RefusedAtCompile(words) => write!(to, "refused when it is compiled: \"{words}\""),
            Self::Fails(failure) => write!(to, "the call fails: {failure:?}"),
            Self::Harmless => write!(to, "comes to nothing"),
        }
    }
}

/// All capabilities: what most of the corpus claims.
const ALL: &[&str] = &["log", "settings", "roster", "calendar", "memory", "facts"];

/// The whole corpus.
pub fn corpus() -> Vec<Hostile> {
    let parts = [
        rust::guests(),
        calls::guests(),
        answers::guests(),
        nondeterminism::guests(),
        versions::guests(),
        compile::guests(),
    ];
    parts.into_iter().flatten().collect()
}

/// A component of the corpus.
fn component(name: &'static str, expect: Expect, make: fn() -> Vec<u8>, why: &'static str) -> Hostile {
    Hostile { name, why, guest: Guest::Component(make), claims: ALL, expect }
}

/// The corpus as the table that people read in `docs/hostile-plugins.md`.
pub fn table() -> String {
    let corpus = corpus();
    let rows = corpus.iter().map(|Hostile { name, why, expect, .. }| format!("| `{name}` | {why} | {expect} |\n"));
    let rows = rows.collect::<Vec<_>>().concat();
    format!("{} guests.\n\n| guest | what it tries | what becomes of it |\n|---|---|---|\n{rows}", corpus.len())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::guests;

    /// Where the table stands in the file.
    const BEGIN: &str = "<!-- the corpus: written by the test, not by hand -->\n\n";
    const END: &str = "\n<!-- end of the corpus -->";

    #[test]
    fn the_table_for_people_is_the_corpus() {
        let path = guests::workspace().join("docs/hostile-plugins.md");
        let text = fs::read_to_string(&path).expect("readable");
        let (before, rest) = text.split_once(BEGIN).expect("the line before the table");
        let (_, after) = rest.split_once(END).expect("the line behind the table");
        let fresh = format!("{before}{BEGIN}{}{END}{after}", super::table());
        if std::env::var_os("MUSTER_WRITE_DOCS").is_some() {
            fs::write(&path, &fresh).expect("written");
        }
        let written = fs::read_to_string(&path).expect("readable");
        assert_eq!(written, fresh, "run this test with MUSTER_WRITE_DOCS=1 to write the table anew");
    }
}
