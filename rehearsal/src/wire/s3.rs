//! S3 requests made plain: addressed by path, without transfer coding and signature, and named.
//!
//! The store's front parses S3 properly; what must be known before it does (which operation, on which bucket, needing
//! which permissions) is read from the request line here, so that faults can strike before any effect.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST},
};
use quick_xml::escape::escape;

use super::{Refusal, percent_decoded, status};
use crate::world::ApiError;

/// An S3 request, ready for the store.
#[derive(Debug)]
pub struct S3Call {
    /// The operation, as the API model spells it; `Unknown` for those the store does not have either.
    pub operation: &'static str,
    /// The IAM actions it needs.
    pub actions: Vec<&'static str>,
    /// The bucket, unless the request is for all of them.
    pub bucket: Option<String>,
    /// The key, decoded.
    pub key: Option<String>,
    pub(crate) request: Request<Bytes>,
    /// What it copies comes out different.
    pub(crate) corrupted: bool,
}

impl S3Call {
    pub(super) fn read(request: Request<Bytes>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.host().map(str::to_owned).or_else(|| {
            parts
                .headers
                .get(HOST)
                .and_then(|host| host.to_str().ok())
                .map(str::to_owned)
        });
        let bucket_in_host = host.as_deref().and_then(bucket_of_host);
        let path = match &bucket_in_host {
            Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
            None => parts.uri.path().to_owned(),
        };
        let query: Vec<&str> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("X-Amz-"))
            .collect();
        let (bucket, key) = match path.trim_start_matches('/').split_once('/') {
            Some((bucket, "")) => (bucket.to_owned(), None),
            Some((bucket, key)) => (bucket.to_owned(), Some(percent_decoded(key))),
            None => (path.trim_start_matches('/').to_owned(), None),
        };
        let bucket = (!bucket.is_empty()).then(|| percent_decoded(&bucket));
        let (operation, actions) = named(&parts.method, bucket.is_some(), key.is_some(), &query, &parts.headers);
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        };
        parts.uri = target
            .parse::<Uri>()
            .map_err(|problem| Refusal::new(None, 400, "InvalidURI", format!("{target}: {problem}")))?;
        parts.headers.insert(HOST, HeaderValue::from_static("s3.localhost"));
        let body = plain_body(&mut parts.headers, body)?;
        for signing in [
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-security-token",
            "x-amz-decoded-content-length",
        ] {
            parts.headers.remove(signing);
        }
        parts.headers.remove(AUTHORIZATION);
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        Ok(Self {
            operation,
            actions,
            bucket,
            key,
            request: Request::from_parts(parts, body),
            corrupted: false,
        })
    }
}

impl S3Call {
    /// The bucket that the request copies from.
    pub fn copied_from(&self) -> Option<String> {
        let source = self.request.headers().get("x-amz-copy-source")?.to_str().ok()?;
        let source = percent_decoded(source.split('?').next()?);
        let (bucket, _) = source.trim_start_matches('/').split_once('/')?;
        Some(bucket.to_owned())
    }
}

/// `bucket` of `bucket.s3.REGION.amazonaws.com` and of `bucket.localhost`; nothing for path-style hosts.
fn bucket_of_host(host: &str) -> Option<String> {
    let host = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    let aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let bucket = if aws {
        host.split_once(".s3.")
            .or_else(|| host.split_once(".s3-"))
            .map(|(bucket, _)| bucket)
    } else {
        host.strip_suffix(".localhost").filter(|bucket| *bucket != "s3")
    };
    bucket.map(str::to_owned)
}

/// The operations simulated.
pub(crate) const OPERATIONS: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "GetBucketEncryption",
    "GetBucketLocation",
    "GetBucketVersioning",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketEncryption",
    "PutBucketVersioning",
    "PutObject",
    "PutObjectTagging",
    "UploadPart",
    "UploadPartCopy",
];

fn named(
    method: &Method,
    bucket: bool,
    key: bool,
    query: &[&str],
    headers: &HeaderMap,
) -> (&'static str, Vec<&'static str>) {
    let has = |name: &str| query.iter().any(|pair| pair.split('=').next() == Some(name));
    let copied = headers.contains_key("x-amz-copy-source");
    let (read, delete) = if has("versionId") {
        ("s3:GetObjectVersion", "s3:DeleteObjectVersion")
    } else {
        ("s3:GetObject", "s3:DeleteObject")
    };
    let source = match headers.get("x-amz-copy-source").and_then(|source| source.to_str().ok()) {
        Some(source) if source.contains("?versionId=") => "s3:GetObjectVersion",
        _ => "s3:GetObject",
    };
    let (operation, action) = match (method.as_str(), bucket, key) {
        ("GET", false, _) => ("ListBuckets", "s3:ListAllMyBuckets"),
        ("PUT", true, false) if has("versioning") => ("PutBucketVersioning", "s3:PutBucketVersioning"),
        ("GET", true, false) if has("encryption") => ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("PUT", true, false) if has("encryption") => ("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("PUT", true, false) if query.is_empty() => ("CreateBucket", "s3:CreateBucket"),
        ("GET", true, false) if has("location") => ("GetBucketLocation", "s3:GetBucketLocation"),
        ("GET", true, false) if has("versioning") => ("GetBucketVersioning", "s3:GetBucketVersioning"),
        ("GET", true, false) if has("versions") => ("ListObjectVersions", "s3:ListBucketVersions"),
        ("GET", true, false) if has("uploads") => ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("GET", true, false) if has("list-type") => ("ListObjectsV2", "s3:ListBucket"),
        ("GET", true, false) if lists(query) => ("ListObjects", "s3:ListBucket"),
        ("HEAD", true, false) => ("HeadBucket", "s3:ListBucket"),
        ("DELETE", true, false) => ("DeleteBucket", "s3:DeleteBucket"),
        ("POST", true, false) if has("delete") => ("DeleteObjects", "s3:DeleteObject"),
        ("GET", true, true) if has("uploadId") => ("ListParts", "s3:ListMultipartUploadParts"),
        ("GET", true, true) if has("tagging") && has("versionId") => ("GetObjectTagging", "s3:GetObjectVersionTagging"),
        ("GET", true, true) if has("tagging") => ("GetObjectTagging", "s3:GetObjectTagging"),
        ("GET", true, true) if has("attributes") => ("GetObjectAttributes", "s3:GetObjectAttributes"),
        ("GET", true, true) => ("GetObject", read),
        ("HEAD", true, true) => ("HeadObject", read),
        ("PUT", true, true) if has("uploadId") && copied => {
            return ("UploadPartCopy", vec![source, "s3:PutObject"]);
        }
        ("PUT", true, true) if has("uploadId") => ("UploadPart", "s3:PutObject"),
        ("PUT", true, true) if has("tagging") => ("PutObjectTagging", "s3:PutObjectTagging"),
        ("PUT", true, true) if copied => return ("CopyObject", vec![source, "s3:PutObject"]),
        ("PUT", true, true) => ("PutObject", "s3:PutObject"),
        ("POST", true, true) if has("uploads") => ("CreateMultipartUpload", "s3:PutObject"),
        ("POST", true, true) if has("uploadId") => ("CompleteMultipartUpload", "s3:PutObject"),
        ("DELETE", true, true) if has("tagging") => ("DeleteObjectTagging", "s3:DeleteObjectTagging"),
        ("DELETE", true, true) if has("uploadId") => ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
        ("DELETE", true, true) => ("DeleteObject", delete),
        _ => ("Unknown", "s3:Unknown"),
    };
    (operation, vec![action])
}

/// Whether a query on a bucket is that of the first listing API, and not of a subresource such as `?policy`.
fn lists(query: &[&str]) -> bool {
    query.iter().all(|pair| {
        matches!(
            pair.split('=').next(),
            Some("prefix" | "delimiter" | "marker" | "max-keys" | "encoding-type" | "x-id")
        )
    })
}

/// Undoes `aws-chunked`: the chunks joined, and checksums from the trailer moved into the headers.
fn plain_body(headers: &mut HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
    let streaming = headers
        .get("x-amz-content-sha256")
        .is_some_and(|digest| digest.as_bytes().starts_with(b"STREAMING-"));
    if !streaming {
        return Ok(body);
    }
    headers.remove("x-amz-trailer");
    let codings = headers
        .get(CONTENT_ENCODING)
        .and_then(|codings| codings.to_str().ok())
        .unwrap_or_default();
    let kept: Vec<&str> = codings
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty() && *it != "aws-chunked")
        .collect();
    match HeaderValue::from_str(&kept.join(",")) {
        Ok(kept) if !kept.is_empty() => headers.insert(CONTENT_ENCODING, kept),
        _ => headers.remove(CONTENT_ENCODING),
    };
    let broken = |problem: &str| Refusal::new(None, 400, "IncompleteBody", format!("aws-chunked body: {problem}"));
    let mut rest = body;
    let mut plain = BytesMut::with_capacity(rest.len());
    loop {
        let line = next_line(&mut rest).ok_or_else(|| broken("a chunk without a size line"))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken("a chunk size that is not hexadecimal"))?;
        if size == 0 {
            break;
        }
        if rest.len() < size + 2 {
            return Err(broken("a chunk shorter than its size"));
        }
        plain.extend_from_slice(&rest.split_to(size));
        drop(rest.split_to(2));
    }
    while let Some(line) = next_line(&mut rest) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !name.trim().to_ascii_lowercase().starts_with("x-amz-checksum-") {
            continue;
        }
        if let (Ok(name), Ok(value)) = (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            headers.insert(name, value);
        }
    }
    Ok(plain.freeze())
}

fn next_line(rest: &mut Bytes) -> Option<String> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = rest.split_to(end);
    drop(rest.split_to(2));
    Some(String::from_utf8_lossy(&line).into_owned())
}

pub(super) fn error(error: &ApiError, request_id: &str) -> Response<Bytes> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId>\
         </Error>",
        escape(&error.code),
        escape(&error.message),
        escape(request_id)
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status(error.status);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, uri: &str, headers: &[(&'static str, &str)], body: &'static [u8]) -> Result<S3Call, String> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from_static(body)).expect("a valid request");
        S3Call::read(request).map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn every_operation_that_is_told_from_a_request_is_among_those_simulated() {
        let (code, _) = include_str!("s3.rs").split_once("#[cfg(test)]").expect("tests");
        let (_, code) = code.split_once("fn named(").expect("the function");
        let (code, _) = code.split_once("\n}\n").expect("its end");
        let told: std::collections::BTreeSet<&str> = code
            .split('"')
            .filter(|word| word.len() > 6 && word.starts_with(|first: char| first.is_ascii_uppercase()))
            .filter(|word| word.chars().all(|letter| letter.is_ascii_alphanumeric()) && *word != "Unknown")
            .filter(|word| word.chars().any(|letter| letter.is_ascii_lowercase()))
            .collect();
        assert_eq!(told, OPERATIONS.iter().copied().collect());
    }

    #[test]
    fn buckets_in_the_host_become_the_path() {
        for uri in [
            "https://state.s3.eu-west-1.amazonaws.com/a%20b",
            "http://state.localhost:4566/a%20b",
        ] {
            let call = call("GET", uri, &[], b"").expect("a valid call");
            assert_eq!(
                (call.bucket.as_deref(), call.key.as_deref()),
                (Some("state"), Some("a b")),
                "{uri}"
            );
            assert_eq!(call.request.uri(), "/state/a%20b");
        }
        let call = call("GET", "https://s3.eu-west-1.amazonaws.com/state/k", &[], b"").expect("a valid call");
        assert_eq!(call.bucket.as_deref(), Some("state"));
    }

    #[test]
    fn operations_and_permissions_are_told_from_the_request_line() {
        let copy = [("x-amz-copy-source", "b/k?versionId=1")];
        let cases: [(&str, &str, &[_], &str, &[&str]); 10] = [
            ("GET", "/", &[], "ListBuckets", &["s3:ListAllMyBuckets"]),
            (
                "GET",
                "/b?list-type=2&prefix=x",
                &[],
                "ListObjectsV2",
                &["s3:ListBucket"],
            ),
            ("GET", "/b?policy", &[], "Unknown", &["s3:Unknown"]),
            ("GET", "/b/k?versionId=1", &[], "GetObject", &["s3:GetObjectVersion"]),
            (
                "GET",
                "/b/k?tagging&versionId=1",
                &[],
                "GetObjectTagging",
                &["s3:GetObjectVersionTagging"],
            ),
            ("PUT", "/b/k?x-id=PutObject", &[], "PutObject", &["s3:PutObject"]),
            (
                "PUT",
                "/b/k",
                &copy,
                "CopyObject",
                &["s3:GetObjectVersion", "s3:PutObject"],
            ),
            (
                "PUT",
                "/b/k?uploadId=u&partNumber=1",
                &copy,
                "UploadPartCopy",
                &["s3:GetObjectVersion", "s3:PutObject"],
            ),
            ("POST", "/b/k?uploads", &[], "CreateMultipartUpload", &["s3:PutObject"]),
            (
                "DELETE",
                "/b/k?uploadId=u",
                &[],
                "AbortMultipartUpload",
                &["s3:AbortMultipartUpload"],
            ),
        ];
        for (method, uri, headers, operation, actions) in cases {
            let call = call(method, uri, headers, b"").expect("a valid call");
            assert_eq!(
                (call.operation, &call.actions[..]),
                (operation, actions),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn a_chunked_body_is_joined_and_its_trailing_checksum_becomes_a_header() {
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let body = b"3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfd9A==\r\n\r\n";
        let read = call("PUT", "/b/k", &headers, body).expect("a valid call");
        assert_eq!(&read.request.body()[..], b"abcde");
        assert_eq!(read.request.headers()["x-amz-checksum-crc32"], "hYfd9A==");
        assert!(!read.request.headers().contains_key(CONTENT_ENCODING));
        let cut = call("PUT", "/b/k", &headers, b"9\r\nabc\r\n");
        assert!(
            cut.as_ref()
                .is_err_and(|problem| problem.contains("shorter than its size")),
            "{cut:?}"
        );
    }
}
