//! Everything in a definition that names something outside it: artifacts, images, roles, keys, networks, topics.
//!
//! A walk over every string of every document. What a field is called says what it names; a string in a field that is not
//! known counts too if it looks like an S3 URI, an ARN with a Region or a Region's host name, so that fields which AWS adds
//! later are not overlooked.

mod address;
mod manifest_file;
mod walk;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub(super) use self::address::as_uris;
pub use self::manifest_file::{ManifestFile, ManifestForm};
pub(super) use self::walk::{Step, each_text, each_text_mut, pointer};
use super::definition::{Definition, Document, Kind};
use crate::location::Location;

/// One string that names something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The document: its kind and name.
    pub document: (Kind, String),
    /// Where in it (RFC 6901).
    pub pointer: String,
    /// The string.
    pub value: String,
    /// What it names.
    pub names: Names,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = &self.document;
        write!(f, "{} {name} at {}", kind.as_str(), self.pointer)
    }
}

/// What a string names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// What is read from S3.
    Artifact(Form),
    /// Where something is written to in S3.
    Output,
    /// A container image.
    Image,
    /// An IAM role.
    Role,
    /// A KMS key: id, ARN or alias.
    Key,
    /// A subnet.
    Subnet,
    /// A security group.
    SecurityGroup,
    /// A model package.
    Package,
    /// An SNS topic.
    Topic,
    /// The value of an environment variable that is no S3 URI and names a Region or something in one.
    Environment,
    /// Another model, config, component or endpoint of this definition, by name.
    Own,
    /// An ARN, S3 URI or host name in a field that this build does not know.
    Other,
}

/// What an S3 URI stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// One object.
    Object,
    /// Every object whose key begins so; ends with `/`.
    Prefix,
    /// A file that lists objects.
    Manifest(ManifestForm),
    /// An object if there is one, else a prefix: environment variables do not say.
    Either,
}

/// Everything that the documents name, in their order.
pub fn references(definition: &Definition) -> Vec<Reference> {
    let mut found = vec![];
    for (kind, document) in definition.documents() {
        of_document(kind, document, &mut found);
    }
    found
}

fn of_document(kind: Kind, document: &Document, found: &mut Vec<Reference>) {
    each_text(&document.body, &mut |steps, value| {
        if let Some(names) = classify(document, steps, value) {
            found.push(Reference {
                document: (kind, document.name.clone()),
                pointer: pointer(steps),
                value: value.to_owned(),
                names,
            });
        }
    });
}

/// What the artifacts of a definition are: each URI once, with the form that its fields give it.
pub fn artifacts(definition: &Definition) -> BTreeMap<(String, Form), Vec<Reference>> {
    let mut artifacts: BTreeMap<(String, Form), Vec<Reference>> = BTreeMap::new();
    for reference in references(definition) {
        if let Names::Artifact(form) = reference.names {
            let key = (reference.value.clone(), form);
            artifacts.entry(key).or_default().push(reference);
        }
    }
    artifacts
}

/// The bucket and key of an artifact's URI. A prefix ends with `/`, as SageMaker takes it, and may be a whole bucket.
///
/// # Errors
/// What is wrong with the URI.
pub fn place(uri: &str, form: Form) -> Result<Location, String> {
    let wrong = || format!("{uri:?} is neither s3://bucket/key nor an address of S3 without escapes");
    let rest = uri.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(wrong());
    }
    match form {
        Form::Prefix if key.is_empty() || key.ends_with('/') => Ok(Location::new(bucket, key)),
        Form::Prefix => Ok(Location::new(bucket, format!("{key}/"))),
        _ if key.is_empty() => Err(format!("{uri:?} names a bucket and no object in it")),
        _ => Ok(Location::new(bucket, key)),
    }
}

/// What the string at these steps names, if anything.
pub(super) fn classify(document: &Document, steps: &[Step<'_>], value: &str) -> Option<Names> {
    if value.is_empty() {
        return None;
    }
    let fields: Vec<&str> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Field(name) => Some(*name),
            Step::Index(_) => None,
        })
        .collect();
    let field = *fields.last()?;
    let under = |name: &str| fields[..fields.len() - 1].contains(&name);
    if under("Environment") {
        return match value.starts_with("s3://") {
            true => Some(Names::Artifact(Form::Either)),
            false => (is_regional(value) || names_any_region(value)).then_some(Names::Environment),
        };
    }
    let sibling = |name: &str| {
        let parent = pointer(&steps[..steps.len() - 1]);
        document.body.pointer(&parent)?.get(name)?.as_str()
    };
    Some(match field {
        "ModelName"
        | "EndpointConfigName"
        | "EndpointName"
        | "InferenceComponentName"
        | "BaseInferenceComponentName" => Names::Own,
        "Image" => Names::Image,
        "ModelDataUrl" => Names::Artifact(match sibling("Mode") {
            Some("MultiModel") => Form::Prefix,
            _ => Form::Object,
        }),
        "ManifestS3Uri" => Names::Artifact(Form::Manifest(ManifestForm::Csv)),
        "S3Uri" => Names::Artifact(match sibling("S3DataType") {
            Some("S3Prefix") => Form::Prefix,
            Some("ManifestFile" | "AugmentedManifestFile") => Form::Manifest(ManifestForm::Json),
            Some(_) => Form::Object,
            None => Form::Either,
        }),
        "ArtifactUrl" | "ShapBaselineUri" => Names::Artifact(Form::Object),
        "S3OutputPath" | "S3FailurePath" | "DestinationS3Uri" => Names::Output,
        "SuccessTopic" | "ErrorTopic" => Names::Topic,
        "ModelPackageName" => Names::Package,
        _ if under("Subnets") || field == "Subnets" => Names::Subnet,
        _ if under("SecurityGroupIds") || field == "SecurityGroupIds" => Names::SecurityGroup,
        _ if field.ends_with("RoleArn") => Names::Role,
        _ if field.contains("KmsKey") => Names::Key,
        _ if value.starts_with("s3://") || is_regional(value) => Names::Other,
        _ => return None,
    })
}

/// It holds an ARN with a Region, an S3 URI or the host name of a Region's service.
fn is_regional(value: &str) -> bool {
    value.contains("s3://")
        || value.contains(".amazonaws.com")
        || value
            .split("arn:aws")
            .skip(1)
            .any(|rest| rest.split(':').nth(2).is_some_and(|region| !region.is_empty()))
}

/// Something in it is shaped like a Region's name: `us-east-1`, `ap-southeast-2`, `us-gov-west-1`. What only looks like
/// one does no harm: the rewriting asks for the very Region.
fn names_any_region(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let ends_in = |part: &str| part.len() >= 2 && letters(&part[part.len() - 2..]);
    let begins_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    [3, 4].into_iter().any(|length| {
        parts.windows(length).any(|window| {
            let (first, last) = (window[0], window[length - 1]);
            first.is_char_boundary(first.len().saturating_sub(2))
                && ends_in(first)
                && window[1..length - 1].iter().all(|part| letters(part))
                && begins_with_digit(last)
        })
    })
}

#[cfg(test)]
mod tests;
