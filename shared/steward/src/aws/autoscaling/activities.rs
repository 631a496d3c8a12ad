//! What Application Auto Scaling tried and could not do.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalingActivity, ServiceNamespace};
use jiff::Timestamp;

use super::{AutoScaling, SERVICE, Scaled};
use crate::{aws::timestamp, failure::CallError, text::printable, wake::Activity};

/// Pages read at most, 50 activities each: nobody scales one thing more often within a wake.
const PAGES: usize = 5;

/// Characters of what was said.
const SAID: usize = 500;

impl AutoScaling {
    /// The scaling activities that began at `from` or later, oldest first, those that did not scale included.
    ///
    /// # Errors
    /// What the service says.
    pub async fn activities(&self, scaled: &Scaled, from: Timestamp) -> Result<Vec<Activity>, CallError> {
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let request = self
                .client
                .describe_scaling_activities()
                .service_namespace(ServiceNamespace::Sagemaker)
                .resource_id(scaled.resource_id())
                .scalable_dimension(ScalableDimension::from(scaled.dimension()))
                .include_not_scaled_activities(true)
                .set_next_token(token);
            let page = self
                .bound
                .call(SERVICE, "DescribeScalingActivities", request.send())
                .await?;
            let read: Vec<Activity> = page.scaling_activities().iter().flat_map(activity).collect();
            // The newest come first.
            let older = read.iter().any(|one| one.at < from);
            found.extend(read.into_iter().filter(|one| one.at >= from));
            token = page.next_token;
            if token.is_none() || older {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn activity(described: &ScalingActivity) -> Vec<Activity> {
    let Some(at) = timestamp(&described.start_time) else {
        return vec![];
    };
    let said = match &described.status_message {
        Some(message) if !message.is_empty() => message,
        _ => &described.cause,
    };
    let said = printable(said, SAID);
    let reasons = described.not_scaled_reasons();
    if reasons.is_empty() {
        let code = described.status_code.as_str().to_owned();
        return vec![Activity { at, code, said }];
    }
    let of = |code: &str| Activity {
        at,
        code: code.to_owned(),
        said: said.clone(),
    };
    reasons.iter().map(|reason| of(&reason.code)).collect()
}
