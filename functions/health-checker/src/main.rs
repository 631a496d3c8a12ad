//! The health checker as a Lambda function.

use health_checker::{Context, handle};
use steward::aws::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    lambda::serve(Context::new, Context::settings, handle).await
}
