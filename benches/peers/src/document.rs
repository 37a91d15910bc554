//! A question as a document: the whole of it, said once for every engine that reads documents.
//!
//! What is not known is absent: each of these languages has a word for absence, and Cedar has none for null. An engine
//! brings a [`Form`], which makes its own values; nothing is made twice, and no text goes between.

use muster_kernel::act::{Figure, Party};
use muster_kernel::role::escalation::{Matter, Occasion, Question};
use muster_kernel::role::{IncidentView, ResponseView};
use muster_kernel::{Event, FigureStage, Level, Mode, RiskStage, Value};

/// How an engine makes its values.
pub trait Form<'a> {
    /// Any value.
    type Value;
    /// A record while it is filled.
    type Record;

    /// A yes or no.
    fn flag(&mut self, flag: bool) -> Self::Value;
    /// A whole number.
    fn integer(&mut self, number: i64) -> Self::Value;
    /// A text.
    fn text(&mut self, text: &'a str) -> Self::Value;
    /// A list.
    fn list(&mut self, values: Vec<Self::Value>) -> Self::Value;
    /// A record with room for so many fields.
    fn record(&mut self, fields: usize) -> Self::Record;
    /// One more field.
    fn field(&mut self, record: &mut Self::Record, key: &'a str, value: Self::Value);
    /// The record is full.
    fn close(&mut self, record: Self::Record) -> Self::Value;
}

/// The four parts of a question, which every rule set names alike.
pub struct Document<V> {
    /// When the question is put, in milliseconds.
    pub now: V,
    /// The event without its data.
    pub event: V,
    /// The event's data.
    pub data: V,
    /// The incident.
    pub incident: V,
}

/// A question in an engine's values.
pub fn document<'a, F: Form<'a>>(form: &mut F, question: &'a Question) -> Document<F::Value> {
    let (Occasion::Event(event), Matter::Incident(incident)) = (&question.occasion, &question.matter) else {
        unreachable!("the corpus holds events of incidents only")
    };
    Document {
        now: form.integer(question.now.as_millis()),
        data: data(form, event),
        event: self::event(form, event, question.classification.as_deref()),
        incident: self::incident(form, incident),
    }
}

/// A record under way.
struct Fields<'f, 'a, F: Form<'a>> {
    form: &'f mut F,
    record: F::Record,
}

impl<'f, 'a, F: Form<'a>> Fields<'f, 'a, F> {
    fn new(form: &'f mut F, fields: usize) -> Self {
        let record = form.record(fields);
        Self { form, record }
    }

    fn value(&mut self, key: &'a str, value: impl FnOnce(&mut F) -> F::Value) {
        let value = value(self.form);
        self.form.field(&mut self.record, key, value);
    }

    fn text(&mut self, key: &'a str, text: &'a str) {
        self.value(key, |form| form.text(text));
    }

    fn texts(&mut self, key: &'a str, texts: &'a [String]) {
        self.value(key, |form| {
            let texts = texts.iter().map(|text| form.text(text)).collect();
            form.list(texts)
        });
    }

    fn integer(&mut self, key: &'a str, number: i64) {
        self.value(key, |form| form.integer(number));
    }

    fn flag(&mut self, key: &'a str, flag: bool) {
        self.value(key, |form| form.flag(flag));
    }

    fn known_text(&mut self, key: &'a str, text: Option<&'a str>) {
        text.into_iter().for_each(|text| self.text(key, text));
    }

    fn known_integer(&mut self, key: &'a str, number: Option<i64>) {
        number.into_iter().for_each(|number| self.integer(key, number));
    }

    fn close(self) -> F::Value {
        self.form.close(self.record)
    }
}

fn data<'a, F: Form<'a>>(form: &mut F, event: &'a Event) -> F::Value {
    let mut fields = Fields::new(form, event.attributes.len());
    for attribute in &event.attributes {
        let key = attribute.key.as_str();
        match &attribute.value {
            Value::Unknown => {}
            Value::Flag(flag) => fields.flag(key, *flag),
            Value::Integer(number) => fields.integer(key, *number),
            Value::Text(text) => fields.text(key, text),
            Value::Instant(instant) => fields.integer(key, instant.as_millis()),
            Value::Decimal(_) => unreachable!("the corpus holds whole numbers only"),
        }
    }
    fields.close()
}

fn event<'a, F: Form<'a>>(form: &mut F, event: &'a Event, classification: Option<&'a str>) -> F::Value {
    let mut fields = Fields::new(form, 11);
    fields.known_text("classification", classification);
    fields.text("id", &event.id);
    fields.text("source", &event.source);
    fields.text("type", &event.kind);
    fields.known_text("subject", event.subject.as_deref());
    fields.integer("occurred", event.occurred.as_millis());
    fields.integer("recorded", event.recorded.as_millis());
    fields.text("node", event.node.as_str());
    fields.text("place", &event.place);
    fields.known_text("incident", event.incident.as_deref());
    fields.flag("exercise", event.exercise);
    fields.close()
}

fn incident<'a, F: Form<'a>>(form: &mut F, incident: &'a IncidentView) -> F::Value {
    let mut fields = Fields::new(form, 18);
    fields.text("id", incident.id.as_str());
    fields.text("name", &incident.name);
    fields.texts("names", &incident.names);
    fields.text("scheme", incident.scheme.as_str());
    fields.text("hazard", incident.hazard.as_str());
    fields.text("node", incident.node.as_str());
    fields.integer("opened", incident.opened.as_millis());
    fields.text("stage", stage(incident.stage));
    fields.text("mode", mode(incident.mode));
    fields.flag("life_safety", incident.life_safety);
    fields.value("response", |form| response(form, &incident.response));
    fields.known_integer("floor", incident.floor.map(level));
    fields.value("figures", |form| {
        let figures = incident.figures.iter().map(|known| figure(form, known)).collect();
        form.list(figures)
    });
    fields.known_text("parent", incident.parent.as_ref().map(muster_kernel::IncidentId::as_str));
    if let Some(commander) = &incident.commander {
        fields.value("commander", |form| party(form, commander));
    }
    fields.flag("hazard_cleared", incident.hazard_cleared);
    fields.known_integer("projected_end", incident.projected_end.map(muster_kernel::Instant::as_millis));
    fields.texts("tags", &incident.tags);
    fields.close()
}

fn response<'a, F: Form<'a>>(form: &mut F, response: &'a ResponseView) -> F::Value {
    let mut fields = Fields::new(form, 6);
    fields.text("scheme", response.scheme.as_str());
    fields.text("node", response.node.as_str());
    fields.known_integer("recommended", response.recommended.map(level));
    fields.known_integer("in_force", response.in_force.map(level));
    fields.known_integer("since", response.since.map(muster_kernel::Instant::as_millis));
    fields.flag("ordered", response.ordered);
    fields.close()
}

fn figure<'a, F: Form<'a>>(form: &mut F, figure: &'a Figure) -> F::Value {
    let mut fields = Fields::new(form, 5);
    fields.text("name", &figure.name);
    fields.known_integer("value", figure.value);
    fields.text("stage", if is_provisional(figure) { "provisional" } else { "verified" });
    fields.integer("as_of", figure.as_of.as_millis());
    fields.text("source", &figure.source);
    fields.close()
}

fn party<'a, F: Form<'a>>(form: &mut F, party: &'a Party) -> F::Value {
    let mut fields = Fields::new(form, 2);
    let Party::Post { node, name } = party else { unreachable!("the corpus holds posts only") };
    fields.text("node", node.as_str());
    fields.text("name", name);
    fields.close()
}

/// Whether a figure may still change.
pub fn is_provisional(figure: &Figure) -> bool {
    figure.stage == FigureStage::Provisional
}

/// The name of a stage.
pub fn stage(stage: RiskStage) -> &'static str {
    match stage {
        RiskStage::Prevent => "prevent",
        RiskStage::Control => "control",
        RiskStage::Treat => "treat",
        RiskStage::Eliminate => "eliminate",
    }
}

/// The name of a mode.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "normal",
        Mode::Emergency => "emergency",
    }
}

/// A level as a number: 4 is the lowest, 1 the highest.
pub fn level(level: Level) -> i64 {
    match level {
        Level::One => 1,
        Level::Two => 2,
        Level::Three => 3,
        Level::Four => 4,
    }
}
