//! Measures one call of each engine, in turn, and prints the table.
//!
//! `--calls N` (calls for each engine and round), `--rounds N`, `--write PATH` (puts the table between the markers of a
//! document), `--count` and `--profile SECONDS` (Muster alone, for callgrind and for a sampling profiler: see README.md).

use std::cell::RefCell;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_kernel::role::escalation::Question;
use muster_peers::corpus;
use muster_peers::engines::{self, Engine as _, Host, MUSTER, NATIVE, Peer, Policy};
use muster_peers::report::{self, Round, Row, Throughput};
use muster_testkit::measure::{Spread, counted};

/// Muster's host has this one, so every engine gets it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LOCK: &str = include_str!("../Cargo.lock");
/// Calls before anything is timed: pools are warm then, and branch predictors.
const WARM: usize = 1_000;
/// How long each throughput figure is taken.
const LASTS: Duration = Duration::from_secs(1);

struct Arguments {
    calls: usize,
    rounds: usize,
    write: Option<PathBuf>,
    count: bool,
    profile: Option<usize>,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut read = Self { calls: 20 * corpus::QUESTIONS, rounds: 5, write: None, count: false, profile: None };
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("`{argument}` wants a value"));
            match argument.as_str() {
                "--calls" => read.calls = number(&value()?)?,
                "--rounds" => read.rounds = number(&value()?)?,
                "--write" => read.write = Some(value()?.into()),
                "--count" => read.count = true,
                "--profile" => read.profile = Some(number(&value()?)?),
                other => return Err(format!("`{other}` is none of --calls, --rounds, --write, --count, --profile")),
            }
        }
        Ok(read)
    }
}

fn number(text: &str) -> Result<usize, String> {
    let number: Result<usize, _> = text.parse();
    number.ok().filter(|number| *number > 0).ok_or_else(|| format!("`{text}` is no number above zero"))
}

fn main() -> Result<(), String> {
    let arguments = Arguments::read()?;
    let questions = corpus::questions();
    if arguments.count {
        count(&questions);
        return Ok(());
    }
    if let Some(seconds) = arguments.profile {
        println!("{:.0} calls a second", rate(Host::start().policy(), &questions, Duration::from_secs(seconds as u64)));
        return Ok(());
    }
    let peers: Vec<RefCell<Peer>> = engines::all().into_iter().map(RefCell::new).collect();
    let rows = measured(&peers, &questions, &arguments);
    let throughput = [throughput(1, &questions), throughput(2, &questions)];
    let table = report::table(rows, MUSTER, NATIVE, &throughput, arguments.calls);
    println!("{table}");
    if let Some(path) = arguments.write {
        let failed = |reason: std::io::Error| format!("{}: {reason}", path.display());
        let document = std::fs::read_to_string(&path).map_err(failed)?;
        let document = report::placed(&document, &table).map_err(|reason| format!("{}: {reason}", path.display()))?;
        std::fs::write(&path, document).map_err(failed)?;
    }
    Ok(())
}

/// Every engine has its turn in every round, so that noise hits all alike.
fn measured(peers: &[RefCell<Peer>], questions: &[Question], arguments: &Arguments) -> Vec<Row> {
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); peers.len()];
    for peer in peers {
        calls(&mut peer.borrow_mut(), questions, WARM);
    }
    for round in 0..arguments.rounds {
        // Another one begins each time: nobody always comes after the same neighbour's heat.
        for turn in 0..peers.len() {
            let place = (round + turn) % peers.len();
            let mut peer = peers[place].borrow_mut();
            // Caches are this engine's again before its calls count.
            calls(&mut peer, questions, questions.len());
            rounds[place].push(calls(&mut peer, questions, arguments.calls));
        }
    }
    let rows = peers.iter().zip(rounds).map(|(peer, rounds)| {
        let peer = peer.borrow();
        let version = peer.package.map_or_else(|| "this tree".to_owned(), version);
        Row { name: peer.name, version, fresh: peer.fresh, limits: peer.limits, note: peer.note, rounds }
    });
    rows.collect()
}

fn calls(peer: &mut Peer, questions: &[Question], calls: usize) -> Round {
    let mut asked = questions.iter().cycle();
    let mut call = || {
        let question = asked.next().expect("a circle has no end");
        drop(black_box(peer.engine.decide(black_box(question))));
    };
    let Spread { median, p99 } = Spread::of_calls(calls, &mut call);
    Round { median, p99 }
}

/// The version of a package, as the lock has it.
fn version(package: &str) -> String {
    let named = format!("name = \"{package}\"\nversion = \"");
    let version = LOCK.split_once(&named).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or_else(|| "?".to_owned(), |(version, _)| version.to_owned())
}

/// Threads that each ask a clone of one engine, as the shards of a host do.
fn throughput(threads: usize, questions: &[Question]) -> Throughput {
    let host = Host::start();
    let calls = std::thread::scope(|scope| {
        let begin = || scope.spawn(|| rate(host.policy(), questions, LASTS));
        let running: Vec<_> = (0..threads).map(|_| begin()).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread that calls does not fail")).sum()
    });
    Throughput { threads, calls }
}

/// Calls in a second, over some time.
fn rate(mut policy: Policy, questions: &[Question], lasts: Duration) -> f64 {
    let mut rounds = 0_u32;
    let begin = Instant::now();
    while begin.elapsed() < lasts {
        for question in questions {
            drop(black_box(policy.decide(black_box(question))));
        }
        rounds += 1;
    }
    f64::from(rounds) * questions.len() as f64 / begin.elapsed().as_secs_f64()
}

/// Muster's calls alone: callgrind counts inside `measure::counted` and nowhere else.
fn count(questions: &[Question]) {
    let mut policy = Host::small().policy();
    // As many effects as the median question has.
    let typical = questions.iter().find(|question| policy.ask(question).len() == 5).expect("a typical question");
    for _ in 0..50 {
        drop(black_box(policy.ask(typical)));
    }
    println!("fuel {}, effects {}", policy.fuel(typical), policy.ask(typical).len());
    counted(&mut || drop(black_box(policy.ask(black_box(typical)))));
}
