//! A host under measurement: the real binary, started, loaded through its own `bench`, killed or stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value as Json;

/// So long a host may take to come to rest.
const SETTLES_WITHIN_SECONDS: u64 = 180;
/// Hundredths of a second of work in a second that count as rest: timers, and the looks at its own files.
const QUIET_TICKS: u64 = 3;

/// A running host.
pub(crate) struct Host {
    muster: PathBuf,
    data: PathBuf,
    child: Child,
    address: String,
}

impl Host {
    /// Starts one, and waits until it takes events.
    pub(crate) fn start(muster: &Path, data: &Path, folders: &[PathBuf]) -> anyhow::Result<Self> {
        Self::serve(Command::new(muster), muster, data, folders)
    }

    /// Starts one on the first so many cores only, by `taskset` of util-linux.
    pub(crate) fn start_on(cores: usize, muster: &Path, data: &Path, folders: &[PathBuf]) -> anyhow::Result<Self> {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", &format!("0-{}", cores - 1)]).arg(muster);
        Self::serve(pinned, muster, data, folders)
    }

    fn serve(mut serve: Command, muster: &Path, data: &Path, folders: &[PathBuf]) -> anyhow::Result<Self> {
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).env("MUSTER_LOG", "error");
        for folder in folders {
            serve.arg("--district").arg(folder);
        }
        let mut child = serve
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", serve.get_program().display()))?;
        let (address, lines) = crate::ready(&mut child)?;
        // It may say more later, and must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { muster: muster.into(), data: data.into(), child, address })
    }

    /// Sends what opens the incident that the events belong to, in a district's drill, and some events to get warm.
    pub(crate) fn first(&self, root: &Path, district: &str) -> anyhow::Result<()> {
        let first = root.join("examples/yunhe/load/first.jsonl");
        let first = first.to_str().context("a path in UTF-8")?;
        self.bench(root, district, &[("--first", first), ("--senders", "16"), ("--events", "2000")]).map(drop)
    }

    /// One load of signals, as the host's own command measures it.
    pub(crate) fn bench(&self, root: &Path, district: &str, options: &[(&str, &str)]) -> anyhow::Result<Json> {
        self.bench_of(&root.join("examples/yunhe/load/event.json"), district, options)
    }

    /// One load of an event.
    pub(crate) fn bench_of(&self, event: &Path, district: &str, options: &[(&str, &str)]) -> anyhow::Result<Json> {
        let mut bench = Command::new(&self.muster);
        bench.args(["--output", "json", "--server", &self.address, "bench", "--district", district, "--event"]);
        bench.arg(event).arg("--pid").arg(self.child.id().to_string());
        for (name, value) in options {
            bench.arg(name).arg(value);
        }
        let output = bench.output()?;
        ensure!(output.status.success(), "the load fails: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        serde_json::from_str(text.lines().last().context("the load said nothing")?).context("the load's figures")
    }

    /// Waits until the host does nothing any more: what a start leaves to do behind would stand in the figures.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        for _ in 0..SETTLES_WITHIN_SECONDS {
            let before = self.processor_ticks()?;
            std::thread::sleep(Duration::from_secs(1));
            if self.processor_ticks()? - before <= QUIET_TICKS {
                return Ok(());
            }
        }
        bail!("the host is still at work after {SETTLES_WITHIN_SECONDS} seconds without a load")
    }

    /// What the process took of the processors, in hundredths of a second, from Linux's `/proc`.
    fn processor_ticks(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name may hold blanks; after its closing bracket, user and system time are the 12th and 13th field.
        let fields = stat.rsplit_once(')').context("a process has a name")?.1;
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(times.collect::<Result<Vec<_>, _>>()?.iter().sum())
    }

    /// What one entry takes in the journal, from the files' extent.
    pub(crate) fn bytes_per_entry(&self) -> anyhow::Result<u64> {
        let output =
            Command::new(&self.muster).args(["journal", "cat"]).arg(&self.data).args(["--from", "1000"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next().context("the journal shows no entry")?;
        Ok(line.len() as u64)
    }

    /// Memory that is resident, in KiB, from Linux's `/proc`.
    pub(crate) fn memory_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it as an operator would.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(told.success(), "the host cannot be told to stop");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Already gone when it was killed or stopped.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// So many cities like the example, each with a name of its own, beside one profile.
pub(crate) fn many(root: &Path, place: &Path, count: usize) -> anyhow::Result<Vec<PathBuf>> {
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-r").arg(from).arg(to).status()?;
        ensure!(copied.success(), "{} cannot be copied", from.display());
        anyhow::Ok(())
    };
    std::fs::create_dir_all(place)?;
    copy(&root.join("examples/ref-v1"), &place.join("ref-v1"))?;
    let city = root.join("examples/yunhe");
    let text = std::fs::read_to_string(city.join("district.toml"))?;
    let folder = |number: usize| {
        let name = format!("d{number:04}");
        let folder = place.join(&name);
        std::fs::create_dir_all(&folder)?;
        copy(&city.join("settings"), &folder.join("settings"))?;
        let own = text.replacen("district = \"yunhe\"", &format!("district = \"{name}\""), 1);
        ensure!(own != text, "the example city does not name itself as expected");
        std::fs::write(folder.join("district.toml"), own)?;
        Ok(folder)
    };
    (0..count).map(folder).collect()
}
