//! Decisions as a timeline for people: when, what happened, what follows, who must act by when, and why.

use std::io::{self, IsTerminal, Write};

use muster_kernel::record::{Entry, Fact};
use muster_kernel::{State, facts};
use muster_runtime::output;
use muster_server::language::Language;
use muster_server::sentence::{self, Weight};

/// Writes a timeline. Colour only repeats what the words say.
pub(crate) struct Timeline<W: Write> {
    out: W,
    language: Language,
    colour: bool,
    last: Option<u64>,
}

impl Timeline<io::Stdout> {
    pub(crate) fn to_stdout(language: Language) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out: io::stdout(), language, colour, last: None }
    }
}

impl<W: Write> Timeline<W> {
    /// One fact, under a heading for its entry.
    pub(crate) fn tell(&mut self, entry: &Entry, fact: &Fact, state: &State) -> io::Result<()> {
        if self.last != Some(entry.seq) {
            self.last = Some(entry.seq);
            self.heading(entry, state)?;
        }
        let said = sentence::of(fact, state, self.language);
        let incident = incident_of(fact, state).map(|name| format!("  [{name}]")).unwrap_or_default();
        let mark = mark(said.weight);
        let (begin, end) = self.paint(said.weight);
        writeln!(self.out, "    {begin}{mark} {}{end}  {}{incident}", said.label, said.text)?;
        if let Some(because) = sentence::because(fact) {
            self.reason(because)?;
        }
        Ok(())
    }

    fn heading(&mut self, entry: &Entry, state: &State) -> io::Result<()> {
        let offset = state.charter().map_or(0, |charter| charter.utc_offset_seconds);
        let at = entry.at.to_local_text(offset);
        let (day, clock) = at.split_once('T').unwrap_or((&at, ""));
        let clock = clock.get(..8).unwrap_or(clock);
        let cause = sentence::of_cause(&entry.cause, state, self.language);
        writeln!(self.out, "\n{day} {clock}  #{}  {cause}", entry.seq)
    }

    fn reason(&mut self, because: &muster_kernel::act::Because) -> io::Result<()> {
        let reason = sentence::of_reason(because, self.language);
        // Rules of the host carry their reason in the sentence already.
        match reason.text {
            Some(text) if !reason.rule.starts_with("host:") => {
                writeln!(self.out, "         ↳ {}: {text}", reason.rule)
            }
            _ => Ok(()),
        }
    }

    fn paint(&self, weight: Weight) -> (&'static str, &'static str) {
        match weight {
            _ if !self.colour => ("", ""),
            Weight::Record => ("\x1b[2m", "\x1b[0m"),
            Weight::Decision => ("", ""),
            Weight::Ask => ("\x1b[33m", "\x1b[0m"),
            Weight::Alarm => ("\x1b[1;31m", "\x1b[0m"),
        }
    }
}

/// A sign for how much a line asks of its reader, so that colour is never needed.
const fn mark(weight: Weight) -> &'static str {
    match weight {
        Weight::Record => "·",
        Weight::Decision => "•",
        Weight::Ask => "?",
        Weight::Alarm => "!",
    }
}

/// The incident that a fact belongs to, by the name that people use.
fn incident_of(fact: &Fact, state: &State) -> Option<String> {
    let json = serde_json::to_value(fact).ok()?;
    let id = json.as_object()?.values().next()?.get("incident")?.as_str()?.to_owned();
    facts::find_incident(state, &id).map(|(_, row)| output::shown_name(row))
}
