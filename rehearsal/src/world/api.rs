//! Reading the members of a request and saying no, the same way for every service.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::world::{ApiError, Reply, Service};

/// Members of a request, with the code its service gives for wrong input.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    members: &'a Map<String, Value>,
    wrong: &'static str,
}

impl<'a> Input<'a> {
    /// Reads `value`, which is an object or, for a call without members, null.
    pub(crate) fn new(service: Service, value: &'a Value) -> Result<Self, ApiError> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let wrong = match service {
            Service::SageMaker | Service::AutoScaling => "ValidationException",
            Service::Runtime | Service::Sts => "ValidationError",
            Service::CloudWatch => "InvalidParameterValueException",
            Service::Sns => "InvalidParameter",
            Service::Ecr => "InvalidParameterException",
            Service::Iam => "ValidationError",
            Service::Kms => "ValidationException",
            Service::Lambda => "InvalidParameterValueException",
            Service::ApiGateway => "BadRequestException",
        };
        match value {
            Value::Object(members) => Ok(Self { members, wrong }),
            Value::Null => Ok(Self { members: &EMPTY, wrong }),
            _ => Err(ApiError::new(
                400,
                "SerializationException",
                "the request is not an object",
            )),
        }
    }

    /// The same rules for a structure within the request.
    pub(crate) fn of(&self, value: &'a Value) -> Result<Self, ApiError> {
        match value {
            Value::Object(members) => Ok(Self {
                members,
                wrong: self.wrong,
            }),
            other => Err(self.refuse(format!("a structure was expected, not {other}"))),
        }
    }

    /// The same rules for members that did not come with this request.
    pub(crate) fn within<'b>(&self, members: &'b Map<String, Value>) -> Input<'b> {
        Input {
            members,
            wrong: self.wrong,
        }
    }

    /// Every member as it came.
    pub(crate) fn all(&self) -> &'a Map<String, Value> {
        self.members
    }

    /// Wrong input, as this service says it.
    pub(crate) fn refuse(&self, message: impl Into<String>) -> ApiError {
        ApiError::new(400, self.wrong, message)
    }

    /// A member as it came.
    pub(crate) fn get(&self, member: &str) -> Option<&'a Value> {
        self.members.get(member).filter(|value| !value.is_null())
    }

    /// A string member.
    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.get(member).and_then(Value::as_str)
    }

    /// A string member that must be there.
    pub(crate) fn need(&self, member: &str) -> Result<&'a str, ApiError> {
        self.text(member).ok_or_else(|| self.missing(member))
    }

    /// A required member is not there.
    pub(crate) fn missing(&self, member: &str) -> ApiError {
        self.refuse(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            lower_first(member)
        ))
    }

    /// A number member.
    pub(crate) fn number(&self, member: &str) -> Option<f64> {
        self.get(member).and_then(Value::as_f64)
    }

    /// A whole number of 0 or more; anything else is refused.
    pub(crate) fn count(&self, member: &str) -> Result<Option<u32>, ApiError> {
        let Some(value) = self.get(member) else { return Ok(None) };
        value
            .as_u64()
            .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64))
            .and_then(|n| u32::try_from(n).ok())
            .map(Some)
            .ok_or_else(|| {
                self.refuse(format!(
                    "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: Member must have \
                     value greater than or equal to 0",
                    lower_first(member)
                ))
            })
    }

    /// A boolean member, false when absent.
    pub(crate) fn flag(&self, member: &str) -> bool {
        self.get(member).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A list member, empty when absent.
    pub(crate) fn list(&self, member: &str) -> &'a [Value] {
        self.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A list of strings, empty when absent.
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        self.list(member)
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// A timestamp member in epoch seconds.
    pub(crate) fn time(&self, member: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(value) = self.get(member) else { return Ok(None) };
        value
            .as_f64()
            .and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok())
            .map(Some)
            .ok_or_else(|| self.refuse(format!("{member} is not a timestamp in epoch seconds: {value}")))
    }
}

/// `EndpointName` as validation messages spell it: `endpointName`.
fn lower_first(member: &str) -> String {
    let mut chars = member.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + chars.as_str()
    })
}

/// An answer at once.
pub(crate) fn reply(output: Value) -> Result<Reply, ApiError> {
    Ok(Reply {
        output,
        takes: std::time::Duration::ZERO,
    })
}

/// Epoch seconds, to the millisecond.
pub(crate) fn epoch(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

/// One page of `items`: `{member: [...], NextToken?}`. A token is the place of the next item.
pub(crate) fn page(
    input: Input<'_>,
    member: &str,
    size_member: &str,
    default_size: usize,
    items: Vec<Value>,
) -> Result<Value, ApiError> {
    let size = match input.count(size_member)? {
        None => default_size,
        Some(size) if (1..=100).contains(&size) => size as usize,
        Some(size) => {
            return Err(input.refuse(format!(
                "1 validation error detected: Value '{size}' at '{}' failed to satisfy constraint: Member must have value \
                 between 1 and 100",
                lower_first(size_member)
            )));
        }
    };
    let from = match input.text("NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse::<usize>().ok())
            .filter(|at| *at <= items.len())
            .ok_or_else(|| input.refuse("Invalid NextToken"))?,
    };
    let total = items.len();
    let taken: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    let next = from + taken.len();
    let mut output = Map::from_iter([(member.to_owned(), Value::Array(taken))]);
    if next < total {
        output.insert("NextToken".to_owned(), json!(format!("page-{next}")));
    }
    Ok(Value::Object(output))
}

/// Nothing by this name is simulated.
pub(crate) fn unknown_operation(service: Service, operation: &str, supported: &[&str]) -> ApiError {
    ApiError::new(
        400,
        "UnknownOperationException",
        format!(
            "the rehearsal does not simulate {service} {operation}; supported: {}",
            supported.join(", ")
        ),
    )
}
