//! Status over HTTP, for people, watchdogs and monitors.
//!
//! ```text
//! GET /          the report in JSON
//! GET /metrics   Prometheus
//! GET /healthz   200 "ok" while a pool gives work, else 503
//! ```

mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::board::Board;
use crate::error::MineError;
use crate::statistics::{Report, Statistics};

/// Connections served at a time; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 32;
/// Longest time for a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// Longest life of a connection.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(60);
/// Rest after a failure to accept, which is most often a lack of descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// What is served.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub board: Arc<Board>,
    pub statistics: Arc<Statistics>,
}

impl Status {
    fn report(&self) -> Report {
        self.statistics.report(self.board.job().as_deref().map(|job| &job.work))
    }
}

/// Listens; answers where.
///
/// **Errors**: [`MineError::Listen`].
pub(crate) fn start(runtime: &Runtime, listen: SocketAddr, status: Status) -> Result<SocketAddr, MineError> {
    let failed = |source| MineError::Listen { address: listen, source };
    let listener = runtime.block_on(TcpListener::bind(listen)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/", get(report))
        .route("/metrics", get(prometheus))
        .route("/healthz", get(healthz))
        .with_state(status);
    runtime.spawn(accept(listener, router));
    Ok(address)
}

async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let mut http = http1::Builder::new();
        let http = http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let _place = place;
            // However it ends, whoever asked has gone.
            let _ = timeout(CONNECTION_DEADLINE, connection).await;
        });
    }
}

async fn report(State(status): State<Status>) -> Response {
    match serde_json::to_string(&status.report()) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn prometheus(State(status): State<Status>) -> Response {
    match metrics::text(&status.report()) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn healthz(State(status): State<Status>) -> (StatusCode, &'static str) {
    match status.report() {
        Report { connected: Some(_), job: Some(_), .. } => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "no work\n"),
    }
}
