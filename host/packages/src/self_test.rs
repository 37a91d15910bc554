//! Self-tests: what a package says it answers to some events. Only their form is here; whoever holds an engine runs them.

use std::collections::BTreeMap;
use std::path::Path;

use muster_kernel::Role;
use muster_kernel::record::Fact;
use muster_kernel::settings::Settings;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::settings;

/// The most self-tests of one package.
const TESTS_MAX: usize = 64;
/// The most events of one self-test.
const EVENTS_MAX: usize = 256;
/// The most expectations of one self-test.
const EXPECTATIONS_MAX: usize = 64;

/// One self-test: under these settings, these events must lead to these facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// What it is about, in a sentence.
    pub name: String,
    /// The role that is asked.
    pub role: Role,
    /// The settings that it runs with.
    #[serde(default)]
    pub settings: Settings,
    /// The events (`CloudEvents` 1.0, JSON form), in order.
    pub events: Vec<Json>,
    /// What must come of them: all of it.
    pub expect: Vec<Expectation>,
}

/// Facts that must be among those of the entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The kind of fact, as the journal names it.
    pub fact: String,
    /// Exactly so many; at least one when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// What each counted fact holds: values by dotted path within the fact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contains: BTreeMap<String, Json>,
}

/// What a self-test says that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SelfTestError {
    /// Which test.
    pub place: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestsToml {
    #[serde(default)]
    test: Vec<TestToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestToml {
    name: String,
    role: Role,
    #[serde(default)]
    settings: SettingsToml,
    events: Vec<toml::Value>,
    expect: Vec<ExpectToml>,
}

/// Settings in place, or the files that hold them, later ones over earlier ones.
#[derive(Deserialize)]
#[serde(untagged)]
enum SettingsToml {
    File(String),
    Files(Vec<String>),
    Inline(toml::Table),
}

impl Default for SettingsToml {
    fn default() -> Self {
        Self::Inline(toml::Table::new())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectToml {
    fact: String,
    count: Option<u32>,
    #[serde(default)]
    contains: BTreeMap<String, toml::Value>,
}

/// Reads a file of self-tests. Settings files that it names are read by `open`, by their path from the file's folder.
///
/// # Errors
/// When the text is no list of self-tests, or a settings file cannot be read.
pub fn read(text: &str, open: impl Fn(&Path) -> std::io::Result<String>) -> Result<Vec<SelfTest>, SelfTestError> {
    let read: TestsToml = toml::from_str(text).map_err(|reason| wrong("file", reason.to_string()))?;
    let tests = read.test.into_iter().map(|test| {
        let events = test.events.into_iter().map(json).collect();
        let expect = test.expect.into_iter().map(|expect| Expectation {
            fact: expect.fact,
            count: expect.count,
            contains: expect.contains.into_iter().map(|(path, value)| (path, json(value))).collect(),
        });
        let expect = expect.collect();
        let settings = resolve(&test.name, test.settings, &open)?;
        Ok(SelfTest { name: test.name, role: test.role, settings, events, expect })
    });
    let tests = tests.collect::<Result<Vec<_>, SelfTestError>>()?;
    validate(&tests, None)?;
    for test in &tests {
        // Only here: a package that was built for a newer host may expect facts that this one does not know.
        if let Some(expect) = test.expect.iter().find(|expect| !Fact::KINDS.contains(&expect.fact.as_str())) {
            return Err(wrong(&test.name, format!("`{}` is no kind of fact; see docs/events.md", expect.fact)));
        }
    }
    Ok(tests)
}

fn resolve(
    name: &str,
    written: SettingsToml,
    open: &impl Fn(&Path) -> std::io::Result<String>,
) -> Result<Settings, SelfTestError> {
    let mut found = Settings::default();
    let files = match written {
        SettingsToml::File(file) => vec![file],
        SettingsToml::Files(files) => files,
        SettingsToml::Inline(table) => {
            let text = table.to_string();
            settings::read(&mut found, &text, "settings").map_err(|reason| wrong(name, reason.to_string()))?;
            return Ok(found);
        }
    };
    for file in files {
        let text = open(Path::new(&file)).map_err(|reason| wrong(name, format!("settings file `{file}`: {reason}")))?;
        settings::read(&mut found, &text, &file).map_err(|reason| wrong(name, reason.to_string()))?;
    }
    Ok(found)
}

/// Whether self-tests can be, of a package that answers for these roles.
pub(crate) fn validate(tests: &[SelfTest], roles: Option<&[Role]>) -> Result<(), SelfTestError> {
    if tests.len() > TESTS_MAX {
        return Err(wrong("tests", format!("at most {TESTS_MAX} are read")));
    }
    for (index, test) in tests.iter().enumerate() {
        let fail =
            |reason: &str| Err(wrong(&format!("`{}`", test.name.chars().take(80).collect::<String>()), reason.into()));
        if test.name.trim().is_empty() || test.name.len() > 400 {
            return Err(wrong(&format!("test {}", index + 1), "`name` says in a sentence what it is about".into()));
        }
        if tests[..index].iter().any(|other| other.name == test.name) {
            return fail("two tests have this name; give each its own");
        }
        if roles.is_some_and(|roles| !roles.contains(&test.role)) {
            return fail("the package does not answer for this role");
        }
        if test.events.is_empty() || test.events.len() > EVENTS_MAX {
            return fail("`events` needs 1 to 256 events");
        }
        let is_event = |event: &Json| ["id", "source", "type"].iter().all(|field| event[*field].is_string());
        if !test.events.iter().all(is_event) {
            return fail("each event is a CloudEvent with the texts `id`, `source` and `type`");
        }
        if test.expect.is_empty() || test.expect.len() > EXPECTATIONS_MAX {
            return fail("`expect` needs 1 to 64 expectations: a test that expects nothing cannot fail");
        }
        if test.expect.iter().any(|expect| expect.fact.is_empty()) {
            return fail("`fact` names a kind of fact");
        }
    }
    Ok(())
}

fn wrong(place: &str, reason: String) -> SelfTestError {
    SelfTestError { place: place.into(), reason }
}

fn json(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => Json::String(time.to_string()),
        toml::Value::Array(values) => Json::Array(values.into_iter().map(json).collect()),
        toml::Value::Table(table) => Json::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}
