//! S3, simulated: versioned buckets in Regions behind the `s3s` crate, which speaks the protocol.
//!
//! Requests come through [`Store::answer`] already addressed by path and stripped of their signature (`wire` does that),
//! so any credentials work. Scenarios and tests reach the same objects directly.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::{clock::SimClock, wire::S3Call, world::ApiError};

mod buckets;
mod checksum;
mod content;
mod copies;
mod front;
mod listing;
mod multipart;
mod objects;
mod shelf;

pub use content::Content;

use checksum::Sums;
use shelf::{Bucket, Object, Shelves};

/// The simulated S3. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Shared,
    service: S3Service,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("buckets", &self.shared.lock().buckets.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The Region a request was signed for, on its way through `s3s`.
#[derive(Clone, Debug)]
struct SignedRegion(String);

#[derive(Clone, Debug)]
struct Shared {
    shelves: Arc<Mutex<Shelves>>,
    clock: SimClock,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Store {
    /// An S3 without buckets. Version and upload ids come from `seed`, times from `clock`.
    pub fn new(seed: u64, clock: SimClock) -> Self {
        let shelves = Shelves {
            buckets: BTreeMap::new(),
            ids: fastrand::Rng::with_seed(seed ^ 0x53_33),
        };
        let shared = Shared {
            shelves: Arc::new(Mutex::new(shelves)),
            clock,
        };
        let service = S3ServiceBuilder::new(front::Front(shared.clone())).build();
        Self { shared, service }
    }

    /// Creates a bucket in `region`, versioned as Steward's state bucket is. A bucket that exists stays as it is.
    pub fn ensure_bucket(&self, bucket: &str, region: &str) {
        let now = self.shared.now();
        self.shared
            .lock()
            .buckets
            .entry(bucket.to_owned())
            .or_insert_with(|| Bucket::new(region, now, true));
    }

    /// Puts an object and answers its ETag (without quotes); `None` when there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>, content_type: &str) -> Option<String> {
        self.put_content(bucket, key, Content::Bytes(body.into()), content_type)
    }

    /// Puts an object of `length` bytes that exist only when they are read; `seed` tells two of the same length apart.
    /// Answers its ETag; `None` when there is no such bucket.
    pub fn put_virtual(&self, bucket: &str, key: &str, length: u64, seed: u64) -> Option<String> {
        self.put_content(
            bucket,
            key,
            Content::Virtual {
                length,
                seed,
                offset: 0,
            },
            "application/octet-stream",
        )
    }

    fn put_content(&self, bucket: &str, key: &str, content: Content, content_type: &str) -> Option<String> {
        let now = self.shared.now();
        let mut shelves = self.shared.lock();
        let version = shelves.next_id();
        let bucket = shelves.buckets.get_mut(bucket)?;
        let sums = Sums::default_for(&content);
        let mut object = Object::new(content, sums, now);
        object.headers.content_type = Some(content_type.to_owned());
        let etag = object.etag.clone();
        bucket.put(key, object, version);
        Some(etag)
    }

    /// The content of the current version of an object. Virtual contents are written out.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let shelves = self.shared.lock();
        let (_, object) = shelves.buckets.get(bucket)?.current(key)?;
        Some(object.content.bytes())
    }

    /// The keys of a bucket that have a current version, in order; empty when there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let shelves = self.shared.lock();
        let Some(bucket) = shelves.buckets.get(bucket) else {
            return Vec::new();
        };
        bucket
            .objects
            .keys()
            .filter(|key| bucket.current(key).is_some())
            .cloned()
            .collect()
    }

    /// How many versions, delete markers included, an object has.
    pub fn versions(&self, bucket: &str, key: &str) -> usize {
        let shelves = self.shared.lock();
        shelves
            .buckets
            .get(bucket)
            .and_then(|bucket| bucket.objects.get(key))
            .map_or(0, Vec::len)
    }

    /// Removes the current version of an object (a delete marker in a versioned bucket).
    pub fn delete(&self, bucket: &str, key: &str) {
        let now = self.shared.now();
        let mut shelves = self.shared.lock();
        let version = shelves.next_id();
        if let Some(bucket) = shelves.buckets.get_mut(bucket) {
            bucket.delete(key, None, version, now);
        }
    }

    /// Answers an S3 request signed for `region`. A bucket of another Region is answered with 301 and
    /// `x-amz-bucket-region`, as S3 does.
    pub async fn answer(&self, call: S3Call, region: &str, request_id: &str) -> Response<Bytes> {
        let head = call.request.method() == http::Method::HEAD;
        let home = call
            .bucket
            .as_ref()
            .and_then(|name| Some(self.shared.lock().buckets.get(name)?.region.clone()));
        let anywhere = matches!(call.operation, "ListBuckets" | "CreateBucket" | "GetBucketLocation");
        let mut response = match &home {
            Some(home) if home != region && !anywhere => {
                let message = format!(
                    "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                     send all future requests to this endpoint: s3.{home}.amazonaws.com"
                );
                crate::wire::s3_error(&ApiError::new(301, "PermanentRedirect", message), request_id)
            }
            _ => self.through_s3s(call, region, request_id).await,
        };
        if head {
            *response.body_mut() = Bytes::new();
        }
        let named = [
            ("x-amz-bucket-region", home.as_deref()),
            ("x-amz-request-id", Some(request_id)),
        ];
        for (name, value) in named {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    async fn through_s3s(&self, call: S3Call, region: &str, request_id: &str) -> Response<Bytes> {
        let mut request = call.request.map(s3s::Body::from);
        request.extensions_mut().insert(SignedRegion(region.to_owned()));
        let failed = |problem: String| crate::wire::s3_error(&ApiError::new(500, "InternalError", problem), request_id);
        let (parts, body) = match self.service.call(request).await {
            Ok(response) => response.into_parts(),
            Err(problem) => return failed(format!("{problem:?}")),
        };
        match body.collect().await {
            Ok(body) => Response::from_parts(parts, body.to_bytes()),
            Err(problem) => failed(problem.to_string()),
        }
    }
}
