//! A scenario: a world, the fleet file under test, what goes wrong, what operators do, and what must hold.
//!
//! A scenario is refused with all its mistakes at once, each with line and column. Whatever a scenario names
//! (functions, commands, Regions, endpoints) must exist in it, so that a typo never becomes an expectation that holds
//! by accident.

mod bucket;
mod builtin;
mod check;
mod expectation;
mod fault;
mod section;

use std::time::Duration;

use deserr::{Deserr, ValuePointerRef};
use jiff::Timestamp;
use steward::{
    quantity::{Share, Span},
    yaml::{self, Found, Map, Problems},
};

pub use bucket::{BucketSpec, ObjectChange, ObjectFields, ObjectSpec};
pub use builtin::{Builtin, builtin, builtins, first, served};
pub use expectation::{
    AlertExpectation, AlertIds, Answer, AnswerExpectation, Bound, CallExpectation, ConfigExpectation, CopyExpectation,
    CostExpectation, Count, CountBound, DeadLetterExpectation, DefinitionExpectation, EndpointExpectation, Expect,
    InvocationExpectation, RequestExpectation, ShareBound, TargetExpectation, UploadExpectation,
};
pub use fault::FaultSpec;
pub use section::{FleetText, JsonMap};

use crate::world::WorldSpec;

/// One rehearsal, as written.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = check::coherent -> Found)]
pub struct Scenario {
    /// One line.
    pub title: String,
    /// What happens and what it shows, for people.
    #[deserr(default)]
    pub description: String,
    /// Seeds every random draw; another seed is another run. 1 unless said.
    #[deserr(default = 1)]
    pub seed: u64,
    /// Virtual time of the start, RFC 3339. 2026-03-02T08:00:00Z, a Monday, unless said.
    #[deserr(default)]
    pub start: Start,
    /// Virtual time played.
    pub duration: Span,
    /// The simulated AWS.
    pub world: WorldSpec,
    /// The fleet file the functions read, at their first start.
    pub fleet: FleetText,
    /// What is deployed; one `health-checker`, in the first Region that has endpoints, unless said.
    #[deserr(default = vec![FunctionSpec::default()])]
    pub functions: Vec<FunctionSpec>,
    /// Buckets besides those of state and fleet file, with their Region: `{ml-inputs: eu-west-1}`, or with their objects.
    #[deserr(default)]
    pub buckets: Map<BucketSpec>,
    /// What becomes of objects in them, over time.
    #[deserr(default)]
    pub object_changes: Vec<ObjectChange>,
    /// New versions of the fleet file, over time.
    #[deserr(default)]
    pub fleet_changes: Vec<FleetChange>,
    /// What goes wrong with AWS calls.
    #[deserr(default)]
    pub faults: Vec<FaultSpec>,
    /// What operators do.
    #[deserr(default)]
    pub commands: Vec<CommandSpec>,
    /// How reliably events reach the functions.
    #[deserr(default)]
    pub events: Delivery,
    /// What must hold.
    #[deserr(default)]
    pub expect: Expect,
}

/// The moment a scenario starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start(pub Timestamp);

impl Default for Start {
    fn default() -> Self {
        Self(Timestamp::constant(1_772_438_400, 0))
    }
}

impl Deserr<Found> for Start {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Found> {
        const FORM: &str = "a moment from 1970 to 2100 such as 2026-03-02T08:00:00Z";
        // The SDKs sign no request of before 1970.
        let sane = Timestamp::UNIX_EPOCH..Timestamp::constant(4_102_444_800, 0);
        match value {
            deserr::Value::String(text) => text
                .parse()
                .ok()
                .filter(|moment| sane.contains(moment))
                .map(Self)
                .ok_or_else(|| Found::one(at, format!("{text:?} is no moment"), FORM.to_owned())),
            other => Err(Found::kind(at, other, FORM)),
        }
    }
}

/// One deployed function.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct FunctionSpec {
    /// Function name. `health-checker` unless said.
    #[deserr(default = "health-checker".to_owned())]
    pub name: String,
    /// Which of Steward's functions it is; the one of the same name unless said.
    #[deserr(default)]
    pub handler: Option<String>,
    /// Where it is deployed; the world's first Region that has endpoints unless said.
    #[deserr(default)]
    pub region: Option<String>,
    /// Its schedule; `never` for none. 1m unless said.
    #[deserr(default)]
    pub every: Every,
    /// When its first scheduled invocation comes. 0s unless said.
    #[deserr(default)]
    pub first: Option<Span>,
    /// The events of its Region that wake it.
    #[deserr(default = vec![Wakes::EndpointStateChange])]
    pub on: Vec<Wakes>,
    /// Topics of its Region, by name, that it is subscribed to.
    #[deserr(default)]
    pub topics: Vec<String>,
    /// Killed after this. 55s unless said.
    #[deserr(default)]
    pub timeout: Option<Span>,
    /// MB. 256 unless said.
    #[deserr(default = 256)]
    pub memory: u32,
    /// How many may run at once; without limit unless said.
    #[deserr(default)]
    pub concurrency: Option<u32>,
    /// Environment variables beside those every deployment has; an empty text unsets one.
    #[deserr(default)]
    pub settings: Map<String>,
}

impl Default for FunctionSpec {
    fn default() -> Self {
        Self {
            name: "health-checker".to_owned(),
            handler: None,
            region: None,
            every: Every::default(),
            first: None,
            on: vec![Wakes::EndpointStateChange],
            topics: Vec::new(),
            timeout: None,
            memory: 256,
            concurrency: None,
            settings: Map::default(),
        }
    }
}

impl FunctionSpec {
    /// Lambda's limit for one invocation.
    pub fn timeout(&self) -> Duration {
        self.timeout.map_or(Duration::from_secs(55), Span::duration)
    }

    /// The name of the code that runs.
    pub fn handler(&self) -> &str {
        self.handler.as_deref().unwrap_or(&self.name)
    }
}

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Once per span.
    Span(Span),
    /// Not scheduled.
    Never,
}

impl Default for Every {
    fn default() -> Self {
        "1m".parse().map_or(Self::Never, Self::Span)
    }
}

impl Deserr<Found> for Every {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef<'_>,
    ) -> Result<Self, Found> {
        if let deserr::Value::String(text) = &value
            && text == "never"
        {
            return Ok(Self::Never);
        }
        let span = Span::deserialize_from_value(value, at)?;
        if span.duration() < Duration::from_secs(1) {
            return Err(Found::one(
                at,
                "is shorter than a second",
                "never, or at least 1s".to_owned(),
            ));
        }
        Ok(Self::Span(span))
    }
}

/// A kind of EventBridge event that a rule passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
pub enum Wakes {
    /// `SageMaker Endpoint State Change`.
    #[deserr(rename = "endpoint-state-change")]
    EndpointStateChange,
    /// `SageMaker Endpoint Deployment State Change`.
    #[deserr(rename = "endpoint-deployment-state-change")]
    EndpointDeploymentStateChange,
    /// `CloudWatch Alarm State Change`.
    #[deserr(rename = "alarm-state-change")]
    AlarmStateChange,
}

impl Wakes {
    /// The event's `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::EndpointStateChange => "SageMaker Endpoint State Change",
            Self::EndpointDeploymentStateChange => "SageMaker Endpoint Deployment State Change",
            Self::AlarmStateChange => "CloudWatch Alarm State Change",
        }
    }
}

/// A new version of the fleet file. Exactly one of `fleet` and `text`.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct FleetChange {
    /// Since the start.
    pub at: Span,
    /// Whose file; every function's unless said.
    #[deserr(default)]
    pub region: Option<String>,
    /// A right one.
    #[deserr(default)]
    pub fleet: Option<FleetText>,
    /// Any text, also a wrong one.
    #[deserr(default)]
    pub text: Option<String>,
}

/// One invocation by an operator, who waits for the answer. Exactly one of `command` and `event`.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct CommandSpec {
    /// Since the start.
    pub at: Span,
    /// What expectations call it; the command's own name unless said.
    #[deserr(default)]
    pub name: Option<String>,
    /// Which function; the first one unless said.
    #[deserr(default)]
    pub to: Option<String>,
    /// The command, e.g. `check`.
    #[deserr(default)]
    pub command: Option<String>,
    /// Its arguments.
    #[deserr(default)]
    pub args: JsonMap,
    /// The whole payload instead, whatever it is.
    #[deserr(default)]
    pub event: Option<serde_json::Value>,
}

impl CommandSpec {
    /// What expectations call it.
    pub fn name(&self) -> &str {
        self.name.as_deref().or(self.command.as_deref()).unwrap_or("event")
    }

    /// What the function receives.
    pub fn payload(&self) -> serde_json::Value {
        match (&self.event, &self.command) {
            (Some(event), _) => event.clone(),
            (None, command) => {
                let mut payload = serde_json::Map::new();
                payload.insert("command".to_owned(), command.clone().unwrap_or_default().into());
                payload.extend(self.args.0.clone());
                payload.into()
            }
        }
    }
}

/// How reliably events (not schedules, not commands) reach the functions.
#[derive(Clone, Copy, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct Delivery {
    /// So many come twice.
    #[deserr(default)]
    pub duplicate: Option<Share>,
    /// So many never come.
    #[deserr(default)]
    pub lose: Option<Share>,
    /// So many come late.
    #[deserr(default)]
    pub delay: Option<Share>,
    /// At most so late. 2m unless said.
    #[deserr(default)]
    pub delay_by: Option<Span>,
}

impl Scenario {
    /// Reads a scenario; `origin` names the file in the problems.
    ///
    /// # Errors
    /// Everything that is wrong with it, in file order.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Problems> {
        yaml::read(text, origin)
    }

    /// Virtual start.
    pub fn start(&self) -> Timestamp {
        self.start.0
    }

    /// The Region of a function.
    pub fn region_of(&self, function: &FunctionSpec) -> String {
        function.region.clone().unwrap_or_else(|| self.home().to_owned())
    }

    /// The world's first Region that has endpoints; its first, where none has.
    pub fn home(&self) -> &str {
        let regions = &self.world.regions;
        let inhabited = regions.iter().find(|(_, region)| !region.endpoints.is_empty());
        let (name, _) = inhabited.or_else(|| regions.iter().next()).unzip();
        name.map_or("", String::as_str)
    }
}
