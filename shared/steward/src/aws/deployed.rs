//! One deployed function: what its environment says, and what is made of it once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Base, Invocation,
    fleet_source::{FleetFile, NoFleet},
    outbox::Teller,
    s3::S3,
    sns::Sns,
};
use crate::{
    alert::Links,
    fleet::Fleet,
    probe::fit::AFTER_LOOKING,
    settings::{Settings, SettingsErrors},
    trigger::{Trigger, TriggerError},
};

/// Everything stops this long before the end, so that the answer and the metrics still leave.
const AFTER_ALL: Duration = Duration::from_secs(1);

/// What an instance of any function keeps between invocations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What the environment says.
    pub settings: Arc<Settings>,
    /// What the callers of AWS are made from.
    pub base: Base,
    /// The fleet file.
    pub fleet: Arc<FleetFile>,
    /// What completes an alert.
    pub links: Links,
}

/// When the parts of an invocation stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Looking.
    pub looking: Timestamp,
    /// Everything else but the answer.
    pub all: Timestamp,
}

impl Deployed {
    /// Reads the settings; nothing is called.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn new(env: &BTreeMap<String, String>, base: Base) -> Result<Self, SettingsErrors> {
        let settings = Settings::from_env(env)?;
        Ok(Self {
            fleet: Arc::new(FleetFile::new(&settings.fleet, &settings.state)),
            links: settings.links(),
            settings: Arc::new(settings),
            base,
        })
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.base.clock.now()
    }

    /// What woke the function.
    ///
    /// # Errors
    /// When the event is not understood, or is about an endpoint of another Region or account.
    pub fn trigger(&self, event: &Value) -> Result<Trigger, TriggerError> {
        let trigger = Trigger::parse(event)?;
        if let Trigger::EndpointStateChange(change) = &trigger {
            change.meant_for(&self.settings.region, self.settings.account())?;
        }
        Ok(trigger)
    }

    /// The fleet file in force. What is wrong with a newer one is logged; people are told of it by the health checker.
    ///
    /// # Errors
    /// Why none is in force.
    pub async fn fleet_in_force(&self, s3: &S3) -> Result<Arc<Fleet>, NoFleet> {
        match Box::pin(self.fleet.load(s3)).await {
            Ok(in_force) => {
                for trouble in &in_force.troubles {
                    tracing::warn!("fleet file: {trouble}");
                }
                Ok(in_force.fleet)
            }
            Err(none) => {
                tracing::warn!("{none}");
                Err(none)
            }
        }
    }

    /// When the parts of this invocation stop, so that there is still time to write down what was learnt.
    pub fn deadlines(&self, call: &Invocation) -> Deadlines {
        let left = call.remaining(self.now());
        Deadlines {
            looking: call.leaving(AFTER_LOOKING.min(left / 3)),
            all: call.leaving(AFTER_ALL.min(left / 10)),
        }
    }

    /// Who writes, in documents and leases.
    pub fn writer(&self, call: &Invocation) -> String {
        format!("{}/{}", self.settings.function, call.request_id)
    }

    /// What publishes to the alert topic.
    pub fn teller(&self, sns: Sns) -> Teller {
        Teller {
            sns,
            topic_arn: self.settings.topic_arn.clone(),
            links: self.links.clone(),
        }
    }
}
