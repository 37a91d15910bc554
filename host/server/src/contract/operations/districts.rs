//! Reading a district: how it stands, incidents, registers, findings, entries.

use muster_kernel::{FindingStatus, Level, Mode, RiskStage};

use super::super::Operation;
use super::super::parameter::{POSITION_MAX, Values};
use super::super::schema::{any_of, named};
use crate::problem::Kind;
use crate::{lists, registers};

const AS_OF: &str = "what was known then 倒查: a position, or an instant whose `+` is written `%2B`";
const NODE: &str = "a node: it and all below it; without it, the root";
const PAGE: &str = "rows on one page";
/// The most rows of a register that can be left out.
const ROWS_MAX: u64 = 4_294_967_295;
/// What the `from` of a stream and of pages of entries begin with.
const POSITIONS: Values = Values::Whole(0, POSITION_MAX);

fn words(all: impl IntoIterator<Item = &'static str>) -> Values {
    Values::Words(all.into_iter().collect())
}

fn limit() -> Values {
    Values::Whole(1, lists::PAGE_MAX as u64)
}

pub(crate) fn list() -> Operation {
    Operation::new(
        "districts",
        "listDistricts",
        "How every district stands that the caller may read",
        named("Standing"),
    )
    .about(
        "`degraded` holds what concerns these districts; what concerns the host as a whole, only whoever may read its \
         status is told, and `outbox` is `null` for whoever may not read it.",
    )
    .tagged()
}

pub(crate) fn one() -> Operation {
    Operation::new("districts", "getDistrict", "How a district stands", named("District")).tagged()
}

pub(crate) fn incidents() -> Operation {
    Operation::new("districts", "listIncidents", "Incidents, closed ones too 事件", named("Incidents"))
        .about("In the order of their ids. Filters are joined by \"and\".")
        .query("node", Values::Name, NODE)
        .query("status", words(["open", "closed"]), "whether they are closed")
        .query("level", words(Level::ALL.iter().map(|level| level.as_str())), "their level in force")
        .query("stage", words(RiskStage::ALL.iter().map(|stage| stage.as_str())), "their stage: 防、控、治、消")
        .query("mode", words(Mode::ALL.iter().map(|mode| mode.as_str())), "the mode of their place: 常态、应急")
        .query("hazard", Values::Name, "their hazard, for instance `rainstorm`")
        .query("from", Values::Name, "the `next` of the page before")
        .query("limit", limit(), PAGE)
        .tagged()
}

pub(crate) fn incident() -> Operation {
    Operation::new("districts", "getIncident", "One incident with all that belongs to it", named("IncidentInFull"))
        .query("as_of", Values::AsOf, AS_OF)
        .tagged()
}

pub(crate) fn register() -> Operation {
    let shapes = registers::NAMES.iter().map(|name| named(&super::super::shapes::register_component(name)));
    Operation::new("districts", "getRegister", "A register 台账", any_of(shapes.collect()))
        .about(
            "Registers that are lists come in pages when a `limit` is given, and the header `Link` names the next one; \
             `as_of` holds all pages to one state. A filter or a page that a register does not have is refused with the \
             ones that it has.",
        )
        .query("node", Values::Name, NODE)
        .query("as_of", Values::AsOf, AS_OF)
        .query("kind", Values::Name, "rows of this kind: `tasks`, `pairs`, `processes`; the class of `feedback`")
        .query("status", Values::Name, "rows that stand so: `tasks`, `awards`")
        .query("incident", Values::Name, "rows of this incident, by its id: `awards`, `processes`, `command`")
        .query("from", Values::Whole(0, ROWS_MAX), "so many rows are left out at the beginning")
        .query("limit", limit(), "rows on one page; without it, all")
        .answers_with("Link", "the next page, as RFC 8288 says it: `<…>; rel=\"next\"`; only when there is one")
        .tagged()
}

pub(crate) fn public() -> Operation {
    Operation::new("districts", "getPublicView", "What everybody may see 公众参与监督", named("PublicView")).tagged()
}

pub(crate) fn findings() -> Operation {
    Operation::new("districts", "listFindings", "Findings 监管发现, in the order of their ids", named("Findings"))
        .query("node", Values::Name, NODE)
        .query("as_of", Values::AsOf, AS_OF)
        .query("status", words(FindingStatus::ALL.iter().map(|status| status.as_str())), "where they stand")
        .query("code", Values::Name, "what was found, by its code")
        .query("incident", Values::Name, "those of this incident, by its id")
        .query("from", Values::Name, "the `next` of the page before")
        .query("limit", limit(), "rows on one page; without it, all")
        .tagged()
}

pub(crate) fn entries() -> Operation {
    Operation::new("districts", "listEntries", "Entries of the journal", named("Entries"))
        .about(
            "With a filter a page may be short, or empty, and still have a `next`: a request looks through so many \
             entries and no more.",
        )
        .query("cause", words(lists::CAUSES), "what made the district decide")
        .query("type", Values::Name, "the type of the event, with or without `gov.muster.`")
        .query("from", POSITIONS, "the first position, or the `next` of the page before")
        .query("limit", limit(), PAGE)
}

pub(crate) fn entry() -> Operation {
    Operation::new("districts", "getEntry", "One entry with its hash", named("Committed"))
}

pub(crate) fn explanation() -> Operation {
    Operation::new("districts", "explainEntry", "Why it was decided so", named("Explanation"))
}

pub(crate) fn stream() -> Operation {
    Operation::new("districts", "streamEntries", "Entries as they become durable", super::super::schema::text())
        .about(
            "Server-sent events: `id` is the position, `event` is `entry`, `data` is a `Committed` as JSON. It skips \
             none and tells none twice, also over a restart of the host, when it is resumed by `Last-Event-ID`. An idle \
             stream shows every 15 seconds that it lives.",
        )
        .answers_in("text/event-stream")
        .query("from", POSITIONS, "the first position; without it, the next entry")
        .header("Last-Event-ID", POSITIONS, "the last position that was seen; goes before `from`")
        .refuses(&[Kind::BadRequest])
}
