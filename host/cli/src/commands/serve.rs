//! `muster serve`: a host, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use muster_runtime::{Host, HostOptions};
use muster_server::delivery::Deliveries;
use muster_store::{Batches, backup};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Serve;

pub(crate) fn run(serve: Serve) -> anyhow::Result<ExitCode> {
    if !serve.listen.ip().is_loopback() && !serve.insecure_listen {
        bail!(
            "{} is reachable from other machines, and this host does not authenticate its callers yet; listen on \
             127.0.0.1, or say --insecure-listen if something in front of it does",
            serve.listen
        );
    }
    let outbox = serve.outbox.as_deref().map(super::outbox::settings).transpose()?;
    let mut options = HostOptions::live(serve.data.clone(), serve.folders.clone());
    options.shards = serve.shards;
    options.trust.clone_from(&serve.trust);
    options.journal.segment_bytes = serve.segment_mebibytes << 20;
    options.journal.low_space_bytes = serve.low_space_mebibytes << 20;
    let host = Arc::new(Host::open(options)?);
    let deliveries = match outbox {
        Some(settings) => {
            let rows = Batches::open(&serve.data.join(backup::OUTBOX))?;
            Deliveries::start(&host, settings, &muster_outbox::SystemSecrets, rows)?
        }
        None => Deliveries::none(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(listen(&serve, Arc::clone(&host), deliveries.clone()));
    deliveries.stop();
    host.close();
    served?;
    eprintln!("muster: stopped; everything that was acknowledged is in {}", serve.data.display());
    Ok(ExitCode::SUCCESS)
}

async fn listen(serve: &Serve, host: Arc<Host>, deliveries: Deliveries) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(serve.listen).await.with_context(|| format!("cannot listen on {}", serve.listen))?;
    let address = listener.local_addr()?;
    for district in host.districts() {
        let status = host.status(district.as_str(), false).await?;
        eprintln!("muster: district {district} at entry {}, {} policies in force", status.seq, status.policies.len());
    }
    if let Some((chinese, english)) = host.trust().warning {
        eprintln!("muster: ! {english}");
        eprintln!("muster: ! {chinese}");
    }
    for found in host.degradations().await {
        let district = found.district().map(|district| format!("district {district}: ")).unwrap_or_default();
        eprintln!("muster: ! {district}{}", found.english());
    }
    eprintln!("muster: ready on http://{address}");
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        eprintln!("muster: stopping; running requests are answered first");
    };
    muster_server::serve(listener, host, deliveries, stop).await.context("the HTTP service failed")
}
