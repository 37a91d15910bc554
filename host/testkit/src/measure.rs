//! How benches say what a call costs: median and 99th percentile of many single calls, or, under callgrind, the
//! instructions of some of them.
//!
//! Seconds are for people to read; counts are what a regression guard compares. Nothing here judges.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The argument that makes a bench count: it then runs each case so often, in [`counted`], and measures no time.
pub const COUNT: &str = "--count";
/// How often a case runs in [`counted`].
pub const COUNTED: u32 = 20;
/// How often a case runs before anything is counted or timed: pools are warm then, tables indexed.
const WARM: u32 = 50;
/// How many calls are timed one by one, unless `MUSTER_TIMED` says otherwise, for instance to look on with a profiler.
const TIMED: usize = 20_000;

/// Times cases one after the other, or lets them be counted.
pub struct Bench {
    counting: bool,
    /// Only cases whose name contains this.
    only: Option<String>,
}

impl Bench {
    /// As the command line says: `--count`, and part of a name.
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let counting = arguments.iter().any(|argument| argument == COUNT);
        let only = arguments.into_iter().find(|argument| !argument.starts_with('-'));
        Self { counting, only }
    }

    /// Whether instructions are counted: what cannot be counted is then left out.
    pub fn counting(&self) -> bool {
        self.counting
    }

    /// One case: a call that is made again and again.
    pub fn case<T>(&self, name: &str, mut call: impl FnMut() -> T) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        (0..WARM).for_each(|_| drop(black_box(call())));
        if self.counting {
            counted(&mut || drop(black_box(call())));
            println!("counted {name}");
        } else {
            println!("{name:<44} {}", Spread::of(&mut || drop(black_box(call()))));
        }
    }
}

/// Runs a case [`COUNTED`] times. Callgrind counts inside this function and nowhere else.
#[inline(never)]
pub fn counted(call: &mut dyn FnMut()) {
    for _ in 0..COUNTED {
        call();
    }
}

/// What many single calls took.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Half of the calls took no longer.
    pub median: Duration,
    /// 99 of 100 calls took no longer.
    pub p99: Duration,
}

impl Spread {
    /// Times calls one by one.
    pub fn of(call: &mut dyn FnMut()) -> Self {
        let said = std::env::var("MUSTER_TIMED").ok().and_then(|number| number.parse().ok());
        Self::of_calls(said.unwrap_or(TIMED).max(1), call)
    }

    /// Times so many calls one by one.
    ///
    /// # Panics
    /// When it is no call at all.
    pub fn of_calls(calls: usize, call: &mut dyn FnMut()) -> Self {
        let mut taken: Vec<Duration> = Vec::with_capacity(calls);
        for _ in 0..calls {
            let begin = Instant::now();
            call();
            taken.push(begin.elapsed());
        }
        taken.sort_unstable();
        Self { median: taken[calls / 2], p99: taken[calls * 99 / 100] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        write!(formatter, "median {:>7.2} us   p99 {:>7.2} us", micros(self.median), micros(self.p99))
    }
}
