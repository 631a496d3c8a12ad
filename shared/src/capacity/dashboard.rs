//! What is declared of the dashboard.

use std::collections::BTreeMap;

/// What the fleet file says of the dashboard.
#[derive(Clone, Debug, PartialEq)]
pub struct DashboardPolicy {
    /// `DashboardName`; one with the Region in it unless said, since dashboards belong to the account.
    pub name: Option<String>,
    /// Where the runbooks are; without it they are not linked.
    pub runbooks: Option<String>,
    /// What an instance costs for an hour, by its type.
    pub prices: BTreeMap<String, f64>,
    /// In which currency.
    pub currency: String,
}
