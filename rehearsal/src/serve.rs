//! The simulated AWS on localhost: for real function binaries, `sam local invoke`, the aws CLI, boto3 and any SDK.
//!
//! Point `AWS_ENDPOINT_URL` at it. Any credentials work; an access key id `SIM-NAME` makes its bearer the function NAME
//! in the call log and for faults, any other is an operator. The Region is whatever the request was signed for. What has
//! no place in AWS is under `/_rehearsal/`: `time`, `calls` (the log so far) and `published` (what the topics got).

use std::{future::Future, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    cloud::{Cloud, Cut},
    wire::Scope,
    world::Happening,
};

/// The largest request body, in bytes.
const LARGEST_REQUEST: usize = 1 << 30;

/// A listening socket, not yet answering.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on `address`, e.g. `127.0.0.1:4566`; port 0 takes a free one.
    ///
    /// # Errors
    /// Whatever keeps the system from listening there.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `AWS_ENDPOINT_URL` must be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers requests and lets the world go on until `stop` resolves. `seen` is told everything that happens.
    ///
    /// # Errors
    /// Failures of the listening socket; a broken connection is not one.
    pub async fn run(
        self,
        cloud: Cloud,
        mut seen: impl FnMut(&Happening),
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    connections.spawn(connection(TokioIo::new(stream), cloud.clone()));
                }
                Some(_) = connections.join_next() => {}
                () = next_moment(&cloud) => {
                    for happening in cloud.advance() {
                        seen(&happening);
                    }
                }
            }
        }
    }
}

/// Waits for the world's next change, and at most a second, since calls can bring changes forward.
async fn next_moment(cloud: &Cloud) {
    let wait = match cloud.with_world(|world| world.next_change()) {
        Some(next) => Duration::try_from(next.duration_since(cloud.clock().now())).unwrap_or(Duration::ZERO),
        None => Duration::MAX,
    };
    tokio::select! {
        () = cloud.clock().sleep(wait.max(Duration::from_millis(1))) => {}
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
}

async fn connection(stream: TokioIo<tokio::net::TcpStream>, cloud: Cloud) {
    let service = service_fn(move |request| answer(cloud.clone(), request));
    // An error here is a connection that broke, by the client or by a fault; either way there is nobody to tell.
    let _ = http1::Builder::new().serve_connection(stream, service).await;
}

/// Answers one request; an error makes hyper close the connection without an answer, as a cut must look.
async fn answer(cloud: Cloud, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    if let Some(about) = request.uri().path().strip_prefix("/_rehearsal/") {
        return Ok(own(&cloud, about).map(Full::new));
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(problem) => {
            let mut response = Response::new(Full::from(format!("the request body cannot be read: {problem}\n")));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    let request = Request::from_parts(parts, body);
    let caller = Scope::of(&request).map_or_else(|_| "operator".to_owned(), |scope| scope.caller().to_owned());
    cloud
        .http(&caller, request)
        .await
        .map(|response| response.map(Full::new))
}

/// The rehearsal's own pages.
fn own(cloud: &Cloud, about: &str) -> Response<Bytes> {
    let page = match about {
        "time" => serde_json::to_vec(&serde_json::json!({ "now": cloud.clock().now() })),
        "calls" => serde_json::to_vec(&cloud.calls()),
        "published" => cloud.with_world(|world| serde_json::to_vec(world.published())),
        _ => {
            let mut response = Response::new(Bytes::from_static(b"try time, calls or published\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
    };
    let mut response = match page {
        Ok(page) => Response::new(Bytes::from(page)),
        Err(problem) => {
            let mut response = Response::new(Bytes::from(problem.to_string()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
