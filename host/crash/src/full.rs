//! A full disk: the real host on a small file system of its own, first low on space, then without any, then with room again.
//! Must never mount over anything, and never leave its mount behind.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use serde_json::{Value as Json, json};

use crate::chance::Chance;
use crate::check::{Expected, Findings, check};
use crate::host::{self, DISTRICT, Host};
use crate::power::tell;
use crate::senders::{Answer, send, signal};
use crate::{Common, city, summary};

const MIB: u64 = 1 << 20;
/// The file system: room for a segment of 64 MiB above the 256 MiB below which the host takes no signals.
const SIZE: u64 = 460 * MIB;
/// Below the watermark, and still enough for a segment.
const LOW: u64 = 150 * MIB;
/// Not enough for a segment.
const NEARLY_NOTHING: u64 = 12 * MIB;
/// The host asks the disk at every 256th event; after so many it must have noticed.
const NOTICED: u64 = 1_000;
/// Long notes fill a segment in about 1,100; a host that takes more than this has not noticed.
const NOTES_MAX: u64 = 6_000;

/// A small file system. It is unmounted when dropped.
struct Small {
    place: PathBuf,
    kind: &'static str,
}

impl Small {
    fn mount(folder: &Path) -> anyhow::Result<Self> {
        let (place, image) = (folder.join("small"), folder.join("small.img"));
        fs::create_dir_all(&place)?;
        File::create(&image)?.set_len(SIZE)?;
        let run = |program: &str, words: &[&std::ffi::OsStr]| -> Result<(), String> {
            let output = Command::new(program).args(words).output().map_err(|reason| format!("{program}: {reason}"))?;
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
        };
        let formatted = run("mkfs.ext4", &["-q".as_ref(), "-m".as_ref(), "0".as_ref(), "-F".as_ref(), image.as_ref()]);
        let looped = ["-o".as_ref(), "loop".as_ref(), image.as_os_str(), place.as_os_str()];
        let Err(no_loop) = formatted.and_then(|()| run("mount", &looped)) else {
            return Ok(Self { place, kind: "ext4 on a loop device" });
        };
        let size = format!("size={SIZE}");
        let in_memory =
            ["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), size.as_ref(), "tmpfs".as_ref(), place.as_os_str()];
        match run("mount", &in_memory) {
            Ok(()) => Ok(Self { place, kind: "tmpfs" }),
            Err(no_memory) => {
                bail!("no small file system can be mounted: this test needs root ({no_loop}; {no_memory})")
            }
        }
    }

    fn free(&self) -> anyhow::Result<u64> {
        let space = statvfs(&self.place)?;
        Ok(space.f_bavail * space.f_frsize)
    }

    /// Fills the file system until only so much is free.
    fn leave(&self, bytes: u64) -> anyhow::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(self.filler())?;
        let fills = self.free()?.saturating_sub(bytes);
        let before = file.metadata()?.len();
        Ok(fallocate(&file, FallocateFlags::empty(), before, fills.max(1))?)
    }

    fn make_room(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        match Command::new("umount").arg(&self.place).status() {
            Ok(status) if status.success() => drop(fs::remove_file(self.place.with_extension("img"))),
            other => eprintln!("{} stays mounted: {other:?}", self.place.display()),
        }
    }
}

/// What a person sends: the last to be refused. Of the same source as signals: source and id are an event's identity.
fn note(id: &str, length: usize) -> Json {
    json!({
        "specversion": "1.0", "id": id, "source": "urn:test:grid", "type": "gov.muster.note.kept",
        "jurisdiction": "990103901", "data": {"text": "n".repeat(length)}
    })
}

/// What was sent to one host.
struct Story {
    agent: ureq::Agent,
    expected: Expected,
    sent: u64,
}

impl Story {
    /// Sends until something is refused; gives how many were taken, and the problem's code and words.
    fn until_refused(
        &mut self,
        host: &Host,
        most: u64,
        mut event: impl FnMut(&str) -> Json,
    ) -> anyhow::Result<(u64, Option<(String, String)>)> {
        for taken in 0..most {
            let id = format!("full-{}", self.sent);
            self.sent += 1;
            match send(&self.agent, &host.events(), &event(&id)).context("while the disk fills")? {
                Answer::Receipt(receipt) => drop(self.expected.receipts.insert(receipt.seq, (receipt.hash, id))),
                Answer::Refused(status, problem) => {
                    ensure!(status == 503, "{id} was refused with {status}: {problem}");
                    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
                    self.expected.others.push(id);
                    return Ok((taken, Some((word("type"), word("detail")))));
                }
            }
        }
        Ok((most, None))
    }
}

fn is(code: &str, problem: Option<&(String, String)>, what: &str) -> anyhow::Result<String> {
    let (kind, detail) = problem.with_context(|| format!("{what}: nothing was refused"))?;
    ensure!(*kind == format!("urn:muster:problem:{code}"), "{what}: refused as {kind}: {detail}");
    ensure!(!detail.is_empty(), "{what}: the problem has no words");
    Ok(detail.clone())
}

pub(crate) fn run(common: &Common) -> anyhow::Result<bool> {
    let muster = common.muster()?;
    let folder = common.folder("full")?;
    let city = city::lay(&muster, &folder.join("examples"), &common.policies)?;
    let small = Small::mount(&folder)?;
    let data = small.place.join("data");
    let mut chance = Chance::of(common.seed, 0);
    let up = || -> anyhow::Result<Host> {
        Host::start(&muster, &data, &city)?
            .map_err(|not_up| anyhow::anyhow!("the host does not come up:\n{}", not_up.said))
    };

    let first_start = without_room_at_first(&small, &muster, &city)?;
    eprintln!("without room for a first start, the host said: {first_start}");

    let host = up()?;
    let mut story = Story { agent: host::agent(), expected: Expected::default(), sent: 0 };
    let (before, refused) = story.until_refused(&host, 300, |id| signal(id, &mut chance))?;
    ensure!(refused.is_none(), "a signal was refused though there is room: {refused:?}");

    small.leave(LOW)?;
    let (after, refused) = story.until_refused(&host, NOTICED, |id| signal(id, &mut chance))?;
    let low = is("low-space", refused.as_ref(), "signals when the disk is nearly full")?;
    eprintln!("low on space: {before} + {after} signals taken, then: {low}");
    let (acts, refused) = story.until_refused(&host, 20, |id| note(id, 100))?;
    ensure!(refused.is_none(), "an act was refused while only signals should be: {refused:?}");

    small.leave(NEARLY_NOTHING)?;
    let (notes, refused) = story.until_refused(&host, NOTES_MAX, |id| note(id, 60_000))?;
    let stopped = is("journal-stopped", refused.as_ref(), "acts when the disk is full")?;
    eprintln!("full: {} acts taken, then: {stopped}; {} bytes are free", acts + notes, small.free()?);
    let (ready, problem) = host.get("/readyz")?;
    ensure!(ready == 503, "a host that takes nothing says that it is ready: {ready} {problem}");
    let (status, _) = host.get(&format!("/v1/districts/{DISTRICT}/entries?from=1&limit=5"))?;
    ensure!(status == 200, "what is kept can no longer be read: {status}");
    let said = host.said();
    ensure!(said.contains("journal stopped"), "the host does not say that its journal stopped:\n{said}");
    if let Err(reason) = host.stop() {
        eprintln!("the stop on a full disk: {reason:#}");
    }

    // Without room it may not come up; it must then say so, and lose nothing.
    let without_room = match Host::start(&muster, &data, &city)? {
        Ok(host) => {
            drop(host.stop());
            "it comes up".to_owned()
        }
        Err(not_up) => not_up.said,
    };
    eprintln!("a start on the full disk: {without_room}");
    let speaks = ["it comes up", "No space left", "space"].iter().any(|words| without_room.contains(words));

    small.make_room()?;
    let mut findings = check(&muster, &data, &city, &story.expected, &mut chance)?;
    if !speaks {
        findings.other.push(format!("a host on a full disk does not say what is wrong: {without_room}"));
    }
    after_room(&up()?, &mut story, &mut chance, &mut findings)?;
    if !findings.is_well() {
        tell(&findings, "with room again");
    }
    summary(&json!({
        "test": "full", "seed": common.seed, "file_system": small.kind, "signals_before_low_space": before + after,
        "acts_after_signals_were_refused": acts + notes, "receipts_checked": findings.receipts,
        "lost": findings.lost.len(), "duplicated": findings.duplicated.len(),
        "unreadable_starts": usize::from(findings.unreadable.is_some()), "other_faults": findings.other.len(),
        "refused_signals": low, "refused_acts": stopped, "view_rebuilt": findings.view_rebuilt,
    }));
    Ok(findings.is_well())
}

/// A first start that finds no room must say so, and the next, with room, must come up on what it left.
fn without_room_at_first(small: &Small, muster: &Path, city: &Path) -> anyhow::Result<String> {
    let data = small.place.join("early");
    small.leave(NEARLY_NOTHING)?;
    let said = match Host::start(muster, &data, city)? {
        Ok(_) => bail!("a host came up though there is no room for its journal"),
        Err(not_up) => not_up.said,
    };
    ensure!(said.contains("No space left"), "the host does not say that there is no room: {said}");
    small.make_room()?;
    let host = Host::start(muster, &data, city)?;
    let host = host.map_err(|not_up| anyhow::anyhow!("no start after an early full disk:\n{}", not_up.said))?;
    host.stop()?;
    fs::remove_dir_all(&data)?;
    Ok(said.trim().to_owned())
}

fn after_room(host: &Host, story: &mut Story, chance: &mut Chance, findings: &mut Findings) -> anyhow::Result<()> {
    let (taken, refused) = story.until_refused(host, 20, |id| signal(id, chance))?;
    if taken < 20 {
        findings.other.push(format!("with room again, a signal is still refused: {refused:?}"));
    }
    Ok(())
}
