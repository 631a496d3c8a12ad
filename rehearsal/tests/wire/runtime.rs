//! Real processes under the Runtime API.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use rehearsal::{
    faults::{Fault, FaultKind},
    runtime_api::{Answer, Function, Sandbox, StartError},
    serve::Server,
};
use serde_json::{Value, json};

use crate::{HOME, cloud_with};

/// Tells the test below that it is the function and not a test.
const MARK: &str = "ACT_AS_FUNCTION";

/// Not a test of its own: run by the others as the executable of a Lambda function, and otherwise done at once.
#[test]
fn a_function_to_be_run() {
    let Ok(part) = std::env::var(MARK) else { return };
    assert_ne!(part, "broken", "this function cannot initialize");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ran = runtime.block_on(lambda_runtime::run(service_fn(acted)));
    ran.expect("a runtime that runs until it is killed");
}

async fn acted(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("as asked".into()),
        Some("die") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        Some("write") => {
            let config = aws_sdk_s3::Config::builder()
                .behavior_version_latest()
                .region(aws_sdk_s3::config::Region::new(std::env::var("AWS_REGION")?))
                .credentials_provider(aws_sdk_s3::config::Credentials::new(
                    std::env::var("AWS_ACCESS_KEY_ID")?,
                    std::env::var("AWS_SECRET_ACCESS_KEY")?,
                    None,
                    None,
                    "environment",
                ))
                .endpoint_url(std::env::var("AWS_ENDPOINT_URL")?)
                .build();
            let put = aws_sdk_s3::Client::from_conf(config)
                .put_object()
                .bucket("state")
                .key("k");
            put.body(b"x".to_vec().into()).send().await?;
            Ok(json!("written"))
        }
        _ => Ok(json!({
            "echo": event.payload,
            "id": event.context.request_id,
            "name": event.context.env_config.function_name,
            "left": event.context.deadline > 0,
        })),
    }
}

fn function(part: &str) -> Function {
    let mut function = Function::new(std::env::current_exe().expect("this executable"), "health-checker");
    function.args = ["--exact", "wire::runtime::a_function_to_be_run", "--nocapture"]
        .map(str::to_owned)
        .to_vec();
    function.env.insert(MARK.to_owned(), part.to_owned());
    function.timeout = Duration::from_secs(5);
    function
}

fn event(what: &str) -> Vec<u8> {
    json!({ "do": what }).to_string().into_bytes()
}

#[tokio::test]
async fn a_real_process_answers_events_one_after_another() {
    let mut sandbox = Sandbox::start(function("well")).await.expect("a started function");
    let first = sandbox.invoke(event("echo")).await.expect("an invocation");
    assert!(first.cold);
    let expected = json!({
        "echo": {"do": "echo"}, "id": "00000000-0000-4000-8000-000000000001", "name": "health-checker", "left": true
    });
    assert_eq!(first.result, Answer::Response(expected));
    let failed = sandbox.invoke(event("fail")).await.expect("an invocation");
    assert!(
        matches!(&failed.result, Answer::Error { message, .. } if message == "as asked"),
        "{failed:?}"
    );
    assert!(!failed.cold);
    let usage = sandbox.stop().await;
    assert_eq!(usage.inits.len(), 1);
    if cfg!(target_os = "linux") {
        assert!(usage.peak_memory.is_some_and(|peak| peak > 1 << 20), "{usage:?}");
    }
}

#[tokio::test]
async fn a_process_that_dies_or_hangs_is_replaced_as_lambda_replaces_it() {
    let mut patient = function("well");
    patient.timeout = Duration::from_millis(500);
    let mut sandbox = Sandbox::start(patient).await.expect("a started function");
    let died = sandbox.invoke(event("die")).await.expect("an invocation");
    assert!(
        matches!(&died.result, Answer::Died(status) if status.contains('3')),
        "{died:?}"
    );
    let hung = sandbox.invoke(event("hang")).await.expect("a new process");
    assert_eq!((hung.result, hung.cold), (Answer::TimedOut, true));
    let well = sandbox.invoke(event("echo")).await.expect("a third process");
    assert!(matches!(well.result, Answer::Response(_)), "{well:?}");
    assert_eq!(sandbox.stop().await.inits.len(), 3);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let broken = Sandbox::start(function("broken")).await.expect_err("a broken function");
    assert!(matches!(broken, StartError::Ended { .. }), "{broken:?}");
    assert!(
        broken.to_string().contains("this function cannot initialize"),
        "{broken}"
    );
    let missing = Sandbox::start(Function::new("/nowhere/bootstrap", "x"))
        .await
        .expect_err("a missing executable");
    assert!(
        missing.to_string().starts_with("cannot start /nowhere/bootstrap: "),
        "{missing}"
    );
}

#[tokio::test]
async fn a_crash_fault_kills_the_process_after_its_call_took_effect() {
    let cloud = cloud_with([Fault::every(FaultKind::CrashAfter).by("health-checker").nth(1)]);
    cloud.store().ensure_bucket("state", HOME);
    let server = Server::bind("127.0.0.1:0").await.expect("a free port");
    let mut function = function("well");
    function.endpoint = Some(server.url());
    let serving = server.run(cloud.clone(), |_| {}, std::future::pending());
    let invoking = async {
        let mut sandbox = Sandbox::start(function).await.expect("a started function");
        sandbox.crash_with(&cloud);
        let crashed = sandbox.invoke(event("write")).await.expect("an invocation");
        let next = sandbox.invoke(event("write")).await.expect("a new process");
        (crashed.result, next.result)
    };
    let (crashed, next) = tokio::select! {
        results = invoking => results,
        stopped = serving => panic!("the server stopped: {stopped:?}"),
    };
    assert_eq!(
        crashed,
        Answer::Died("crashed by the fault plan at s3 PutObject".to_owned())
    );
    assert_eq!(next, Answer::Response(json!("written")));
    assert_eq!(
        cloud.store().versions("state", "k"),
        2,
        "the first write took effect too"
    );
}
