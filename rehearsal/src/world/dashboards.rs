//! CloudWatch's dashboards, which belong to the account and not to a Region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply, Service,
    api::{Input, epoch, page, reply, unknown_operation},
    region::Ctx,
    sagemaker::tags,
};

mod body;

/// The operations simulated.
pub(crate) const OPERATIONS: [&str; 4] = ["DeleteDashboards", "GetDashboard", "ListDashboards", "PutDashboard"];

/// A dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    pub(crate) arn: String,
    body: String,
    modified: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
}

pub(crate) fn call(ctx: &mut Ctx, operation: &str, input: Input<'_>) -> Result<Reply, ApiError> {
    match operation {
        "PutDashboard" => put(ctx, input),
        "GetDashboard" => {
            let name = input.need("DashboardName")?;
            let dashboard = ctx.dashboards.get(name).ok_or_else(|| missing(name))?;
            reply(json!({"DashboardName": name, "DashboardArn": dashboard.arn, "DashboardBody": dashboard.body}))
        }
        "ListDashboards" => {
            let prefix = input.text("DashboardNamePrefix").unwrap_or_default();
            let all = ctx.dashboards.iter().filter(|(name, _)| name.starts_with(prefix));
            let all = all.map(|(name, dashboard)| {
                json!({
                    "DashboardName": name,
                    "DashboardArn": dashboard.arn,
                    "LastModified": epoch(dashboard.modified),
                    "Size": dashboard.body.len(),
                })
            });
            reply(page(input, "DashboardEntries", "MaxRecords", 100, all.collect())?)
        }
        "DeleteDashboards" => {
            let names = input.texts("DashboardNames");
            // With one that is not there, none is deleted.
            if let Some(name) = names.iter().find(|name| !ctx.dashboards.contains_key(*name)) {
                return Err(missing(name));
            }
            ctx.dashboards.retain(|name, _| !names.contains(name));
            reply(json!({}))
        }
        _ => Err(unknown_operation(Service::CloudWatch, operation, &OPERATIONS)),
    }
}

fn missing(name: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFound", format!("Dashboard {name} does not exist"))
}

/// What is invalid is refused with every message, and changes nothing; what is only odd is told and kept.
fn put(ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
    let name = input.need("DashboardName")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut wrong = Vec::new();
    if name.is_empty() || name.len() > 255 || !name.bytes().all(plain) {
        let message = "The field DashboardName must have 1 to 255 letters, digits, hyphens and underscores";
        wrong.push(("/DashboardName".to_owned(), message.to_owned()));
    }
    let text = input.need("DashboardBody")?;
    let checked = body::check(text);
    wrong.extend(checked.wrong);
    let told = |messages: &[(String, String)]| -> Value {
        let messages = messages.iter();
        messages
            .map(|(path, message)| json!({"DataPath": path, "Message": message}))
            .collect()
    };
    if !wrong.is_empty() {
        let message = format!("The dashboard is invalid, there are {} validation errors", wrong.len());
        let mut error = ApiError::new(400, "InvalidParameterInput", message);
        error
            .detail
            .insert("dashboardValidationMessages".to_owned(), told(&wrong));
        return Err(error);
    }
    let given = tags::read(input, "Tags")?;
    let old = ctx.dashboards.get(name);
    let dashboard = Dashboard {
        arn: format!("arn:aws:cloudwatch::{}:dashboard/{name}", ctx.account),
        body: text.to_owned(),
        modified: ctx.now,
        // Tags are for a new one; those of an old one are changed by TagResource.
        tags: old.map_or(given, |old| old.tags.clone()),
    };
    ctx.dashboards.insert(name.to_owned(), dashboard);
    reply(json!({"DashboardValidationMessages": told(&checked.odd)}))
}
