//! The schema against the real reader: what one takes the other takes, field by field and bound by bound. Where they part,
//! because a rule goes across fields, it is named here.

mod walk;
mod words;

use std::sync::OnceLock;

use jsonschema::Validator;
use muster_outbox::{Channels, SecretSource};
use serde_json::Value as Json;

use super::super::{Configuration, FILE, sample};
use super::schema;
use crate::arguments::Serve;

/// Every field that there is.
const WHOLE: &str = include_str!("whole.toml");

/// A reference is looked at by the outbox when its secret is read: here lies one behind each.
struct Vault;

impl SecretSource for Vault {
    fn file(&self, _: &str) -> Result<String, String> {
        Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())
    }

    fn environment(&self, _: &str) -> Option<String> {
        self.file("").ok()
    }
}

/// What the reader says of a text: all of it that looks at no other file. Data and districts are named by the environment
/// as well, so that a part of a file can be read.
fn read(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(FILE);
    std::fs::write(&path, text).expect("written");
    let variable = |name: &str| match name {
        "MUSTER_DATA" | "MUSTER_DISTRICTS" => Some("here".to_owned()),
        _ => None,
    };
    let serve = Serve { config: Some(path), ..Serve::default() };
    let configuration = Configuration::of(&serve, variable).map_err(|error| format!("{error:#}"))?;
    let Some(outbox) = configuration.outbox else { return Ok(()) };
    let plan = outbox.check().map_err(|error| error.to_string())?;
    Channels::build(&plan, &Vault).map(|_| ()).map_err(|error| error.to_string())
}

fn parsed() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| serde_json::from_str(&schema()).expect("JSON"))
}

/// What the schema says of a text, by a validator that has nothing to do with how it was made.
fn judged(text: &str) -> Result<(), String> {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    let validator = VALIDATOR.get_or_init(|| jsonschema::draft7::new(parsed()).expect("a schema"));
    let document: Json = toml::from_str(text).expect("TOML");
    let faults: Vec<String> =
        validator.iter_errors(&document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Whether both take a text; panics where they part.
fn taken(what: &str, text: &str) -> bool {
    let (read, judged) = (read(text), judged(text));
    assert_eq!(read.is_ok(), judged.is_ok(), "{what}: the reader says {read:?}, the schema {judged:?}\n{text}");
    read.is_ok()
}

#[test]
fn it_is_a_schema_of_draft_7_that_is_known_by_no_address() {
    assert!(jsonschema::draft7::meta::is_valid(parsed()));
    assert_eq!(parsed()["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(parsed()["title"], FILE);
    assert!(parsed().get("$id").is_none());
    assert!(!schema().contains("null"), "TOML has none");
}

/// The sample with every field that is only a comment in it.
fn unmarked() -> String {
    let is_field = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.is_empty() && !key.contains(' '))
    };
    let line = |line: &str| match line.strip_prefix("# ").filter(|line| is_field(line)) {
        Some(field) => format!("{field}\n"),
        None => format!("{line}\n"),
    };
    sample().lines().map(line).collect()
}

#[test]
fn what_is_written_for_operators_is_taken_by_both() {
    assert!(taken("what `muster init` writes", &sample()));
    let unmarked = unmarked();
    for section in ["[tls]", "[traces]", "[[outbox.recipient]]", "[intake.gauges.mapping]", "[mqtt.sensors]"] {
        assert!(unmarked.lines().any(|line| line == section), "{section} is in the sample");
    }
    assert!(taken("the sample with its marks off", &unmarked));
    let texts = documented();
    for name in ["muster.toml", "outbox.md", "access.md", "intake.md", "operator.en.md", "runbooks.zh.md"] {
        assert!(texts.iter().any(|(path, _)| path.ends_with(name)), "nothing was found in {name}");
    }
    for (path, text) in texts {
        assert!(taken(&path, &text), "{path}: {:?}\n{text}", read(&text));
    }
}

/// Documents whose TOML is of another file.
const OTHER_FILES: [&str; 2] = ["district-folder.md", "package-manifest.md"];

/// Every `muster.toml`, and every part of one, that the documents show or a package ships, with its place.
fn documented() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders below the root");
    let shipped = "deploy/debian/muster.toml";
    let mut found = vec![(shipped.to_owned(), std::fs::read_to_string(root.join(shipped)).expect("text"))];
    let mut waiting = vec![root.join("docs"), root.join("README.md")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("readable").path()));
            continue;
        }
        let name = path.display().to_string();
        let is_document = path.extension().is_some_and(|kind| kind == "md");
        if !is_document || OTHER_FILES.iter().any(|other| name.ends_with(other)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        for (begin, end) in [("```toml\n", "\n```"), ("cat >>muster.toml <<'END'\n", "\nEND\n")] {
            let parts = text.split(begin).skip(1).map(|part| part.split(end).next().unwrap_or_default());
            found.extend(parts.map(|part| (name.clone(), format!("{part}\n"))));
        }
    }
    found
}
