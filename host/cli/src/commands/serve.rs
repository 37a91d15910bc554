//! `muster serve`: a host, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use muster_access::listen::Listening;
use muster_access::tls::{Refresh, TlsKeeper};
use muster_access::{System, Words};
use muster_runtime::{Host, HostOptions};
use muster_server::delivery::Deliveries;
use muster_server::sources::{Sources, SourcesError};
use muster_server::{Gate, Service};
use muster_store::{Batches, backup};
use rustls::time_provider::DefaultTimeProvider;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Serve;
use crate::configuration::Configuration;

/// How often the files of `[tls]` are looked at.
const LOOK_AT_TLS: Duration = Duration::from_secs(5);
/// How often the host puts its register of tokens in order.
const TIDY: Duration = Duration::from_mins(10);

pub(crate) fn run(serve: &Serve) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::of(serve, |name| std::env::var(name).ok())?;
    let mut options = HostOptions::live(configuration.data.clone(), configuration.districts.clone());
    options.shards = configuration.shards;
    options.trust.clone_from(&configuration.trust);
    options.journal.segment_bytes = configuration.segment_mebibytes << 20;
    options.journal.low_space_bytes = configuration.low_space_mebibytes << 20;
    let outbox = configuration.outbox.clone();
    let passwords = configuration.broker_passwords(&System)?;
    let host = Arc::new(Host::open(options)?);
    let deliveries = match outbox {
        Some(settings) => {
            let rows = Batches::open(&configuration.data.join(backup::OUTBOX))?;
            Deliveries::start(&host, settings, &muster_outbox::SystemSecrets, rows)?
        }
        None => Deliveries::none(),
    };
    let sources = Sources::open(&host, &configuration.intake, &passwords).map_err(|error| match error {
        SourcesError::Settings(error) => configuration.of_intake(&error),
        SourcesError::Journal(_) => error.into(),
    })?;
    drop(passwords);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let carried = (deliveries.clone(), sources.clone());
    let served = runtime.block_on(listen(&configuration, Arc::clone(&host), carried));
    runtime.block_on(sources.stop());
    deliveries.stop();
    host.close();
    served?;
    eprintln!("muster: stopped; everything that was acknowledged is in {}", configuration.data.display());
    Ok(ExitCode::SUCCESS)
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
) -> anyhow::Result<()> {
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
    let listener = TcpListener::bind(configuration.listen)
        .await
        .with_context(|| format!("cannot listen on {}", configuration.listen))?;
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
    let scheme = if tls.is_some() { "https" } else { "http" };
    eprintln!("muster: ready on {scheme}://{address}");
    tokio::spawn(keep_in_order(Arc::clone(&gate), Arc::clone(&host), tls.clone()));
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        eprintln!("muster: stopping; running requests are answered first");
    };
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
    gate.tidy(host.now()).await.context("the days of tokens' last use")
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

/// Checks the files of `[tls]` as a start would.
pub(crate) fn check_tls(configuration: &Configuration, now: muster_kernel::Instant) -> anyhow::Result<()> {
    let Some(tls) = &configuration.settings.tls else { return Ok(()) };
    let loaded = muster_access::tls::load(tls, &System, Arc::new(DefaultTimeProvider), now);
    let place = configuration.file.as_deref().unwrap_or(Path::new("")).display();
    loaded.map(|_| ()).with_context(|| format!("{place}: [tls]"))
}
