//! Reading the value of one variable: the value, or what is wrong with it as the end of the sentence "X is Y: …".

use super::{FleetSource, LogLevel, StateStore};
use crate::text::printable;

fn s3(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("s3://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

fn check_bucket(bucket: &str) -> Result<String, String> {
    let fits = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.'))
        && !bucket.starts_with(['-', '.'])
        && !bucket.ends_with(['-', '.']);
    if fits {
        Ok(bucket.to_owned())
    } else {
        Err(format!("\"{}\" is no bucket name", printable(bucket, 70)))
    }
}

pub(super) fn fleet_source(text: &str) -> Result<FleetSource, String> {
    if let Some((bucket, key)) = s3(text) {
        let bucket = check_bucket(bucket)?;
        if key.is_empty() || key.ends_with('/') {
            return Err("the key of the file is missing after the bucket".into());
        }
        if key.len() > 1024 {
            return Err("the key is longer than the 1024 bytes that S3 allows".into());
        }
        return Ok(FleetSource::S3 {
            bucket,
            key: key.to_owned(),
        });
    }
    match text.strip_prefix("file:") {
        Some("") => Err("the path is missing after file:".into()),
        Some(path) => Ok(FleetSource::File(path.strip_prefix("//").unwrap_or(path).into())),
        None => Err("it begins with neither s3:// nor file:".into()),
    }
}

pub(super) fn state_store(text: &str) -> Result<StateStore, String> {
    let (bucket, prefix) = s3(text).ok_or("it does not begin with s3://")?;
    let bucket = check_bucket(bucket)?;
    let prefix = prefix.trim_matches('/');
    if prefix.len() > 512 {
        return Err("the prefix is longer than 512 bytes".into());
    }
    Ok(StateStore {
        bucket,
        prefix: if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        },
    })
}

pub(super) fn topic_arn(text: &str, region: Option<&str>) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "sns", its_region, account, topic] = parts.as_slice() else {
        return Err("it is not the ARN of an SNS topic".into());
    };
    let plain = |text: &str| {
        text.bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    if !partition.starts_with("aws") || account.len() != 12 || !account.bytes().all(|c| c.is_ascii_digit()) {
        return Err("its partition or account is wrong".into());
    }
    if topic.is_empty() || topic.len() > 256 || !plain(topic.trim_end_matches(".fifo")) || !plain(partition) {
        return Err("its name is wrong".into());
    }
    match region {
        Some(region) if region != *its_region => Err(format!(
            "it is in {}, but the function runs in {region}",
            printable(its_region, 40)
        )),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn installation(text: &str) -> Result<String, String> {
    let fits = text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it does not fit into names of resources".into())
    }
}

pub(super) fn base_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host.map(|host| host.trim_end_matches('/')) {
        None => Err("it does not begin with http:// or https://".into()),
        Some("") => Err("the host is missing".into()),
        Some(rest) if !rest.bytes().all(|c| c.is_ascii_graphic()) || rest.contains(['?', '#', '<', '>', '"']) => {
            Err("a page's name cannot be put after it".into())
        }
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
    }
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'/' | b'#' | b':');
    if text.len() > 255 || !text.bytes().all(allowed) {
        return Err("CloudWatch does not take it".into());
    }
    if text.starts_with("AWS/") || text.starts_with(':') {
        return Err("CloudWatch keeps such namespaces for itself".into());
    }
    Ok(text.to_owned())
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    LogLevel::ALL
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| "there is no such level".to_owned())
}

pub(super) fn region_name(text: &str) -> Result<String, String> {
    let fits = (5..=40).contains(&text.len())
        && text.contains('-')
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it is no Region's name".into())
    }
}

pub(super) fn function_name(text: &str) -> Result<String, String> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b':');
    if text.len() <= 140 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("it is no function's name".into())
    }
}
