//! `muster play`: a stream through a district under virtual time.

use std::io::Write;
use std::process::ExitCode;

use muster_kernel::Milliseconds;
use muster_runtime::{output, play};

use crate::arguments::{Output, Play};
use crate::commands::language;
use crate::timeline::Timeline;

pub(crate) fn run(wanted: &Play, form: Output) -> anyhow::Result<ExitCode> {
    let scratch;
    let data = if let Some(data) = &wanted.data {
        data.as_path()
    } else {
        scratch = tempfile::tempdir()?;
        scratch.path()
    };
    let options = play::Options { speed: wanted.speed.0, after: Milliseconds::hours(i64::from(wanted.after_hours)) };
    let mut timeline = Timeline::to_stdout(language(wanted.lang));
    let mut failed = None;
    let ended = play::play(&wanted.stream, &wanted.folder, data, options, |line| {
        if failed.is_some() || !wanted.all && output::is_internal(line.fact) {
            return;
        }
        let told = match form {
            Output::Json => {
                let text = serde_json::to_string(line.json).expect("a line is JSON");
                writeln!(std::io::stdout(), "{text}")
            }
            Output::Text => timeline.tell(line.entry, line.fact, line.state),
        };
        failed = told.err();
    })?;
    // A reader that closed the pipe has seen enough.
    if failed.is_none_or(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        eprintln!("played: {} entries, head {}, state {}", ended.seq, ended.head, ended.state);
    }
    Ok(ExitCode::SUCCESS)
}
