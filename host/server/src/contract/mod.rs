//! The contract of the HTTP interface, for machines: every route with its parameters, its bodies and every answer that can
//! come, as `OpenAPI` 3.1. The router is built from the same rows, and holds requests to the same parameters. It must never
//! describe what the host does not do.

mod document;
pub(crate) mod operations;
pub(crate) mod parameter;
pub(crate) mod schema;
mod shapes;

use axum::http::StatusCode;

use crate::problem::Kind;
use parameter::{Parameter, Place, Values};
use schema::Schema;

pub(crate) use document::{document, serve};

/// The types of problems with what a source said: the words stand in `docs/intake.md`.
const OF_INTAKE: &str = "^urn:muster:problem:intake:[a-z0-9-]+$";
/// The media type of JSON.
const JSON: &str = "application/json";

/// What a route is for.
pub(crate) struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    about: &'static str,
    parameters: Vec<Parameter>,
    bodies: Vec<(&'static str, Schema)>,
    answers: Vec<Success>,
    problems: Vec<Kind>,
    tagged: bool,
    sources: bool,
}

/// An answer that is no problem.
struct Success {
    status: StatusCode,
    about: &'static str,
    media: &'static str,
    schema: Schema,
    headers: Vec<(&'static str, &'static str)>,
}

impl Operation {
    /// An operation and the answer that it has when all is well.
    pub(crate) fn new(tag: &'static str, id: &'static str, summary: &'static str, answer: Schema) -> Self {
        let answer =
            Success { status: StatusCode::OK, about: summary, media: JSON, schema: answer, headers: Vec::new() };
        Self {
            id,
            tag,
            summary,
            about: "",
            parameters: Vec::new(),
            bodies: Vec::new(),
            answers: vec![answer],
            problems: vec![Kind::Unauthenticated, Kind::Forbidden, Kind::TooManyProofs, Kind::TooSlow],
            tagged: false,
            sources: false,
        }
    }

    /// More words.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// A parameter in the query.
    pub(crate) fn query(mut self, name: &'static str, values: Values, about: &'static str) -> Self {
        self.parameters.push(Parameter::query(name, values, about));
        self
    }

    /// A parameter in a header.
    pub(crate) fn header(mut self, name: &'static str, values: Values, about: &'static str) -> Self {
        self.parameters.push(Parameter { name, place: Place::Header, values, about });
        self
    }

    /// A body that it takes.
    pub(crate) fn takes(mut self, media: &'static str, schema: Schema) -> Self {
        self.bodies.push((media, schema));
        if !self.problems.iter().any(|kind| kind.code() == Kind::TooLarge.code()) {
            self.problems.push(Kind::TooLarge);
        }
        self
    }

    /// The answer comes in another form than JSON.
    pub(crate) fn answers_in(mut self, media: &'static str) -> Self {
        self.answers[0].media = media;
        self
    }

    /// The answer has a header.
    pub(crate) fn answers_with(mut self, name: &'static str, about: &'static str) -> Self {
        self.answers[0].headers.push((name, about));
        self
    }

    /// Another answer that is no problem.
    pub(crate) fn or_answers(mut self, status: StatusCode, about: &'static str, schema: Schema) -> Self {
        self.answers.push(Success { status, about, media: JSON, schema, headers: Vec::new() });
        self
    }

    /// Problems that it may answer with, besides those that any route may.
    pub(crate) fn refuses(mut self, problems: &[Kind]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The answer has an entity tag, and is not sent again to whoever has it.
    pub(crate) const fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// It reads what sources say: their messages are refused for reasons of their own, at whatever status fits.
    pub(crate) const fn of_sources(mut self) -> Self {
        self.sources = true;
        self
    }

    /// Whether answers have an entity tag.
    pub(crate) const fn is_tagged(&self) -> bool {
        self.tagged
    }

    /// What requests of this route are held to: those of its path included.
    pub(crate) fn parameters(&self, path: &str) -> Vec<Parameter> {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names.map(operations::path_parameter).chain(self.parameters.iter().cloned()).collect()
    }
}
