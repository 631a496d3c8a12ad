//! The HTTP side of the Runtime API.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify, mpsc},
    task::JoinHandle,
};

use super::Answer;

/// One event on its way to the function.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) deadline: SystemTime,
    pub(super) arn: String,
    pub(super) body: Bytes,
}

/// What the function said.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// It asked for an event.
    Ready,
    /// It answered.
    Response { request_id: String, body: Bytes },
    /// It reported an error; without a request id, one of initialization.
    Error {
        request_id: Option<String>,
        kind: String,
        message: String,
    },
}

/// Lambda's limit for the payload of a synchronous invocation and its response: 6 MB.
const LARGEST_PAYLOAD: usize = 6 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Api {
    address: SocketAddr,
    desk: Arc<Desk>,
    said: mpsc::UnboundedReceiver<Said>,
    server: JoinHandle<()>,
}

/// Where an event lies until the function fetches it.
#[derive(Debug)]
struct Desk {
    event: Mutex<Option<Event>>,
    given: Notify,
    say: mpsc::UnboundedSender<Said>,
}

impl Api {
    pub(super) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (say, said) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            event: Mutex::new(None),
            given: Notify::new(),
            say,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(LARGEST_PAYLOAD))
            .with_state(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            // Serving ends with the task; until then axum::serve itself retries what fails.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            desk,
            said,
            server,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` must be.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Lays out an event for the function to fetch.
    pub(super) fn give(&self, event: Event) {
        // The lock is held only for the moment of taking an event out, never across a wait.
        if let Ok(mut slot) = self.desk.event.try_lock() {
            *slot = Some(event);
        }
        self.desk.given.notify_one();
    }

    /// Forgets what a dead process said or left lying.
    pub(super) fn forget(&mut self) {
        while self.said.try_recv().is_ok() {}
        if let Ok(mut slot) = self.desk.event.try_lock() {
            *slot = None;
        }
    }

    /// Waits until the function asks for an event or reports an error of initialization.
    pub(super) async fn ready(&mut self) -> Said {
        loop {
            match self.said.recv().await {
                Some(Said::Response { .. }) => {}
                Some(said) => return said,
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for the answer to this request.
    pub(super) async fn answer_to(&mut self, wanted: &str) -> Answer {
        loop {
            match self.said.recv().await {
                Some(Said::Response { request_id, body }) if request_id == wanted => {
                    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
                    return Answer::Response(serde_json::from_slice(&body).unwrap_or_else(|_| text()));
                }
                Some(Said::Error {
                    request_id,
                    kind,
                    message,
                }) if request_id.as_deref() == Some(wanted) => {
                    return Answer::Error { kind, message };
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    // The sandbox may be gone; then nobody waits for what is said here or below.
    let _ = desk.say.send(Said::Ready);
    let event = loop {
        if let Some(event) = desk.event.lock().await.take() {
            break event;
        }
        desk.given.notified().await;
    };
    let deadline = event
        .deadline
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis()
        .to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", event.arn),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.body).into_response()
}

async fn response(State(desk): State<Arc<Desk>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    let _ = desk.say.send(Said::Response { request_id, body });
    StatusCode::ACCEPTED
}

async fn error(State(desk): State<Arc<Desk>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    let _ = desk.say.send(reported(Some(request_id), &body));
    StatusCode::ACCEPTED
}

async fn init_error(State(desk): State<Arc<Desk>>, body: Bytes) -> StatusCode {
    let _ = desk.say.send(reported(None, &body));
    StatusCode::ACCEPTED
}

fn reported(request_id: Option<String>, body: &[u8]) -> Said {
    let report: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let member = |name: &str| report[name].as_str().map(str::to_owned);
    let message = member("errorMessage").unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    Said::Error {
        request_id,
        kind: member("errorType").unwrap_or_else(|| "Unknown".to_owned()),
        message,
    }
}
