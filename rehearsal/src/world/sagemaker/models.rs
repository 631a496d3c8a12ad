//! `CreateModel` and its kin.

use serde_json::{Value, json};

use crate::world::{
    ApiError, Reply,
    api::{Input, epoch, page, reply},
    region::{Ctx, Region},
    registry::all_of,
    sagemaker::{Model, done, invalid, listed, name_of, tags},
};

impl Region {
    pub(super) fn create_model(&mut self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "ModelName")?;
        let arn = self.arn(ctx, "sagemaker", &format!("model/{}", name.to_ascii_lowercase()));
        if self.models.contains_key(name) {
            return Err(invalid(format!("Cannot create already existing model \"{arn}\".")));
        }
        let containers = input.list("Containers");
        match (input.get("PrimaryContainer"), containers.len()) {
            (Some(_), 0) | (None, 1..=15) => {}
            (None, 0) => return Err(invalid("Either PrimaryContainer or Containers must be provided.")),
            (Some(_), _) => return Err(invalid("You cannot specify both PrimaryContainer and Containers.")),
            (None, count) => return Err(invalid(format!("{count} containers; at most 15 are accepted."))),
        }
        if input.text("ExecutionRoleArn").is_none() {
            return Err(invalid("ExecutionRoleArn must be provided."));
        }
        for container in input.get("PrimaryContainer").into_iter().chain(containers) {
            self.check_image(input.of(container)?)?;
            check_source(input.of(container)?)?;
        }
        if let Some(missing) = self.what_is_missing(ctx, &Value::Object(input.all().clone()), None) {
            return Err(invalid(missing));
        }
        let tags = tags::read(input, "Tags")?;
        let model = Model {
            arn: arn.clone(),
            created: ctx.now,
            images: all_of(self, &Value::Object(input.all().clone()), ctx.now),
            input: tags::without(input, &["Tags"]),
            tags,
        };
        self.behave_as_original(name, &model);
        self.models.insert(name.to_owned(), model);
        reply(json!({"ModelArn": arn}))
    }

    /// An ECR image must be in this Region.
    fn check_image(&self, container: Input<'_>) -> Result<(), ApiError> {
        let package = container.text("ModelPackageName");
        let elsewhere = package.and_then(|arn| arn.strip_prefix("arn:")?.split(':').nth(2));
        if let (Some(package), Some(region)) = (package, elsewhere.filter(|region| *region != self.name)) {
            return Err(invalid(format!(
                "The model package {package} is in {region}; it must be in the Region of the model, {}.",
                self.name
            )));
        }
        let Some(image) = container.text("Image") else {
            if package.is_some() {
                return Ok(());
            }
            return Err(invalid("A container needs Image or ModelPackageName."));
        };
        if let Some((_, rest)) = image.split_once(".dkr.ecr.")
            && let Some((region, _)) = rest.split_once(".amazonaws.com")
            && region != self.name
        {
            return Err(invalid(format!(
                "Invalid image URI {image}. The image must be in the same Region as the model: {} was expected, {region} \
                 was given.",
                self.name
            )));
        }
        Ok(())
    }

    pub(super) fn describe_model(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "ModelName")?;
        let model = self
            .models
            .get(name)
            .ok_or_else(|| invalid(format!("Could not find model \"{name}\".")))?;
        let mut output = model.input.clone();
        output["ModelArn"] = json!(model.arn);
        output["CreationTime"] = epoch(model.created);
        if output.get("EnableNetworkIsolation").is_none() {
            output["EnableNetworkIsolation"] = json!(false);
        }
        if let Some(one) = output.get_mut("PrimaryContainer") {
            tell_source(one);
        }
        let many = output.get_mut("Containers").and_then(Value::as_array_mut);
        many.into_iter().flatten().for_each(tell_source);
        reply(output)
    }

    pub(super) fn list_models(&self, input: Input<'_>) -> Result<Reply, ApiError> {
        let items = self
            .models
            .iter()
            .map(|(name, model)| {
                let output: Value =
                    json!({"ModelName": name, "ModelArn": model.arn, "CreationTime": epoch(model.created)});
                (name.clone(), model.created, model.created, "", output)
            })
            .collect();
        reply(page(
            input,
            "Models",
            "MaxResults",
            10,
            listed(input, items, "CreationTime", "Descending")?,
        )?)
    }

    pub(super) fn delete_model(&mut self, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "ModelName")?;
        self.models
            .remove(name)
            .ok_or_else(|| invalid(format!("Could not find model \"{name}\".")))?;
        done()
    }
}

/// Model data is named once, and that of a multi-model container by URL (`ContainerDefinition`).
fn check_source(container: Input<'_>) -> Result<(), ApiError> {
    let named = |member| container.get(member).is_some_and(|value| !value.is_null());
    if !named("ModelDataSource") {
        return Ok(());
    }
    if named("ModelDataUrl") {
        return Err(invalid("ModelDataUrl and ModelDataSource cannot both be specified."));
    }
    if container.text("Mode") == Some("MultiModel") {
        return Err(invalid(
            "ModelDataSource cannot be used with the container mode MultiModel.",
        ));
    }
    Ok(())
}

/// SageMaker describes a `ModelDataUrl` as a `ModelDataSource`, too.
fn tell_source(container: &mut Value) {
    let Some(url) = container["ModelDataUrl"].as_str().map(str::to_owned) else {
        return;
    };
    let (kind, compression) = match container["Mode"].as_str() {
        Some("MultiModel") => ("S3Prefix", "None"),
        _ => ("S3Object", "Gzip"),
    };
    container["ModelDataSource"] =
        json!({"S3DataSource": {"S3Uri": url, "S3DataType": kind, "CompressionType": compression}});
}
