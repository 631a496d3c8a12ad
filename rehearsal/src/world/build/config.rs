//! What `CreateEndpointConfig` would have been given for an endpoint of a description.

use serde_json::{Map, Value, json};

use crate::world::{
    region::{Ctx, Region},
    sagemaker::ConfigVariant,
    spec::AsyncSpec,
};

/// Puts members into a config: those of variants into the variants of the same name, all others in place of what is there.
pub(super) fn define(config: &mut Value, members: &Map<String, Value>) {
    for (member, value) in members {
        let (known, given) = (config[member.as_str()].as_array_mut(), value.as_array());
        match (member.as_str(), known, given) {
            ("ProductionVariants", Some(known), Some(given)) => {
                for (variant, more) in given
                    .iter()
                    .flat_map(|more| more.as_object().map(|it| (&more["VariantName"], it)))
                {
                    let same = known.iter_mut().find(|it| it["VariantName"] == *variant);
                    if let Some(Value::Object(same)) = same {
                        same.extend(more.clone());
                    }
                }
            }
            _ => config[member.as_str()] = value.clone(),
        }
    }
}

/// What `CreateEndpointConfig` would have been given.
pub(super) fn config_input(
    ctx: &Ctx,
    region: &Region,
    name: &str,
    variants: &[ConfigVariant],
    asynchronous: Option<&AsyncSpec>,
) -> Value {
    let variants: Vec<Value> = variants
        .iter()
        .map(|variant| {
            let mut output = json!({"VariantName": variant.name, "InitialVariantWeight": variant.weight});
            if !variant.model.is_empty() {
                output["ModelName"] = json!(variant.model);
            }
            match &variant.serverless {
                Some(serverless) => output["ServerlessConfig"] = serverless.clone(),
                None => {
                    output["InstanceType"] = json!(variant.instance_type);
                    output["InitialInstanceCount"] = json!(variant.instances);
                }
            }
            output
        })
        .collect();
    let mut input = json!({"EndpointConfigName": name, "ProductionVariants": variants});
    if let Some(asynchronous) = asynchronous {
        let topic = |topic: &Option<String>| topic.as_ref().map(|topic| region.arn(ctx, "sns", topic));
        let mut output = json!({"S3OutputPath": asynchronous.output});
        if let Some(failures) = &asynchronous.failures {
            output["S3FailurePath"] = json!(failures);
        }
        let topics = [
            ("SuccessTopic", topic(&asynchronous.success_topic)),
            ("ErrorTopic", topic(&asynchronous.error_topic)),
        ];
        let topics: Map<String, Value> = topics
            .into_iter()
            .filter_map(|(name, arn)| Some((name.to_owned(), json!(arn?))))
            .collect();
        if !topics.is_empty() {
            output["NotificationConfig"] = Value::Object(topics);
        }
        input["AsyncInferenceConfig"] = json!({"OutputConfig": output});
    }
    input
}
