//! Connections: accepts them, with TLS where there is any, and holds them to limits: how many, how long a head may take
//! and how large it may be. It must never serve plain text where TLS is set, or wait for a caller without an end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use muster_access::tls::TlsKeeper;
use muster_access::tls::client::{Machine, identify};
use muster_access::{Identity, ProofFailure};
use muster_kernel::{Instant, Milliseconds};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::front::Front;

/// What callers may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; one more is hung up on.
    pub connections: usize,
    /// So long a TLS handshake, and the head of a request, may take; an idle connection ends after it, too.
    pub head_within: Duration,
    /// Bytes of a request's head, at least 8,192.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub head_fields: usize,
}

impl Default for ConnectionLimits {
    /// 1,024 connections; 15 seconds; 16 KiB; 64 fields.
    fn default() -> Self {
        Self { connections: 1_024, head_within: Duration::from_secs(15), head_bytes: 16 << 10, head_fields: 64 }
    }
}

/// So long requests that are under way may go on once the host is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// So long an open connection may still bring a request once the host is told to stop: it may be under way already, and its
/// answer says that the connection ends.
const LINGER: Duration = Duration::from_secs(1);
/// So long the host waits when the system gives it no connection, for instance for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// So long a machine that was recognised by its certificate is not looked up again.
const RECOGNISED_FOR: Milliseconds = Milliseconds(60_000);

/// The other end of a connection.
pub(crate) struct Peer {
    pub(crate) remote: IpAddr,
    pub(crate) machine: Option<Certified>,
    /// Turns true when the host stops: answers that last end then.
    pub(crate) stop: watch::Receiver<bool>,
}

/// A certificate that a client proved to hold.
pub(crate) struct Certified {
    der: Vec<u8>,
    recognised: Mutex<Option<(Arc<Identity>, Instant)>>,
}

impl Certified {
    /// Which machine it stands for.
    pub(crate) fn identity(&self, machines: &[Machine], at: Instant) -> Result<Arc<Identity>, ProofFailure> {
        let mut recognised = self.recognised.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((identity, since)) = &*recognised
            && at < *since + RECOGNISED_FOR
        {
            return Ok(Arc::clone(identity));
        }
        let identity = Arc::new(identify(&self.der, machines, at)?);
        *recognised = Some((Arc::clone(&identity), at));
        Ok(identity)
    }
}

/// Connections that were hung up on because there were too many.
static TURNED_AWAY: AtomicU64 = AtomicU64::new(0);

/// How many connections were turned away since the start.
pub(crate) fn turned_away() -> u64 {
    TURNED_AWAY.load(Ordering::Relaxed)
}

/// Serves until `stop` resolves, then lets running requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    front: Front,
    tls: Option<Arc<TlsKeeper>>,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()> + Send,
) {
    let seats = Arc::new(Semaphore::new(limits.connections));
    let (tell_stop, told_stop) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, address)) => {
                if let Ok(seat) = Arc::clone(&seats).try_acquire_owned() {
                    let connection = Connection {
                        front: front.clone(),
                        tls: tls.clone(),
                        limits,
                        stop: told_stop.clone(),
                        _seat: seat,
                    };
                    tokio::spawn(connection.run(stream, address));
                } else {
                    TURNED_AWAY.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(target: "muster::http", %address, most = limits.connections, "too many connections");
                }
            }
            Err(error) => {
                tracing::warn!(target: "muster::http", %error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    let _ = tell_stop.send(true);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if tokio::time::timeout(STOP_WITHIN, seats.acquire_many(all)).await.is_err() {
        tracing::warn!(target: "muster::http", "requests that did not end in time are cut off");
    }
}

/// One connection, from its first byte to its last.
struct Connection {
    front: Front,
    tls: Option<Arc<TlsKeeper>>,
    limits: ConnectionLimits,
    stop: watch::Receiver<bool>,
    _seat: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, address: SocketAddr) {
        // Answers are small and waited for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "muster::http", %address, %error, "small answers may be held back");
        }
        let (remote, stop) = (address.ip(), self.stop.clone());
        let Some(tls) = self.tls.clone() else {
            return self.speak(stream, Peer { remote, machine: None, stop }).await;
        };
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        match tokio::time::timeout(self.limits.head_within, handshake).await {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let machine =
                    certificate.map(|found| Certified { der: found.as_ref().to_vec(), recognised: Mutex::default() });
                self.speak(stream, Peer { remote, machine, stop }).await;
            }
            Ok(Err(error)) => tracing::debug!(target: "muster::http", %address, %error, "the TLS handshake failed"),
            Err(_) => tracing::debug!(target: "muster::http", %address, "the TLS handshake took too long"),
        }
    }

    async fn speak(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let peer = Arc::new(peer);
        let (front, stopping) = (self.front, self.stop.clone());
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Arc::clone(&peer));
            let (answering, stopping) = (front.clone().answer(request), stopping.clone());
            async move {
                let mut response = answering.await;
                if *stopping.borrow() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_within)
            .max_headers(self.limits.head_fields)
            .max_header_size(self.limits.head_bytes)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.stop.changed() => {
                if let Ok(ended) = tokio::time::timeout(LINGER, connection.as_mut()).await {
                    ended
                } else {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "muster::http", %error, "a connection ended");
        }
    }
}
