//! What the table says, and putting it into a document. Pure: it measures nothing.

use std::fmt::Write as _;
use std::time::Duration;

/// Where the table begins in a document.
pub const BEGIN: &str = "<!-- peers:begin -->";
/// Where it ends.
pub const END: &str = "<!-- peers:end -->";

/// One engine and what its calls took.
pub struct Row {
    /// The engine.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// Whether a call sees nothing of the call before it.
    pub fresh: &'static str,
    /// What ends a call that does not end by itself.
    pub limits: &'static str,
    /// How it was used.
    pub note: &'static str,
    /// What each round measured.
    pub rounds: Vec<Round>,
}

/// What one round measured of one engine.
#[derive(Clone, Copy)]
pub struct Round {
    /// Half of the calls took no longer.
    pub median: Duration,
    /// 99 of 100 calls took no longer.
    pub p99: Duration,
}

/// Calls in a second, by number of threads.
pub struct Throughput {
    /// How many threads called.
    pub threads: usize,
    /// Calls in a second, all threads together.
    pub calls: f64,
}

impl Row {
    /// The middle one of the rounds' medians.
    pub fn median(&self) -> Duration {
        middle(self.rounds.iter().map(|round| round.median).collect())
    }

    fn p99(&self) -> Duration {
        middle(self.rounds.iter().map(|round| round.p99).collect())
    }

    fn spread(&self) -> (Duration, Duration) {
        let medians = || self.rounds.iter().map(|round| round.median);
        (medians().min().unwrap_or_default(), medians().max().unwrap_or_default())
    }
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 10.0 { format!("{micros:.2}") } else { format!("{micros:.1}") }
}

/// How many times as long, in three digits at most.
fn ratio(time: Duration, of: Duration) -> String {
    let ratio = time.as_secs_f64() / of.as_secs_f64();
    match ratio {
        ratio if ratio < 10.0 => format!("{ratio:.2}"),
        ratio if ratio < 100.0 => format!("{ratio:.1}"),
        ratio => format!("{ratio:.0}"),
    }
}

/// The table in Markdown, fastest first, with the rows named `muster` and `native` as measures.
///
/// # Panics
/// When one of the two is not among the rows.
pub fn table(mut rows: Vec<Row>, muster: &str, native: &str, throughput: &[Throughput], calls: usize) -> String {
    let of = |name: &str| rows.iter().find(|row| row.name == name).expect("the row is there").median();
    let (muster, native) = (of(muster), of(native));
    rows.sort_by_key(Row::median);
    let rounds = rows.first().map_or(0, |row| row.rounds.len());
    let mut text = String::new();
    text.push_str("| engine | version | median µs | p99 µs | medians of the rounds µs | × Muster | × native | fresh state for each call | limits on a call | how |\n");
    text.push_str("|---|---|--:|--:|--:|--:|--:|---|---|---|\n");
    for row in &rows {
        let (least, most) = row.spread();
        let line = [
            row.name.to_owned(),
            row.version.clone(),
            micros(row.median()),
            micros(row.p99()),
            format!("{}–{}", micros(least), micros(most)),
            ratio(row.median(), muster),
            ratio(row.median(), native),
            row.fresh.to_owned(),
            row.limits.to_owned(),
            row.note.to_owned(),
        ];
        writeln!(text, "| {} |", line.join(" | ")).expect("a string takes all");
    }
    writeln!(
        text,
        "\n{rounds} rounds of {calls} calls for each engine, in turn; the numbers are the middle ones of the rounds."
    )
    .expect("a string takes all");
    let one = throughput.iter().find(|measured| measured.threads == 1).map_or(f64::NAN, |measured| measured.calls);
    for Throughput { threads, calls } in throughput {
        let plural = if *threads == 1 { "" } else { "s" };
        writeln!(
            text,
            "Muster on {threads} thread{plural}: {calls:.0} calls a second, {:.2} times one thread.",
            calls / one
        )
        .expect("a string takes all");
    }
    text
}

/// A document with the table between its markers.
///
/// # Errors
/// When a marker is missing, or they stand the wrong way round.
pub fn placed(document: &str, table: &str) -> Result<String, String> {
    let missing =
        |marker: &str| format!("the document has no line `{marker}`; put both markers where the table belongs");
    let begin = document.find(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let end = document.find(END).ok_or_else(|| missing(END))?;
    if end < begin {
        return Err(format!("`{END}` stands before `{BEGIN}`; turn them round"));
    }
    Ok(format!("{}{BEGIN}\n{}\n{}", &document[..begin], table.trim_end(), &document[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, micros: [u64; 3]) -> Row {
        let round = |micros| Round { median: Duration::from_micros(micros), p99: Duration::from_micros(micros * 2) };
        Row { name, version: "1".into(), fresh: "yes", limits: "all", note: "so", rounds: micros.map(round).into() }
    }

    #[test]
    fn the_table_compares_the_middle_round_with_both_measures() {
        let rows = vec![row("muster", [30, 20, 40]), row("native", [2, 1, 3]), row("other", [300, 600, 900])];
        let throughput = [Throughput { threads: 1, calls: 100.0 }, Throughput { threads: 2, calls: 190.0 }];
        let text = table(rows, "muster", "native", &throughput, 7);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "| native | 1 | 2.00 | 4.00 | 1.00–3.00 | 0.07 | 1.00 | yes | all | so |");
        assert_eq!(lines[3], "| muster | 1 | 30.0 | 60.0 | 20.0–40.0 | 1.00 | 15.0 | yes | all | so |");
        assert_eq!(lines[4], "| other | 1 | 600.0 | 1200.0 | 300.0–900.0 | 20.0 | 300 | yes | all | so |");
        assert_eq!(
            lines[6],
            "3 rounds of 7 calls for each engine, in turn; the numbers are the middle ones of the rounds."
        );
        assert_eq!(lines[8], "Muster on 2 threads: 190 calls a second, 1.90 times one thread.");
    }

    #[test]
    fn the_table_takes_the_place_between_its_markers() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let fresh = placed(&document, "new\n").expect("placed");
        assert_eq!(fresh, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(placed(&fresh, "new\n").as_deref(), Ok(fresh.as_str()));
        assert!(placed("no markers", "new").is_err());
        assert!(placed(&format!("{END}{BEGIN}"), "new").is_err());
    }
}
