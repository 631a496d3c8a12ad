//! Functions and APIs of a scenario, with what is reserved, kept and throttled put as any client puts it.

use serde_json::{Value, json};

use crate::world::{
    ApiError, Service, SpecProblem,
    api::Input,
    apis::{Api, Stage},
    functions::{Function, Warm},
    region::{Ctx, Region},
    spec::RegionSpec,
};

/// Lambda's quota of concurrent executions in a Region, unless it was raised.
const CONCURRENCY: u32 = 1000;

impl Region {
    pub(super) fn stand_account(&mut self, ctx: &mut Ctx, spec: &RegionSpec, problems: &mut Vec<SpecProblem>) {
        self.concurrency = spec.concurrency.unwrap_or(CONCURRENCY);
        self.stand_functions(ctx, spec, problems);
        self.stand_apis(ctx, spec, problems);
    }

    fn stand_functions(&mut self, ctx: &mut Ctx, spec: &RegionSpec, problems: &mut Vec<SpecProblem>) {
        for (name, function) in &spec.functions {
            let arn = self.arn(ctx, "lambda", &format!("function:{name}"));
            let mut standing = Function::new(arn, ctx.start);
            standing.versions = function.versions;
            let versions = function.aliases.iter();
            standing.aliases = versions
                .map(|(alias, version)| (alias.clone(), version.to_string()))
                .collect();
            self.functions.insert(name.clone(), standing);
            let path = format!("regions.{}.functions.{name}", self.name);
            let missing = function
                .aliases
                .iter()
                .filter(|(_, version)| !(1..=function.versions).contains(*version));
            for (alias, version) in missing {
                problems.push(SpecProblem {
                    path: format!("{path}.aliases.{alias}"),
                    problem: format!("there is no version {version}"),
                    accepted: format!("1 to {}, which `versions` says", function.versions),
                });
            }
            let reserve = function.reserved.map(|reserved| {
                let input = json!({"FunctionName": name, "ReservedConcurrentExecutions": reserved});
                ("reserved".to_owned(), "PutFunctionConcurrency", input)
            });
            let keep = function.provisioned.iter().map(|(qualifier, number)| {
                let input = json!({
                    "FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": number,
                });
                (
                    format!("provisioned.{qualifier}"),
                    "PutProvisionedConcurrencyConfig",
                    input,
                )
            });
            let calls: Vec<(String, &str, Value)> = reserve.into_iter().chain(keep).collect();
            for (member, operation, input) in calls {
                let put = Input::new(Service::Lambda, &input).and_then(|it| self.lambda_call(ctx, operation, it));
                refused(problems, format!("{path}.{member}"), operation, put.map(drop));
            }
            // It was so long before the start.
            if let Some(standing) = self.functions.get_mut(name) {
                for (qualifier, number) in &function.provisioned {
                    if let Some(warm) = standing.warm.get_mut(qualifier) {
                        *warm = Warm::standing(*number, ctx.start);
                    }
                }
            }
        }
    }

    fn stand_apis(&mut self, ctx: &Ctx, spec: &RegionSpec, problems: &mut Vec<SpecProblem>) {
        for (id, api) in &spec.apis {
            let mut standing = Api {
                name: api.name.clone().unwrap_or_else(|| id.clone()),
                created: ctx.start,
                stages: Default::default(),
            };
            for (name, stage) in &api.stages {
                let path = format!("regions.{}.apis.{id}.stages.{name}", self.name);
                let mut made = Stage::new(ctx.start);
                let whole = ("/*/*".to_owned(), path.clone(), stage.rate, stage.burst);
                let methods = stage.methods.iter().map(|(route, limits)| {
                    let (method, resource) = route.split_once(' ').unwrap_or((route, ""));
                    let key = format!("/{}/{method}", resource.replace('~', "~0").replace('/', "~1"));
                    (key, format!("{path}.methods.{route}"), limits.rate, limits.burst)
                });
                for (key, path, rate, burst) in std::iter::once(whole).chain(methods) {
                    let rate = rate.map(|rate| ("rate", "rateLimit", rate.to_string()));
                    let burst = burst.map(|burst| ("burst", "burstLimit", burst.to_string()));
                    for (member, limit, value) in [rate, burst].into_iter().flatten() {
                        let patch =
                            json!({"op": "replace", "path": format!("{key}/throttling/{limit}"), "value": value});
                        let put = Input::new(Service::ApiGateway, &patch).and_then(|it| made.patch(it));
                        refused(problems, format!("{path}.{member}"), "UpdateStage", put);
                    }
                }
                standing.stages.insert(name.clone(), made);
            }
            self.apis.insert(id.clone(), standing);
        }
    }
}

fn refused(problems: &mut Vec<SpecProblem>, path: String, operation: &str, outcome: Result<(), ApiError>) {
    if let Err(error) = outcome {
        problems.push(SpecProblem {
            path,
            problem: error.message,
            accepted: format!("what {operation} accepts"),
        });
    }
}
