//! S3: small objects read and written whole, with the conditions that make a ledger of them; and in `objects` and `copy`,
//! large ones listed and copied between Regions.

pub mod copy;
pub mod objects;
mod spelling;
mod uploads;

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{Client, config::Builder, operation::get_object::GetObjectOutput, primitives::ByteStream};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use jiff::Timestamp;

use super::{Base, Bound, incomplete, timestamp};
use crate::failure::{CallError, Failure};

pub use crate::location::Location;

const SERVICE: &str = "s3";

/// One object, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `ETag`, quotes included, as `If-Match` wants it.
    pub etag: String,
    /// `LastModified`, in whole seconds; absent where the answer does not say it.
    pub modified: Option<Timestamp>,
    /// The content.
    pub body: Vec<u8>,
}

/// What reading an object came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// It is there.
    Object(Object),
    /// It still has the ETag asked with.
    NotModified,
    /// There is no such key. A missing bucket is an error instead.
    Absent,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its whole key.
    pub key: String,
    /// As [`Object::etag`].
    pub etag: String,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Write whatever is there.
    Always,
    /// Only over the object with this ETag.
    Matches(&'a str),
    /// Only if there is no object.
    Absent,
}

/// S3 in the function's Region.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Client,
    bound: Bound,
}

impl S3 {
    /// A client on `base`.
    pub fn new(base: &Base) -> Self {
        Self::with(base, base.few_calls(), None)
    }

    /// A client on `base`, with other retries and timeouts than those of `base`.
    fn with(base: &Base, retries: Option<RetryConfig>, timeouts: Option<TimeoutConfig>) -> Self {
        let mut config = Builder::from(&base.sdk)
            .force_path_style(base.path_style())
            .retry_partition(base.partition(SERVICE));
        config.set_retry_config(retries);
        if let Some(timeouts) = timeouts {
            config = config.timeout_config(timeouts);
        }
        Self {
            client: Client::from_conf(config.build()),
            bound: base.bound(),
        }
    }

    /// The same, giving up at `deadline`.
    #[must_use]
    pub fn until(&self, deadline: jiff::Timestamp) -> Self {
        Self {
            client: self.client.clone(),
            bound: self.bound.until(deadline),
        }
    }

    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Reads an object of at most `limit` bytes; with `unless` (an ETag) only if it has changed since.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the object is larger than `limit`; [`Failure::Denied`] also for a missing key when the
    /// role may not list the bucket.
    pub async fn get(&self, at: &Location, unless: Option<&str>, limit: u64) -> Result<Got, CallError> {
        let operation = "GetObject";
        let whole = async {
            let answer = match self.open(at, unless).await? {
                Ok(answer) => answer,
                Err(nothing) => return Ok(nothing),
            };
            let etag = answer
                .e_tag()
                .map(str::to_owned)
                .ok_or_else(|| incomplete(SERVICE, operation, "ETag"))?;
            let modified = answer.last_modified().and_then(timestamp);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            match collect(answer.body, limit).await {
                Ok((body, true)) => Ok(Got::Object(Object { etag, modified, body })),
                Ok((_, false)) => {
                    let problem = format!("the object is larger than the {limit} bytes accepted here");
                    Err(unread(at, Failure::Invalid, problem))
                }
                Err(problem) => Err(unread(at, Failure::Network, problem)),
            }
        };
        self.bound.limit(SERVICE, operation, whole).await?
    }

    /// The first `limit` bytes of an object of any size, and whether that is all of it; `None` when there is none. What is
    /// beyond them is not read.
    ///
    /// # Errors
    /// As [`S3::get`], but for its size.
    pub async fn beginning(&self, at: &Location, limit: usize) -> Result<Option<(Vec<u8>, bool)>, CallError> {
        let read = async {
            match self.open(at, None).await? {
                Ok(answer) => collect(answer.body, limit)
                    .await
                    .map(Some)
                    .map_err(|problem| unread(at, Failure::Network, problem)),
                Err(_) => Ok(None),
            }
        };
        self.bound.limit(SERVICE, "GetObject", read).await?
    }

    /// The object with its body still to be read, or what there is instead.
    async fn open(&self, at: &Location, unless: Option<&str>) -> Result<Result<GetObjectOutput, Got>, CallError> {
        let request = self.client.get_object().bucket(&at.bucket).key(&at.key);
        let request = request.set_if_none_match(unless.map(str::to_owned));
        match request.send().await {
            Ok(answer) => Ok(Ok(answer)),
            Err(error) if status(&error) == Some(304) => Ok(Err(Got::NotModified)),
            Err(error) => {
                let error = super::errors::classify(SERVICE, "GetObject", &error);
                match error.code.as_deref() {
                    Some("NoSuchKey") => Ok(Err(Got::Absent)),
                    _ => Err(error),
                }
            }
        }
    }

    /// Writes an object under a condition and answers its new ETag.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when the condition does not hold, which may also be because an earlier attempt of this very
    /// call took effect and its answer was lost.
    pub async fn put(
        &self,
        at: &Location,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition<'_>,
    ) -> Result<String, CallError> {
        let operation = "PutObject";
        let request = self
            .client
            .put_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .content_type(content_type);
        let request = match condition {
            Condition::Always => request,
            Condition::Matches(etag) => request.if_match(etag),
            Condition::Absent => request.if_none_match("*"),
        };
        let put = self
            .bound
            .call(SERVICE, operation, request.body(ByteStream::from(body)).send())
            .await;
        match put {
            Ok(answer) => answer.e_tag.ok_or_else(|| incomplete(SERVICE, operation, "ETag")),
            // The object that was to be overwritten has been deleted meanwhile.
            Err(error) if error.code.as_deref() == Some("NoSuchKey") && condition != Condition::Absent => {
                Err(CallError {
                    failure: Failure::Conflict,
                    ..error
                })
            }
            Err(error) => Err(error),
        }
    }

    /// All objects under a prefix, by key.
    ///
    /// # Errors
    /// What S3 says; there is no partial list.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Listed>, CallError> {
        let operation = "ListObjectsV2";
        let missing = |what| incomplete(SERVICE, operation, what);
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
            let request = request.set_continuation_token(token);
            let page = self.bound.call(SERVICE, operation, request.send()).await?;
            for object in page.contents.unwrap_or_default() {
                found.push(Listed {
                    key: object.key.ok_or_else(|| missing("Key"))?,
                    etag: object.e_tag.ok_or_else(|| missing("ETag"))?,
                });
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes an object; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn delete(&self, at: &Location) -> Result<(), CallError> {
        let request = self.client.delete_object().bucket(&at.bucket).key(&at.key);
        self.bound.call(SERVICE, "DeleteObject", request.send()).await.map(drop)
    }

    /// The ETag of an object, `None` when it is not there. A missing bucket cannot be told from a missing key here.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn head(&self, at: &Location) -> Result<Option<String>, CallError> {
        let operation = "HeadObject";
        let request = self.client.head_object().bucket(&at.bucket).key(&at.key);
        match self.bound.call(SERVICE, operation, request.send()).await {
            Ok(answer) => answer
                .e_tag
                .map(Some)
                .ok_or_else(|| incomplete(SERVICE, operation, "ETag")),
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn unread(at: &Location, failure: Failure, problem: String) -> CallError {
    CallError {
        service: SERVICE,
        operation: "GetObject",
        failure,
        code: None,
        message: format!("{at}: {problem}"),
        request_id: None,
    }
}

/// At most `limit` bytes, and whether these are all.
async fn collect(mut stream: ByteStream, limit: usize) -> Result<(Vec<u8>, bool), String> {
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| format!("the body was cut off: {error}"))?;
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uri_with_bucket_and_key_is_a_location() {
        assert_eq!(Location::parse("s3://b/k/l.yaml"), Some(Location::new("b", "k/l.yaml")));
        for wrong in ["s3://b", "s3://b/", "s3:///k", "b/k", "https://b/k", ""] {
            assert_eq!(Location::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Location::new("b", "k/l").to_string(), "s3://b/k/l");
    }

    #[tokio::test]
    async fn of_a_body_over_the_limit_no_more_than_the_limit_is_kept() {
        let body = || ByteStream::from(vec![7; 10]);
        assert_eq!(collect(body(), 10).await, Ok((vec![7; 10], true)));
        assert_eq!(collect(body(), 9).await, Ok((vec![7; 9], false)));
    }
}
