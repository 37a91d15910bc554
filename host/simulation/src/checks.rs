//! What must hold, looked at after every move, after every start, and at the end of a run.
//!
//! - Nothing is acknowledged before it is durable; what was acknowledged stands for ever, at its place, with its hash.
//! - An event that is sent again gets the receipt of the first time and has no second effect.
//! - A start gives the state that a fold of the whole journal gives, whatever became of the view.
//! - A policy that misbehaves costs no other district an answer.
//! - Every decision comes out again, byte for byte.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, DistrictId, State, fold, snapshot};
use muster_runtime::exercise_of;
use muster_runtime::verify::Progress;

use crate::run::Run;

/// Looks at what was just acknowledged.
pub(crate) fn replies(run: &mut Run<'_>) -> anyhow::Result<()> {
    for (place, receipt) in run.fresh_receipts() {
        run.report.acknowledged += 1;
        run.note(receipt.hash.to_string());
        let sent = &run.sent[place];
        let what = format!("event {} of {}", sent.event.id, sent.district);
        ensure!(
            run.lying || run.disk.holds(&receipt.hash.0),
            "{what} was acknowledged as entry {} before it was durable",
            receipt.seq
        );
        let same = |other: &&crate::run::Sent| {
            (&other.event.id, &other.event.source, &other.district, other.event.exercise)
                == (&sent.event.id, &sent.event.source, &sent.district, sent.event.exercise)
        };
        let others = run.sent.iter().filter(same).filter_map(|other| other.receipt.as_ref());
        let other = others.into_iter().find(|other| (other.seq, other.hash) != (receipt.seq, receipt.hash)).cloned();
        // What a lying disk lost is decided anew.
        if let Some(other) = other.filter(|_| !run.lying) {
            let apart = at(run, &receipt.district, receipt.seq)?.abs_diff(at(run, &receipt.district, other.seq)?);
            ensure!(
                apart > window(run, &receipt.district),
                "{what} was acknowledged as entry {} and again as entry {}",
                other.seq,
                receipt.seq
            );
        }
    }
    Ok(())
}

/// For how long a district remembers an event's identity, in milliseconds.
fn window(run: &Run<'_>, district: &DistrictId) -> u64 {
    let folders = run.folders.iter().map(|folder| &folder.charter);
    let charter = folders
        .into_iter()
        .find(|charter| charter.district == *district || exercise_of(&charter.district) == *district);
    charter.map_or(0, |charter| charter.identity_window.0.unsigned_abs())
}

/// When an entry was decided, in milliseconds.
fn at(run: &mut Run<'_>, district: &DistrictId, seq: u64) -> anyhow::Result<i64> {
    let record = run.stage()?.journal().record(district.as_str(), seq)?.context("an acknowledged entry is durable")?;
    Ok(Entry::from_bytes(&record.payload)?.at.as_millis())
}

/// Looks at a host that just came up.
pub(crate) fn after_start(run: &mut Run<'_>) -> anyhow::Result<()> {
    let chains = districts(run).into_iter().map(|id| Ok((id.clone(), chain(run, &id)?)));
    let chains: BTreeMap<DistrictId, Vec<(Entry, Digest)>> = chains.collect::<anyhow::Result<_>>()?;
    if !run.lying {
        for sent in &run.sent {
            let Some(receipt) = &sent.receipt else { continue };
            let stands = usize::try_from(receipt.seq)
                .ok()
                .and_then(|seq| chains.get(&receipt.district)?.get(seq.checked_sub(1)?))
                .is_some_and(|(entry, hash)| {
                    *hash == receipt.hash && matches!(&entry.cause, Cause::Event(event) if event.id == sent.event.id)
                });
            ensure!(stands, "entry {} of {} was acknowledged and is gone", receipt.seq, receipt.district);
        }
    }
    for (id, chain) in &chains {
        let mut state = State::default();
        for (entry, hash) in chain {
            fold::fold(&mut state, entry, *hash);
        }
        let served = run.stage()?.state(id).context("the district is seated")?;
        ensure!(
            served.core.head == state.core.head && snapshot::digest(served) == snapshot::digest(&state),
            "{id} serves another state than its journal of {} entries gives",
            chain.len()
        );
    }
    Ok(())
}

/// Looks at a whole run.
pub(crate) fn at_the_end(run: &mut Run<'_>) -> anyhow::Result<()> {
    for id in districts(run) {
        let chain = chain(run, &id)?;
        run.report.entries += chain.len() as u64;
        let window = window(run, &id);
        let mut effects: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (entry, _) in &chain {
            let failed = entry.facts.iter().filter(|fact| matches!(fact, Fact::PolicyFailed { .. })).count();
            run.report.fallbacks += failed as u64;
            let repeated = matches!(entry.facts.first(), Some(Fact::EventDuplicate { .. }));
            if let Cause::Event(event) = &entry.cause
                && !repeated
            {
                let at = entry.at.as_millis();
                let before = effects.insert((event.source.clone(), event.id.clone()), at);
                let again = before.is_some_and(|before| at.abs_diff(before) <= window);
                ensure!(!again, "event {} of {id} took effect twice, again in entry {}", event.id, entry.seq);
            }
        }
        let verified = run.stage()?.verifier().execute(&id, 1, &Progress::default())?;
        ensure!(
            verified.divergence.is_none(),
            "{id} comes out otherwise: {}",
            verified.divergence.map(|found| found.to_string()).unwrap_or_default()
        );
        ensure!(verified.entries == chain.len() as u64 && verified.taken == 0, "{id} was not executed whole");
        run.note(format!("{id} {:?}", chain.last().map(|(_, hash)| hash)));
    }
    Ok(())
}

fn districts(run: &Run<'_>) -> Vec<DistrictId> {
    let ids = run.folders.iter().map(|folder| folder.charter.district.clone());
    ids.flat_map(|id| [exercise_of(&id), id]).collect()
}

/// A district's durable chain; each entry follows the one before.
fn chain(run: &mut Run<'_>, id: &DistrictId) -> anyhow::Result<Vec<(Entry, Digest)>> {
    let mut chain: Vec<(Entry, Digest)> = Vec::new();
    for record in run.stage()?.journal().read(id.as_str(), 1) {
        let record = record?;
        let entry = Entry::from_bytes(&record.payload)?;
        let before = chain.last().map_or(Digest([0; 32]), |(_, hash)| *hash);
        ensure!(
            Digest::of(&record.payload).0 == record.hash && entry.prev == before && entry.seq == chain.len() as u64 + 1,
            "entry {} of {id} does not follow",
            record.seq
        );
        chain.push((entry, Digest(record.hash)));
    }
    Ok(chain)
}
