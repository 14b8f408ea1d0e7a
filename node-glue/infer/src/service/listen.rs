//! Connections: accepted within a limit, timed, and drained when stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::ServiceConfig;
use super::metrics::Metrics;
use super::routes::{Shared, router};
use super::workers::Workers;
use crate::node::Node;

/// Rest after a failure to accept, which is most often a lack of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Threads or signal handlers cannot be had.
    #[error("start {what}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// A running service, on threads of its own. Dropping it stops it at once.
pub struct Server {
    runtime: runtime::Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts listening.
    ///
    /// **Errors.** [`ServeError`].
    pub fn start(node: Node, config: ServiceConfig) -> Result<Self, ServeError> {
        let start = |what| move |source| ServeError::Start { what, source };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(start("threads"))?;
        let address = config.listen;
        let listener = runtime.block_on(TcpListener::bind(address));
        let listener = listener.map_err(|source| ServeError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
        let workers = Workers::start(config.workers, config.queue).map_err(start("workers"))?;
        let metrics = Metrics::new();
        let shared =
            Arc::new(Shared { node: Arc::new(node), workers, metrics, config, stopping: AtomicBool::new(false) });
        let (stop, stopped) = watch::channel(false);
        let accepting = runtime.spawn(accept(listener, shared, stopped));
        Ok(Self { runtime, address, stop, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, answers the requests under way, and ends.
    pub fn stop(self) {
        // The task may have ended already.
        let _ = self.stop.send(true);
        let _ = self.runtime.block_on(self.accepting);
        self.runtime.shutdown_background();
    }
}

/// Runs the service until the process is told to end (SIGTERM or SIGINT), or until its time is up if
/// it is given one; then drains it.
///
/// `ready` is told the address once it listens.
///
/// **Errors.** [`ServeError`].
pub fn serve_until_signal(
    node: Node,
    config: ServiceConfig,
    time: Option<Duration>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let server = Server::start(node, config)?;
    let wait = async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        ready(server.address());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = up(time) => {}
        }
        Ok(())
    };
    server.runtime.block_on(wait).map_err(|source| ServeError::Start { what: "signal handlers", source })?;
    tracing::info!("stopping");
    server.stop();
    Ok(())
}

/// Ends when the time is up; never without one.
async fn up(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(shared.config.connections.max(1)));
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            () = told(&mut stopped) => break,
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_REST).await;
                    continue;
                }
            },
        };
        let connection = connections.watch(serve(stream, shared.clone()));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    shared.stopping.store(true, Ordering::Relaxed);
    if timeout(shared.config.drain_deadline, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when time was up");
    }
}

/// Ends when told to stop, or when nobody is left to tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<axum::Router>> {
    // Answers are one small write each; an error leaves them a little slower.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.read_deadline)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router(shared)))
}
