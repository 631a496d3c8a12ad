//! What `Describe…` answers, turned back into what was asked for.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Members of an `S3DataSource` that no `ModelDataUrl` can say.
const BEYOND_A_URL: [&str; 4] = ["ManifestS3Uri", "ManifestEtag", "ModelAccessConfig", "HubAccessConfig"];

/// A component is described with what became of what was asked; this turns it into what was asked.
pub(super) fn component(body: &mut Map<String, Value>) {
    if let Some(runtime) = body.get_mut("RuntimeConfig").and_then(Value::as_object_mut) {
        let copies = runtime.remove("DesiredCopyCount");
        let current = runtime.remove("CurrentCopyCount");
        if let Some(copies) = copies.or(current)
            && !runtime.contains_key("CopyCount")
        {
            runtime.insert("CopyCount".into(), copies);
        }
    }
    let specifications = body.iter_mut().filter(|(key, _)| key.starts_with("Specification"));
    for (_, specification) in specifications {
        let each: Vec<&mut Value> = match specification {
            Value::Array(many) => many.iter_mut().collect(),
            one => vec![one],
        };
        for container in each.into_iter().filter_map(|one| one.get_mut("Container")) {
            let Some(container) = container.as_object_mut() else {
                continue;
            };
            let Some(deployed) = container.remove("DeployedImage") else {
                continue;
            };
            let image = ["SpecifiedImage", "ResolvedImage"]
                .iter()
                .find_map(|field| deployed.get(field).filter(|image| image.is_string()));
            if let Some(image) = image {
                container.insert("Image".into(), image.clone());
            }
        }
    }
}

/// SageMaker answers a `ModelDataUrl` as a `ModelDataSource`, too. `CreateModel` takes one of them, and of a multi-model
/// container only the URL: each container keeps the one that says all of it.
pub(super) fn model(body: &mut Value) {
    let Value::Object(body) = body else { return };
    for (member, value) in body {
        let containers = match (member.as_str(), value) {
            ("PrimaryContainer", one) => vec![one],
            ("Containers", Value::Array(many)) => many.iter_mut().collect(),
            _ => continue,
        };
        for container in containers {
            if let Value::Object(container) = container {
                once(container);
            }
        }
    }
}

fn once(container: &mut Map<String, Value>) {
    if !container.get("ModelDataUrl").is_some_and(Value::is_string) {
        return;
    }
    let Some(source) = container.get("ModelDataSource") else {
        return;
    };
    let source = &source["S3DataSource"];
    let uncompressed = source["CompressionType"] == "None";
    let beyond = BEYOND_A_URL.iter().any(|member| !source[*member].is_null());
    let multi = container.get("Mode").is_some_and(|mode| mode == "MultiModel");
    let twice = match (uncompressed || beyond) && !multi {
        true => "ModelDataUrl",
        false => "ModelDataSource",
    };
    container.remove(twice);
}

/// A body as it was kept, by this build or an earlier one.
///
/// # Errors
/// When it is no JSON.
pub(super) fn body<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    let mut body = Value::deserialize(from)?;
    model(&mut body);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::{Document, Kind};

    const URL: &str = "s3://models/fraud/model.tar.gz";

    /// As SageMaker answers a model that was made with a `ModelDataUrl`.
    fn answer() -> serde_json::Value {
        json!({
            "ModelName": "fraud-v1",
            "PrimaryContainer": {
                "Image": "i", "Mode": "SingleModel", "ModelDataUrl": URL,
                "ModelDataSource": {"S3DataSource": {"S3Uri": URL, "S3DataType": "S3Object", "CompressionType": "Gzip"}},
            },
        })
    }

    fn sent(answer: serde_json::Value) -> serde_json::Value {
        let document = Document::described(Kind::Model, answer, BTreeMap::new()).unwrap();
        document.request()
    }

    #[test]
    fn a_url_that_is_answered_as_a_source_too_is_sent_once() {
        let sent = sent(answer());
        assert_eq!(
            sent["PrimaryContainer"],
            json!({"Image": "i", "Mode": "SingleModel", "ModelDataUrl": URL})
        );
    }

    #[test]
    fn each_container_of_a_pipeline_and_the_prefix_of_many_models_are_sent_once() {
        let prefix = json!({
            "Image": "i", "Mode": "MultiModel", "ModelDataUrl": "s3://models/all/",
            "ModelDataSource": {
                "S3DataSource": {"S3Uri": "s3://models/all/", "S3DataType": "S3Prefix", "CompressionType": "None"},
            },
        });
        let one = answer()["PrimaryContainer"].clone();
        let sent = sent(json!({"ModelName": "m", "Containers": [one, prefix]}));
        for container in sent["Containers"].as_array().unwrap() {
            assert!(
                container["ModelDataSource"].is_null() && container["ModelDataUrl"].is_string(),
                "{container}"
            );
        }
    }

    #[test]
    fn a_source_that_says_more_than_a_url_can_is_the_one_that_is_sent() {
        let mut answer = answer();
        let source = json!({"S3Uri": "s3://models/llm/", "S3DataType": "S3Prefix", "CompressionType": "None"});
        answer["PrimaryContainer"]["ModelDataSource"]["S3DataSource"] = source.clone();
        let sent = sent(answer);
        assert_eq!(sent["PrimaryContainer"]["ModelDataSource"]["S3DataSource"], source);
        assert!(sent["PrimaryContainer"]["ModelDataUrl"].is_null(), "{sent}");
    }

    #[test]
    fn what_an_earlier_build_kept_is_sent_once_too() {
        let kept = json!({"name": "fraud-v1", "body": answer()});
        let document: Document = serde_json::from_value(kept).unwrap();
        assert_eq!(document.request(), sent(answer()));
    }
}
