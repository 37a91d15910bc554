//! `muster serve`: a host, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use muster_access::listen::Listening;
use muster_access::tls::{Refresh, TlsKeeper};
use muster_access::{System, Words};
use muster_kernel::DistrictId;
use muster_kernel::charter::Charter;
use muster_outbox::settings::Unheard;
use muster_outbox::{Channels, SystemSecrets};
use muster_runtime::{Clock as _, Host, HostOptions, RealClock};
use muster_server::delivery::Deliveries;
use muster_server::sources::{Sources, SourcesError};
use muster_server::traces::Traces;
use muster_server::{Gate, Service};
use muster_store::{Batches, backup};
use rustls::time_provider::DefaultTimeProvider;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::handover::{Handover, REHEARSAL_WITHIN};
use crate::arguments::Serve;
use crate::configuration::Configuration;

/// How often the files of `[tls]` are looked at.
const LOOK_AT_TLS: Duration = Duration::from_secs(5);
/// How often the host puts its register of tokens in order.
const TIDY: Duration = Duration::from_mins(10);

/// How long the last look for a signal may take: those of the system come to the runtime by a thread of its own.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// What the process is told to do.
enum Told {
    Stop,
    /// Unless it is told to stop before it is done.
    HandOver(Signals),
}

pub(crate) fn run(serve: &Serve) -> anyhow::Result<ExitCode> {
    let handover = Arc::new(Handover::new()?);
    let configuration = Configuration::of(serve, |name| std::env::var(name).ok())?;
    if serve.dry_run {
        return rehearse(&configuration);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Before the data is opened: until it is listened for, this signal ends a process.
    let hand_over = {
        let _within = runtime.enter();
        signal(SignalKind::user_defined2())?
    };
    let mut options = HostOptions::live(configuration.data.clone(), configuration.districts.clone());
    options.shards = configuration.shards;
    options.trust.clone_from(&configuration.trust);
    options.journal.segment_bytes = configuration.segment_mebibytes << 20;
    options.journal.low_space_bytes = configuration.low_space_mebibytes << 20;
    let outbox = configuration.outbox.clone();
    if outbox.is_some() {
        tell_unheard(&configuration, &charters(&configuration)?)?;
    }
    let passwords = configuration.broker_passwords(&System)?;
    let host = Arc::new(Host::open(options)?);
    let deliveries = match outbox {
        Some(settings) => {
            let rows = Batches::open(&configuration.data.join(backup::OUTBOX))?;
            Deliveries::start(&host, settings, &SystemSecrets, rows)?
        }
        None => Deliveries::none(),
    };
    let sources = Sources::open(&host, &configuration.intake, &passwords).map_err(|error| match error {
        SourcesError::Settings(error) => configuration.of_intake(&error),
        SourcesError::Journal(_) => error.into(),
    })?;
    drop(passwords);
    let carried = (deliveries.clone(), sources.clone());
    let served = runtime.block_on(listen(&configuration, Arc::clone(&host), carried, (&handover, hand_over)));
    runtime.block_on(sources.stop());
    deliveries.stop();
    host.close();
    if let Told::HandOver(mut signals) = served? {
        if !runtime.block_on(signals.stopped_meanwhile()) {
            drop(runtime);
            return Err(handover
                .replace()
                .context("the new process cannot be started; nothing that was acknowledged is lost"));
        }
        handover.let_go();
        eprintln!("muster: told to stop meanwhile; no new process takes over");
    }
    eprintln!("muster: stopped; everything that was acknowledged is in {}", configuration.data.display());
    Ok(ExitCode::SUCCESS)
}

/// Reads all that a start would read, and ends.
fn rehearse(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    check_named(configuration)?;
    let charters = charters(configuration)?;
    let districts: Vec<DistrictId> = charters.iter().map(|charter| charter.district.clone()).collect();
    configuration.check_intake(Some(&districts))?;
    tell_unheard(configuration, &charters)?;
    println!("the settings and {} districts can be read; nothing was opened", configuration.districts.len());
    Ok(ExitCode::SUCCESS)
}

/// The charters as their folders say.
fn charters(configuration: &Configuration) -> anyhow::Result<Vec<Charter>> {
    configuration.districts.iter().map(|folder| Ok(muster_runtime::folder::read(folder)?.charter)).collect()
}

/// What the outbox's subscriptions name and no charter has. A district that is not served is a fault.
pub(crate) fn unheard(configuration: &Configuration, charters: &[Charter]) -> anyhow::Result<Vec<Unheard>> {
    let Some(outbox) = &configuration.outbox else { return Ok(Vec::new()) };
    outbox.clone().check().and_then(|plan| plan.unheard(charters)).context("[outbox]")
}

fn tell_unheard(configuration: &Configuration, charters: &[Charter]) -> anyhow::Result<()> {
    for found in unheard(configuration, charters)? {
        loudly(&Words::new(found.chinese, found.english));
    }
    Ok(())
}

/// In both languages, where nobody can miss it.
fn loudly(words: &Words) {
    eprintln!("muster: ! {}", words.en);
    eprintln!("muster: ! {}", words.zh);
}

async fn listen(
    configuration: &Configuration,
    host: Arc<Host>,
    (deliveries, sources): (Deliveries, Sources),
    (handover, hand_over): (&Arc<Handover>, Signal),
) -> anyhow::Result<Told> {
    let gate = Arc::new(Gate::open(configuration.settings.clone(), &configuration.data, &host).await?);
    let tls =
        configuration.settings.tls.clone().map(|settings| {
            TlsKeeper::start(settings, &System, Arc::new(DefaultTimeProvider), host.now()).map(Arc::new)
        });
    let tls = tls.transpose()?;
    let mut warnings = gate.warnings();
    match gate.listening(configuration.listen, host.now()) {
        Listening::Allowed => {}
        Listening::AllowedLoudly(words) => warnings.push(words),
        Listening::Refused(words) => bail!("{}\n{}", words.en, words.zh),
    }
    gate.record_first_tokens(&host).await.context("the first token cannot be put on record")?;
    let listener = handover.listener(configuration.listen)?;
    let address = listener.local_addr()?;
    for district in host.districts() {
        let status = host.status(district.as_str(), false).await?;
        eprintln!("muster: district {district} at entry {}, {} policies in force", status.seq, status.policies.len());
    }
    if let Some((chinese, english)) = host.trust().warning {
        loudly(&Words::new(chinese, english));
    }
    warnings.iter().for_each(loudly);
    for found in host.degradations().await {
        let district = found.district().map(|district| format!("district {district}: ")).unwrap_or_default();
        eprintln!("muster: ! {district}{}", found.english());
    }
    let signals = Signals::listen(Arc::clone(handover), hand_over)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    eprintln!("muster: ready on {scheme}://{address}");
    tokio::spawn(keep_in_order(Arc::clone(&gate), Arc::clone(&host), tls.clone()));
    let (tell, told) = tokio::sync::oneshot::channel();
    let stop = async move {
        drop(tell.send(signals.next().await));
    };
    let traces = configuration.traces.as_ref().map(|settings| Traces::start(&host, settings)).transpose()?;
    let service = Service {
        host: Arc::clone(&host),
        gate: Arc::clone(&gate),
        tls,
        warnings: warnings.into(),
        deliveries,
        sources,
    };
    service.sources.start(&host);
    muster_server::serve(listener, service, configuration.connections, stop).await;
    drop(traces);
    gate.tidy(host.now()).await.context("the days of tokens' last use")?;
    Ok(told.await.unwrap_or(Told::Stop))
}

/// What the system tells the process.
struct Signals {
    interrupted: Signal,
    terminated: Signal,
    hand_over: Signal,
    handover: Arc<Handover>,
}

impl Signals {
    fn listen(handover: Arc<Handover>, hand_over: Signal) -> std::io::Result<Self> {
        let (interrupted, terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupted, terminated, hand_over, handover })
    }

    /// The next thing to do. A successor that does not start is not waited for: what runs goes on. Who says stop is heard
    /// while a successor is tried, too.
    async fn next(mut self) -> Told {
        loop {
            tokio::select! {
                () = stop(&mut self.interrupted, &mut self.terminated) => break,
                _ = self.hand_over.recv() => {}
            }
            let rehearsed = tokio::select! {
                () = stop(&mut self.interrupted, &mut self.terminated) => break,
                rehearsed = self.handover.rehearse(REHEARSAL_WITHIN) => rehearsed,
            };
            match rehearsed {
                Ok(()) => {
                    eprintln!("muster: a new process takes over; running requests are answered first");
                    return Told::HandOver(self);
                }
                Err(error) => {
                    tracing::error!(target: "muster::handover", error = format!("{error:#}"), "no new process takes over; this one goes on");
                }
            }
        }
        self.handover.let_go();
        eprintln!("muster: stopping; running requests are answered first");
        Told::Stop
    }

    /// Whether somebody said stop since the handover began.
    async fn stopped_meanwhile(&mut self) -> bool {
        tokio::time::timeout(LAST_LOOK, stop(&mut self.interrupted, &mut self.terminated)).await.is_ok()
    }
}

/// Waits until the process is told to stop.
async fn stop(interrupted: &mut Signal, terminated: &mut Signal) {
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
}

/// Looks at the files of TLS and at the register, until the host stops.
async fn keep_in_order(gate: Arc<Gate>, host: Arc<Host>, tls: Option<Arc<TlsKeeper>>) {
    let (mut look, mut tidy) = (tokio::time::interval(LOOK_AT_TLS), tokio::time::interval(TIDY));
    loop {
        tokio::select! {
            _ = look.tick() => {
                let Some(tls) = tls.clone() else { continue };
                let now = host.now();
                let looked = tokio::task::spawn_blocking(move || (tls.problem(), tls.refresh(&System, now))).await;
                if let Ok((before, refresh)) = looked {
                    say_of_tls(before.map(|reason| reason.to_string()), &refresh);
                }
            }
            _ = tidy.tick() => {
                if let Err(error) = gate.tidy(host.now()).await {
                    tracing::warn!(target: "muster::access", %error, "the days of tokens' last use were not kept");
                }
            }
        }
    }
}

/// What became of new files; the same trouble is told of once.
fn say_of_tls(before: Option<String>, refresh: &Refresh) {
    match refresh {
        Refresh::Unchanged => {}
        Refresh::Replaced { expires } => {
            tracing::info!(target: "muster::tls", %expires, "the new certificate is in force");
        }
        Refresh::Kept { reason, .. } if before.as_deref() == Some(&reason.to_string()) => {}
        Refresh::Kept { reason, expires } => {
            tracing::warn!(target: "muster::tls", %reason, %expires, "the new TLS files are not used; the certificate before serves on");
        }
    }
}

/// Checks what the settings name as a start would: the files of `[tls]`, every secret, the outbox, the trust file.
pub(crate) fn check_named(configuration: &Configuration) -> anyhow::Result<()> {
    if let Some(tls) = &configuration.settings.tls {
        let loaded = muster_access::tls::load(tls, &System, Arc::new(DefaultTimeProvider), RealClock.now());
        let place = configuration.file.as_deref().unwrap_or(Path::new("")).display();
        loaded.map(|_| ()).with_context(|| format!("{place}: [tls]"))?;
    }
    configuration.broker_passwords(&System)?;
    if let Some(outbox) = &configuration.outbox {
        let plan = outbox.clone().check().context("[outbox]")?;
        Channels::build(&plan, &SystemSecrets).context("[outbox]")?;
    }
    if let Some(token) = configuration.traces.as_ref().and_then(|traces| traces.token.as_ref()) {
        token.resolve(&System).context("[traces]")?;
    }
    configuration.trust.as_deref().map_or(Ok(()), |trust| super::keys::trust(trust).map(|_| ()))
}
