//! Durable entries a second, and what a sender waits for one: Muster's journal beside the bare disk, sled and `SQLite`
//! that hold the same entries with the same promise.
//!
//! Every contender gets entries of the same size from the same number of senders, each of which waits until its entry is
//! durable before it sends the next; whatever waits at once is made durable together. `MUSTER_PLACE` names the folder on
//! the disk that is measured; without it, the folder where it is started.

mod contenders;

use std::path::Path;
use std::time::{Duration, Instant};

use contenders::{Contender, STARTS, Start};

/// Senders at once, and how many entries they send together.
const LOADS: [(usize, usize); 5] = [(1, 2_000), (16, 20_000), (64, 40_000), (256, 40_000), (1_024, 40_960)];
/// How often each is measured; the middle one is shown.
const ROUNDS: usize = 3;
/// What a decided event with three policies takes in the journal of a host.
const ENTRY_BYTES: usize = 1_987;
/// A sender does nothing but to wait.
const STACK_BYTES: usize = 256 << 10;

/// What one round measured.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    median: Duration,
    p99: Duration,
}

fn main() -> Result<(), String> {
    let place = std::env::var_os("MUSTER_PLACE").map_or_else(|| ".".into(), std::path::PathBuf::from);
    println!("| senders | journal | entries/s | of the floor | rounds, entries/s | p50 ms | p99 ms |");
    println!("|--:|---|--:|--:|---|--:|--:|");
    for (senders, entries) in LOADS {
        let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); STARTS.len()];
        for round in 0..ROUNDS {
            // Another one begins each time: nobody always comes after the same neighbour.
            for turn in 0..STARTS.len() {
                let number = (round + turn) % STARTS.len();
                rounds[number].push(measured(&place, STARTS[number].1, senders, entries)?);
            }
        }
        let middle = rounds.iter_mut().map(|rounds| {
            rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
            rounds[rounds.len() / 2]
        });
        let middle: Vec<Round> = middle.collect();
        for ((name, _), (shown, rounds)) in STARTS.iter().zip(middle.iter().zip(&rounds)) {
            let of_floor = shown.per_second / middle[0].per_second * 100.0;
            let (least, most) = (rounds[0].per_second, rounds[rounds.len() - 1].per_second);
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            println!(
                "| {senders} | {name} | {:.0} | {of_floor:.0} % | {least:.0} to {most:.0} | {:.2} | {:.2} |",
                shown.per_second,
                millis(shown.median),
                millis(shown.p99)
            );
        }
    }
    println!("\n{ROUNDS} rounds in turn, entries of {ENTRY_BYTES} bytes; shown is the middle round.");
    Ok(())
}

/// One round: a fresh folder, all senders at once, and a look at whether everything is there.
fn measured(place: &Path, start: Start, senders: usize, entries: usize) -> Result<Round, String> {
    let folder = tempfile::tempdir_in(place).map_err(|reason| format!("{}: {reason}", place.display()))?;
    let contender = start(folder.path())?;
    let each = entries / senders;
    let begun = Instant::now();
    let times: Result<Vec<Vec<Duration>>, String> = std::thread::scope(|scope| {
        let send = |sender: usize| {
            let contender = contender.as_ref();
            let send = move || sends(contender, sender, each);
            std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, send)
                .map_err(|reason| reason.to_string())
        };
        let sending: Result<Vec<_>, String> = (0..senders).map(send).collect();
        sending?.into_iter().map(|thread| thread.join().map_err(|_| "a sender ended".to_owned())?).collect()
    });
    let wall = begun.elapsed().as_secs_f64();
    let mut times = times?.concat();
    let held = contender.held()?;
    if held != times.len() {
        return Err(format!("{held} entries are there, and {} were acknowledged", times.len()));
    }
    times.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = times.len() as f64 / wall;
    Ok(Round { per_second, median: times[times.len() / 2], p99: times[times.len() * 99 / 100] })
}

/// One sender: the next entry when the last one is durable.
fn sends(contender: &dyn Contender, sender: usize, entries: usize) -> Result<Vec<Duration>, String> {
    let mut chain = contenders::Chain::of(sender);
    let send = |_| {
        let entry = chain.next(ENTRY_BYTES);
        let begun = Instant::now();
        contender.keep(entry)?;
        Ok(begun.elapsed())
    };
    (0..entries).map(send).collect()
}
