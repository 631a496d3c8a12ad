//! One string for the other Region.

use std::collections::BTreeMap;

use super::{Mappings, Rules, images};
use crate::{
    backup::references::{Form, Names, Reference},
    text::printable,
};

/// Why not, and what to do.
type No = (String, String);

pub(super) fn rewritten(reference: &Reference, rules: &Rules) -> Result<String, No> {
    let value = reference.value.as_str();
    let maps = &rules.mappings;
    if let Some(mapped) = said(reference, maps) {
        return Ok(mapped.to_owned());
    }
    match reference.names {
        Names::Own => Ok(value.to_owned()),
        Names::Artifact(form) => artifact(value, form, rules),
        Names::Output => bucket(value, maps).ok_or_else(|| {
            let why = "SageMaker writes there, and writes only to buckets in the endpoint's own Region".to_owned();
            (why, bucket_advice(value, rules))
        }),
        Names::Image => {
            let how = images::Move {
                account: &rules.account,
                from: &rules.from,
                to: &rules.to,
                mapped: &maps.images,
            };
            images::moved(value, how).map_err(|why| (why, images::advice(value, &rules.to)))
        }
        Names::Role => Ok(maps.roles.get(value).cloned().unwrap_or_else(|| value.to_owned())),
        Names::Key => mapped(&maps.keys, value, || {
            (
                format!(
                    "a key is in one Region, and none is known to take its place in {}",
                    rules.to
                ),
                "keys",
            )
        }),
        Names::Subnet => mapped(&maps.subnets, value, || {
            (
                format!(
                    "a subnet is in one Region, and none is known to take its place in {}",
                    rules.to
                ),
                "subnets",
            )
        }),
        Names::SecurityGroup => mapped(&maps.security_groups, value, || {
            let why = format!(
                "a security group is in one Region, and none is known to take its place in {}",
                rules.to
            );
            (why, "security_groups")
        }),
        Names::Package | Names::Topic | Names::Environment | Names::Other => other(reference, rules),
    }
}

/// The fleet file says of this very string, or of this environment variable, what it becomes.
pub(super) fn is_mapped(reference: &Reference, rules: &Rules) -> bool {
    said(reference, &rules.mappings).is_some()
}

/// What the fleet file says that a string becomes. What follows without it, as for images of one's own, is not among it.
pub(super) fn by_file(reference: &Reference, maps: &Mappings) -> Option<String> {
    let value = reference.value.as_str();
    if let Some(mapped) = said(reference, maps) {
        return Some(mapped.to_owned());
    }
    match reference.names {
        Names::Own => None,
        Names::Image => images::mapped(value, &maps.images),
        Names::Role => maps.roles.get(value).cloned(),
        Names::Key => maps.keys.get(value).cloned(),
        Names::Subnet => maps.subnets.get(value).cloned(),
        Names::SecurityGroup => maps.security_groups.get(value).cloned(),
        Names::Artifact(_) | Names::Output => bucket(value, maps),
        Names::Package | Names::Topic | Names::Environment | Names::Other => bucket(value, maps),
    }
}

/// What the fleet file says of a string it says by a name that is the same in every Region: that of an environment variable,
/// or the alias of a key.
pub(super) fn is_by_name(reference: &Reference, maps: &Mappings) -> bool {
    let is_alias = reference.names == Names::Key && reference.value.starts_with("alias/");
    let by_value = maps.others.contains_key(&reference.value);
    is_alias || !by_value && variable(&reference.pointer).is_some_and(|name| maps.environment.contains_key(name))
}

fn said<'a>(reference: &Reference, maps: &'a Mappings) -> Option<&'a str> {
    let Mappings {
        others, environment, ..
    } = maps;
    let by_name = || environment.get(variable(&reference.pointer)?);
    others.get(&reference.value).or_else(by_name).map(String::as_str)
}

fn mapped(
    entries: &BTreeMap<String, String>,
    value: &str,
    refusal: impl FnOnce() -> (String, &'static str),
) -> Result<String, No> {
    entries.get(value).cloned().ok_or_else(|| {
        let (why, section) = refusal();
        (
            why,
            format!("say under `{section}`: \"{}\": its like", printable(value, 200)),
        )
    })
}

/// Where an artifact is that need not be copied: its bucket is mapped, or AWS has one like it in every Region.
pub(super) fn elsewhere(value: &str, rules: &Rules) -> Option<String> {
    bucket(value, &rules.mappings).or_else(|| aws_bucket(value, rules))
}

fn artifact(value: &str, form: Form, rules: &Rules) -> Result<String, No> {
    if let Some(mapped) = elsewhere(value, rules) {
        return Ok(mapped);
    }
    rules.copied.get(&(value.to_owned(), form)).cloned().ok_or_else(|| {
        let why = match form {
            Form::Either => {
                "there is neither an object nor a prefix of that name, so there is nothing to copy".to_owned()
            }
            _ => "it was not copied".to_owned(),
        };
        (why, bucket_advice(value, rules))
    })
}

/// By the longest entry of `buckets` that is the place or its beginning.
fn bucket(value: &str, maps: &Mappings) -> Option<String> {
    let place = value.strip_prefix("s3://")?;
    maps.buckets
        .iter()
        .filter_map(|(from, to)| {
            let rest = place.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/') || from.ends_with('/'))
                .then(|| (from.len(), format!("s3://{to}{rest}")))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, to)| to)
}

/// JumpStart's artifacts are in a bucket of AWS in each Region (`JUMPSTART_BUCKET_BASE_NAME` and
/// `JUMPSTART_GATED_CONTENT_BUCKET` of aws/sagemaker-python-sdk).
fn aws_bucket(value: &str, rules: &Rules) -> Option<String> {
    ["jumpstart-cache-prod-", "jumpstart-private-cache-prod-"]
        .iter()
        .find_map(|base| {
            let key = value
                .strip_prefix("s3://")?
                .strip_prefix(base)?
                .strip_prefix(&rules.from)?;
            key.starts_with('/').then(|| format!("s3://{base}{}{key}", rules.to))
        })
}

fn bucket_advice(value: &str, rules: &Rules) -> String {
    let bucket = value.trim_start_matches("s3://").split('/').next().unwrap_or_default();
    format!(
        "say under `buckets`: \"{}\": a bucket in {}",
        printable(bucket, 100),
        rules.to
    )
}

/// What names the old Region has to be mapped; what does not may stay.
fn other(reference: &Reference, rules: &Rules) -> Result<String, No> {
    let value = reference.value.as_str();
    if value == rules.from {
        return Ok(rules.to.clone());
    }
    if !value.contains("s3://") && !names_region(value, &rules.from) {
        return Ok(value.to_owned());
    }
    if let Some(mapped) = bucket(value, &rules.mappings) {
        return Ok(mapped);
    }
    let shown = printable(value, 200);
    Err(match (reference.names, variable(&reference.pointer)) {
        (_, Some(variable)) => {
            let why = format!("it names something in {}", rules.from);
            (
                why,
                format!(
                    "say under `environment`: {}: its value in {}",
                    printable(variable, 100),
                    rules.to
                ),
            )
        }
        (Names::Package, _) => {
            let why = format!("a model package is in one Region, {}", rules.from);
            (
                why,
                format!("say under `others`: \"{shown}\": the ARN of its copy in {}", rules.to),
            )
        }
        (Names::Topic, _) => {
            let why = "SageMaker tells only topics in the endpoint's own Region".to_owned();
            (
                why,
                format!("say under `others`: \"{shown}\": the ARN of a topic in {}", rules.to),
            )
        }
        _ => {
            let why = format!("it names something in {}", rules.from);
            (
                why,
                format!("say under `others`: \"{shown}\": its like in {}", rules.to),
            )
        }
    })
}

/// The Region stands in it as a whole word: `us-east-1`, not the beginning of `us-east-10`.
fn names_region(value: &str, region: &str) -> bool {
    value.match_indices(region).any(|(at, _)| {
        let word = |c: char| c.is_ascii_alphanumeric();
        !value[..at].chars().next_back().is_some_and(word)
            && !value[at + region.len()..].chars().next().is_some_and(word)
    })
}

/// The name of an environment variable, from the pointer of its value.
fn variable(pointer: &str) -> Option<&str> {
    let (way, name) = pointer.rsplit_once('/')?;
    way.ends_with("/Environment").then_some(name)
}
