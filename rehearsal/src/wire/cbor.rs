//! CBOR bodies of Smithy RPC v2, as the Rust SDK and botocore speak to CloudWatch.
//!
//! CBOR tells integers from floats and tags timestamps, JSON does not: on the way out the types come from the member
//! names of CloudWatch's model, in which no name has two types.

use base64::{Engine, prelude::BASE64_STANDARD};
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use super::{Protocol, Refusal};

/// Members of type timestamp in the outputs of CloudWatch (botocore service model 2010-08-01).
const TIMESTAMPS: [&str; 16] = [
    "AlarmConfigurationUpdatedTimestamp",
    "CreatedAt",
    "CreationDate",
    "EndTime",
    "ExpireDate",
    "LastModified",
    "LastUpdateDate",
    "LastUpdatedTimestamp",
    "StartDate",
    "StartTime",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "Timestamp",
    "Timestamps",
    "UpdateDate",
    "UpdatedAt",
];

/// Members of type double, or lists and maps of doubles, in the outputs of CloudWatch.
const DOUBLES: [&str; 13] = [
    "AggregateValue",
    "ApproximateAggregateValue",
    "ApproximateValue",
    "Average",
    "ExtendedStatistics",
    "MaxContributorValue",
    "Maximum",
    "Minimum",
    "SampleCount",
    "Sum",
    "Threshold",
    "UniqueContributors",
    "Values",
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Timestamp,
    Double,
}

pub(super) fn read(body: &[u8]) -> Result<Value, Refusal> {
    let refuse = |problem: String| Refusal::new(Some(Protocol::Cbor), 400, "SerializationException", problem);
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let cbor: Cbor =
        ciborium::from_reader(body).map_err(|problem| refuse(format!("the body is not CBOR: {problem}")))?;
    to_json(cbor).map_err(refuse)
}

fn to_json(cbor: Cbor) -> Result<Value, String> {
    Ok(match cbor {
        Cbor::Null => Value::Null,
        Cbor::Bool(yes) => Value::Bool(yes),
        Cbor::Integer(integer) => {
            let wide = i128::from(integer);
            match (i64::try_from(wide), u64::try_from(wide)) {
                (Ok(small), _) => small.into(),
                (_, Ok(large)) => large.into(),
                _ => return Err(format!("the integer {wide} is out of range")),
            }
        }
        Cbor::Float(float) => {
            Value::Number(Number::from_f64(float).ok_or_else(|| format!("{float} is not a finite number"))?)
        }
        Cbor::Bytes(bytes) => Value::String(BASE64_STANDARD.encode(bytes)),
        Cbor::Text(text) => Value::String(text),
        Cbor::Tag(1, seconds) => to_json(*seconds)?,
        Cbor::Tag(tag, _) => return Err(format!("tag {tag} is not expected here, only 1 (a timestamp)")),
        Cbor::Array(items) => Value::Array(items.into_iter().map(to_json).collect::<Result<_, _>>()?),
        Cbor::Map(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let Cbor::Text(key) = key else {
                    return Err(format!("{key:?} is not a member name"));
                };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        other => return Err(format!("{other:?} is not expected here")),
    })
}

pub(super) fn write(output: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(&to_cbor(output, Kind::Plain), &mut body).expect("a vector takes every byte");
    body
}

fn to_cbor(value: &Value, kind: Kind) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(yes) => Cbor::Bool(*yes),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            let integer = number
                .as_i64()
                .map(Cbor::from)
                .or_else(|| number.as_u64().map(Cbor::from));
            match kind {
                Kind::Double => Cbor::Float(float),
                Kind::Timestamp => Cbor::Tag(1, Box::new(integer.unwrap_or(Cbor::Float(float)))),
                Kind::Plain => integer.unwrap_or(Cbor::Float(float)),
            }
        }
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| to_cbor(item, kind)).collect()),
        Value::Object(members) => Cbor::Map(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| {
                    let inner = if TIMESTAMPS.contains(&name.as_str()) {
                        Kind::Timestamp
                    } else if kind == Kind::Double || DOUBLES.contains(&name.as_str()) {
                        Kind::Double
                    } else {
                        Kind::Plain
                    };
                    (Cbor::Text(name.clone()), to_cbor(value, inner))
                })
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_of_a_double_member_go_out_as_floats_and_timestamps_tagged() {
        let output =
            json!({"MetricDataResults": [{"Id": "a", "Timestamps": [1767225600], "Values": [1, 0.5], "Period": 60}]});
        let cbor: Cbor = ciborium::from_reader(&write(&output)[..]).expect("valid CBOR");
        let text = format!("{cbor:?}");
        assert!(text.contains("Tag(1, Integer(Integer(1767225600)))"), "{text}");
        assert!(text.contains("Float(1.0), Float(0.5)"), "{text}");
        assert!(text.contains("(Text(\"Period\"), Integer(Integer(60)))"), "{text}");
        assert_eq!(
            to_json(cbor),
            Ok(output.clone()).map(|mut output: Value| {
                output["MetricDataResults"][0]["Values"][0] = json!(1.0);
                output
            })
        );
    }

    #[test]
    fn maps_of_indefinite_length_are_read() {
        let body = b"\xbf\x69Namespace\x6dAWS/SageMaker\x69StartTime\xc1\x1a\x69\x55\xb9\x00\xff";
        let read = read(body).map_err(|refusal| refusal.code().to_owned());
        assert_eq!(read, Ok(json!({"Namespace": "AWS/SageMaker", "StartTime": 1767225600})));
    }

    #[test]
    fn what_is_not_cbor_is_refused() {
        let refused = read(b"\xffnot cbor").map_err(|refusal| refusal.code().to_owned());
        assert_eq!(refused, Err("SerializationException".to_owned()));
    }
}
