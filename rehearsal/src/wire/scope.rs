//! Who signed a request, and for which Region and service: the SigV4 credential scope.

use bytes::Bytes;
use http::Request;

use super::{Protocol, Refusal, percent_decoded};

/// The credential scope of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The access key id.
    pub access_key: String,
    /// The Region, e.g. `eu-west-1`.
    pub region: String,
    /// The signing name: `sagemaker`, `monitoring`, `application-autoscaling`, `sns`, `sts`, `s3`.
    pub service: String,
}

impl Scope {
    /// Who calls, as the access key id says: `SIM-health-checker` is the function `health-checker`; any other key is an
    /// `operator`.
    pub fn caller(&self) -> &str {
        self.access_key
            .strip_prefix("SIM-")
            .filter(|name| !name.is_empty())
            .unwrap_or("operator")
    }

    /// Reads the scope from the `Authorization` header or, for presigned URLs, from `X-Amz-Credential`.
    ///
    /// # Errors
    /// A request that is not signed, or whose scope is not `KEY/DATE/REGION/SERVICE/aws4_request`.
    pub fn of(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let header = request
            .headers()
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let signed = header.and_then(|header| header.strip_prefix("AWS4-HMAC-SHA256"));
        let in_header = signed.and_then(|signed| {
            signed
                .split([',', ' '])
                .find_map(|part| part.trim().strip_prefix("Credential=").map(str::to_owned))
        });
        let in_query = || {
            let query = request.uri().query()?;
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix("X-Amz-Credential=").map(percent_decoded))
        };
        let guess = Self::guess_protocol(request);
        let Some(credential) = in_header.or_else(in_query) else {
            let (code, message) = match header {
                None => ("MissingAuthenticationToken", "Missing Authentication Token".to_owned()),
                Some(header) => {
                    let start: String = header.chars().take(24).collect();
                    let problem = format!("expected AWS4-HMAC-SHA256 with a Credential, found {start:?}");
                    ("IncompleteSignature", problem)
                }
            };
            return Err(Refusal::new(guess, 403, code, message));
        };
        let mut parts = credential.rsplit('/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("aws4_request"), Some(service), Some(region), Some(_date), Some(access_key)) => Ok(Self {
                access_key: access_key.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            }),
            _ => {
                let expected = "Credential must have 5 parts: KEY/DATE/REGION/SERVICE/aws4_request";
                Err(Refusal::new(guess, 403, "IncompleteSignature", expected))
            }
        }
    }

    /// The protocol to refuse an unsigned request in; `None` for S3.
    fn guess_protocol(request: &Request<Bytes>) -> Option<Protocol> {
        let path = request.uri().path();
        let form = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if request.headers().contains_key("x-amz-target") {
            Some(Protocol::Json)
        } else if path.contains("/operation/") {
            Some(Protocol::Cbor)
        } else if path.starts_with("/endpoints/") {
            Some(Protocol::Rest)
        } else {
            form.then_some(Protocol::Query)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(uri: &str, authorization: Option<&str>) -> Result<Scope, String> {
        let mut request = Request::builder().uri(uri);
        if let Some(authorization) = authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        let request = request.body(Bytes::new()).expect("a valid request");
        Scope::of(&request).map_err(|refusal| refusal.code().to_owned())
    }

    #[test]
    fn the_region_and_the_caller_come_from_the_credential_scope() {
        let header = "AWS4-HMAC-SHA256 Credential=SIM-health-checker/20260301/eu-west-1/sagemaker/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=00";
        let expected = Scope {
            access_key: "SIM-health-checker".to_owned(),
            region: "eu-west-1".to_owned(),
            service: "sagemaker".to_owned(),
        };
        assert_eq!(scope("http://localhost/", Some(header)), Ok(expected.clone()));
        let compact = header.replace(", ", ",");
        assert_eq!(scope("http://localhost/", Some(&compact)), Ok(expected));
    }

    #[test]
    fn a_presigned_url_carries_its_scope_in_the_query() {
        let url =
            "http://localhost/b/k?X-Amz-Credential=KEY%2F20260301%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0";
        assert_eq!(scope(url, None).map(|scope| scope.region), Ok("us-east-1".to_owned()));
    }

    #[test]
    fn unsigned_and_half_signed_requests_are_refused() {
        assert_eq!(
            scope("http://localhost/", None),
            Err("MissingAuthenticationToken".to_owned())
        );
        for half in [
            "Basic dXNlcg==",
            "AWS4-HMAC-SHA256 Credential=KEY/20260301/aws4_request",
            "AWS4-HMAC-SHA256",
        ] {
            assert_eq!(
                scope("http://localhost/", Some(half)),
                Err("IncompleteSignature".to_owned()),
                "{half}"
            );
        }
    }
}
