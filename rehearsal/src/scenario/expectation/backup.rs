//! What must be in buckets and Regions at the end of a backup, a restore or a drill.

use deserr::{Deserr, ValuePointerRef};
use steward::yaml::Found;

use super::Count;

/// Every object of one bucket has a copy in another: the same bytes, `Content-Type`, metadata, tags and storage class.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct CopyExpectation {
    /// The bucket of the sources.
    pub of: String,
    /// Only sources whose keys begin so.
    #[deserr(default)]
    pub prefix: String,
    /// The bucket of the copies.
    pub to: String,
    /// Only copies whose keys begin so.
    #[deserr(default)]
    pub under: String,
    /// So many copies of each source, under whatever key; at least one unless said, none with 0.
    #[deserr(default)]
    pub each: Option<u64>,
    /// `true`: what is under `under` is nothing but copies, of whatever version of a source.
    #[deserr(default)]
    pub nothing_else: bool,
}

/// What of SageMaker exists in a Region: exactly this, as far as a kind is named. `*` stands for any text.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields, validate = some_kind -> Found)]
pub struct DefinitionExpectation {
    /// The Region.
    pub region: String,
    /// Names of models.
    #[deserr(default)]
    pub models: Option<Vec<String>>,
    /// Names of endpoint configs.
    #[deserr(default)]
    pub configs: Option<Vec<String>>,
    /// Names of endpoints.
    #[deserr(default)]
    pub endpoints: Option<Vec<String>>,
    /// Names of inference components.
    #[deserr(default)]
    pub components: Option<Vec<String>>,
}

impl DefinitionExpectation {
    /// The kinds named, in the words of the timeline.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        [
            ("model", &self.models),
            ("endpoint config", &self.configs),
            ("endpoint", &self.endpoints),
            ("inference component", &self.components),
        ]
        .into_iter()
        .filter_map(|(kind, names)| Some((kind, names.as_deref()?)))
    }
}

fn some_kind(spec: DefinitionExpectation, at: ValuePointerRef<'_>) -> Result<DefinitionExpectation, Found> {
    if spec.kinds().next().is_none() {
        return Err(Found::one(
            at,
            "expects nothing",
            "at least one of `models`, `configs`, `endpoints`, `components`".to_owned(),
        ));
    }
    Ok(spec)
}

/// How many multipart uploads are left unfinished at the end, in all buckets together.
#[derive(Clone, Copy, Debug, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
pub struct UploadExpectation {
    #[deserr(default)]
    times: Option<u64>,
    #[deserr(default)]
    at_least: Option<u64>,
    #[deserr(default)]
    at_most: Option<u64>,
}

impl UploadExpectation {
    /// How many.
    pub fn count(&self) -> Count {
        Count {
            times: self.times,
            at_least: self.at_least,
            at_most: self.at_most,
        }
    }
}
