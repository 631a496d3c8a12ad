//! Where a container image is in another Region.
//!
//! An image has to be in the Region of its model. Images of AWS are in every Region, but under another account in many,
//! and an image of one's own is there only if somebody replicates it; so the Region in the host name is never all of it.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use serde::Deserialize;

use crate::text::printable;

/// AWS's own registries, as its Python SDK knows them.
static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("images/registries.json"))
        .expect("registries.json is part of the program, and a test reads it");
    file.families
});

#[derive(Deserialize)]
struct File {
    families: Vec<Family>,
}

/// Repositories that are in the same accounts.
#[derive(Deserialize)]
struct Family {
    repositories: Vec<String>,
    /// Regions, with spaces between them, by account.
    accounts: BTreeMap<String, String>,
}

impl Family {
    fn account(&self, region: &str) -> Option<&str> {
        self.accounts
            .iter()
            .find(|(_, regions)| regions.split(' ').any(|one| one == region))
            .map(|(account, _)| account.as_str())
    }
}

/// AWS Marketplace's account: its images are reached through a model package, and are not to be pulled directly.
const MARKETPLACE: &str = "865070037744";

/// An image in ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY[:TAG][@DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EcrImage {
    /// Whose registry, 12 digits.
    pub account: String,
    /// `dkr.ecr` or `dkr.ecr-fips`.
    service: String,
    /// Where.
    pub region: String,
    /// Without a tag and a digest.
    pub repository: String,
    /// `:tag`, `@sha256:…`, both or nothing.
    pub which: String,
}

impl EcrImage {
    /// Reads one; `None` for images of other registries.
    pub fn parse(image: &str) -> Option<Self> {
        let (host, path) = image.split_once('/')?;
        let host = host
            .strip_suffix(".cn")
            .unwrap_or(host)
            .strip_suffix(".amazonaws.com")?;
        let (account, rest) = host.split_once('.')?;
        let (service, region) = rest.rsplit_once('.')?;
        let at = path.find(['@', ':']).unwrap_or(path.len());
        let (repository, which) = path.split_at(at);
        let right = account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(service, "dkr.ecr" | "dkr.ecr-fips")
            && !region.is_empty()
            && !repository.is_empty();
        right.then(|| Self {
            account: account.into(),
            service: service.into(),
            region: region.into(),
            repository: repository.into(),
            which: which.into(),
        })
    }

    /// The same repository elsewhere.
    fn at(&self, account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            ..self.clone()
        }
    }

    /// It is in a registry of AWS's.
    pub fn is_of_aws(&self) -> bool {
        family(self).is_some()
    }

    /// The same repository's image of this digest.
    pub fn pinned(&self, digest: &str) -> String {
        let which = format!("@{digest}");
        Self { which, ..self.clone() }.to_string()
    }

    /// The tag, where there is one.
    pub fn tag(&self) -> Option<&str> {
        self.which.split('@').next()?.strip_prefix(':')
    }

    /// The digest, where there is one.
    pub fn digest(&self) -> Option<&str> {
        Some(self.which.split_once('@')?.1)
    }
}

impl fmt::Display for EcrImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            service,
            region,
            repository,
            which,
        } = self;
        let cn = if region.starts_with("cn-") { ".cn" } else { "" };
        write!(f, "{account}.{service}.{region}.amazonaws.com{cn}/{repository}{which}")
    }
}

/// From where to where images are moved.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// The account whose endpoint it is.
    pub account: &'a str,
    /// The Region of the endpoint.
    pub from: &'a str,
    /// The Region of its backup.
    pub to: &'a str,
    /// `backup.images` of the fleet file: an image, or one without its tag, or a whole registry's host, to its like in the
    /// other Region.
    pub mapped: &'a BTreeMap<String, String>,
}

/// The image that stands for `image` in the Region of the backup.
///
/// # Errors
/// Why none is known, and what to write in the fleet file.
pub fn moved(image: &str, how: Move<'_>) -> Result<String, String> {
    if let Some(mapped) = mapped(image, how.mapped) {
        return Ok(mapped);
    }
    let Some(ecr) = EcrImage::parse(image) else {
        return match image.contains(how.from) && image.contains(".amazonaws.com") {
            true => Err(format!(
                "it names {} and is no ECR image of the form ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY",
                how.from
            )),
            false => Ok(image.to_owned()),
        };
    };
    if ecr.region == how.to {
        return Ok(image.to_owned());
    }
    if ecr.region != how.from {
        return Err(format!(
            "it is in {}, neither the Region of the endpoint nor that of the backup, and SageMaker takes images only from the Region of the model",
            ecr.region
        ));
    }
    if ecr.account == how.account {
        return Ok(ecr.at(how.account, how.to).to_string());
    }
    if ecr.account == MARKETPLACE {
        return Err("it is an image of AWS Marketplace, which runs only from its model package: subscribe to the product in the Region of the backup".into());
    }
    match family(&ecr) {
        Some(family) => match family.account(how.to) {
            Some(account) => Ok(ecr.at(account, how.to).to_string()),
            None => Err(format!(
                "it is an image of AWS, and AWS is not known to have {} in {}",
                ecr.repository, how.to
            )),
        },
        None => Err(format!(
            "it belongs to account {}, which is neither yours nor known as one of AWS's: nobody knows where its like is in {}",
            ecr.account, how.to
        )),
    }
}

/// What to write in the fleet file for an image that [`moved`] refused.
pub fn advice(image: &str, to: &str) -> String {
    let without_tag = EcrImage::parse(image).map_or_else(
        || image.to_owned(),
        |ecr| {
            let which = ecr.which.len();
            image[..image.len() - which].to_owned()
        },
    );
    format!(
        "say under `images` where it is: \"{}\": \"ACCOUNT.dkr.ecr.{to}.amazonaws.com/REPOSITORY\"",
        printable(&without_tag, 200)
    )
}

/// The longest entry that is the image or its beginning up to `/`, `:` or `@`.
pub(super) fn mapped(image: &str, entries: &BTreeMap<String, String>) -> Option<String> {
    entries
        .iter()
        .filter_map(|(from, to)| {
            let rest = image.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then(|| (from.len(), format!("{to}{rest}")))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, to)| to)
}

/// By repository and account; a repository that is not known goes with the account that it is in, if that has one family.
fn family(ecr: &EcrImage) -> Option<&'static Family> {
    let mut of_account = FAMILIES
        .iter()
        .filter(|family| family.account(&ecr.region) == Some(ecr.account.as_str()));
    let by_name = of_account
        .clone()
        .find(|family| family.repositories.contains(&ecr.repository));
    by_name.or_else(|| {
        let only = of_account.next()?;
        of_account.next().is_none().then_some(only)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(image: &str, region: &str) -> Result<String, String> {
        let mapped = [
            (
                "222233334444.dkr.ecr.us-east-1.amazonaws.com",
                "222233334444.dkr.ecr.eu-west-1.amazonaws.com",
            ),
            (
                "222233334444.dkr.ecr.us-east-1.amazonaws.com/special",
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com/mine",
            ),
        ];
        let mapped = mapped.map(|(from, to)| (from.to_owned(), to.to_owned())).into();
        let how = Move {
            account: "111122223333",
            from: "us-east-1",
            to: region,
            mapped: &mapped,
        };
        moved(image, how)
    }

    #[test]
    fn the_table_of_registries_agrees_with_itself() {
        assert!(FAMILIES.len() > 10);
        for family in FAMILIES.iter() {
            let mut seen = std::collections::BTreeSet::new();
            for (account, regions) in &family.accounts {
                assert!(
                    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()),
                    "{account}"
                );
                assert!(regions.split(' ').all(|region| seen.insert(region)), "{regions}");
            }
        }
    }

    #[test]
    fn images_move_like_this() {
        let images = [
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1.4",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/fraud@sha256:aa",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud:1.4",
            "111122223333.dkr.ecr.ap-south-1.amazonaws.com/fraud:1.4",
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.3-gpu-py311",
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/framework-of-next-year:1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            "766337827248.dkr.ecr.us-east-1.amazonaws.com/lda:1",
            "222233334444.dkr.ecr.us-east-1.amazonaws.com/other:2",
            "222233334444.dkr.ecr.us-east-1.amazonaws.com/special:2",
            "333344445555.dkr.ecr.us-east-1.amazonaws.com/theirs:2",
            "865070037744.dkr.ecr.us-east-1.amazonaws.com/product:1",
            "registry.example.com/team/fraud:1",
            "https://s3.us-east-1.amazonaws.com/image",
        ];
        let shown: Vec<String> = images
            .iter()
            .flat_map(|image| ["eu-west-1", "me-south-1"].map(|region| (image, region)))
            .map(|(image, region)| match to(image, region) {
                Ok(moved) => format!("{image}\n    {region}: {moved}"),
                Err(why) => format!("{image}\n    {region}: REFUSED: {why}\n      {}", advice(image, region)),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn china_has_a_host_name_of_its_own() {
        let image = EcrImage::parse("727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch-inference:2").unwrap();
        assert_eq!(
            image.to_string(),
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch-inference:2"
        );
        assert_eq!((image.tag(), image.digest()), (Some("2"), None));
    }
}
