//! Inference components: models that share the instances of an endpoint, and may have no copy at all.

use serde_json::{Value, json};
use steward::endpoint::EndpointStatus;

use crate::world::{
    ApiError, HappeningKind, Reply,
    api::{Input, epoch, page, reply},
    region::{Ctx, Region, What},
    sagemaker::{
        Component, done, invalid,
        lifecycle::{NO_CAPACITY, tell_capacity},
        listed, name_of, tags,
    },
    traffic::Minute,
};

impl Region {
    /// The endpoint carries inference components.
    pub(crate) fn has_components(&self, endpoint: &str) -> bool {
        self.components.values().any(|component| component.endpoint == endpoint)
    }

    fn component_arn(&self, ctx: &Ctx, name: &str) -> String {
        self.arn(
            ctx,
            "sagemaker",
            &format!("inference-component/{}", name.to_ascii_lowercase()),
        )
    }

    pub(super) fn component(&self, ctx: &Ctx, name: &str) -> Result<&Component, ApiError> {
        self.components.get(name).ok_or_else(|| {
            invalid(format!(
                "Could not find inference component \"{}\".",
                self.component_arn(ctx, name)
            ))
        })
    }

    pub(super) fn create_component(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "InferenceComponentName")?;
        let endpoint_name = name_of(input, "EndpointName")?;
        let arn = self.component_arn(ctx, name);
        if self.components.contains_key(name) {
            return Err(invalid(format!(
                "Cannot create already existing inference component \"{arn}\"."
            )));
        }
        let endpoint = self.endpoint(ctx, endpoint_name)?;
        if endpoint.status != EndpointStatus::InService {
            return Err(invalid(format!(
                "The endpoint \"{}\" must be InService to take an inference component.",
                endpoint.arn
            )));
        }
        let variant = input.text("VariantName").unwrap_or("AllTraffic");
        if !endpoint.variants.iter().any(|live| live.name == variant) {
            return Err(invalid(format!(
                "Could not find variant \"{variant}\" of endpoint \"{}\".",
                endpoint.arn
            )));
        }
        let model = match input.get("Specification") {
            Some(specification) => input.of(specification)?.text("ModelName").unwrap_or(name).to_owned(),
            None => return Err(input.missing("Specification")),
        };
        let copies = match input.get("RuntimeConfig") {
            Some(runtime) => input.of(runtime)?.count("CopyCount")?.unwrap_or(1),
            None => 1,
        };
        if copies == 0 {
            return Err(invalid(
                "An inference component is created with a CopyCount of at least 1.",
            ));
        }
        let component = Component {
            arn: arn.clone(),
            endpoint: endpoint_name.to_owned(),
            variant: variant.to_owned(),
            model,
            status: "Creating",
            current: 0,
            desired: copies,
            created: ctx.now,
            modified: ctx.now,
            image: self.component_image(input.get("Specification"), ctx.now),
            input: tags::without(input, &["Tags"]),
            update: None,
            deployment: None,
            tags: tags::read(input, "Tags")?,
            minute: Minute::default(),
            without_capacity: 0.0,
            failure: None,
        };
        self.components.insert(name.to_owned(), component);
        ctx.schedule(
            ctx.now + ctx.timing.instance.duration(),
            &self.name,
            What::Component(name.to_owned()),
        );
        reply(json!({"InferenceComponentArn": arn}))
    }

    /// A component has the copies it was to have, or is gone.
    pub(crate) fn component_settles(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(component) = self.components.get_mut(name) else {
            return;
        };
        if component.status == "Deleting" {
            let endpoint = component.endpoint.clone();
            self.components.remove(name);
            self.tell_component(ctx, name, endpoint);
            return;
        }
        if component.update.is_some() {
            return;
        }
        let grows = component.desired > component.current;
        let (endpoint, variant) = (component.endpoint.clone(), component.variant.clone());
        let lacks = grows && self.lacks_instances(&endpoint, &variant, |endpoint| &endpoint.variants);
        let Some(component) = self.components.get_mut(name) else {
            return;
        };
        let made = component.status == "Creating";
        component.status = "InService";
        component.modified = ctx.now;
        component.failure = lacks.then(|| NO_CAPACITY.to_owned());
        if lacks {
            component.desired = component.current;
            self.capacity_lacked(ctx, &format!("inference-component/{name}"));
        } else {
            component.current = component.desired;
            self.manage_instances(ctx, &endpoint, &variant);
        }
        if made {
            self.tell_component(ctx, name, endpoint);
        }
    }

    /// By the scenario: no copy of a component comes up.
    pub(crate) fn component_fails(&mut self, ctx: &Ctx, name: &str, reason: Option<String>) {
        if let Some(component) = self.components.get_mut(name) {
            component.status = "Failed";
            component.current = 0;
            component.modified = ctx.now;
            component.failure =
                Some(reason.unwrap_or_else(|| "The container did not pass its health check.".to_owned()));
        }
    }

    /// By the scenario: it has the copies that it was to have.
    pub(crate) fn component_recovers(&mut self, ctx: &mut Ctx, name: &str) {
        if self
            .components
            .get(name)
            .is_some_and(|component| component.status == "Failed")
        {
            let copies = self.components[name].desired;
            self.rescale_component(ctx, name, copies);
        }
    }

    /// Says which model the component of an endpoint has now.
    pub(super) fn tell_component(&self, ctx: &mut Ctx, name: &str, endpoint: String) {
        let component = name.to_owned();
        let model = self.components.get(name).map(|component| component.model.clone());
        ctx.tell(
            &self.name,
            HappeningKind::Component {
                endpoint,
                component,
                model,
            },
        );
    }

    /// Managed instance scaling: the instances of a variant follow the copies on it.
    fn manage_instances(&mut self, ctx: &mut Ctx, endpoint: &str, variant: &str) {
        let of = |component: &&Component| component.endpoint == endpoint && component.variant == variant;
        let copies: u32 = self
            .components
            .values()
            .filter(of)
            .map(|component| component.current)
            .sum();
        let Some(live) = self.endpoints.get_mut(endpoint) else {
            return;
        };
        let config = self.configs.get(&live.config).map(|config| &config.input);
        let scaled = config.and_then(|config| {
            let variants = config["ProductionVariants"].as_array()?;
            let named = variants.iter().find(|one| one["VariantName"] == variant)?;
            let scaling = named.get("ManagedInstanceScaling")?;
            let bound = |member: &str| scaling[member].as_u64().and_then(|count| u32::try_from(count).ok());
            (scaling["Status"] == "ENABLED").then(|| {
                (
                    bound("MinInstanceCount").unwrap_or(1),
                    bound("MaxInstanceCount").unwrap_or(u32::MAX),
                )
            })
        });
        let (Some((least, most)), Some(live)) = (scaled, live.variants.iter_mut().find(|live| live.name == variant))
        else {
            return;
        };
        let count = Some(copies.min(most).max(least));
        if live.current_instances != count {
            (live.current_instances, live.desired_instances) = (count, count);
            tell_capacity(ctx, &self.name, endpoint, live);
        }
    }

    pub(super) fn describe_component(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "InferenceComponentName")?;
        let component = self.component(ctx, name)?;
        let mut specification = component
            .input
            .get("Specification")
            .cloned()
            .unwrap_or_else(|| json!({}));
        if let Some(container) = specification.get_mut("Container")
            && let Some(image) = &component.image
        {
            container["DeployedImage"] = image.told();
        }
        let mut output = json!({
            "InferenceComponentName": name,
            "InferenceComponentArn": component.arn,
            "EndpointName": component.endpoint,
            "EndpointArn": self.endpoint_arn(ctx, &component.endpoint),
            "VariantName": component.variant,
            "Specification": specification,
            "RuntimeConfig": {"DesiredCopyCount": component.desired, "CurrentCopyCount": component.current},
            "CreationTime": epoch(component.created),
            "LastModifiedTime": epoch(component.modified),
            "InferenceComponentStatus": component.status,
        });
        if let Some(failure) = &component.failure {
            output["FailureReason"] = json!(failure);
        }
        if let Some(deployment) = &component.deployment {
            output["LastDeploymentConfig"] = deployment.clone();
        }
        reply(output)
    }

    pub(super) fn list_components(&self, ctx: &Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let items = self
            .components
            .iter()
            .filter(|(_, component)| {
                input
                    .text("EndpointNameEquals")
                    .is_none_or(|wanted| wanted == component.endpoint)
                    && input
                        .text("VariantNameEquals")
                        .is_none_or(|wanted| wanted == component.variant)
            })
            .map(|(name, component)| {
                let output: Value = json!({
                    "InferenceComponentName": name,
                    "InferenceComponentArn": component.arn,
                    "EndpointName": component.endpoint,
                    "EndpointArn": self.endpoint_arn(ctx, &component.endpoint),
                    "VariantName": component.variant,
                    "InferenceComponentStatus": component.status,
                    "CreationTime": epoch(component.created),
                    "LastModifiedTime": epoch(component.modified),
                });
                (
                    name.clone(),
                    component.created,
                    component.modified,
                    component.status,
                    output,
                )
            })
            .collect();
        let listed = listed(input, items, "CreationTime", "Descending")?;
        reply(page(input, "InferenceComponents", "MaxResults", 10, listed)?)
    }

    pub(super) fn update_component_runtime(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "InferenceComponentName")?;
        let wanted = input.of(input
            .get("DesiredRuntimeConfig")
            .ok_or_else(|| input.missing("DesiredRuntimeConfig"))?)?;
        let copies = wanted.count("CopyCount")?.ok_or_else(|| wanted.missing("CopyCount"))?;
        let component = self.component(ctx, name)?;
        if component.status != "InService" {
            return Err(invalid(format!(
                "Cannot update in-progress inference component \"{}\".",
                component.arn
            )));
        }
        let arn = component.arn.clone();
        self.rescale_component(ctx, name, copies);
        reply(json!({"InferenceComponentArn": arn}))
    }

    /// Gives a component another number of copies, after the time an instance takes.
    pub(crate) fn rescale_component(&mut self, ctx: &mut Ctx, name: &str, copies: u32) {
        let Some(component) = self.components.get_mut(name) else {
            return;
        };
        component.desired = copies;
        component.failure = None;
        component.status = "Updating";
        component.modified = ctx.now;
        ctx.schedule(
            ctx.now + ctx.timing.instance.duration(),
            &self.name,
            What::Component(name.to_owned()),
        );
    }

    pub(super) fn delete_component(&mut self, ctx: &mut Ctx, input: Input<'_>) -> Result<Reply, ApiError> {
        let name = name_of(input, "InferenceComponentName")?;
        let component = self.component(ctx, name)?;
        if matches!(component.status, "Creating" | "Updating" | "Deleting") {
            return Err(invalid(format!(
                "Cannot update in-progress inference component \"{}\".",
                component.arn
            )));
        }
        let delete = ctx.timing.delete.duration();
        if let Some(component) = self.components.get_mut(name) {
            component.status = "Deleting";
            component.modified = ctx.now;
        }
        ctx.schedule(ctx.now + delete, &self.name, What::Component(name.to_owned()));
        done()
    }
}
