//! The SDKs in-process: real clients, real serializers, retries and timeouts, and no socket.

use std::{io, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use super::{Cloud, Cut};

impl Cloud {
    /// What an SDK client needs to call this cloud from `region` as `caller` (a function's name, and after a `#` what
    /// tells its instances apart): an in-process connector, virtual time for signatures, waits and retries, and fixed
    /// credentials. The defaults are those of `aws_config`: standard retries, three attempts.
    pub fn sdk_config(&self, caller: &str, region: &str) -> SdkConfig {
        let cloud = self.clone();
        let owned = caller.to_owned();
        let client = http_client_fn(move |settings, _| {
            SharedHttpConnector::new(InProcess {
                cloud: cloud.clone(),
                caller: owned.clone(),
                read_timeout: settings.read_timeout(),
            })
        });
        let name = caller.split('#').next().unwrap_or(caller);
        let credentials = Credentials::new(format!("SIM-{name}"), "simulated", None, None, "rehearsal");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client)
            .time_source(*self.clock())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_millis(3100))
                    .build(),
            )
            .build()
    }
}

#[derive(Clone, Debug)]
struct InProcess {
    cloud: Cloud,
    caller: String,
    read_timeout: Option<Duration>,
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = this.answer(request);
            match this.read_timeout {
                None => answer.await,
                Some(limit) => match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        let late = format!("no answer within the read timeout of {limit:?}");
                        Err(ConnectorError::timeout(
                            io::Error::new(io::ErrorKind::TimedOut, late).into(),
                        ))
                    }
                },
            }
        })
    }
}

impl InProcess {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|problem| ConnectorError::user(problem.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
        let response = self
            .cloud
            .http(&self.caller, http::Request::from_parts(parts, body))
            .await;
        let response = response
            .map_err(|cut: Cut| ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, cut).into()))?;
        HttpResponse::try_from(response.map(SdkBody::from))
            .map_err(|problem| ConnectorError::other(problem.into(), None))
    }
}
