//! Power losses: records the real host, cuts its power at moments drawn by chance, and starts the real host on what is left.
//! Must never count an image as checked that the host was not started on.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, anyhow};
use serde_json::json;

use crate::chance::Chance;
use crate::check::{Expected, Findings, check};
use crate::image::{Fate, Image, moment};
use crate::recording::{self, Recording, Setup};
use crate::senders::Load;
use crate::{Common, summary};

/// How much is done.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Power {
    /// How many images are built and checked
    #[arg(long, default_value_t = 500)]
    images: u64,
    /// How many recordings they are taken from
    #[arg(long, default_value_t = 4)]
    recordings: u64,
    /// Only this image, from the recordings that are there
    #[arg(long, value_name = "I")]
    only: Option<u64>,
    /// Events that each of twelve senders sends before the first kill
    #[arg(long, default_value_t = 60)]
    events: u64,
}

#[derive(Default)]
struct Tally {
    images: u64,
    receipts: usize,
    lost: usize,
    duplicated: usize,
    unreadable: usize,
    other: usize,
    rebuilt: u64,
    torn: u64,
    failed: Vec<u64>,
}

pub(crate) fn run(common: &Common, power: &Power) -> anyhow::Result<bool> {
    let muster = common.muster()?;
    let folder = common.folder(&format!("power-{}", common.seed))?;
    let setup = Setup {
        muster: muster.clone(),
        policies: common.policies.clone(),
        seed: common.seed,
        load: Load { senders: 12, each: power.events },
    };
    let mut recordings = Vec::new();
    for number in 0..power.recordings {
        let place = folder.join(format!("recording-{number}"));
        let recording = match power.only {
            Some(_) => recording::read(&place),
            None => recording::record(&setup, &place, number),
        };
        let recording = recording.with_context(|| format!("recording {number}"))?;
        let (steps, receipts) = (recording.history.steps.len(), recording.history.acknowledged.len());
        eprintln!("recording {number}: {steps} steps, {receipts} receipts");
        recordings.push(recording);
    }
    let tally = Mutex::new(Tally::default());
    let (begun, next) = (Instant::now(), AtomicU64::new(power.only.unwrap_or(0)));
    let end = power.only.map_or(power.images, |only| only + 1);
    let work = || -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= end {
                return Ok(());
            }
            one(common, &muster, &folder, &recordings, number, power, &tally)?;
            if number % 25 == 24 {
                eprintln!("image {} of {end}, {} s", number + 1, begun.elapsed().as_secs());
            }
        }
    };
    std::thread::scope(|scope| {
        let running = [scope.spawn(work), scope.spawn(work)];
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a checker panicked"))?)
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary(&json!({
        "test": "power", "seed": common.seed, "recordings": power.recordings, "images": tally.images,
        "receipts_checked": tally.receipts, "lost": tally.lost, "duplicated": tally.duplicated,
        "unreadable_starts": tally.unreadable, "other_faults": tally.other, "views_rebuilt": tally.rebuilt,
        "torn_tails_cut": tally.torn, "failed_images": tally.failed, "seconds": begun.elapsed().as_secs(),
    }));
    Ok(tally.failed.is_empty() && tally.images > 0)
}

/// What must be there after a cut.
fn expected(recording: &Recording, cut: u64) -> anyhow::Result<Expected> {
    let mut expected = Expected::default();
    let ids: std::collections::BTreeMap<&(u64, String), &String> =
        recording.sent.iter().filter_map(|(id, receipt)| Some((receipt.as_ref()?, id))).collect();
    let mut acknowledged = std::collections::BTreeSet::new();
    for receipt in recording.history.acknowledged.iter().filter(|receipt| receipt.from < cut) {
        let id = ids.get(&(receipt.seq, receipt.hash.clone()));
        let id = (*id.with_context(|| format!("a receipt for entry {} that no sender got", receipt.seq))?).clone();
        acknowledged.insert(id.clone());
        expected.receipts.insert(receipt.seq, (receipt.hash.clone(), id));
    }
    expected.others = recording.sent.keys().filter(|id| !acknowledged.contains(*id)).cloned().collect();
    Ok(expected)
}

fn one(
    common: &Common,
    muster: &std::path::Path,
    folder: &std::path::Path,
    recordings: &[Recording],
    number: u64,
    power: &Power,
    tally: &Mutex<Tally>,
) -> anyhow::Result<()> {
    let place = usize::try_from(number)? % recordings.len();
    let recording = &recordings[place];
    let mut chance = Chance::of(common.seed, number);
    let cut = moment(&recording.history, recording.begin, &mut chance);
    let fate = Fate::drawn(&mut chance);
    let image = Image::at(&recording.history, cut, fate, &mut chance);
    let expected = expected(recording, cut)?;
    let home: PathBuf = folder.join(format!("image-{number}"));
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    image.lay(&home)?;
    let findings = check(muster, &home.join("data"), &recording.city, &expected, &mut chance)?;
    let well = findings.is_well();
    if !well {
        tell(
            &findings,
            &format!(
                "image {number} (seed {}, recording {place}, cut at {cut} of {}, {fate:?})\n  kept: {}\n  the folder: {}\n  \
             the same again: muster-crash power --seed {} --recordings {} --only {number}",
                common.seed,
                recording.history.end,
                image.kept.join("; "),
                home.display(),
                common.seed,
                power.recordings,
            ),
        );
        // What the host was started on, as it was before the start.
        image.lay(&home.join("before"))?;
    } else if power.only.is_none() {
        fs::remove_dir_all(&home)?;
    }
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.images += 1;
    tally.receipts += findings.receipts;
    tally.lost += findings.lost.len();
    tally.duplicated += findings.duplicated.len();
    tally.unreadable += usize::from(findings.unreadable.is_some());
    tally.other += findings.other.len();
    tally.rebuilt += u64::from(findings.view_rebuilt);
    tally.torn += u64::from(findings.torn_tail);
    tally.failed.extend((!well).then_some(number));
    Ok(())
}

/// Says what is wrong, with the host's own words.
pub(crate) fn tell(findings: &Findings, what: &str) {
    let some = |list: &[String]| list.iter().take(5).fold(String::new(), |text, line| text + "\n  " + line);
    let words = findings.unreadable.as_deref().unwrap_or(&findings.said);
    eprintln!(
        "FAILED: {what}\n  lost: {}{}\n  duplicated: {}{}\n  other: {}{}\n  it came up: {}\n  the host said:\n{words}",
        findings.lost.len(),
        some(&findings.lost),
        findings.duplicated.len(),
        some(&findings.duplicated),
        findings.other.len(),
        some(&findings.other),
        findings.unreadable.is_none(),
    );
}
