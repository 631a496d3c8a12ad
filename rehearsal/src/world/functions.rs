//! Lambda, as far as functions invoke each other and themselves, asynchronously, and as far as an account divides its
//! concurrency among them.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    ApiError, HappeningKind, Reply, Service,
    api::{Input, page, reply, unknown_operation},
    region::{Ctx, Region},
};

mod concurrency;

pub(crate) use concurrency::Warm;

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "DeleteFunctionConcurrency",
    "DeleteProvisionedConcurrencyConfig",
    "GetAccountSettings",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "GetProvisionedConcurrencyConfig",
    "Invoke",
    "ListAliases",
    "ListFunctions",
    "ListProvisionedConcurrencyConfigs",
    "ListVersionsByFunction",
    "PutFunctionConcurrency",
    "PutProvisionedConcurrencyConfig",
];

/// The largest payload of an asynchronous invocation, in bytes.
const LARGEST_EVENT: usize = 1 << 20;

/// What has no version yet.
const LATEST: &str = "$LATEST";

/// A function.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) arn: String,
    pub(crate) modified: Timestamp,
    /// Published versions: 1 to this.
    pub(crate) versions: u32,
    /// Aliases, with the version each stands for.
    pub(crate) aliases: BTreeMap<String, String>,
    /// `ReservedConcurrentExecutions`.
    pub(crate) reserved: Option<u32>,
    /// Provisioned concurrency, by alias or version.
    pub(crate) warm: BTreeMap<String, Warm>,
}

impl Function {
    pub(crate) fn new(arn: String, modified: Timestamp) -> Self {
        Self {
            arn,
            modified,
            versions: 0,
            aliases: BTreeMap::new(),
            reserved: None,
            warm: BTreeMap::new(),
        }
    }

    /// The version that a qualifier stands for; `None` when there is no such alias or version.
    fn version_of<'a>(&'a self, qualifier: &'a str) -> Option<&'a str> {
        let published = |it: &&str| {
            it.parse()
                .is_ok_and(|number: u32| (1..=self.versions).contains(&number))
        };
        self.aliases
            .get(qualifier)
            .map(String::as_str)
            .or_else(|| Some(qualifier).filter(|it| *it == LATEST || published(it)))
    }

    fn configuration(&self, name: &str, version: &str, qualifier: Option<&str>) -> Value {
        let arn = match qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.clone(),
        };
        json!({
            "FunctionName": name,
            "FunctionArn": arn,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Version": version,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "LastModified": iso(self.modified),
        })
    }
}

/// Lambda's times: `2026-03-01T08:00:00.000+0000`.
fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// Name and qualifier of `predict`, `predict:live`, `111122223333:function:predict` and whole ARNs.
fn named(text: &str) -> (&str, Option<&str>) {
    let rest = match text.split_once(":function:") {
        Some((_, rest)) => rest,
        None => text,
    };
    match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    }
}

impl Region {
    /// Makes a function known, as its deployment would.
    pub(crate) fn know_function(&mut self, ctx: &Ctx, name: &str) {
        let arn = self.arn(ctx, "lambda", &format!("function:{name}"));
        self.functions
            .entry(name.to_owned())
            .or_insert_with(|| Function::new(arn, ctx.now));
    }

    pub(crate) fn lambda_call(&mut self, ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        match operation {
            "Invoke" => self.invoke_function(ctx, input),
            "ListFunctions" => {
                let all = self.functions.iter();
                let all = all.map(|(name, function)| function.configuration(name, LATEST, None));
                listed(input, "Functions", all.collect())
            }
            "GetFunctionConfiguration" => {
                let (name, qualifier, function) = self.function(ctx, input)?;
                let version = match qualifier {
                    None => LATEST,
                    Some(qualifier) => function
                        .version_of(qualifier)
                        .ok_or_else(|| not_found(&format!("{}:{qualifier}", function.arn)))?,
                };
                reply(function.configuration(name, version, qualifier))
            }
            "ListAliases" => {
                let (_, _, function) = self.function(ctx, input)?;
                let all = function.aliases.iter().map(|(alias, version)| {
                    json!({
                        "AliasArn": format!("{}:{alias}", function.arn),
                        "Name": alias,
                        "FunctionVersion": version,
                        "Description": "",
                    })
                });
                listed(input, "Aliases", all.collect())
            }
            "ListVersionsByFunction" => {
                let (name, _, function) = self.function(ctx, input)?;
                let numbers = (1..=function.versions).map(|number| number.to_string());
                let all = std::iter::once(LATEST.to_owned()).chain(numbers);
                let all = all.map(|version| function.configuration(name, &version, Some(&version)));
                listed(input, "Versions", all.collect())
            }
            "GetAccountSettings" => self.account_settings(),
            _ if OPERATIONS.contains(&operation) => self.concurrency_call(ctx, operation, input),
            _ => Err(unknown_operation(Service::Lambda, operation, OPERATIONS)),
        }
    }

    /// The function a request is about, with its name and, where said, the qualifier.
    fn function<'a>(
        &'a self,
        ctx: &Ctx,
        input: Input<'a>,
    ) -> Result<(&'a str, Option<&'a str>, &'a Function), ApiError> {
        let (name, qualifier) = named(input.need("FunctionName")?);
        let function = self
            .functions
            .get(name)
            .ok_or_else(|| not_found(&self.arn(ctx, "lambda", &format!("function:{name}"))))?;
        Ok((name, input.text("Qualifier").or(qualifier), function))
    }

    fn invoke_function(&self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let arn = self.function(ctx, input)?.2.arn.clone();
        let body = input.text("Payload").unwrap_or_default();
        let body = BASE64_STANDARD.decode(body).unwrap_or_default();
        if body.len() > LARGEST_EVENT {
            let message = format!(
                "{} byte payload is too large for the Event invocation type (limit {LARGEST_EVENT} bytes)",
                body.len()
            );
            return Err(ApiError::new(413, "RequestTooLargeException", message));
        }
        let payload: Value = if body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(&body).map_err(|problem| {
                let message = format!("Could not parse request body into json: {problem}");
                ApiError::new(400, "InvalidRequestContentException", message)
            })?
        };
        match input.text("InvocationType") {
            Some("Event") => {
                ctx.tell(
                    &self.name,
                    HappeningKind::Invoked {
                        target_arn: arn,
                        payload,
                    },
                );
                reply(json!({"StatusCode": 202}))
            }
            Some("DryRun") => reply(json!({"StatusCode": 204})),
            other => Err(input.refuse(format!(
                "The rehearsal invokes functions with InvocationType Event, not {}.",
                other.unwrap_or("RequestResponse")
            ))),
        }
    }
}

fn not_found(arn: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

/// One page, as Lambda names its members: `MaxItems`, `Marker`, `NextMarker`.
fn listed(input: Input<'_>, member: &str, all: Vec<Value>) -> Result<Reply, ApiError> {
    let mut asked = input.all().clone();
    if let Some(marker) = asked.remove("Marker") {
        asked.insert("NextToken".to_owned(), marker);
    }
    if let Some(most) = input.count("MaxItems")? {
        // More may be asked for than a page ever has.
        asked.insert("MaxItems".to_owned(), json!(most.clamp(1, 50)));
    }
    let mut paged = page(input.within(&asked), member, "MaxItems", 50, all)?;
    if let Value::Object(members) = &mut paged
        && let Some(token) = members.remove("NextToken")
    {
        members.insert("NextMarker".to_owned(), token);
    }
    reply(paged)
}
