//! `probes`: synthetic inferences as the file writes them, and which settings contradict each other.

use std::{collections::BTreeSet, time::Duration};

use deserr::{Deserr, IntoValue, Sequence as _, Value, ValuePointerRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    answer::JsonConditions,
    golden::Payload,
    text::{Header, Piece, ProbeName, ResourceName, S3Prefix, Text},
};
use crate::{
    health::policy::{Condition, Probe, ProbeKind},
    quantity::{Span, SpanWithin, Whole},
    yaml::Found,
};

const TIMEOUT: Duration = Duration::from_secs(10);
const WITHIN: Duration = Duration::from_secs(15 * 60);

/// One synthetic inference.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Probe")]
pub(super) struct ProbeSection {
    /// What alerts call it; no two probes of an endpoint have the same.
    #[schemars(example = &"golden")]
    name: Text<ProbeName>,
    /// How it is sent.
    #[deserr(default)]
    #[schemars(extend("default" = "sync"))]
    kind: Option<Kind>,
    /// What is sent.
    #[schemars(example = "{\"instances\": [[0.1, 0.2]]}")]
    payload: Payload,
    /// The type of the payload.
    #[deserr(default)]
    #[schemars(extend("default" = "application/json"), example = "text/csv")]
    content_type: Option<Text<Header>>,
    /// The type of answer that is asked for; the model's own choice when not given.
    #[deserr(default)]
    #[schemars(example = "application/json")]
    accept: Option<Text<Header>>,
    /// The longest that one call may take. SageMaker itself ends a call after 60 seconds. A sweep has 37 seconds for its
    /// probes with the template's `TimeoutSeconds` of 55: what may take longer never says that an endpoint hangs.
    #[deserr(default)]
    #[schemars(extend("default" = "10s"))]
    timeout: Option<SpanWithin<100, 60_000>>,
    /// Further tries within the same sweep before the probe counts as failed. Those that a sweep has no time for are
    /// shortened or left out.
    #[deserr(default)]
    #[schemars(extend("default" = 1))]
    retries: Option<Whole<0, 5>>,
    /// Send it to each variant apart (`TargetVariant`), and judge the variants apart.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    per_variant: Option<bool>,
    /// An answer that takes longer is right but slow, which makes the endpoint degraded; shorter than `timeout`.
    #[deserr(default)]
    #[schemars(example = "800ms")]
    degraded_after: Option<SpanWithin<1, 60_000>>,
    /// For `inference-component`: the name of the component.
    #[deserr(default)]
    #[schemars(example = "llama-adapter")]
    component: Option<Text<ResourceName>>,
    /// For `async`: where the payload is put before the endpoint is called.
    #[deserr(default)]
    #[schemars(example = "s3://my-bucket/probes/")]
    input: Option<Text<S3Prefix>>,
    /// For `async`: how long the answer may take to appear; 15m when not given. An inference without one is one failed
    /// check.
    #[deserr(default)]
    #[schemars(example = "15m")]
    within: Option<SpanWithin<60_000, 86_400_000>>,
    /// What the answer must be; any answer with a status from 200 to 299 when not given. Of an answer 1 MiB is kept: what
    /// needs more of it says nothing of the endpoint, and is told as Steward's own limit.
    #[deserr(default)]
    expect: Option<Expect>,
}

/// How a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = Found)]
#[schemars(rename = "ProbeKind", rename_all = "kebab-case")]
enum Kind {
    /// `InvokeEndpoint` on instances.
    #[deserr(rename = "sync")]
    Sync,
    /// `InvokeEndpoint` on a serverless variant: the first timeout may be a cold start, and is asked again.
    #[deserr(rename = "serverless")]
    Serverless,
    /// `InvokeEndpointAsync`: put the payload to `input`, and expect the answer in S3.
    #[deserr(rename = "async")]
    Async,
    /// `InvokeEndpoint` with the name of an inference component.
    #[deserr(rename = "inference-component")]
    InferenceComponent,
}

/// What an answer must be. All of it must hold.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
struct Expect {
    /// The HTTP status; 200 to 299 when not given.
    #[deserr(default)]
    #[schemars(example = 200)]
    status: Option<Whole<200, 599>>,
    /// An answer that takes longer is a failure; shorter than `timeout`.
    #[deserr(default)]
    #[schemars(example = "2s")]
    latency_below: Option<SpanWithin<1, 60_000>>,
    /// Texts that must all be in the answer.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["predictions"]]))]
    contains: Option<Vec<Text<Piece>>>,
    /// Texts none of which may be in the answer, which can only be said of one of at most 1 MiB.
    #[deserr(default)]
    #[schemars(extend("default" = [], "examples" = [["NaN"]]))]
    not_contains: Option<Vec<Text<Piece>>>,
    /// What must be at certain places of an answer in JSON of at most 1 MiB.
    #[deserr(default)]
    #[schemars(extend("default" = []))]
    json: Option<Vec<JsonConditions>>,
}

/// Probes that were found right.
#[derive(Clone, Debug)]
pub(super) struct Probes(pub(super) Vec<Probe>);

impl Probes {
    /// Each of them is sent to the endpoint at every sweep.
    const MOST: usize = 20;
}

impl Deserr<Found> for Probes {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let items = match value {
            Value::Sequence(items) => items,
            other => {
                return Err(Found::kind(
                    at,
                    other,
                    "a list of probes, each with `name` and `payload`",
                ));
            }
        };
        if items.len() > Self::MOST {
            let accepted = format!("at most {}", Self::MOST);
            return Err(Found::one(at, format!("there are {} probes", items.len()), accepted));
        }
        let mut found = Found::default();
        let mut probes = Vec::new();
        let mut names = BTreeSet::new();
        for (index, item) in items.into_iter().enumerate() {
            let at = at.push_index(index);
            let section = ProbeSection::deserialize_from_value(item.into_value(), at);
            match section.and_then(|section| section.probe(at)) {
                Ok(probe) if !names.insert(probe.name.clone()) => {
                    let problem = format!("another probe of this list is called {:?}", probe.name);
                    found.and(Found::one(at.push_key("name"), problem, "a name of its own".to_owned()));
                }
                Ok(probe) => probes.push(probe),
                Err(more) => found.and(more),
            }
        }
        found.or(Self(probes))
    }
}

impl JsonSchema for Probes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Probes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<ProbeSection>::json_schema(generator);
        schema.insert("maxItems".to_owned(), Self::MOST.into());
        schema
    }
}

impl ProbeSection {
    fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Sync)
    }

    fn probe(self, at: ValuePointerRef<'_>) -> Result<Probe, Found> {
        let mut found = Found::default();
        self.fits_its_kind(at, &mut found);
        self.fits_its_timeout(at, &mut found);
        let timeout = self.timeout.map_or(TIMEOUT, SpanWithin::duration);
        let kind = match self.kind() {
            Kind::Sync => ProbeKind::Sync,
            Kind::Serverless => ProbeKind::Serverless,
            Kind::Async => ProbeKind::Async {
                input: self.input.map(Text::into_string).unwrap_or_default(),
                within: self.within.map_or(WITHIN, SpanWithin::duration),
            },
            Kind::InferenceComponent => {
                ProbeKind::InferenceComponent(self.component.map(Text::into_string).unwrap_or_default())
            }
        };
        let conditions = self.expect.map(Expect::conditions).unwrap_or_default();
        found.or(Probe {
            name: self.name.into_string(),
            kind,
            content_type: self
                .content_type
                .map_or_else(|| "application/json".to_owned(), Text::into_string),
            accept: self.accept.map(Text::into_string),
            payload: self.payload.0,
            timeout,
            retries: self.retries.map_or(1, |retries| retries.0),
            per_variant: self.per_variant.unwrap_or(false),
            degraded_after: self.degraded_after.map(SpanWithin::duration),
            conditions,
        })
    }

    fn fits_its_kind(&self, at: ValuePointerRef<'_>, found: &mut Found) {
        let mut refuse = |field: &str, given: bool, why: &str| {
            if given {
                let wrong = Found::key(at.push_key(field), why, "this probe without it".to_owned());
                found.and(wrong.beside(at, &["kind"]));
            }
        };
        let per_variant = self.per_variant == Some(true);
        if self.kind() != Kind::Async {
            refuse("input", self.input.is_some(), "only an `async` probe has an input");
            refuse(
                "within",
                self.within.is_some(),
                "only an `async` probe waits; this one has `timeout`",
            );
        }
        if self.kind() != Kind::InferenceComponent {
            refuse(
                "component",
                self.component.is_some(),
                "only an `inference-component` probe has a component",
            );
        }
        match self.kind() {
            Kind::Sync | Kind::Serverless => {}
            Kind::Async => {
                refuse(
                    "per_variant",
                    per_variant,
                    "SageMaker sends an asynchronous call to any variant",
                );
                refuse(
                    "degraded_after",
                    self.degraded_after.is_some(),
                    "an `async` probe is judged by `within`",
                );
                if self.input.is_none() {
                    let accepted = Some("where to put the payload, such as s3://my-bucket/probes/".to_owned());
                    found.and(Found::one(at.push_key("input"), "an `async` probe needs it", accepted));
                }
                if let Some(expect) = &self.expect {
                    let at = at.push_key("expect");
                    let told = [
                        ("status", expect.status.is_some()),
                        ("latency_below", expect.latency_below.is_some()),
                    ];
                    for (field, _) in told.into_iter().filter(|(_, given)| *given) {
                        let why = "an `async` answer comes through S3; it has neither status nor latency";
                        found.and(Found::key(
                            at.push_key(field),
                            why,
                            "`within` for how long it may take".to_owned(),
                        ));
                    }
                }
            }
            Kind::InferenceComponent => {
                refuse(
                    "per_variant",
                    per_variant,
                    "SageMaker itself places an inference component on variants",
                );
                if self.component.is_none() {
                    let accepted = Some("the name of the inference component".to_owned());
                    found.and(Found::one(
                        at.push_key("component"),
                        "an `inference-component` probe needs it",
                        accepted,
                    ));
                }
            }
        }
    }

    fn fits_its_timeout(&self, at: ValuePointerRef<'_>, found: &mut Found) {
        let timeout = self.timeout.map_or(TIMEOUT, SpanWithin::duration);
        let degraded = self.degraded_after.map(SpanWithin::duration);
        let below = self
            .expect
            .as_ref()
            .and_then(|expect| expect.latency_below)
            .map(SpanWithin::duration);
        let (probe, expect) = (at, at.push_key("expect"));
        for (at, limit) in [
            (at.push_key("degraded_after"), degraded),
            (expect.push_key("latency_below"), below),
        ] {
            if let Some(limit) = limit.filter(|limit| *limit >= timeout) {
                let (limit, timeout) = (told(limit), told(timeout));
                let problem = format!("{limit} is never reached: the call ends after {timeout} (`timeout`)");
                found.and(Found::one(at, problem, format!("less than {timeout}")).beside(probe, &["timeout"]));
            }
        }
        if let (Some(degraded), Some(below)) = (degraded, below)
            && degraded >= below
        {
            let problem = format!(
                "what is slower than {} has already failed by `latency_below`",
                told(below)
            );
            found.and(Found::one(
                at.push_key("degraded_after"),
                problem,
                format!("less than {}", told(below)),
            ));
        }
    }
}

fn told(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).ok();
    millis
        .and_then(Span::from_millis)
        .map_or_else(|| format!("{time:?}"), |span| span.to_string())
}

impl Expect {
    fn conditions(self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        conditions.extend(
            self.status
                .and_then(|status| u16::try_from(status.0).ok())
                .map(Condition::Status),
        );
        conditions.extend(
            self.latency_below
                .map(|limit| Condition::LatencyBelow(limit.duration())),
        );
        conditions.extend(
            self.contains
                .into_iter()
                .flatten()
                .map(|text| Condition::Contains(text.into_string())),
        );
        conditions.extend(
            self.not_contains
                .into_iter()
                .flatten()
                .map(|text| Condition::NotContains(text.into_string())),
        );
        conditions.extend(self.json.into_iter().flatten().flat_map(|json| json.0));
        conditions
    }
}
