//! Scale from zero as a Lambda function.

use scale_from_zero::{Context, handle};
use steward::aws::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    lambda::serve(Context::new, Context::settings, handle).await
}
