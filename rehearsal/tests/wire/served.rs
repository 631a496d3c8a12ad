//! The same cloud over HTTP.

use std::time::Duration;

use aws_sdk_s3::{Client, config::Credentials, primitives::ByteStream};
use rehearsal::{
    cloud::Cloud,
    faults::{Fault, FaultKind},
    serve::Server,
};

use crate::{HOME, cloud, cloud_with};

/// Serves the cloud while `work` uses it at the given URL.
async fn serving<T>(cloud: &Cloud, work: impl AsyncFnOnce(String) -> T) -> T {
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    let url = server.url();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        // Dropping the sender stops the server as well.
        let _ = stopped.await;
    };
    let run = server.run(cloud.clone(), |_| {}, stopped);
    let work = async {
        let result = work(url).await;
        drop(stop);
        result
    };
    let (run, result) = tokio::join!(run, work);
    run.expect("a server that runs until it is stopped");
    result
}

fn client(url: &str, key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_s3::config::Region::new(HOME))
        .credentials_provider(Credentials::new(key, "any secret", None, None, "test"))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn an_sdk_over_http_finds_the_same_cloud_and_is_known_by_its_access_key() {
    let cloud = cloud();
    cloud.store().ensure_bucket("state", HOME);
    serving(&cloud, async |url| {
        let body = ByteStream::from(vec![7; 200_000]);
        let put = client(&url, "SIM-health-checker")
            .put_object()
            .bucket("state")
            .key("k")
            .body(body);
        put.send().await.expect("a write over HTTP");
        let got = client(&url, "AKIAEXAMPLE")
            .get_object()
            .bucket("state")
            .key("k")
            .send()
            .await
            .expect("a read");
        assert_eq!(got.body.collect().await.expect("a body").into_bytes().len(), 200_000);
    })
    .await;
    let callers: Vec<_> = cloud.calls().into_iter().map(|call| call.caller).collect();
    assert_eq!(callers, ["health-checker", "operator"]);
}

#[tokio::test]
async fn a_cut_closes_the_connection_without_an_answer() {
    let cloud = cloud_with([Fault::every(FaultKind::CutAfter).nth(1)]);
    cloud.store().ensure_bucket("state", HOME);
    serving(&cloud, async |url| {
        let put = client(&url, "x")
            .put_object()
            .bucket("state")
            .key("k")
            .body(ByteStream::from_static(b"x"))
            .send()
            .await;
        let error = put.expect_err("the connection is cut");
        assert!(
            matches!(error, aws_sdk_s3::error::SdkError::DispatchFailure(_)),
            "{error:?}"
        );
    })
    .await;
    assert!(cloud.store().get("state", "k").is_some(), "the effect happened");
}

#[tokio::test]
async fn unsigned_requests_are_refused_and_the_rehearsals_own_pages_are_not() {
    let cloud = cloud();
    let (refused, time) = serving(&cloud, async |url| {
        let address = url.trim_start_matches("http://").to_owned();
        (
            raw(&address, "GET /state/key").await,
            raw(&address, "GET /_rehearsal/time").await,
        )
    })
    .await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.contains("<Code>MissingAuthenticationToken</Code>"), "{refused}");
    assert!(
        time.starts_with("HTTP/1.1 200") && time.contains("\"now\":\"2026-03-01T08:00:0"),
        "{time}"
    );
}

async fn raw(address: &str, line: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a sent request");
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
    read.expect("an answer in time").expect("a readable answer");
    answer
}
