//! Buckets, as a scenario describes them: where they are, what lies in them, and what becomes of it.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use steward::{
    quantity::Span,
    yaml::{Found, Map},
};

use crate::{
    store::{Content, Given, GivenChecksum, Store},
    world::quantity::Size,
};

/// A bucket: its Region alone, or with what lies in it.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketSpec {
    /// The Region.
    pub region: String,
    /// Whether it keeps versions.
    pub versions: bool,
    /// The KMS key, one of the Region's `keys`, that encrypts what is written without naming one.
    pub key: Option<String>,
    /// The objects at the start, by key.
    pub objects: Map<ObjectSpec>,
}

#[derive(Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
struct Whole {
    region: String,
    #[deserr(default = true)]
    versions: bool,
    #[deserr(default)]
    key: Option<String>,
    #[deserr(default)]
    objects: Map<ObjectSpec>,
}

impl Deserr<Found> for BucketSpec {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            Value::String(region) => Ok(Self {
                region,
                versions: true,
                key: None,
                objects: Map::default(),
            }),
            map @ Value::Map(_) => Whole::deserialize_from_value(map, at).map(|whole| Self {
                region: whole.region,
                versions: whole.versions,
                key: whole.key,
                objects: whole.objects,
            }),
            other => Err(Found::kind(at, other, "a Region, or a map with `region` and `objects`")),
        }
    }
}

/// An object: its size alone, or with what else there is to it. Exactly one of `size` and `text`.
#[derive(Clone, Debug, Default, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = one_content -> Found)]
pub struct ObjectFields {
    /// So many bytes, which need no memory.
    #[deserr(default)]
    pub size: Option<Size>,
    /// This text.
    #[deserr(default)]
    pub text: Option<String>,
    /// So many alike, named `KEY-00001` and so on, each with other bytes.
    #[deserr(default)]
    pub copies: Option<u32>,
    /// `Content-Type`.
    #[deserr(default)]
    pub content_type: Option<String>,
    /// User metadata.
    #[deserr(default)]
    pub metadata: Map<String>,
    /// Tags.
    #[deserr(default)]
    pub tags: Map<String>,
    /// `STANDARD` unless said.
    #[deserr(default)]
    pub storage_class: Option<String>,
    /// Uploaded in parts of this size; at once unless said.
    #[deserr(default)]
    pub parts: Option<Size>,
    /// What S3 keeps to compare it by: `crc64nvme` over the full object, unless said.
    #[deserr(default)]
    pub checksum: Option<ObjectChecksum>,
}

/// The checksum that an object was uploaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserr)]
#[deserr(error = Found, rename_all = lowercase)]
pub enum ObjectChecksum {
    /// CRC64NVME over the full object.
    Crc64Nvme,
    /// CRC32 over the full object.
    Crc32,
    /// CRC32 over the checksums of its parts.
    Parts,
    /// None.
    Absent,
}

/// [`ObjectFields`], which may be written as a size alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectSpec(pub ObjectFields);

impl Deserr<Found> for ObjectSpec {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        match value {
            text @ Value::String(_) => Size::deserialize_from_value(text, at).map(|size| {
                Self(ObjectFields {
                    size: Some(size),
                    ..ObjectFields::default()
                })
            }),
            map @ Value::Map(_) => ObjectFields::deserialize_from_value(map, at).map(Self),
            other => Err(Found::kind(at, other, "a size, or a map with `size` or `text`")),
        }
    }
}

fn one_content(spec: ObjectFields, at: ValuePointerRef<'_>) -> Result<ObjectFields, Found> {
    if spec.size.is_some() == spec.text.is_some() {
        return Err(Found::one(
            at,
            "has not one content",
            "exactly one of `size` and `text`".to_owned(),
        ));
    }
    Ok(spec)
}

/// What becomes of an object. Exactly one of `becomes` and `gone`.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct ObjectChange {
    /// Since the start.
    pub at: Span,
    /// One of the scenario's buckets.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Another content, also when its size is the same.
    #[deserr(default)]
    pub becomes: Option<ObjectSpec>,
    /// `true`: deleted.
    #[deserr(default)]
    pub gone: bool,
}

impl ObjectSpec {
    /// Puts it where `key` says. `generation` tells contents apart that are otherwise described alike.
    pub fn put(&self, store: &Store, bucket: &str, key: &str, generation: u64) {
        let spec = &self.0;
        let keys: Vec<String> = match spec.copies {
            None => vec![key.to_owned()],
            Some(copies) => (1..=copies).map(|index| format!("{key}-{index:05}")).collect(),
        };
        for key in keys {
            let content = match (&spec.text, spec.size) {
                (Some(text), _) => Content::Bytes(text.clone().into()),
                (None, size) => Content::of_length(size.unwrap_or_default().0, seed(bucket, &key, generation)),
            };
            let given = Given {
                content_type: spec.content_type.clone(),
                metadata: spec.metadata.0.clone().into_iter().collect(),
                tags: spec.tags.0.clone().into_iter().collect(),
                storage_class: spec.storage_class.clone(),
                part_size: spec.parts.map(|size| size.0),
                checksum: match spec.checksum {
                    None | Some(ObjectChecksum::Crc64Nvme) => GivenChecksum::Crc64Nvme,
                    Some(ObjectChecksum::Crc32) => GivenChecksum::Crc32,
                    Some(ObjectChecksum::Parts) => GivenChecksum::OfParts,
                    Some(ObjectChecksum::Absent) => GivenChecksum::Absent,
                },
            };
            // The bucket was made before its objects.
            let _ = store.put_content(bucket, &key, content, given);
        }
    }
}

fn seed(bucket: &str, key: &str, generation: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ generation;
    for byte in bucket.bytes().chain([0]).chain(key.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
