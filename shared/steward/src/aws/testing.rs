//! A few bytes of S3 and SNS behind the real SDK, without sockets, for the tests of this crate. The rehearsal's simulated
//! AWS tests the same code at length; it stands on this crate and so cannot serve here.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use super::{Base, Clock, Emit};

/// What is stored, by `/bucket/key`.
pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

/// What goes wrong with a write.
pub(crate) enum Fault {
    /// The connection is cut before it takes effect.
    Before,
    /// The connection is cut after it took effect, and this happens before anybody calls again.
    After(Box<dyn FnOnce(&mut Objects) + Send>),
    /// The service says this.
    Says(u16, &'static str),
}

#[derive(Default)]
struct State {
    objects: Objects,
    faults: VecDeque<Fault>,
    refusals: VecDeque<(u16, &'static str)>,
    calls: Vec<String>,
    published: Vec<String>,
}

/// The whole of it.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// The next write goes wrong; called twice, the one after it too.
    pub(crate) fn fault(&self, fault: Fault) {
        self.0.lock().expect("lock").faults.push_back(fault);
    }

    /// The next read is answered so.
    pub(crate) fn refuse_to_read(&self, status: u16, code: &'static str) {
        self.0.lock().expect("lock").refusals.push_back((status, code));
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        self.0
            .lock()
            .expect("lock")
            .objects
            .insert(path.to_owned(), body.to_vec());
    }

    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.0.lock().expect("lock").objects.get(path).cloned()
    }

    pub(crate) fn remove(&self, path: &str) {
        self.0.lock().expect("lock").objects.remove(path);
    }

    /// `GET /bucket/key` and the like, since it was last asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("lock").calls)
    }

    /// The deduplication ids, or else the subjects, of what was published.
    pub(crate) fn published(&self) -> Vec<String> {
        self.0.lock().expect("lock").published.clone()
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut state = self.0.lock().expect("lock");
        let path = request
            .uri()
            .trim_start_matches("http://aws.test")
            .split('?')
            .next()
            .unwrap_or_default()
            .to_owned();
        state.calls.push(format!("{} {path}", request.method()));
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let writes = request.method() != "GET";
        let fault = if writes { state.faults.pop_front() } else { None };
        match fault {
            Some(Fault::Before) => return Err(ConnectorError::io("cut before".into())),
            Some(Fault::Says(status, code)) => {
                return Ok(respond(
                    status,
                    &[],
                    format!("<ErrorResponse><Error><Code>{code}</Code></Error><Code>{code}</Code></ErrorResponse>"),
                ));
            }
            Some(Fault::After(then)) => {
                assert!(state.write(&path, &body, header).status().is_success());
                then(&mut state.objects);
                return Err(ConnectorError::io("cut after".into()));
            }
            None if writes => return Ok(state.write(&path, &body, header)),
            None => {}
        }
        if let Some((status, code)) = state.refusals.pop_front() {
            return Ok(respond(status, &[], format!("<Error><Code>{code}</Code></Error>")));
        }
        Ok(match state.objects.get(&path) {
            Some(body) if header("if-none-match") == Some(etag(body)) => respond(304, &[], String::new()),
            Some(body) => {
                let mut answer = respond(200, &[("etag", etag(body))], String::new());
                *answer.body_mut() = SdkBody::from(body.clone());
                answer
            }
            None => respond(404, &[], "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
        })
    }
}

impl State {
    fn write(&mut self, path: &str, body: &[u8], header: impl Fn(&str) -> Option<String>) -> HttpResponse {
        if path == "/" {
            let form = String::from_utf8_lossy(body).into_owned();
            let field = |name: &str| {
                form.split('&')
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            };
            let id = field("MessageDeduplicationId").or(field("Subject")).expect("a subject");
            self.published.push(id.to_owned());
            let told = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";
            return respond(200, &[], told.to_owned());
        }
        let there = self.objects.get(path).map(|body| etag(body));
        let refused = header("if-match").is_some_and(|wanted| there.as_ref() != Some(&wanted))
            || header("if-none-match").is_some() && there.is_some();
        if refused {
            return respond(412, &[], "<Error><Code>PreconditionFailed</Code></Error>".to_owned());
        }
        self.objects.insert(path.to_owned(), body.to_vec());
        respond(200, &[("etag", etag(body))], String::new())
    }
}

fn etag(body: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{:016x}\"", hasher.finish())
}

fn respond(status: u16, headers: &[(&'static str, String)], body: String) -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body));
    for (name, value) in headers {
        answer.headers_mut().insert(*name, value.clone());
    }
    answer
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

/// What was written to a base's [`Emit`].
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("lock").clone()).expect("UTF-8")
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A base on `wire`, at noon of 1 January 2026, whose calls are tried twice.
pub(crate) fn base(wire: Wire) -> (Base, Written) {
    let connector = SharedHttpConnector::new(wire);
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(Duration::from_millis(1));
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url("http://aws.test")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries)
        .sleep_impl(TokioSleep::new())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let noon = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    let written = Written::default();
    (
        Base::new(sdk, Clock::new(move || noon), Emit::new(written.clone())),
        written,
    )
}
