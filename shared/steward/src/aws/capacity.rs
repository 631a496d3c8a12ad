//! Capacity across the services that make it up: everything read at one moment, and one change made.
//!
//! Which service a thing belongs to is known here and nowhere else. What is read is whole or an error: a part of the world
//! that was not read would look like one that is gone.

mod change;
mod look;

use jiff::Timestamp;

use super::{
    Base, apigateway::ApiGateway, autoscaling::AutoScaling, cloudwatch::CloudWatch, lambda::Lambda,
    sagemaker::SageMaker,
};
use crate::failure::CallError;

pub use look::{Asked, Breadth};

/// The services that capacity is made of, in the function's Region.
#[derive(Clone, Debug)]
pub struct Capacity {
    sagemaker: SageMaker,
    autoscaling: AutoScaling,
    cloudwatch: CloudWatch,
    lambda: Lambda,
    gateway: ApiGateway,
}

impl Capacity {
    /// Clients on `base`.
    pub fn new(base: &Base) -> Self {
        Self {
            sagemaker: SageMaker::new(base),
            autoscaling: AutoScaling::new(base),
            cloudwatch: CloudWatch::new(base),
            lambda: Lambda::new(base),
            gateway: ApiGateway::new(base),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Self {
        Self {
            sagemaker: self.sagemaker.until(deadline),
            autoscaling: self.autoscaling.until(deadline),
            cloudwatch: self.cloudwatch.until(deadline),
            lambda: self.lambda.until(deadline),
            gateway: self.gateway.until(deadline),
        }
    }

    /// Application Auto Scaling, for its activities.
    pub fn autoscaling(&self) -> &AutoScaling {
        &self.autoscaling
    }

    /// The inference components of an endpoint.
    ///
    /// # Errors
    /// What SageMaker says.
    pub async fn components_of(&self, endpoint: &str) -> Result<Vec<String>, CallError> {
        self.sagemaker.components_of(endpoint).await
    }

    /// Lambda, for going on in another invocation.
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }
}
