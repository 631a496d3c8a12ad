//! `lambdas`, `apis`, `dashboard` and `fleet.reconcile`: what is declared of the account, beside its endpoints.

use deserr::{Deserr, ValuePointerRef};
use schemars::JsonSchema;

use super::text::{DashboardName, FunctionName, OwnPrefix, Rule as _, Text, Url, Words};
use crate::{
    capacity::{
        dashboard::DashboardPolicy,
        thing::{Route, Thing},
    },
    quantity::{Positive, Whole},
    yaml::{Found, Map},
};

/// How much of Lambda's concurrency a function has.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = LambdaSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Lambda")]
pub(super) struct LambdaSection {
    /// At most so many at once, which no other function gets; 0 stops it.
    #[deserr(default)]
    #[schemars(extend("examples" = [100]))]
    reserved: Option<Whole<0, 100_000>>,
    /// So many kept initialised, by alias or number of a published version. `$LATEST` cannot have any.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "live": 10 }]))]
    provisioned: Option<Map<Whole<1, 100_000>>>,
}

impl LambdaSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let at_provisioned = at.push_key("provisioned");
        let mut sum: u64 = 0;
        for (qualifier, number) in self.provisioned.iter().flat_map(|map| &map.0) {
            sum += u64::from(number.0);
            let alias = (1..=128).contains(&qualifier.len())
                && qualifier
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if qualifier == "$LATEST" {
                let accepted = "the number of a published version, or an alias".to_owned();
                let problem = "Lambda keeps nothing initialised for $LATEST";
                found.and(Found::key(at_provisioned.push_key(qualifier), problem, accepted));
            } else if !alias {
                let accepted = "the number of a published version, or an alias".to_owned();
                found.and(Found::key(
                    at_provisioned.push_key(qualifier),
                    "is neither version nor alias",
                    accepted,
                ));
            }
        }
        if self.reserved.is_some_and(|reserved| u64::from(reserved.0) < sum) {
            let problem = format!("{sum} are kept initialised, which is more than `reserved`");
            found.and(Found::one(at_provisioned, problem, "at most `reserved`".to_owned()));
        }
        found.or(self)
    }
}

/// The stages of a REST API of API Gateway.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Api")]
pub(super) struct ApiSection {
    /// By the name of the stage.
    #[schemars(extend("examples" = [{ "prod": { "rate": 1000, "burst": 2000 } }]))]
    stages: Map<StageSection>,
}

/// How many requests a stage takes. More are answered with 429.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields, validate = StageSection::consistent -> Found)]
#[schemars(deny_unknown_fields, rename = "Stage")]
pub(super) struct StageSection {
    /// Requests per second, of each method.
    #[schemars(example = 1000)]
    rate: Positive,
    /// Requests at once, before the rate holds.
    #[schemars(example = 2000)]
    burst: Whole<0, 1_000_000>,
    /// What holds for one method, such as `POST /predict`, instead.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "POST /predict": { "rate": 50, "burst": 100 } }]))]
    methods: Option<Map<MethodSection>>,
}

/// How many requests a method takes.
#[derive(Clone, Debug, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Method")]
pub(super) struct MethodSection {
    /// Requests per second.
    #[schemars(example = 50)]
    rate: Positive,
    /// Requests at once, before the rate holds.
    #[schemars(example = 100)]
    burst: Whole<0, 1_000_000>,
}

impl StageSection {
    fn consistent(self, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let at = at.push_key("methods");
        for (name, _) in self.methods.iter().flat_map(|map| &map.0) {
            if route(name).is_none() {
                let accepted = "a method and its path, such as `POST /predict` or `ANY /`".to_owned();
                found.and(Found::key(at.push_key(name), "is no method of an API", accepted));
            }
        }
        found.or(self)
    }
}

/// `POST /predict`.
fn route(text: &str) -> Option<Route> {
    let (method, path) = text.split_once(' ')?;
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"].contains(&method);
    let plain = path.starts_with('/') && path.len() <= 1024 && !path.contains(char::is_whitespace);
    (known && plain).then(|| Route {
        path: path.to_owned(),
        method: method.to_owned(),
    })
}

/// The CloudWatch dashboard of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Dashboard")]
pub(super) struct DashboardSection {
    /// Its name in AWS; `steward-fleet-` and the Region, when not given. Dashboards belong to the account: two installations in
    /// one Region need names of their own.
    #[deserr(default)]
    #[schemars(extend("examples" = ["steward-fleet-eu-west-1"]))]
    name: Option<Text<DashboardName>>,
    /// Where the runbooks are; they are not linked when not given.
    #[deserr(default)]
    #[schemars(extend("examples" = ["https://wiki.example.com/steward/runbooks"]))]
    runbooks: Option<Text<Url>>,
    /// What an instance costs for an hour, by its type: the cost of the fleet is then estimated.
    #[deserr(default)]
    #[schemars(extend("default" = {}, "examples" = [{ "ml.m5.xlarge": 0.23 }]))]
    prices: Option<Map<Positive>>,
    /// In which currency.
    #[deserr(default)]
    #[schemars(extend("default" = "USD"))]
    currency: Option<Text<Words>>,
}

/// What the reconciler may do by itself.
#[derive(Clone, Debug, Default, PartialEq, Deserr, JsonSchema)]
#[deserr(error = Found, deny_unknown_fields)]
#[schemars(deny_unknown_fields, rename = "Reconcile")]
pub(super) struct ReconcileSection {
    /// Apply what differs every hour. Otherwise it is told, and applied by command.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    apply: Option<bool>,
    /// Delete what is Steward's own and no longer declared.
    #[deserr(default)]
    #[schemars(extend("default" = false))]
    prune: Option<bool>,
    /// What the names of Steward's own policies, scheduled actions, alarms and dashboards begin with.
    #[deserr(default)]
    #[schemars(extend("default" = "steward-"))]
    prefix: Option<Text<OwnPrefix>>,
}

/// What the reconciler may do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconcilePolicy {
    /// Apply what differs every hour.
    pub apply: bool,
    /// Delete what is Steward's own and no longer declared.
    pub prune: bool,
    /// What Steward's own names begin with.
    pub prefix: String,
}

impl ReconcileSection {
    pub(super) fn resolve(self) -> ReconcilePolicy {
        ReconcilePolicy {
            apply: self.apply.unwrap_or(false),
            prune: self.prune.unwrap_or(false),
            prefix: self.prefix.map_or_else(|| "steward-".to_owned(), Text::into_string),
        }
    }
}

impl DashboardSection {
    pub(super) fn resolve(self) -> DashboardPolicy {
        let prices = self.prices.unwrap_or_default().0;
        DashboardPolicy {
            name: self.name.map(Text::into_string),
            runbooks: self.runbooks.map(Text::into_string),
            prices: prices.into_iter().map(|(kind, price)| (kind, price.get())).collect(),
            currency: self.currency.map_or_else(|| "USD".to_owned(), Text::into_string),
        }
    }
}

/// Functions by name, with what is declared of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lambdas(pub(super) Map<LambdaSection>);

/// APIs by id, with what is declared of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Apis(pub(super) Map<ApiSection>);

impl Lambdas {
    pub(super) fn things(&self) -> impl Iterator<Item = Thing> {
        self.0.0.iter().flat_map(|(function, section)| {
            let reserved = section.reserved.map(|number| Thing::Reserved {
                function: function.clone(),
                concurrency: number.0,
            });
            let provisioned = section.provisioned.iter().flat_map(|map| &map.0);
            let warm = provisioned.map(|(qualifier, number)| Thing::Warm {
                function: function.clone(),
                qualifier: qualifier.clone(),
                concurrency: number.0,
            });
            reserved.into_iter().chain(warm)
        })
    }

    /// What is wrong with the names.
    pub(super) fn misnamed(&self, at: ValuePointerRef<'_>) -> Found {
        let mut found = Found::default();
        for (name, _) in self.0.0.iter().filter(|(name, _)| !FunctionName::keeps(name)) {
            found.and(Found::key(
                at.push_key(name),
                "no function has this name",
                FunctionName::ACCEPTED.to_owned(),
            ));
        }
        found
    }
}

impl Apis {
    pub(super) fn things(&self) -> impl Iterator<Item = Thing> {
        let stages = self.0.0.iter().flat_map(|(api, section)| {
            section
                .stages
                .0
                .iter()
                .map(move |(stage, settings)| (api, stage, settings))
        });
        stages.flat_map(|(api, stage, settings)| {
            let thing = |route: Option<Route>, rate: Positive, burst: Whole<0, 1_000_000>| Thing::Throttle {
                api: api.clone(),
                stage: stage.clone(),
                route,
                rate: rate.get(),
                burst: burst.0,
            };
            let mut things = vec![thing(None, settings.rate, settings.burst)];
            for (name, method) in settings.methods.iter().flat_map(|map| &map.0) {
                things.extend(route(name).map(|route| thing(Some(route), method.rate, method.burst)));
            }
            things
        })
    }

    /// What is wrong with the names.
    pub(super) fn misnamed(&self, at: ValuePointerRef<'_>) -> Found {
        let plain = |text: &str, more: &[u8]| {
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let mut found = Found::default();
        for (api, section) in &self.0.0 {
            let at = at.push_key(api);
            if !plain(api, b"") {
                let accepted = "the id of a REST API, such as a1b2c3d4e5".to_owned();
                found.and(Found::key(at, "is no id of an API", accepted));
            }
            for (stage, _) in section.stages.0.iter().filter(|(stage, _)| !plain(stage, b"-_")) {
                let accepted = "up to 128 letters, digits, hyphens and underscores".to_owned();
                found.and(Found::key(
                    at.push_key("stages").push_key(stage),
                    "no stage has this name",
                    accepted,
                ));
            }
        }
        found
    }
}
