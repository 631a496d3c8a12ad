//! IAM, as far as it is asked whether a role exists.

use serde_json::json;

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, reply, unknown_operation},
    region::Ctx,
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["GetRole"];

/// SageMaker may assume every role, URL-encoded as IAM answers it.
const TRUST: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22\
                     Principal%22%3A%7B%22Service%22%3A%22sagemaker.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3A\
                     AssumeRole%22%7D%5D%7D";

pub(crate) fn call(ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
    if operation != "GetRole" {
        return Err(unknown_operation(Service::Iam, operation, OPERATIONS));
    }
    let name = input.need("RoleName")?;
    if !ctx.roles.contains(name) {
        let message = format!("The role with name {name} cannot be found.");
        return Err(ApiError::new(404, "NoSuchEntity", message));
    }
    reply(json!({"Role": {
        "Path": "/",
        "RoleName": name,
        "RoleId": format!("AROA{:016X}", ctx.dice(name).u64(..)),
        "Arn": format!("arn:aws:iam::{}:role/{name}", ctx.account),
        "CreateDate": ctx.start.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "AssumeRolePolicyDocument": TRUST,
        "MaxSessionDuration": 3600,
    }}))
}
