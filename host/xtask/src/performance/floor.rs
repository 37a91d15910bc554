//! The floor: what the disk itself takes to make so many bytes durable at the end of a file.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends of one size, each made durable.
pub(crate) struct Floor {
    /// Entries made durable a second.
    pub(crate) per_second: f64,
    /// Milliseconds of one append.
    pub(crate) p50: f64,
    /// Milliseconds of one append.
    pub(crate) p99: f64,
}

/// Appends `together` entries of so many bytes and syncs, again and again for a while, with a pause after each: a disk that
/// has slept answers later than one that is never left alone. The file is written in full before, so that a sync need not
/// carry the file's length.
pub(crate) fn syncs(place: &Path, bytes: u64, together: u64, pause: Duration, long: Duration) -> anyhow::Result<Floor> {
    const FILE_BYTES: u64 = 64 << 20;
    let path = place.join("floor");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let zeros = vec![0; 1 << 20];
    for number in 0..FILE_BYTES >> 20 {
        file.write_all_at(&zeros, number << 20)?;
    }
    file.sync_all()?;
    let written = vec![7; usize::try_from(bytes * together)?];
    let (mut offset, mut times) = (0, Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < long {
        if offset + written.len() as u64 > FILE_BYTES {
            offset = 0;
        }
        let asked = Instant::now();
        file.write_all_at(&written, offset)?;
        file.sync_data()?;
        times.push(asked.elapsed());
        offset += written.len() as u64;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    let wall = begun.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    let millis = |permille: usize| times[(times.len() * permille / 1_000).min(times.len() - 1)].as_secs_f64() * 1e3;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = times.len() as f64 * together as f64 / wall;
    Ok(Floor { per_second, p50: millis(500), p99: millis(990) })
}
