//! Sending a sample and reading the report.

use rehearsal::runtime_api::{Answer, Sandbox};
use serde_json::Value;

use super::support::Aws;

/// What the function reports when it is sent a sample; an error of the function fails the test.
pub(crate) async fn ask(aws: &Aws, function: &mut Sandbox, sample: &str) -> Value {
    let invoked = function.invoke(aws.sample(sample)).await.unwrap();
    match invoked.result {
        Answer::Response(report) => report,
        other => panic!("{sample}: {other:?}\n{}", function.stdout()),
    }
}

/// The same, where it has to be obeyed.
pub(crate) async fn done(aws: &Aws, function: &mut Sandbox, sample: &str) -> Value {
    let report = ask(aws, function, sample).await;
    assert_eq!(report["outcome"], "done", "{sample}: {report:#}");
    report
}
