//! A recovery point under the fleet file of the day.
//!
//! A point says what is to be made as the fleet file had it when the point was written. A subnet, a key or an image of the
//! other Region may have been replaced since, and while the endpoint's own Region is dark no other point can be made. So
//! what the fleet file of the Region in which it is restored says is laid over what the point says, where that file was
//! written after the point: an older one may say what was replaced before the point was made.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Mappings,
    text::{by_file, is_by_name},
};
use crate::{
    backup::{
        definition::{Definition, Kind},
        manifest::RecoveryPoint,
        names::digest,
        references::{Names, Reference, references},
        verify::called,
    },
    text::printable,
};

/// Digits of a [`fingerprint`].
const DIGITS: usize = 16;

/// By which mappings are known to be others than before.
pub fn fingerprint(mappings: &Mappings) -> String {
    let written = serde_json::to_string(mappings).unwrap_or_default();
    digest(&written)[..DIGITS].to_owned()
}

/// The fleet file of the Region in which a point is restored.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// How it maps.
    pub mappings: &'a Mappings,
    /// When it was written; `None` where nobody knows.
    pub written: Option<Timestamp>,
    /// Recovery points of endpoints of several Regions have the point's name, and one line of the file holds for all.
    pub several: bool,
}

/// What becomes of a string of which the fleet file says another than the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Becomes {
    /// What the file says.
    TheFiles,
    /// What the point says: the file is older.
    OlderFile,
    /// What the point says: nobody knows which is older.
    UnknownFile,
    /// What the point says: the file may mean the endpoint of another Region.
    OfWhom,
}

/// One difference: what becomes of it, what it names, what the file says, what the point says.
type Difference = (Becomes, Names, String, String);

impl Here<'_> {
    fn decides(&self, reference: &Reference, point: &RecoveryPoint) -> Becomes {
        match self.written {
            Some(written) if written <= point.began => Becomes::OlderFile,
            None => Becomes::UnknownFile,
            Some(_) if self.several && is_by_name(reference, self.mappings) => Becomes::OfWhom,
            Some(_) => Becomes::TheFiles,
        }
    }
}

/// What is to be made from a point where the fleet file is so, and what that file says otherwise than the point, for
/// people. A file that was not written after the point's backup began changes nothing, and neither does, where endpoints of
/// several Regions have that name, what is mapped by a name that says no Region. Where the file says nothing of a string
/// the point's own stays, and so does an artifact that was copied: its copy is what was compared.
pub fn laid_over(point: &RecoveryPoint, here: Here<'_>) -> (Definition, Vec<String>) {
    let mappings = here.mappings;
    let mut laid = point.restored.clone();
    let mut said: BTreeMap<(Kind, String), Vec<(Reference, String)>> = BTreeMap::new();
    let but_buckets = Mappings {
        buckets: BTreeMap::new(),
        ..mappings.clone()
    };
    for reference in references(&point.source) {
        let mappings = match is_copied(point, &reference) {
            true => &but_buckets,
            false => mappings,
        };
        if let Some(becomes) = by_file(&reference, mappings) {
            let of = said.entry(reference.document.clone()).or_default();
            of.push((reference, becomes));
        }
    }
    let mut differences: BTreeMap<Difference, Vec<Reference>> = BTreeMap::new();
    for (kind, document) in laid.documents_mut() {
        for (reference, becomes) in said.remove(&(kind, document.name.clone())).unwrap_or_default() {
            let Some(serde_json::Value::String(value)) = document.body.pointer_mut(&reference.pointer) else {
                continue;
            };
            if *value != becomes {
                let decided = here.decides(&reference, point);
                let difference = (decided, reference.names, becomes.clone(), value.clone());
                if decided == Becomes::TheFiles {
                    *value = becomes;
                }
                differences.entry(difference).or_default().push(reference);
            }
        }
    }
    (laid, differences.into_iter().map(told).collect())
}

fn is_copied(point: &RecoveryPoint, reference: &Reference) -> bool {
    let Names::Artifact(form) = reference.names else {
        return false;
    };
    let mut copies = point.artifacts.iter();
    copies.any(|artifact| artifact.uri == reference.value && artifact.form == form)
}

fn told(((becomes, names, file, point), places): (Difference, Vec<Reference>)) -> String {
    let (what, file, point) = (called(names), printable(&file, 300), printable(&point, 300));
    let place = places.first().map(ToString::to_string).unwrap_or_default();
    let more = match places.len().saturating_sub(1) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let why = match becomes {
        Becomes::TheFiles => {
            return format!(
                "{what} {file}, as the fleet file here says, and not {point}, as it said for the point ({place}{more})"
            );
        }
        Becomes::OlderFile => "and is older than the point",
        Becomes::UnknownFile => "and nobody knows whether it is newer than the point",
        Becomes::OfWhom => "and may mean the endpoint of that name of another Region",
    };
    format!("{what} {point}, as the point has it, and not {file}, as the fleet file here says, {why} ({place}{more})")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::backup::{
        fixture::point,
        references::Form,
        rewrite::{Rules, rewrite},
    };

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        let entries = entries.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        entries.collect()
    }

    fn file() -> Mappings {
        Mappings {
            keys: map(&[("arn:aws:kms:us-east-1:111122223333:key/1234", "alias/volumes")]),
            subnets: map(&[("subnet-a", "subnet-x"), ("subnet-b", "subnet-y")]),
            security_groups: map(&[("sg-1", "sg-2")]),
            buckets: map(&[
                ("captured", "captured-eu"),
                ("answers", "answers-eu"),
                ("many", "many-eu"),
            ]),
            environment: map(&[("FEATURES", "https://features.eu-west-1.amazonaws.com/v2")]),
            others: map(&[(
                "arn:aws:sns:us-east-1:111122223333:errors",
                "arn:aws:sns:eu-west-1:111122223333:errors",
            )]),
            ..Mappings::default()
        }
    }

    /// A point that was made with these mappings, and whose artifacts below `s3://models` were copied.
    fn made_with(mappings: &Mappings) -> RecoveryPoint {
        let mut made = point(0);
        let copies = crate::backup::references::artifacts(&made.source).into_keys();
        let copied: BTreeMap<(String, Form), String> = copies
            .filter(|(uri, _)| uri.starts_with("s3://models"))
            .map(|(uri, form)| {
                let copy = format!("s3://dr/{}", uri.trim_start_matches("s3://"));
                ((uri, form), copy)
            })
            .collect();
        let rules = Rules {
            account: made.account.clone(),
            from: made.from.clone(),
            to: made.to.clone(),
            copied,
            mappings: mappings.clone(),
        };
        made.restored = rewrite(&made.source, &rules).unwrap();
        made
    }

    /// Such a fleet file, written a second after the point.
    fn after<'a>(made: &RecoveryPoint, mappings: &'a Mappings) -> Here<'a> {
        Here {
            mappings,
            written: Some(made.began + SignedDuration::from_secs(1)),
            several: false,
        }
    }

    #[test]
    fn with_the_fleet_file_that_it_was_made_with_a_point_is_what_it_says() {
        let made = made_with(&file());
        assert_eq!(laid_over(&made, after(&made, &file())), (made.restored.clone(), vec![]));
    }

    #[test]
    fn what_the_fleet_file_does_not_say_any_more_stays_as_the_point_has_it() {
        let made = made_with(&file());
        assert_eq!(
            laid_over(&made, after(&made, &Mappings::default())),
            (made.restored.clone(), vec![])
        );
    }

    #[test]
    fn a_subnet_that_was_replaced_since_is_the_one_of_the_fleet_file_and_people_are_told() {
        let made = made_with(&file());
        let corrected = Mappings {
            subnets: map(&[("subnet-a", "subnet-new"), ("subnet-b", "subnet-y")]),
            roles: map(&[(
                "arn:aws:iam::111122223333:role/sagemaker",
                "arn:aws:iam::111122223333:role/eu",
            )]),
            buckets: map(&[("many", "many-dr")]),
            ..Mappings::default()
        };
        let (laid, notes) = laid_over(&made, after(&made, &corrected));
        let model = laid.models.iter().find(|model| model.name == "fraud-v1").unwrap();
        assert_eq!(model.text("/VpcConfig/Subnets/0"), Some("subnet-new"));
        assert_eq!(model.text("/VpcConfig/Subnets/1"), Some("subnet-y"));
        assert_eq!(model.text("/VpcConfig/SecurityGroupIds/0"), Some("sg-2"));
        assert_eq!(laid.config.text("/KmsKeyId"), Some("alias/volumes"));
        assert_eq!(
            notes,
            [
                "artifact s3://many-dr/models, as the fleet file here says, and not s3://many-eu/models, as it said for the \
                 point (model fraud-pipeline at /Containers/2/ModelDataUrl)",
                "role arn:aws:iam::111122223333:role/eu, as the fleet file here says, and not \
                 arn:aws:iam::111122223333:role/sagemaker, as it said for the point (model fraud-pipeline at \
                 /ExecutionRoleArn and 1 more)",
                "subnet subnet-new, as the fleet file here says, and not subnet-x, as it said for the point (model fraud-v1 \
                 at /VpcConfig/Subnets/0)",
            ]
        );
    }

    #[test]
    fn a_fleet_file_that_is_not_newer_than_the_point_changes_nothing_and_people_are_told() {
        let made = made_with(&file());
        let mut stale = file();
        stale.subnets.insert("subnet-a".into(), "subnet-gone".into());
        let at = |written| Here {
            mappings: &stale,
            written,
            several: false,
        };
        let earlier = made.began - SignedDuration::from_hours(1);
        for (written, why) in [
            (Some(earlier), "and is older than the point"),
            (Some(made.began), "and is older than the point"),
            (None, "and nobody knows whether it is newer than the point"),
        ] {
            let (laid, notes) = laid_over(&made, at(written));
            assert_eq!(laid, made.restored);
            let told = "subnet subnet-x, as the point has it, and not subnet-gone, as the fleet file here says";
            assert_eq!(
                notes,
                [format!("{told}, {why} (model fraud-v1 at /VpcConfig/Subnets/0)")]
            );
        }
    }

    #[test]
    fn of_endpoints_of_one_name_each_keeps_what_is_mapped_by_a_name_that_says_no_region() {
        let made = made_with(&file());
        let mut others = file();
        let features = "https://features-of-us.eu-west-1.amazonaws.com/v2";
        others.environment.insert("FEATURES".into(), features.into());
        others.subnets.insert("subnet-a".into(), "subnet-new".into());
        let (alone, notes) = laid_over(&made, after(&made, &others));
        assert!(format!("{alone:?}").contains(features), "{notes:?}");
        let here = Here {
            several: true,
            ..after(&made, &others)
        };
        let (laid, notes) = laid_over(&made, here);
        assert!(!format!("{laid:?}").contains(features), "{notes:?}");
        assert!(format!("{laid:?}").contains("subnet-new"), "{notes:?}");
        let told = |note: &String| {
            note.contains(features) && note.contains("and may mean the endpoint of that name of another Region")
        };
        assert!(notes.iter().any(told), "{notes:?}");
    }

    #[test]
    fn what_was_copied_is_restored_from_its_copy_wherever_its_bucket_is_mapped_to_by_now() {
        let made = made_with(&file());
        let mapped = Mappings {
            buckets: map(&[("models", "models-eu")]),
            ..Mappings::default()
        };
        let (laid, _) = laid_over(&made, after(&made, &mapped));
        let model = laid.models.iter().find(|model| model.name == "fraud-v1").unwrap();
        assert_eq!(
            model.text("/PrimaryContainer/ModelDataUrl"),
            Some("s3://dr/models/fraud/v1/model.tar.gz")
        );
    }

    #[test]
    fn mappings_are_known_by_what_they_say() {
        assert_eq!(fingerprint(&file()), fingerprint(&file()));
        let mut other = file();
        other.subnets.insert("subnet-a".into(), "subnet-new".into());
        assert_ne!(fingerprint(&file()), fingerprint(&other));
        assert_eq!(fingerprint(&Mappings::default()).len(), DIGITS);
    }
}
