//! Faults, as a scenario writes them.

use std::time::Duration;

use deserr::{Deserr, ValuePointerRef};
use steward::{
    quantity::{Share, Span},
    yaml::Found,
};

use crate::faults::{Fault, FaultKind};

/// The services a fault may name.
const SERVICES: [&str; 12] = [
    "sagemaker",
    "runtime",
    "cloudwatch",
    "autoscaling",
    "sns",
    "sts",
    "ecr",
    "iam",
    "kms",
    "lambda",
    "apigateway",
    "s3",
];

/// The calls that copy, of which a fault may make something else.
const COPIES: [&str; 2] = ["CopyObject", "UploadPartCopy"];

/// One fault. Selectors left out select everything.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = checked -> Found)]
pub struct FaultSpec {
    /// What happens to the call.
    pub kind: Kind,
    /// How much later the answer comes, for `slow`.
    #[deserr(default)]
    pub by: Option<Span>,
    /// `sagemaker`, `runtime`, `cloudwatch`, `autoscaling`, `sns`, `sts`, `ecr`, `iam`, `kms`, `lambda`, `apigateway` or `s3`.
    #[deserr(default)]
    pub service: Option<String>,
    /// E.g. `DescribeEndpoint`.
    #[deserr(default)]
    pub operation: Option<String>,
    /// Only calls to this Region.
    #[deserr(default)]
    pub region: Option<String>,
    /// Only calls by this function.
    #[deserr(default)]
    pub caller: Option<String>,
    /// From the nth such call on, counted from 1.
    #[deserr(default)]
    pub nth: Option<u64>,
    /// So many calls; 1 with `nth`, without limit otherwise.
    #[deserr(default)]
    pub times: Option<u64>,
    /// Since the start.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Since the start.
    #[deserr(default)]
    pub until: Option<Span>,
    /// The chance that such a call is hit.
    #[deserr(default)]
    pub share: Option<Share>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
pub enum Kind {
    /// Refused as throttled.
    #[deserr(rename = "throttle")]
    Throttle,
    /// Refused because a quota is used up.
    #[deserr(rename = "quota")]
    Quota,
    /// Refused with status 500.
    #[deserr(rename = "error500")]
    Error500,
    /// A copy of S3 answered with status 200 and an error in its body; other calls refused with status 500.
    #[deserr(rename = "error200")]
    Error200,
    /// A write of S3 refused because somebody else wrote first.
    #[deserr(rename = "conflict")]
    Conflict,
    /// Refused as not authorized.
    #[deserr(rename = "denied")]
    Denied,
    /// The connection breaks before the effect.
    #[deserr(rename = "cut-before")]
    CutBefore,
    /// The connection breaks after the effect.
    #[deserr(rename = "cut-after")]
    CutAfter,
    /// The answer comes later.
    #[deserr(rename = "slow")]
    Slow,
    /// The copy that S3 makes has other bytes.
    #[deserr(rename = "corrupt")]
    Corrupt,
    /// The function dies before the effect.
    #[deserr(rename = "crash-before")]
    CrashBefore,
    /// The function dies after the effect.
    #[deserr(rename = "crash-after")]
    CrashAfter,
}

fn checked(spec: FaultSpec, at: ValuePointerRef<'_>) -> Result<FaultSpec, Found> {
    let mut found = Found::default();
    if let Some(service) = &spec.service
        && !SERVICES.contains(&service.as_str())
    {
        found.and(Found::one(
            at.push_key("service"),
            format!("{service:?} is not known"),
            SERVICES.join(", "),
        ));
    }
    match (spec.kind, spec.by) {
        (Kind::Slow, None) => found.and(Found::one(
            at.push_key("by"),
            "is missing",
            "how late, e.g. 5s".to_owned(),
        )),
        (Kind::Slow, Some(_)) | (_, None) => {}
        (_, Some(_)) => found.and(Found::key(at.push_key("by"), "is only for `kind: slow`", None)),
    }
    let operation = spec.operation.as_deref();
    if spec.kind == Kind::Corrupt && !operation.is_some_and(|operation| COPIES.contains(&operation)) {
        found.and(Found::one(
            at.push_key("operation"),
            "`kind: corrupt` is only for what copies",
            COPIES.join(" or "),
        ));
    }
    if let (Some(from), Some(until)) = (spec.from, spec.until)
        && until <= from
    {
        found.and(Found::one(
            at.push_key("until"),
            format!("{until} is not after {from}"),
            None,
        ));
    }
    if spec.nth == Some(0) {
        found.and(Found::one(
            at.push_key("nth"),
            "calls are counted from 1",
            "1 or more".to_owned(),
        ));
    }
    found.or(spec)
}

impl From<&FaultSpec> for Fault {
    fn from(spec: &FaultSpec) -> Self {
        let kind = match spec.kind {
            Kind::Throttle => FaultKind::Throttle,
            Kind::Quota => FaultKind::Quota,
            Kind::Error500 => FaultKind::Error500,
            Kind::Error200 => FaultKind::Error200,
            Kind::Conflict => FaultKind::Conflict,
            Kind::Denied => FaultKind::Denied,
            Kind::CutBefore => FaultKind::CutBefore,
            Kind::CutAfter => FaultKind::CutAfter,
            Kind::Slow => FaultKind::Slow(spec.by.map_or(Duration::ZERO, Span::duration)),
            Kind::Corrupt => FaultKind::Corrupt,
            Kind::CrashBefore => FaultKind::CrashBefore,
            Kind::CrashAfter => FaultKind::CrashAfter,
        };
        Self {
            service: spec.service.clone(),
            operation: spec.operation.clone(),
            region: spec.region.clone(),
            caller: spec.caller.clone(),
            nth: spec.nth,
            times: spec.times,
            from: spec.from.map(Span::duration),
            until: spec.until.map(Span::duration),
            probability: spec.share.map(Share::fraction),
            kind,
        }
    }
}
