//! Extism: the rules as its users write a plugin, JSON in and JSON out; one plugin called again and again, and a new
//! plugin from the compiled one for each call.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use extism::convert::Json;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use extism_wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};
use muster_kernel::role::escalation::{Matter, Occasion, Question};
use muster_kernel::{Instant, Value};
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::document::{is_provisional, level, mode, stage};
use crate::rules::Outcome;

const TARGET: &str = "wasm32-unknown-unknown";
const FUNCTION: &str = "decide";
/// As many units as Muster's standard limits give a call.
const FUEL: u64 = 2_000_000;
/// As much memory: 64 pages are 4 MiB.
const PAGES: u32 = 64;
const MEMORY: usize = PAGES as usize * 65_536;
/// As much of it stays resident.
const RESIDENT: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_millis(20);

/// The plugin's bytes.
pub(super) struct Guest(Vec<u8>);

impl Guest {
    /// Builds the plugin from its source, with the profile of Muster's own guests.
    pub(super) fn build() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["build", "--quiet", "--locked", "--package", "thirty-extism", "--profile", "plugin"];
        let built = Command::new(cargo).current_dir(folder).args(arguments).args(["--target", TARGET]).status();
        assert!(built.is_ok_and(|status| status.success()), "the Extism guest does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let file = folder.join(target).join(TARGET).join("plugin/thirty_extism.wasm");
        Self(std::fs::read(&file).unwrap_or_else(|reason| panic!("{}: {reason}", file.display())))
    }

    fn builder(&self, manifest: impl FnOnce(Manifest) -> Manifest) -> PluginBuilder<'static> {
        let manifest = manifest(Manifest::new([Wasm::data(self.0.clone())]));
        PluginBuilder::new(manifest).with_wasi(false).with_cache_disabled()
    }
}

/// A new plugin for each call, within limits.
pub(super) struct Fresh(CompiledPlugin);

impl Fresh {
    /// As it comes: memory is mapped and unmapped for each plugin.
    pub(super) fn mapped(guest: &Guest) -> Self {
        Self::limited(guest, Config::new())
    }

    /// From a pool of memories that stay mapped, as Muster's are.
    pub(super) fn pooled(guest: &Guest) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.max_memory_size(MEMORY).linear_memory_keep_resident(RESIDENT).table_keep_resident(RESIDENT);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Self::limited(guest, config)
    }

    fn limited(guest: &Guest, config: Config) -> Self {
        let builder = guest.builder(|manifest| manifest.with_memory_max(PAGES).with_timeout(TIMEOUT));
        let builder = builder.with_wasmtime_config(config).with_fuel_limit(FUEL);
        Self(builder.compile().expect("the plugin compiles"))
    }
}

impl Engine for Fresh {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        ask(&mut Plugin::new_from_compiled(&self.0).expect("a plugin"), question)
    }
}

/// One plugin for all calls, as fast as it goes.
pub(super) struct Reused(Plugin);

impl Reused {
    pub(super) fn unlimited(guest: &Guest) -> Self {
        Self(guest.builder(|manifest| manifest).build().expect("a plugin"))
    }
}

impl Engine for Reused {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        ask(&mut self.0, question)
    }
}

fn ask(plugin: &mut Plugin, question: &Question) -> Vec<Outcome> {
    let Json(proposed): Json<Vec<Proposed>> = plugin.call(FUNCTION, Json(Asked::from(question))).expect("an answer");
    let outcomes = proposed.into_iter().map(|Proposed { rule, kind, parameter, sentence }| Outcome {
        rule: rule.into(),
        kind: kind.into(),
        parameter,
        sentence: sentence.into(),
    });
    outcomes.collect()
}

#[derive(Deserialize)]
struct Proposed {
    rule: String,
    kind: String,
    parameter: i64,
    sentence: String,
}

/// The question as JSON: the same document that the other engines get.
#[derive(Serialize)]
struct Asked<'a> {
    now: i64,
    event: Event<'a>,
    data: BTreeMap<&'a str, Datum<'a>>,
    incident: Incident<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Datum<'a> {
    Flag(bool),
    Integer(i64),
    Text(&'a str),
}

#[derive(Serialize)]
struct Event<'a> {
    classification: Option<&'a str>,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: Option<&'a str>,
    occurred: i64,
    recorded: i64,
    node: &'a str,
    place: &'a str,
    incident: Option<&'a str>,
    exercise: bool,
}

#[derive(Serialize)]
struct Incident<'a> {
    id: &'a str,
    name: &'a str,
    names: &'a [String],
    scheme: &'a str,
    hazard: &'a str,
    node: &'a str,
    opened: i64,
    stage: &'static str,
    mode: &'static str,
    life_safety: bool,
    response: Response<'a>,
    floor: Option<i64>,
    figures: Vec<Figure<'a>>,
    parent: Option<&'a str>,
    commander: Option<Post<'a>>,
    hazard_cleared: bool,
    projected_end: Option<i64>,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Response<'a> {
    scheme: &'a str,
    node: &'a str,
    recommended: Option<i64>,
    in_force: Option<i64>,
    since: Option<i64>,
    ordered: bool,
}

#[derive(Serialize)]
struct Figure<'a> {
    name: &'a str,
    value: Option<i64>,
    stage: &'static str,
    as_of: i64,
    source: &'a str,
}

#[derive(Serialize)]
struct Post<'a> {
    node: &'a str,
    name: &'a str,
}

impl<'a> From<&'a Question> for Asked<'a> {
    fn from(question: &'a Question) -> Self {
        let (Occasion::Event(event), Matter::Incident(incident)) = (&question.occasion, &question.matter) else {
            unreachable!("the corpus holds events of incidents only")
        };
        let known = event.attributes.iter().filter_map(|attribute| {
            let datum = match &attribute.value {
                Value::Flag(flag) => Datum::Flag(*flag),
                Value::Integer(number) => Datum::Integer(*number),
                Value::Text(text) => Datum::Text(text),
                Value::Instant(instant) => Datum::Integer(instant.as_millis()),
                Value::Unknown | Value::Decimal(_) => return None,
            };
            Some((attribute.key.as_str(), datum))
        });
        Self {
            now: question.now.as_millis(),
            data: known.collect(),
            event: Event {
                classification: question.classification.as_deref(),
                id: &event.id,
                source: &event.source,
                kind: &event.kind,
                subject: event.subject.as_deref(),
                occurred: event.occurred.as_millis(),
                recorded: event.recorded.as_millis(),
                node: event.node.as_str(),
                place: &event.place,
                incident: event.incident.as_deref(),
                exercise: event.exercise,
            },
            incident: Incident::from(incident),
        }
    }
}

impl<'a> From<&'a muster_kernel::role::IncidentView> for Incident<'a> {
    fn from(incident: &'a muster_kernel::role::IncidentView) -> Self {
        use muster_kernel::act::Party;
        let response = &incident.response;
        let figures = incident.figures.iter().map(|figure| Figure {
            name: &figure.name,
            value: figure.value,
            stage: if is_provisional(figure) { "provisional" } else { "verified" },
            as_of: figure.as_of.as_millis(),
            source: &figure.source,
        });
        let commander = incident.commander.as_ref().map(|commander| match commander {
            Party::Post { node, name } => Post { node: node.as_str(), name },
            _ => unreachable!("the corpus holds posts only"),
        });
        Self {
            id: incident.id.as_str(),
            name: &incident.name,
            names: &incident.names,
            scheme: incident.scheme.as_str(),
            hazard: incident.hazard.as_str(),
            node: incident.node.as_str(),
            opened: incident.opened.as_millis(),
            stage: stage(incident.stage),
            mode: mode(incident.mode),
            life_safety: incident.life_safety,
            response: Response {
                scheme: response.scheme.as_str(),
                node: response.node.as_str(),
                recommended: response.recommended.map(level),
                in_force: response.in_force.map(level),
                since: response.since.map(Instant::as_millis),
                ordered: response.ordered,
            },
            floor: incident.floor.map(level),
            figures: figures.collect(),
            parent: incident.parent.as_ref().map(muster_kernel::IncidentId::as_str),
            commander,
            hazard_cleared: incident.hazard_cleared,
            projected_end: incident.projected_end.map(Instant::as_millis),
            tags: &incident.tags,
        }
    }
}
