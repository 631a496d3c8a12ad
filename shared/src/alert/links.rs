//! The links of an alert: into the AWS console of the right partition and to the page of the runbook.

use super::AlertKind;

/// What links are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The Region of the fleet, e.g. `eu-west-1`.
    pub region: String,
    /// The base URL of the runbook pages, without a trailing slash; `None` for no runbook links.
    pub runbooks: Option<String>,
}

impl Links {
    /// The endpoint's page in the console; `None` in a partition whose console is not public.
    pub fn endpoint(&self, name: &str) -> Option<String> {
        Some(format!(
            "{}/sagemaker/home?region={}#/endpoints/{name}",
            self.console()?,
            self.region
        ))
    }

    /// `<base>/<kind>.md`.
    pub fn runbook(&self, kind: AlertKind) -> Option<String> {
        Some(format!("{}/{kind}.md", self.runbooks.as_deref()?.trim_end_matches('/')))
    }

    fn console(&self) -> Option<String> {
        let region = self.region.as_str();
        if region.starts_with("cn-") {
            Some("https://console.amazonaws.cn".into())
        } else if region.starts_with("us-gov-") {
            Some("https://console.amazonaws-us-gov.com".into())
        } else if region.starts_with("us-iso") || region.starts_with("eu-iso") || region.starts_with("eusc-") {
            None
        } else {
            Some(format!("https://{region}.console.aws.amazon.com"))
        }
    }
}
