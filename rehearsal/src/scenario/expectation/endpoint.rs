//! What is expected of an endpoint: its state, and what serves its requests.

use deserr::{Deserr, ValuePointerRef};
use steward::{
    quantity::Span,
    yaml::{Found, Map},
};

use super::{CountBound, ShareBound};

/// How one endpoint stands. At the end unless `at`, `by`, `from`, `until` or `never` says otherwise.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = endpoint_checked -> Found)]
pub struct EndpointExpectation {
    /// Its name.
    pub name: String,
    /// Needed where several Regions have it.
    #[deserr(default)]
    pub region: Option<String>,
    /// State in the health ledger: one, or several by `|`.
    #[deserr(default)]
    pub health: Option<String>,
    /// `EndpointStatus` in the world: one, or several by `|`; `gone` when it does not exist.
    #[deserr(default)]
    pub status: Option<String>,
    /// `EndpointConfigName`; `*` stands for any text.
    #[deserr(default)]
    pub config: Option<String>,
    /// Its variants, exactly these.
    #[deserr(default)]
    pub variants: Option<Vec<String>>,
    /// `ModelName` of variants; `*` stands for any text.
    #[deserr(default)]
    pub models: Map<String>,
    /// `ModelName` of inference components; `*` stands for any text.
    #[deserr(default)]
    pub components: Map<String>,
    /// Shares of variants in the traffic, by their weights; none for a variant that does not exist.
    #[deserr(default)]
    pub shares: Map<ShareBound>,
    /// Running instances of variants; none for a variant that does not exist.
    #[deserr(default)]
    pub instances: Map<CountBound>,
    /// The share of the traffic that the fleet of an `UpdateEndpoint` under way takes.
    #[deserr(default)]
    pub new_fleet: Option<ShareBound>,
    /// At this moment.
    #[deserr(default)]
    pub at: Option<Span>,
    /// At some moment until then, not before `from`.
    #[deserr(default)]
    pub by: Option<Span>,
    /// All the time from here to `until` or the end.
    #[deserr(default)]
    pub from: Option<Span>,
    /// All the time from `from` or the start until here.
    #[deserr(default)]
    pub until: Option<Span>,
    /// At no moment from `from` to `until`.
    #[deserr(default)]
    pub never: bool,
}

impl EndpointExpectation {
    /// It says something about what serves the endpoint's requests: config, variants, traffic.
    pub fn is_about_serving(&self) -> bool {
        let no_variant = self.models.0.is_empty() && self.shares.0.is_empty() && self.instances.0.is_empty();
        !no_variant
            || !self.components.0.is_empty()
            || self.config.is_some()
            || self.variants.is_some()
            || self.new_fleet.is_some()
    }
}

fn endpoint_checked(spec: EndpointExpectation, at: ValuePointerRef<'_>) -> Result<EndpointExpectation, Found> {
    let mut found = Found::default();
    if spec.health.is_none() && spec.status.is_none() && !spec.is_about_serving() {
        found.and(Found::one(
            at,
            "says nothing about the endpoint",
            "`health`, `status`, `config`, `variants`, `models`, `components`, `shares`, `instances` or `new_fleet`"
                .to_owned(),
        ));
    }
    if spec.at.is_some() && (spec.by.is_some() || spec.from.is_some() || spec.until.is_some() || spec.never) {
        found.and(Found::key(
            at.push_key("at"),
            "cannot go with `by`, `from`, `until` or `never`",
            None,
        ));
    }
    if spec.by.is_some() && (spec.until.is_some() || spec.never) {
        found.and(Found::key(at.push_key("by"), "cannot go with `until` or `never`", None));
    }
    found.or(spec)
}
