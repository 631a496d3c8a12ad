//! How the account's concurrency is divided: what is reserved for a function, and what is kept initialised of a version.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Function, LATEST, iso, listed, not_found};
use crate::world::{
    ApiError, Reply,
    api::{Input, reply},
    region::{Ctx, Region},
};

/// What must stay for functions without a reservation. Source: `PutFunctionConcurrency`, Lambda's developer guide.
const UNRESERVED: u32 = 100;

/// How long it takes until what is provisioned is initialised.
const ALLOCATION: Duration = Duration::from_secs(120);

/// Provisioned concurrency of an alias or a version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Warm {
    requested: u32,
    since: Timestamp,
}

impl Warm {
    /// Asked for so long ago that it is initialised.
    pub(crate) fn standing(requested: u32, now: Timestamp) -> Self {
        Self {
            requested,
            since: now - ALLOCATION,
        }
    }

    fn described(self, now: Timestamp) -> Value {
        let ready = self.since + ALLOCATION <= now;
        let there = if ready { self.requested } else { 0 };
        json!({
            "RequestedProvisionedConcurrentExecutions": self.requested,
            "AvailableProvisionedConcurrentExecutions": there,
            "AllocatedProvisionedConcurrentExecutions": there,
            "Status": if ready { "READY" } else { "IN_PROGRESS" },
            "LastModified": iso(self.since),
        })
    }
}

impl Function {
    fn provisioned(&self) -> u32 {
        self.warm
            .values()
            .fold(0_u32, |sum, warm| sum.saturating_add(warm.requested))
    }

    /// What it takes from the account: its reservation, or else what is kept initialised.
    fn takes(&self) -> u32 {
        self.reserved.unwrap_or_else(|| self.provisioned())
    }
}

impl Region {
    pub(super) fn account_settings(&self) -> Result<Reply, ApiError> {
        reply(json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": self.concurrency,
                "UnreservedConcurrentExecutions": self.unreserved_without(""),
            },
            "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": self.functions.len()},
        }))
    }

    /// What is left of the account's concurrency when this function takes none.
    fn unreserved_without(&self, name: &str) -> u32 {
        let others = self.functions.iter().filter(|(other, _)| *other != name);
        others.fold(self.concurrency, |left, (_, function)| {
            left.saturating_sub(function.takes())
        })
    }

    pub(super) fn concurrency_call(&mut self, ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let (name, qualifier, function) = self.function(ctx, input)?;
        let (name, mut changed) = (name.to_owned(), function.clone());
        let needed = || qualifier.ok_or_else(|| input.missing("Qualifier"));
        let answer = match operation {
            "GetFunctionConcurrency" => {
                return reply(match function.reserved {
                    Some(reserved) => json!({"ReservedConcurrentExecutions": reserved}),
                    None => json!({}),
                });
            }
            "ListProvisionedConcurrencyConfigs" => {
                let all = function.warm.iter().map(|(qualifier, warm)| {
                    let mut described = warm.described(ctx.now);
                    described["FunctionArn"] = json!(format!("{}:{qualifier}", function.arn));
                    described
                });
                return listed(input, "ProvisionedConcurrencyConfigs", all.collect());
            }
            "GetProvisionedConcurrencyConfig" => {
                let qualifier = needed()?;
                existing(function, qualifier)?;
                let warm = function.warm.get(qualifier).ok_or_else(|| {
                    ApiError::new(
                        404,
                        "ProvisionedConcurrencyConfigNotFoundException",
                        "No Provisioned Concurrency Config found for this function",
                    )
                })?;
                return reply(warm.described(ctx.now));
            }
            "PutFunctionConcurrency" => {
                let reserved = input
                    .count("ReservedConcurrentExecutions")?
                    .ok_or_else(|| input.missing("ReservedConcurrentExecutions"))?;
                if reserved < function.provisioned() {
                    return Err(input.refuse(format!(
                        "ReservedConcurrentExecutions of {reserved} is below the provisioned concurrency of the function, {}.",
                        function.provisioned()
                    )));
                }
                self.leaves_enough(input, &name, reserved, "ReservedConcurrentExecutions")?;
                changed.reserved = Some(reserved);
                json!({"ReservedConcurrentExecutions": reserved})
            }
            "DeleteFunctionConcurrency" => {
                self.leaves_enough(input, &name, function.provisioned(), "ConcurrentExecutions")?;
                changed.reserved = None;
                json!({})
            }
            "PutProvisionedConcurrencyConfig" => {
                let qualifier = needed()?;
                let requested = input
                    .count("ProvisionedConcurrentExecutions")?
                    .ok_or_else(|| input.missing("ProvisionedConcurrentExecutions"))?;
                if requested == 0 {
                    return Err(input.refuse(
                        "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value \
                         greater than or equal to 1",
                    ));
                }
                may_be_kept(input, function, qualifier)?;
                let warm = Warm {
                    requested,
                    since: ctx.now,
                };
                changed.warm.insert(qualifier.to_owned(), warm);
                match function.reserved {
                    Some(reserved) if changed.provisioned() > reserved => {
                        return Err(input.refuse(
                            "Requested Provisioned Concurrency should not be greater than the \
                             reservedConcurrentExecution for function",
                        ));
                    }
                    Some(_) => {}
                    None => self.leaves_enough(input, &name, changed.provisioned(), "ConcurrentExecutions")?,
                }
                warm.described(ctx.now)
            }
            _ => {
                let qualifier = needed()?;
                existing(function, qualifier)?;
                changed.warm.remove(qualifier);
                json!({})
            }
        };
        self.functions.insert(name, changed);
        reply(answer)
    }

    /// The account keeps [`UNRESERVED`] when `name` takes so much.
    fn leaves_enough(&self, input: Input<'_>, name: &str, takes: u32, what: &str) -> Result<(), ApiError> {
        if takes > 0 && self.unreserved_without(name) < takes.saturating_add(UNRESERVED) {
            return Err(input.refuse(format!(
                "Specified {what} for function decreases account's UnreservedConcurrentExecution below its minimum value of \
                 [{UNRESERVED}]."
            )));
        }
        Ok(())
    }
}

fn existing(function: &Function, qualifier: &str) -> Result<(), ApiError> {
    match function.version_of(qualifier) {
        Some(_) => Ok(()),
        None => Err(not_found(&format!("{}:{qualifier}", function.arn))),
    }
}

/// Only published versions are kept initialised, and each by one name.
fn may_be_kept(input: Input<'_>, function: &Function, qualifier: &str) -> Result<(), ApiError> {
    existing(function, qualifier)?;
    let version = function.version_of(qualifier);
    if version == Some(LATEST) {
        return Err(input.refuse("Provisioned Concurrency Configs cannot be applied to unpublished function versions."));
    }
    let twice = function
        .warm
        .keys()
        .any(|other| other != qualifier && function.version_of(other) == version);
    if twice {
        return Err(ApiError::new(
            409,
            "ResourceConflictException",
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ));
    }
    Ok(())
}
