//! A recording: the real host under strace, from its first start over a load to its end, and once more on what it left.
//! Must never record on a file system that has no disk below it, for what is not synced there is not lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use crate::chance::Chance;
use crate::city;
use crate::history::{Acknowledged, History};
use crate::host::{PATIENCE, Starting};
use crate::image::{Fate, Image, moment};
use crate::senders::{Ledger, Load, load};
use crate::trace;

/// What is recorded: all that changes files and names, all that makes them durable, and what leaves through sockets.
const CALLS: &str = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,\
                     symlink,symlinkat,truncate,ftruncate,fallocate,copy_file_range,sendfile,write,writev,pwrite64,\
                     pwritev,pwritev2,fsync,fdatasync,sync_file_range,sync,syncfs,sendto,sendmsg";

/// The traces of the lives after the first.
const LATER: [&str; 2] = ["trace-2", "trace-3"];

/// How a life ends.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Stopped,
}

/// What is recorded with what.
pub(crate) struct Setup {
    pub(crate) muster: PathBuf,
    pub(crate) policies: city::Policies,
    pub(crate) seed: u64,
    pub(crate) load: Load,
}

/// What was recorded.
pub(crate) struct Recording {
    pub(crate) history: History,
    /// The id of every event that was sent, with the receipt that its sender got.
    pub(crate) sent: BTreeMap<String, Option<(u64, String)>>,
    pub(crate) city: PathBuf,
    /// Before this moment nothing is worth cutting.
    pub(crate) begin: u64,
}

/// Records into a folder that is made anew. Every other recording goes on from what a power loss left.
pub(crate) fn record(setup: &Setup, folder: &Path, number: u64) -> anyhow::Result<Recording> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let disk = folder.join("disk");
    fs::create_dir_all(&disk)?;
    let kind = Command::new("stat").args(["--file-system", "--format=%T"]).arg(&disk).output()?;
    let kind = String::from_utf8_lossy(&kind.stdout).trim().to_owned();
    ensure!(kind != "tmpfs", "{} is on {kind}, which has no disk below it: give --folder", disk.display());
    let city = city::lay(&setup.muster, &folder.join("examples"), &setup.policies)?;
    let ledger = Ledger::default();
    let seed = Chance::of(setup.seed, number).next();
    let first = Load { senders: setup.load.senders, each: setup.load.each };
    run(setup, &disk, &city, (&folder.join("trace-1"), End::Killed), |url| {
        load(url, &format!("first-{number}"), first, seed, &ledger)?;
        city::change(&city, 1)?;
        std::thread::sleep(Duration::from_millis(1_500));
        load(url, &format!("reloaded-{number}"), Load { senders: 3, each: 5 }, seed + 1, &ledger)
    })?;
    let mut before = Vec::new();
    if number % 2 == 1 {
        let history = history(&disk, None, &[folder.join("trace-1")])?;
        let mut chance = Chance::of(seed, 2);
        let cut = moment(&history, history.end / 2, &mut chance);
        before = history.acknowledged.iter().filter(|receipt| receipt.from < cut).cloned().collect();
        let image = Image::at(&history, cut, Fate::TornEnd, &mut chance);
        image.lay(&folder.join("base"))?;
        fs::remove_dir_all(&disk)?;
        image.lay(&disk)?;
    }
    // At a stop the host signs what it has, and the second stop appends to what the first had signed.
    for (life, trace) in LATER.into_iter().zip(2..) {
        run(setup, &disk, &city, (&folder.join(life), End::Stopped), |url| {
            load(url, &format!("later-{number}-{trace}"), Load { senders: 6, each: 15 }, seed + trace, &ledger)
        })?;
    }
    let sent = |(id, receipt): (&String, &Option<crate::senders::Receipt>)| {
        json!([id, receipt.as_ref().map(|receipt| json!([receipt.seq, receipt.hash]))])
    };
    let sent: Vec<Json> = ledger.with(|ledger| ledger.iter().map(sent).collect());
    let before: Vec<Json> = before.iter().map(|receipt| json!([receipt.seq, receipt.hash])).collect();
    fs::write(folder.join("sent.json"), json!({"sent": sent, "before": before}).to_string())?;
    read(folder)
}

/// One life of the host under strace, from its start to its end.
fn run(
    setup: &Setup,
    disk: &Path,
    city: &Path,
    (trace, end): (&Path, End),
    work: impl FnOnce(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let words = ["strace", "-D", "-f", "-y", "-xx", "-s", "8000000", "-e", CALLS, "-o"];
    let before: Vec<String> = words.into_iter().map(Into::into).chain([trace.display().to_string()]).collect();
    let starting = Starting::begin(&setup.muster, &disk.join("data"), city, &before)?;
    let host = starting.ready().map_err(|not_up| anyhow::anyhow!("the host does not come up:\n{}", not_up.said))?;
    work(&host.events())?;
    // What writes behind gets its turn; a call that the kill met in the middle would leave its effect unknown.
    std::thread::sleep(Duration::from_millis(1_200));
    let thread = host.id();
    match end {
        End::Killed => host.kill()?,
        End::Stopped => drop(host.stop()?),
    }
    let begun = Instant::now();
    while !ends_with(trace, thread)? {
        ensure!(begun.elapsed() < PATIENCE, "strace does not end {}", trace.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether the trace tells of the end of the host.
fn ends_with(trace: &Path, thread: u32) -> anyhow::Result<bool> {
    let text = fs::read(trace)?;
    let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(8_192)..]).into_owned();
    let ended = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(who, said)| who == thread.to_string() && said.trim_start().starts_with("+++"))
    };
    Ok(tail.ends_with('\n') && tail.lines().any(ended))
}

fn history(disk: &Path, base: Option<&Path>, traces: &[PathBuf]) -> anyhow::Result<History> {
    let mut history = base.map_or_else(|| Ok(History::new()), History::of_folder)?;
    for trace in traces {
        let lines = BufReader::new(File::open(trace).with_context(|| trace.display().to_string())?);
        let (calls, end) = trace::read(lines, history.end).with_context(|| trace.display().to_string())?;
        history.go_on(disk, &calls, end).with_context(|| trace.display().to_string())?;
    }
    Ok(history)
}

/// Reads what was recorded in a folder.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Recording> {
    let folder = folder.canonicalize().with_context(|| format!("{}: not recorded yet", folder.display()))?;
    let told: Json = serde_json::from_slice(&fs::read(folder.join("sent.json")).context("not recorded to its end")?)?;
    let (disk, base) = (folder.join("disk"), folder.join("base"));
    let receipt = |json: &Json| Some((json[0].as_u64()?, json[1].as_str()?.to_owned()));
    let later = LATER.map(|life| folder.join(life));
    let mut recording = if base.exists() {
        let mut history = history(&disk, Some(&base), &later)?;
        for (seq, hash) in told["before"].as_array().into_iter().flatten().filter_map(receipt) {
            history.acknowledged.push(Acknowledged { seq, hash, from: 0 });
        }
        Recording { history, sent: BTreeMap::new(), city: PathBuf::new(), begin: 2 }
    } else {
        let all: Vec<PathBuf> = [folder.join("trace-1")].into_iter().chain(later).collect();
        let history = history(&disk, None, &all)?;
        Recording { history, sent: BTreeMap::new(), city: PathBuf::new(), begin: 0 }
    };
    let sent = told["sent"].as_array().into_iter().flatten();
    recording.sent = sent.filter_map(|sent| Some((sent[0].as_str()?.to_owned(), receipt(&sent[1])))).collect();
    recording.city = folder.join("examples/yunhe");
    let traced: std::collections::BTreeSet<_> =
        recording.history.acknowledged.iter().map(|receipt| (receipt.seq, receipt.hash.clone())).collect();
    let unseen = recording.sent.iter().filter(|(id, receipt)| {
        // Of a first life that a power loss ended, only what is in the image counts.
        let counts = !base.exists() || id.starts_with("later");
        counts && receipt.as_ref().is_some_and(|receipt| !traced.contains(receipt))
    });
    let unseen = unseen.count();
    ensure!(unseen == 0, "{unseen} receipts reached their senders and are not in the trace");
    Ok(recording)
}
