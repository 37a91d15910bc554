//! An office with keys: what operations, vendors and releasers do before a package comes to a host.

use std::fs;
use std::path::{Path, PathBuf};

use super::muster;

/// Keys, a trust file and a deny-list.
pub(crate) struct Office {
    folder: tempfile::TempDir,
}

/// What somebody does who is not of the office.
pub(crate) struct Stranger;

fn well(arguments: &[&str]) -> String {
    let (well, said) = muster(arguments);
    assert!(well, "{arguments:?}: {said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

impl Office {
    /// A vendor with two keys, a releaser, one whose key expired, a certifier, a revoker and two admins. Whatever is used needs a
    /// vendor and a releaser.
    pub(crate) fn open() -> Self {
        Self::with_rule("{ office = \"vendor\", count = 1 }, { office = \"releaser\", count = 1 }")
    }

    /// The same people, where whatever is used needs a vendor and a certifier.
    pub(crate) fn that_needs_a_certifier() -> Self {
        Self::with_rule("{ office = \"vendor\", count = 1 }, { office = \"certifier\", count = 1 }")
    }

    fn with_rule(needs: &str) -> Self {
        let office = Self { folder: tempfile::tempdir().expect("a folder") };
        let people = [
            ("vendor", "vendor", "[\"vendor\"]", "2120"),
            ("vendor-second-key", "vendor", "[\"releaser\"]", "2120"),
            ("releaser", "releaser", "[\"releaser\"]", "2120"),
            ("retired", "retired", "[\"releaser\"]", "2021"),
            ("certifier", "certifier", "[\"certifier\"]", "2120"),
            ("revoker", "revoker", "[\"revoker\"]", "2120"),
            ("admin", "admin", "[\"trust_admin\"]", "2120"),
            ("second-admin", "second admin", "[\"trust_admin\"]", "2120"),
        ];
        let mut trust = String::from("profile = \"production\"\n");
        for (name, holder, offices, until) in people {
            let said = well(&["keygen", "--holder", holder, "--out", text(&office.key(name))]);
            let entry = said.replace("offices = []", &format!("offices = {offices}"));
            let entry = entry.replace("from = ", "from = 2020-01-01T00:00:00Z");
            trust.push_str(&entry.replace("until = ", &format!("until = {until}-01-01T00:00:00Z")));
        }
        trust.extend(["[[rule]]\nneeds = [", needs, "]\n"]);
        fs::write(office.trust(), trust).expect("written");
        office
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.key"))
    }

    /// The trust file.
    pub(crate) fn trust(&self) -> PathBuf {
        self.folder.path().join("trust.toml")
    }

    pub(crate) fn sign(&self, package: &Path, key: &str, office: &str) {
        well(&["sign", text(package), "--key", text(&self.key(key)), "--office", office]);
    }

    /// What a package needs to be used.
    pub(crate) fn release(&self, package: &Path) {
        self.sign(package, "vendor", "vendor");
        self.sign(package, "releaser", "releaser");
    }

    /// Puts a package on the deny-list.
    pub(crate) fn revoke(&self, package: &Path) {
        let list = self.folder.path().join("deny.dsse.jsonl");
        well(&[
            "revoke",
            text(&list),
            "--key",
            text(&self.key("revoker")),
            "--package",
            text(package),
            "--reason-zh",
            "误判",
            "--reason-en",
            "it misjudges",
        ]);
    }
}

impl Stranger {
    /// Changes one character of what was signed.
    pub(crate) fn tamper(package: &Path) {
        let file = package.with_extension("wasm.dsse.jsonl");
        let attestations = fs::read_to_string(&file).expect("read");
        let place = attestations.find("\"payload\":\"").expect("a payload") + 40;
        let other = if attestations.as_bytes()[place] == b'A' { "B" } else { "A" };
        fs::write(&file, format!("{}{other}{}", &attestations[..place], &attestations[place + 1..])).expect("written");
    }
}
