//! What must hold of every data folder after the worst: the host starts on it, every receipt stands, nothing took effect
//! twice. Must never pass over an answer that it does not understand.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context;

use crate::chance::Chance;
use crate::host::{self, Host, Row, entries};
use crate::senders::{Answer, Receipt, send, signal};

/// What a data folder must hold.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Position and hash of every receipt, with the event that it was for.
    pub(crate) receipts: BTreeMap<u64, (String, String)>,
    /// Events that were sent and not acknowledged: they may be there, once.
    pub(crate) others: Vec<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) receipts: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) duplicated: Vec<String>,
    /// The host's words when it did not come up.
    pub(crate) unreadable: Option<String>,
    pub(crate) view_rebuilt: bool,
    pub(crate) torn_tail: bool,
    /// Anything else that must not be.
    pub(crate) other: Vec<String>,
    pub(crate) said: String,
}

impl Findings {
    pub(crate) fn is_well(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.unreadable.is_none() && self.other.is_empty()
    }

    fn hear(&mut self, said: String) {
        self.torn_tail = said.contains("a torn tail was cut");
        self.view_rebuilt = said.contains("the view could not be opened") || said.contains("the view is not used");
        if said.contains("cannot be loaded") {
            self.other.push("the vault lacks a policy that the journal says is in force".into());
        }
        if said.contains("panicked") && !said.contains("the view could not be opened") {
            self.other.push("the host panicked".into());
        }
        self.said = said;
    }
}

/// Starts a host on a data folder and checks it; some events are sent again. At the end the folder is proved.
pub(crate) fn check(
    muster: &Path,
    data: &Path,
    city: &Path,
    expected: &Expected,
    chance: &mut Chance,
) -> anyhow::Result<Findings> {
    let mut findings = Findings { receipts: expected.receipts.len(), ..Findings::default() };
    let host = match Host::start(muster, data, city)? {
        Ok(host) => host,
        Err(not_up) => {
            findings.unreadable = Some(not_up.said);
            return Ok(findings);
        }
    };
    let asked = ask(&host, expected, chance, &mut findings);
    if let Err(reason) = asked {
        findings.other.push(format!("the host could not be asked: {reason:#}"));
    }
    match host.stop() {
        Ok(said) => findings.hear(said),
        Err(reason) => findings.other.push(format!("{reason:#}")),
    }
    // Whoever holds a copy of the public key trusts nothing else: an empty one would be found on the worst day.
    let public = std::fs::read_to_string(data.join("checkpoints/signing.pub")).unwrap_or_default();
    if public.trim().len() != 64 || !public.trim().bytes().all(|digit| digit.is_ascii_hexdigit()) {
        findings.other.push(format!("checkpoints/signing.pub holds no key: {public:?}"));
    }
    let mut runs: Vec<Vec<&OsStr>> = vec![
        vec!["verify".as_ref(), data.as_os_str(), "--fold-only".as_ref()],
        // It also looks for every package and settings file that the journal ever named.
        vec!["doctor".as_ref(), data.as_os_str()],
    ];
    // To decide everything anew takes longer.
    if chance.per_cent(20) {
        runs.push(vec!["verify".as_ref(), data.as_os_str()]);
    }
    for words in runs {
        if let Err(said) = host::muster(muster, &words)? {
            findings.other.push(format!("muster {words:?}: {said}"));
        }
    }
    Ok(findings)
}

fn ask(host: &Host, expected: &Expected, chance: &mut Chance, findings: &mut Findings) -> anyhow::Result<()> {
    let rows = entries(host, 1)?;
    compare(&rows, expected, findings);
    let known: Vec<(&u64, &(String, String))> = expected.receipts.iter().collect();
    let agent = host::agent();
    for _ in 0..known.len().min(3) {
        let (seq, (hash, event)) = known[chance.place(known.len())];
        let first = Receipt { seq: *seq, hash: hash.clone(), duplicate: true };
        let again = send(&agent, &host.events(), &signal(event, chance)).context("sent again")?;
        if !matches!(&again, Answer::Receipt(receipt) if *receipt == first) {
            findings.duplicated.push(format!("{event}, acknowledged at {seq}, was answered {again:?}"));
        }
    }
    if !expected.others.is_empty() {
        let event = &expected.others[chance.place(expected.others.len())];
        let before = rows.iter().find(|row| row.event.as_ref() == Some(event));
        let again = send(&agent, &host.events(), &signal(event, chance)).context("sent anew")?;
        let well = match (&again, before) {
            (Answer::Receipt(receipt), Some(row)) => {
                receipt.duplicate && receipt.seq == row.seq && receipt.hash == row.hash
            }
            (Answer::Receipt(receipt), None) => !receipt.duplicate,
            (Answer::Refused(..), _) => false,
        };
        if !well {
            findings
                .duplicated
                .push(format!("{event}, never acknowledged, was answered {again:?}; before: {before:?}"));
        }
    }
    // Whatever was sent again has left nothing that was not there.
    let last = rows.last().map_or(0, |row| row.seq);
    let later = entries(host, last + 1)?;
    let known: BTreeSet<&String> = rows.iter().filter_map(|row| row.event.as_ref()).collect();
    for row in later.iter().filter(|row| row.duplicate_of.is_none()) {
        if row.event.as_ref().is_some_and(|event| known.contains(event)) {
            findings.duplicated.push(format!("{row:?} took effect again when it was sent again"));
        }
    }
    Ok(())
}

/// Compares the journal with what was acknowledged.
pub(crate) fn compare(rows: &[Row], expected: &Expected, findings: &mut Findings) {
    let by_seq: BTreeMap<u64, &Row> = rows.iter().map(|row| (row.seq, row)).collect();
    for (seq, (hash, event)) in &expected.receipts {
        let found = by_seq.get(seq);
        if !found.is_some_and(|row| row.hash == *hash && row.event.as_ref() == Some(event)) {
            findings.lost.push(format!("entry {seq} ({event}) was acknowledged; there is {found:?}"));
        }
    }
    let mut seen = BTreeMap::new();
    for row in rows {
        let Some(event) = &row.event else { continue };
        let before = seen.get(event).copied();
        // A duplicate is on record, and names the first time.
        if before != row.duplicate_of {
            findings.duplicated.push(format!("{event} stands at {before:?}, and then {row:?}"));
        }
        seen.entry(event).or_insert(row.seq);
    }
    for (number, row) in rows.iter().enumerate() {
        if row.seq != number as u64 + 1 {
            findings.other.push(format!("entry {} stands at place {}", row.seq, number + 1));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, hash: &str, event: &str) -> Row {
        Row { seq, hash: hash.into(), event: Some(event.into()), duplicate_of: None }
    }

    #[test]
    fn what_is_lost_or_there_twice_is_found() {
        let receipts = BTreeMap::from([(1, ("aa".into(), "x".into())), (2, ("bb".into(), "y".into()))]);
        let expected = Expected { receipts, others: Vec::new() };
        let find = |rows: &[Row]| {
            let mut findings = Findings::default();
            compare(rows, &expected, &mut findings);
            (findings.lost.len(), findings.duplicated.len(), findings.other.len())
        };
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "bb", "y"), row(3, "cc", "z")]), (0, 0, 0));
        assert_eq!(find(&[row(1, "aa", "x")]), (1, 0, 0));
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "b0", "y")]), (1, 0, 0));
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "bb", "z")]), (1, 0, 0));
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "bb", "y"), row(3, "cc", "x")]), (0, 1, 0));
        assert_eq!(find(&[row(1, "aa", "x"), row(3, "bb", "y")]), (1, 0, 1));
        let again = |first| Row { duplicate_of: Some(first), ..row(3, "cc", "x") };
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "bb", "y"), again(1)]), (0, 0, 0));
        assert_eq!(find(&[row(1, "aa", "x"), row(2, "bb", "y"), again(2)]), (0, 1, 0));
    }
}
