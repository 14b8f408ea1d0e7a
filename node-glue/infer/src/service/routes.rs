//! What is done with each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use super::ServiceConfig;
use super::metrics::Metrics;
use super::protocol::{self, BadRequest, Request};
use super::workers::Workers;
use crate::error::{ErrorClass, InferError};
use crate::node::{FileRef, Node};

/// Most entries listed at `/models`.
const INDEX_MAX: usize = 10_000;

/// What every request shares.
pub struct Shared {
    pub node: Arc<Node>,
    pub workers: Workers,
    pub metrics: Metrics,
    pub config: ServiceConfig,
    pub stopping: AtomicBool,
}

/// A reply and a word for what it is.
struct Reply {
    status: StatusCode,
    body: String,
    outcome: &'static str,
}

/// The service's paths.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/infer", any(infer))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/models", get(models))
        .with_state(shared)
}

async fn infer(State(shared): State<Arc<Shared>>, method: Method, body: Body) -> Response {
    let start = Instant::now();
    let (kind, reply) = match read(&shared, &method, body).await {
        Ok(request) => (request.kind(), answer(&shared, request).await),
        Err(reply) => ("none", reply),
    };
    let seconds = start.elapsed().as_secs_f64();
    shared.metrics.count(kind, reply.outcome, seconds);
    tracing::debug!(kind, outcome = reply.outcome, seconds, "request");
    // The stock server lets its library guess the type, and that is what it guesses.
    (reply.status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], reply.body).into_response()
}

async fn read(shared: &Shared, method: &Method, body: Body) -> Result<Request, Reply> {
    let bad = |status, reason| Reply { status, body: protocol::bad_request(reason), outcome: "bad_request" };
    if method != Method::POST {
        return Err(bad(StatusCode::OK, BadRequest::Method));
    }
    let limited = Limited::new(body, shared.config.body_bytes).collect();
    let body = match timeout(shared.config.read_deadline, limited).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(bad(StatusCode::PAYLOAD_TOO_LARGE, BadRequest::Body)),
        Err(_) => return Err(bad(StatusCode::REQUEST_TIMEOUT, BadRequest::Body)),
    };
    Request::read(&body).map_err(|reason| bad(StatusCode::OK, reason))
}

async fn answer(shared: &Arc<Shared>, request: Request) -> Reply {
    let unable = |status, outcome| Reply { status, body: protocol::failure(ErrorClass::Runtime), outcome };
    let node = shared.node.clone();
    let Ok(answer) = shared.workers.submit(move || compute(&node, &request)) else {
        return unable(StatusCode::SERVICE_UNAVAILABLE, "queue_full");
    };
    match timeout(shared.config.answer_deadline, answer).await {
        Ok(Ok(Ok(data))) => Reply { status: StatusCode::OK, body: protocol::answer(&data), outcome: "ok" },
        Ok(Ok(Err(error))) => {
            let class = error.class();
            let outcome = match class {
                ErrorClass::Logic => "logic_error",
                ErrorClass::Runtime => "runtime_error",
            };
            log(&error, outcome);
            Reply { status: StatusCode::OK, body: protocol::failure(class), outcome }
        }
        Ok(Err(_)) => unable(StatusCode::OK, "panic"),
        Err(_) => unable(StatusCode::OK, "deadline"),
    }
}

fn compute(node: &Node, request: &Request) -> Result<Arc<[u8]>, InferError> {
    match request {
        Request::InferFile { model, input, model_size, input_size, network } => {
            let model = FileRef { hash: model, size: *model_size };
            node.infer_file(model, FileRef { hash: input, size: *input_size }, *network)
        }
        Request::InferContent { model, input, model_size, network } => {
            node.infer_content(FileRef { hash: model, size: *model_size }, input, *network)
        }
        Request::Price { model, model_size, network } => {
            let count = node.operation_count(FileRef { hash: model, size: *model_size }, *network)?;
            Ok(count.to_be_bytes().into())
        }
    }
}

fn log(error: &InferError, outcome: &'static str) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::info!(%error, cause, outcome, "no answer");
}

async fn healthz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if shared.workers.waiting() >= shared.config.queue.max(1) {
        return (StatusCode::SERVICE_UNAVAILABLE, "queue full\n");
    }
    (StatusCode::OK, "ok\n")
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let faults = shared.config.faults.load(Ordering::Relaxed);
    match shared.metrics.text(&shared.node, shared.workers.waiting(), faults, &shared.config.devices) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let node = shared.node.clone();
    let Ok(index) = shared.workers.submit(move || node.storage().index(INDEX_MAX)) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match index.await {
        Ok(Ok(index)) => match serde_json::to_string(&index) {
            Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
