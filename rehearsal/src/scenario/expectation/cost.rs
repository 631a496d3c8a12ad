//! What must hold of the costs of an endpoint, as a scenario writes it.

use deserr::{Deserr, ValuePointerRef};
use steward::{quantity::Span, yaml::Found};

/// What the instances of an endpoint cost: the time that each is there, by the price of its type in the world's `prices`.
#[derive(Clone, Debug, Default, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = checked -> Found)]
pub struct CostExpectation {
    /// The endpoint.
    pub endpoint: String,
    /// Needed where several Regions have it.
    #[deserr(default)]
    pub region: Option<String>,
    /// So much, or less.
    #[deserr(default)]
    pub at_most: Option<f64>,
    /// So much, or more.
    #[deserr(default)]
    pub at_least: Option<f64>,
    /// Only from this moment on.
    #[deserr(default)]
    pub from: Option<Span>,
    /// Only until this moment.
    #[deserr(default)]
    pub until: Option<Span>,
}

fn checked(spec: CostExpectation, at: ValuePointerRef<'_>) -> Result<CostExpectation, Found> {
    if spec.at_most.is_none() && spec.at_least.is_none() {
        let accepted = "`at_most`, `at_least` or both".to_owned();
        return Err(Found::one(at, "says nothing about the costs", accepted));
    }
    Ok(spec)
}
