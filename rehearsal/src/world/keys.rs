//! KMS, as far as it is asked whether a key may be used. S3 asks the same keys when it encrypts.

use serde_json::json;

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, reply, unknown_operation},
    region::{Ctx, Region},
};

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &["DescribeKey"];

impl Region {
    /// The ARN of a key.
    pub(crate) fn key_arn(&self, ctx: &Ctx, name: &str) -> String {
        self.arn(ctx, "kms", &format!("key/{name}"))
    }

    /// The name of the key meant by an id, an alias or the ARN of either, as far as it can be one of this Region.
    pub(crate) fn key_named<'a>(&self, named: &'a str) -> Option<&'a str> {
        let region = named.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2));
        if region.is_some_and(|region| region != self.name) {
            return None;
        }
        named.rsplit(['/', ':']).next()
    }

    pub(crate) fn kms_call(&self, ctx: &Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        if operation != "DescribeKey" {
            return Err(unknown_operation(Service::Kms, operation, OPERATIONS));
        }
        let named = input.need("KeyId")?;
        let found = self.key_named(named).and_then(|name| self.keys.get_key_value(name));
        let Some((name, key)) = found else {
            let message = if named.contains("alias/") {
                format!("Alias {named} is not found.")
            } else {
                format!("Key '{named}' does not exist")
            };
            return Err(ApiError::new(400, "NotFoundException", message));
        };
        let arn = self.key_arn(ctx, name);
        if key.denied {
            let message = format!(
                "User is not authorized to perform: kms:DescribeKey on resource: {arn} because no resource-based policy \
                 allows the kms:DescribeKey action"
            );
            return Err(ApiError::new(400, "AccessDeniedException", message));
        }
        reply(json!({"KeyMetadata": {
            "AWSAccountId": ctx.account,
            "KeyId": name,
            "Arn": arn,
            "CreationDate": epoch(ctx.start),
            "Enabled": key.enabled,
            "KeyState": if key.enabled { "Enabled" } else { "Disabled" },
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyManager": "CUSTOMER",
            "Origin": "AWS_KMS",
            "MultiRegion": false,
        }}))
    }
}
