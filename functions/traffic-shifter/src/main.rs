//! The traffic shifter as a Lambda function.

use steward::aws::lambda;
use traffic_shifter::{Context, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    lambda::serve(Context::new, Context::settings, handle).await
}
