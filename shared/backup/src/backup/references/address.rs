//! The other way to write where something is in S3: the address that an HTTP client would take.
//!
//! SageMaker's fields for artifacts take both (`^(https|s3)://([^/]+)/?(.*)$`), and `mlflow.sagemaker` wrote addresses.

use super::{Names, of_document};
use crate::backup::definition::{Document, Kind};

/// Writes every artifact and output of a document as `s3://bucket/key`.
pub(in crate::backup) fn as_uris(kind: Kind, document: &mut Document) {
    let mut found = vec![];
    of_document(kind, document, &mut found);
    for reference in found {
        if let Names::Artifact(_) | Names::Output = reference.names
            && let Some(uri) = uri(&reference.value)
            && let Some(value) = document.body.pointer_mut(&reference.pointer)
        {
            *value = uri.into();
        }
    }
}

/// The `s3://bucket/key` of an address of S3, with the bucket in the path or in the host. `None` for anything else, and
/// where the key would have to be guessed: it has an escape, or something follows it.
fn uri(address: &str) -> Option<String> {
    let (host, path) = address.strip_prefix("https://")?.split_once('/')?;
    if path.contains(['%', '?', '#']) {
        return None;
    }
    let host = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let labels: Vec<&str> = host.split('.').collect();
    let service = labels.iter().rposition(|label| is_s3(label))?;
    let place = match labels[service + 1..] {
        [] | [_] | ["dualstack", _] => &labels[..service],
        _ => return None,
    };
    let uri = match place {
        [] => format!("s3://{path}"),
        bucket => format!("s3://{}/{path}", bucket.join(".")),
    };
    (uri != "s3://").then_some(uri)
}

fn is_s3(label: &str) -> bool {
    let behind = label.strip_prefix("s3-");
    label == "s3" || behind.is_some_and(|behind| behind == "fips" || super::names_any_region(behind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_an_address_says_the_same_place() {
        for address in [
            "https://s3.amazonaws.com/my.models/a/b+c.tar.gz",
            "https://s3.eu-west-1.amazonaws.com/my.models/a/b+c.tar.gz",
            "https://s3-eu-west-1.amazonaws.com/my.models/a/b+c.tar.gz",
            "https://s3.dualstack.eu-west-1.amazonaws.com/my.models/a/b+c.tar.gz",
            "https://s3-fips.us-gov-west-1.amazonaws.com/my.models/a/b+c.tar.gz",
            "https://s3.cn-north-1.amazonaws.com.cn/my.models/a/b+c.tar.gz",
            "https://my.models.s3.amazonaws.com/a/b+c.tar.gz",
            "https://my.models.s3.eu-west-1.amazonaws.com/a/b+c.tar.gz",
            "https://my.models.s3-eu-west-1.amazonaws.com/a/b+c.tar.gz",
            "https://my.models.s3.dualstack.eu-west-1.amazonaws.com/a/b+c.tar.gz",
        ] {
            assert_eq!(
                uri(address).as_deref(),
                Some("s3://my.models/a/b+c.tar.gz"),
                "{address}"
            );
        }
        assert_eq!(uri("https://s3.in.s3.amazonaws.com/k").as_deref(), Some("s3://s3.in/k"));
    }

    #[test]
    fn what_is_no_address_of_s3_and_what_would_have_to_be_guessed_stays_as_it_is() {
        for value in [
            "s3://models/a",
            "http://s3.amazonaws.com/models/a",
            "https://s3.amazonaws.com",
            "https://s3.amazonaws.com/",
            "https://models.s3.amazonaws.com/a%20b.tar.gz",
            "https://models.s3.amazonaws.com/a?versionId=1",
            "https://models.s3-website.eu-west-1.amazonaws.com/a",
            "https://models.s3.a.b.amazonaws.com/a",
            "https://sagemaker.eu-west-1.amazonaws.com/a",
            "https://s3.example.com/models/a",
            "https://",
            "",
        ] {
            assert_eq!(uri(value), None, "{value}");
        }
    }

    #[test]
    fn a_model_whose_artifact_is_an_address_is_kept_with_its_uri() {
        let answer = json!({
            "ModelName": "m",
            "PrimaryContainer": {
                "Image": "i", "ModelDataUrl": "https://s3.eu-west-1.amazonaws.com/models/m.tar.gz",
                "Environment": {"HUB": "https://s3.eu-west-1.amazonaws.com/models/hub"},
            },
        });
        let document = Document::described(Kind::Model, answer, BTreeMap::new()).unwrap();
        assert_eq!(
            document.body["PrimaryContainer"],
            json!({
                "Image": "i", "ModelDataUrl": "s3://models/m.tar.gz",
                "Environment": {"HUB": "https://s3.eu-west-1.amazonaws.com/models/hub"},
            })
        );
    }
}
