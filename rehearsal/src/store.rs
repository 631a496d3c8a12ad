//! S3, simulated: versioned buckets in Regions behind the `s3s` crate, which speaks the protocol.
//!
//! Requests come through [`Store::answer`] already addressed by path and stripped of their signature (`wire` does that),
//! so any credentials work. Scenarios and tests reach the same objects directly.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::{
    clock::SimClock,
    wire::S3Call,
    world::{ApiError, Artifact},
};

mod attributes;
mod buckets;
mod checksum;
mod content;
mod copies;
mod crc;
mod encoding;
mod front;
mod keys;
mod listing;
mod look;
mod multipart;
mod objects;
mod shelf;
mod uploads;

pub use content::Content;
pub use keys::Key;

use checksum::Sums;
pub use look::{Given, GivenChecksum, Look};
use shelf::{Bucket, Headers, Object, Shelves};

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

/// How many bytes a request copied, on its way back through `s3s`.
#[derive(Clone, Debug, Default)]
struct Copied(Arc<AtomicU64>);

impl Copied {
    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What the request copies comes out different, on its way through `s3s`.
#[derive(Clone, Copy, Debug)]
struct Corrupted;

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
    /// The S3 of an account, without buckets. Version and upload ids come from `seed`, times from `clock`.
    pub fn new(account: &str, seed: u64, clock: SimClock) -> Self {
        let shelves = Shelves {
            account: account.to_owned(),
            buckets: BTreeMap::new(),
            keys: keys::Keys::default(),
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

    /// Makes a KMS key known, by its ARN. Once one is known, S3 encrypts and decrypts with known keys only.
    pub fn know_key(&self, arn: &str, key: Key) {
        self.shared.lock().keys.0.insert(arn.to_owned(), key);
    }

    /// Encrypts with this key, by default, what is written to a bucket that exists.
    pub fn encrypt_bucket(&self, bucket: &str, key: &str) {
        if let Some(bucket) = self.shared.lock().buckets.get_mut(bucket) {
            bucket.key = Some(key.to_owned());
        }
    }

    /// Stops keeping versions in a bucket that has none yet, as if it had never kept any.
    pub fn without_versions(&self, bucket: &str) {
        let mut shelves = self.shared.lock();
        if let Some(bucket) = shelves.buckets.get_mut(bucket).filter(|it| it.objects.is_empty()) {
            bucket.versioned = None;
        }
    }

    /// The Region of a bucket.
    pub fn region_of(&self, bucket: &str) -> Option<String> {
        Some(self.shared.lock().buckets.get(bucket)?.region.clone())
    }

    /// Puts an object and answers its ETag (without quotes); `None` when there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>, content_type: &str) -> Option<String> {
        let given = Given {
            content_type: Some(content_type.to_owned()),
            ..Given::default()
        };
        self.put_content(bucket, key, Content::Bytes(body.into()), given)
    }

    /// Puts an object of `length` bytes that exist only when they are read; `seed` tells two of the same length apart.
    /// Answers its ETag; `None` when there is no such bucket.
    pub fn put_virtual(&self, bucket: &str, key: &str, length: u64, seed: u64) -> Option<String> {
        self.put_content(bucket, key, Content::of_length(length, seed), Given::default())
    }

    /// Puts any content with what is given beside it, as a client's one call or multipart upload would have. Answers the
    /// ETag; `None` when there is no such bucket.
    pub fn put_content(&self, bucket: &str, key: &str, content: Content, given: Given) -> Option<String> {
        let now = self.shared.now();
        let mut shelves = self.shared.lock();
        let version = shelves.next_id();
        let bucket = shelves.buckets.get_mut(bucket)?;
        let mut object = Object::new(content, Sums::default(), now);
        if let Some(size) = given.part_size.filter(|size| (1..object.content.len()).contains(size)) {
            object.in_parts(size);
        }
        object.sums = Sums::given(&object.content, given.checksum, given.part_size);
        object.headers = Headers {
            content_type: given
                .content_type
                .or_else(|| Some("application/octet-stream".to_owned())),
            metadata: (!given.metadata.is_empty()).then(|| given.metadata.into_iter().collect()),
            tagging: serde_urlencoded::to_string(&given.tags)
                .ok()
                .filter(|tags| !tags.is_empty()),
            storage_class: given.storage_class,
            encryption: bucket.key.as_ref().map(|_| "aws:kms".to_owned()),
            key_id: bucket.key.clone(),
            ..Headers::default()
        };
        object.conceal(&version);
        let etag = object.etag.clone();
        bucket.put(key, object, version);
        Some(etag)
    }

    /// What the current version of an object is to its readers, whoever uploaded it and how; `None` when there is none.
    pub fn look(&self, bucket: &str, key: &str) -> Option<Look> {
        let shelves = self.shared.lock();
        let (_, object) = shelves.buckets.get(bucket)?.current(key)?;
        Some(object.look())
    }

    /// Every version of every object of a bucket, by key and age: the key, what it is to its readers, and whether it is
    /// the current one.
    pub fn all_versions(&self, bucket: &str) -> Vec<(String, Look, bool)> {
        let shelves = self.shared.lock();
        let objects = shelves.buckets.get(bucket).into_iter().flat_map(|it| &it.objects);
        let of_key = |(key, versions): (&String, &Vec<shelf::Version>)| {
            let last = versions.len();
            let versions = versions.iter().enumerate();
            let told = versions
                .filter_map(|(index, version)| Some((key.clone(), version.object.as_ref()?.look(), index + 1 == last)));
            told.collect::<Vec<_>>()
        };
        objects.flat_map(of_key).collect()
    }

    /// The multipart uploads under way in a bucket: key and upload id, by key.
    pub fn uploads(&self, bucket: &str) -> Vec<(String, String)> {
        let shelves = self.shared.lock();
        let uploads = shelves.buckets.get(bucket).into_iter().flat_map(|it| &it.uploads);
        let mut found: Vec<_> = uploads.map(|(id, upload)| (upload.key.clone(), id.clone())).collect();
        found.sort();
        found
    }

    /// The names of all buckets.
    pub fn buckets(&self) -> Vec<String> {
        self.shared.lock().buckets.keys().cloned().collect()
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

    /// Moves the current version of an object to another storage class, as a lifecycle rule does: nothing else of it changes.
    pub fn moves_to(&self, bucket: &str, key: &str, class: &str) {
        let mut shelves = self.shared.lock();
        let versions = shelves
            .buckets
            .get_mut(bucket)
            .and_then(|bucket| bucket.objects.get_mut(key));
        let newest = versions.and_then(|versions| versions.last_mut());
        if let Some(object) = newest.and_then(|version| version.object.as_mut()) {
            object.headers.storage_class = Some(class.to_owned());
        }
    }

    /// What is where a model artifact should be: the object of an `s3://` URI, or anything under it.
    pub fn artifact(&self, uri: &str) -> Option<Artifact> {
        let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
        let shelves = self.shared.lock();
        let bucket = shelves.buckets.get(bucket)?;
        let under = if key.is_empty() || key.ends_with('/') {
            key.to_owned()
        } else {
            format!("{key}/")
        };
        let mut keys = bucket.objects.range(under.clone()..).map(|(key, _)| key);
        let under = keys
            .by_ref()
            .take_while(|key| key.starts_with(&under))
            .any(|key| bucket.current(key).is_some());
        Some(Artifact {
            region: bucket.region.clone(),
            found: under || bucket.current(key).is_some(),
        })
    }

    /// Answers an S3 request signed for `region`, and tells how many bytes it copied. A bucket of another Region is
    /// answered with 301 and `x-amz-bucket-region`, as S3 does.
    pub async fn answer(&self, call: S3Call, region: &str, request_id: &str) -> (Response<Bytes>, u64) {
        let head = call.request.method() == http::Method::HEAD;
        if let Some(refused) = self.of_another_owner(&call) {
            return (crate::wire::s3_error(&refused, request_id), 0);
        }
        let copied = Copied::default();
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
            _ => self.through_s3s(call, region, request_id, &copied).await,
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
        (response, copied.0.load(Ordering::Relaxed))
    }

    /// Refuses a request that expects its buckets to be somebody else's.
    fn of_another_owner(&self, call: &S3Call) -> Option<ApiError> {
        let account = self.shared.lock().account.clone();
        let headers = ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"];
        headers
            .iter()
            .filter_map(|name| call.request.headers().get(*name))
            .any(|owner| owner.as_bytes() != account.as_bytes())
            .then(|| ApiError::new(403, "AccessDenied", "Access Denied"))
    }

    async fn through_s3s(&self, call: S3Call, region: &str, request_id: &str, copied: &Copied) -> Response<Bytes> {
        let mut request = call.request.map(s3s::Body::from);
        request.extensions_mut().insert(copied.clone());
        if call.corrupted {
            request.extensions_mut().insert(Corrupted);
        }
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
