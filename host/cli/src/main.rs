//! The `muster` command: reads what the user wants, wires the parts, prints what they say. It decides nothing.

mod arguments;
mod client;
mod commands;
mod configuration;
mod load;
mod timeline;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Context as _;
use arguments::{Arguments, Command};
use clap::Parser;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// A decision allocates many small things and frees them at once; the system's allocator took a fifth of the host's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match trace(&arguments).and_then(|()| run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Days of logs that are kept in a folder.
const LOG_DAYS: usize = 14;

/// Logs go to standard error, or to a file for each day; what a command prints is for its caller.
fn trace(arguments: &Arguments) -> anyhow::Result<()> {
    let level = if matches!(arguments.command, Command::Serve(_)) { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MUSTER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let writer = match &arguments.log_folder {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(folder) => {
            let daily = RollingFileAppender::builder().rotation(Rotation::DAILY).max_log_files(LOG_DAYS);
            let daily = daily.filename_prefix("muster").filename_suffix("log").build(folder);
            BoxMakeWriter::new(daily.with_context(|| format!("no log can be written in {}", folder.display()))?)
        }
    };
    // Colours are for a screen; in a file they stand between the reader and the words.
    let colours = arguments.log_folder.is_none() && std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(writer);
    if arguments.log_json {
        logs.json().init();
    } else {
        logs.init();
    }
    Ok(())
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.output;
    let client = client::Client::new(&arguments.server, arguments.token_file, arguments.ca);
    match arguments.command {
        Command::Init { folder } => commands::init::run(&folder),
        Command::Serve(serve) => commands::serve::run(&serve),
        Command::Token(token) => commands::token::run(&client, &token, output),
        Command::Send(send) => commands::send::run(&client, &send, output),
        Command::Incident(incident) => commands::incident::run(&client, &incident, output),
        Command::Show(show) => commands::query::show(&client, &show, output),
        Command::Act(act) => commands::act::run(&client, &act, output),
        Command::Explain(explain) => commands::query::explain(&client, &explain, output),
        Command::Status => commands::query::status(&client, output),
        Command::Openapi => Ok(commands::openapi()),
        Command::Policy(policy) => commands::policy::run(&client, &policy, output),
        Command::Outbox(outbox) => commands::outbox::run(&client, &outbox, output),
        Command::Journal(journal) => commands::journal::run(journal),
        Command::CallList { folder, data } => commands::call_list::run(&folder, data.as_deref()),
        Command::Backup { data, to } => commands::care::backup(&data, &to),
        Command::Restore { from, data } => commands::care::restore(&from, &data),
        Command::Doctor { data } => commands::care::doctor(&data),
        Command::Prove { data, district, entry } => commands::prove::prove(&data, &district, entry),
        Command::CheckProof { proof, key } => commands::prove::check(&proof, key.as_deref()),
        Command::Verify(verify) => commands::verify::run(&verify),
        Command::Bench(bench) => commands::bench::run(&client, &arguments.server, &bench, output),
        Command::Play(play) => commands::play::run(&play, output),
        Command::Build(build) => commands::package::build(&build),
        Command::Inspect(inspect) => commands::inspect::run(&inspect, output),
        Command::Check(check) => commands::package::check(&check),
        Command::Keygen(keygen) => commands::trust::keygen(&keygen),
        Command::Sign(sign) => commands::trust::sign(&sign),
        Command::Approve(approve) => commands::trust::approve(&approve),
        Command::Revoke(revoke) => commands::revoke::run(&revoke),
        Command::SignTrust(sign) => commands::trust::sign_trust(&sign),
        Command::Certify(certify) => commands::certify::run(&certify, output),
        Command::VerifyPackage(verify) => commands::judge::run(&verify, output),
    }
}
