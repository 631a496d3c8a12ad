//! Lambda functions and REST APIs of other people, which share an account with the endpoints.

use deserr::Deserr;
use steward::yaml::Found;

use crate::world::quantity::Named;

/// A Lambda function.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct FunctionSpec {
    /// Published versions, 1 to this.
    #[deserr(default)]
    pub versions: u32,
    /// Aliases, each with the number of a published version.
    #[deserr(default)]
    pub aliases: Named<u32>,
    /// `ReservedConcurrentExecutions`; none unless said.
    #[deserr(default)]
    pub reserved: Option<u32>,
    /// `ProvisionedConcurrentExecutions` by alias or version.
    #[deserr(default)]
    pub provisioned: Named<u32>,
}

/// A REST API of API Gateway.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ApiSpec {
    /// Its name; the id unless said.
    #[deserr(default)]
    pub name: Option<String>,
    /// Stages by name.
    #[deserr(default)]
    pub stages: Named<StageSpec>,
}

/// A stage. What says nothing is not throttled beyond the account's own limits.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct StageSpec {
    /// Requests per second of every method.
    #[deserr(default)]
    pub rate: Option<f64>,
    /// Requests at once of every method.
    #[deserr(default)]
    pub burst: Option<u32>,
    /// What holds for one method, such as `POST /predict`, instead.
    #[deserr(default)]
    pub methods: Named<MethodSpec>,
}

/// Throttling of one method.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct MethodSpec {
    /// Requests per second.
    #[deserr(default)]
    pub rate: Option<f64>,
    /// Requests at once.
    #[deserr(default)]
    pub burst: Option<u32>,
}
