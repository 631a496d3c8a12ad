//! The REST control planes of Lambda and API Gateway: members in the path and the query, the rest of them as JSON.

use http::Method;
use serde_json::{Map, Value};

use super::{Protocol, Refusal, percent_decoded};

/// One operation: method, path with its members in braces, its name, and the status of a good answer. Where two share a path,
/// the one that needs a member of the query comes first, with it.
struct Route(
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static str,
    u16,
);

/// Botocore service models 2015-03-31 of Lambda and 2015-07-09 of API Gateway.
const ROUTES: [Route; 17] = [
    Route("GET", "/2015-03-31/functions", None, "ListFunctions", 200),
    Route(
        "GET",
        "/2015-03-31/functions/{FunctionName}/configuration",
        None,
        "GetFunctionConfiguration",
        200,
    ),
    Route(
        "GET",
        "/2015-03-31/functions/{FunctionName}/aliases",
        None,
        "ListAliases",
        200,
    ),
    Route(
        "GET",
        "/2015-03-31/functions/{FunctionName}/versions",
        None,
        "ListVersionsByFunction",
        200,
    ),
    Route(
        "PUT",
        "/2017-10-31/functions/{FunctionName}/concurrency",
        None,
        "PutFunctionConcurrency",
        200,
    ),
    Route(
        "DELETE",
        "/2017-10-31/functions/{FunctionName}/concurrency",
        None,
        "DeleteFunctionConcurrency",
        204,
    ),
    Route(
        "GET",
        "/2019-09-30/functions/{FunctionName}/concurrency",
        None,
        "GetFunctionConcurrency",
        200,
    ),
    Route(
        "GET",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        Some(("List", "ALL")),
        "ListProvisionedConcurrencyConfigs",
        200,
    ),
    Route(
        "GET",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        None,
        "GetProvisionedConcurrencyConfig",
        200,
    ),
    Route(
        "PUT",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        None,
        "PutProvisionedConcurrencyConfig",
        202,
    ),
    Route(
        "DELETE",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        None,
        "DeleteProvisionedConcurrencyConfig",
        204,
    ),
    Route("GET", "/2016-08-19/account-settings", None, "GetAccountSettings", 200),
    Route("GET", "/restapis", None, "GetRestApis", 200),
    Route("GET", "/restapis/{restApiId}", None, "GetRestApi", 200),
    Route("GET", "/restapis/{restApiId}/stages", None, "GetStages", 200),
    Route("GET", "/restapis/{restApiId}/stages/{stageName}", None, "GetStage", 200),
    Route(
        "PATCH",
        "/restapis/{restApiId}/stages/{stageName}",
        None,
        "UpdateStage",
        200,
    ),
];

/// The members of the query that are numbers.
const NUMBERS: [&str; 2] = ["MaxItems", "limit"];

/// Operation and members of a request, where it is one of theirs; the path may end with a slash.
pub(super) fn read(
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<Option<(&'static str, Value)>, Refusal> {
    let mut members = Map::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        members.insert(percent_decoded(name), percent_decoded(value).into());
    }
    let found = ROUTES.iter().find_map(|route| {
        let Route(its, template, needed, ..) = route;
        let fits = method.as_str() == *its
            && needed.is_none_or(|(name, value)| members.get(name).and_then(Value::as_str) == Some(value));
        let named = fits.then(|| named(template, path)).flatten()?;
        Some((route, named))
    });
    let Some((Route(_, _, needed, operation, _), named)) = found else {
        return Ok(None);
    };
    if let Some((name, _)) = needed {
        members.remove(*name);
    }
    for name in NUMBERS {
        let Some(text) = members.get(name).and_then(Value::as_str) else {
            continue;
        };
        let number: u64 = text.parse().map_err(|_| {
            let problem = format!("{name} is not a number: {text}");
            Refusal::new(Some(Protocol::Rest), 400, "SerializationException", problem)
        })?;
        members.insert(name.to_owned(), number.into());
    }
    if !body.is_empty() {
        match serde_json::from_slice(body) {
            Ok(Value::Object(more)) => members.extend(more),
            Ok(_) | Err(_) => {
                let problem = "Could not parse request body into json: an object was expected";
                return Err(Refusal::new(
                    Some(Protocol::Rest),
                    400,
                    "SerializationException",
                    problem,
                ));
            }
        }
    }
    members.extend(named);
    Ok(Some((operation, Value::Object(members))))
}

/// The members that `path` carries, if it has the form of `template`.
fn named(template: &str, path: &str) -> Option<Map<String, Value>> {
    let (wanted, given) = (template.split('/'), path.trim_end_matches('/').split('/'));
    if wanted.clone().count() != given.clone().count() {
        return None;
    }
    let mut members = Map::new();
    for (wanted, given) in wanted.zip(given) {
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => members.insert(name.to_owned(), percent_decoded(given).into()),
            None if wanted == given => continue,
            None => return None,
        };
    }
    Some(members)
}

/// The status of a good answer, if the operation is one of theirs.
pub(super) fn status(operation: &str) -> Option<u16> {
    let found = ROUTES.iter().find(|Route(_, _, _, its, _)| *its == operation);
    found.map(|Route(.., status)| *status)
}

/// What a refusal of a path that is nobody's tells.
pub(super) fn known() -> String {
    let all: Vec<&str> = ROUTES.iter().map(|Route(_, _, _, operation, _)| *operation).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_of(method: Method, path: &str, query: Option<&str>, body: &[u8]) -> Option<(&'static str, Value)> {
        read(&method, path, query, body).expect("a valid request")
    }

    #[test]
    fn members_come_from_the_path_the_query_and_the_body() {
        let path = "/2019-09-30/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Ap/provisioned-concurrency";
        let put = read_of(
            Method::PUT,
            path,
            Some("Qualifier=live"),
            br#"{"ProvisionedConcurrentExecutions": 5}"#,
        );
        let expected = json!({
            "Qualifier": "live", "ProvisionedConcurrentExecutions": 5,
            "FunctionName": "arn:aws:lambda:eu-west-1:1:function:p",
        });
        assert_eq!(put, Some(("PutProvisionedConcurrencyConfig", expected)));
        let list = read_of(Method::GET, path, Some("List=ALL&MaxItems=50"), b"");
        let expected = json!({ "MaxItems": 50, "FunctionName": "arn:aws:lambda:eu-west-1:1:function:p" });
        assert_eq!(list, Some(("ListProvisionedConcurrencyConfigs", expected)));
        let one = read_of(Method::GET, path, Some("Qualifier=live"), b"");
        assert_eq!(
            one.map(|(operation, _)| operation),
            Some("GetProvisionedConcurrencyConfig")
        );
    }

    #[test]
    fn a_path_of_nobody_is_nobodys_and_a_body_that_is_no_object_is_refused() {
        assert_eq!(read_of(Method::POST, "/restapis", None, b""), None);
        assert_eq!(read_of(Method::GET, "/restapis/a/stages/b/c", None, b""), None);
        let refused = read(&Method::PATCH, "/restapis/a/stages/b", None, b"[1]").map_err(|it| it.code().to_owned());
        assert_eq!(refused, Err("SerializationException".to_owned()));
        let refused = read(&Method::GET, "/restapis", Some("limit=many"), b"").map_err(|it| it.code().to_owned());
        assert_eq!(refused, Err("SerializationException".to_owned()));
    }
}
