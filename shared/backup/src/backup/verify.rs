//! Whether a recovery point still is what it was: everything that it names is listed again and compared.

mod builds;
mod copies;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use self::copies::{Keys, Listings};
pub use self::{
    builds::{Builds, Other, doubts, settle},
    copies::condition,
};
use super::{
    artifact::Listed,
    audit::Presence,
    manifest::{PointId, RecoveryPoint},
    references::{Form, Names, Reference, references},
};
use crate::{location::Location, text::printable};

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What lies below each artifact's root, or why it could not be listed.
    pub listings: BTreeMap<Location, Result<Listed, String>>,
    /// What [`needs`] names, and the keys of the copies.
    pub things: BTreeMap<(Names, String), Presence>,
    /// The KMS key of the copies below an artifact's root, as S3 names it (`None`: S3's own), or why nobody knows.
    pub keys: BTreeMap<Location, Result<Option<String>, String>>,
    /// How its images compare with what served: what [`settle`] says.
    pub builds: Builds,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// What is not as it was: the point is not to be relied upon.
    pub damaged: Vec<String>,
    /// What a restore needs and is not there: it can be put back.
    pub missing: Vec<String>,
    /// What could not be seen.
    pub unknown: Vec<String>,
    /// What is no copy of Steward's, so that nothing says whether it holds what the endpoint served.
    pub uncompared: Vec<String>,
    /// What is archived, and can be read for some days because somebody restored it.
    pub for_now: Vec<String>,
    /// Images of which a restore would run another build than what served: it is not refused for that.
    pub other_code: Vec<String>,
    /// What else people should know.
    pub noted: Vec<String>,
    /// All that is missing are artifacts that others replicate: they may be on their way.
    pub may_come: bool,
}

/// What a restore from the point needs besides its copies, each once: images, roles, keys, and artifacts that the fleet file
/// or AWS has in the other Region.
pub fn needs(point: &RecoveryPoint) -> Vec<(Names, String)> {
    // Earlier builds wrote a `/` at the end of every prefix.
    let whole = |uri: &str| uri.trim_end_matches('/').to_owned();
    let copies: BTreeSet<String> = point
        .artifacts
        .iter()
        .map(|artifact| whole(&artifact.at.to_string()))
        .collect();
    let mut needs: Vec<(Names, String)> = references(&point.restored)
        .into_iter()
        .filter(|Reference { names, value, .. }| match names {
            Names::Image | Names::Role | Names::Key => true,
            Names::Artifact(_) => !copies.contains(&whole(value)),
            _ => false,
        })
        .map(|Reference { names, value, .. }| (names, value))
        .collect();
    needs.sort();
    needs.dedup();
    needs
}

/// What such a thing is called.
pub fn called(names: Names) -> &'static str {
    match names {
        Names::Image => "image",
        Names::Role => "role",
        Names::Artifact(_) => "artifact",
        Names::Key => "key",
        Names::Subnet => "subnet",
        Names::SecurityGroup => "security group",
        Names::Package => "model package",
        Names::Topic => "topic",
        Names::Output => "output",
        Names::Environment | Names::Other => "value",
        Names::Own => "name",
    }
}

/// What a restore needs too, and nothing looks for: it shows when SageMaker takes it or does not.
pub fn unlooked(point: &RecoveryPoint) -> Vec<(Names, String)> {
    let unlooked = |names| {
        matches!(
            names,
            Names::Subnet | Names::SecurityGroup | Names::Package | Names::Topic
        )
    };
    let references = references(&point.restored).into_iter();
    let mut unlooked: Vec<(Names, String)> = references
        .filter(|reference| unlooked(reference.names))
        .map(|Reference { names, value, .. }| (names, value))
        .collect();
    unlooked.sort();
    unlooked.dedup();
    unlooked
}

/// Such things in words.
pub fn listed(things: Vec<(Names, String)>) -> Vec<String> {
    let things = things.into_iter();
    things
        .map(|(names, value)| format!("{} {}", called(names), printable(&value, 300)))
        .collect()
}

/// Compares the copies, and looks what a restore would lack.
pub fn judge(point: &RecoveryPoint, seen: &Seen) -> Verified {
    let mut verified = lacking(point, seen);
    let Listings {
        damaged,
        unseen,
        for_now,
    } = copies::listings(point, seen);
    verified.damaged.extend(damaged);
    verified.unknown.extend(unseen);
    verified.for_now.extend(for_now);
    verified
}

/// What a restore would lack, whatever the copies hold.
pub fn lacking(point: &RecoveryPoint, seen: &Seen) -> Verified {
    let mut verified = Verified::default();
    let mut lasting = false;
    for (names, value) in needs(point) {
        let what = called(names);
        let shown = printable(&value, 300);
        match (seen.things.get(&(names, value)), names) {
            (Some(Presence::There), Names::Artifact(_)) => verified
                .uncompared
                .push(format!("{shown} is there, and is no copy of Steward's")),
            (Some(Presence::There | Presence::Image(_)), _) => {}
            (Some(Presence::Archived(class)), Names::Artifact(Form::Either)) => verified.uncompared.push(format!(
                "{shown} is archived ({class}), and an environment variable names it: what reads from there will fail"
            )),
            (Some(Presence::Archived(class)), _) => {
                lasting = true;
                verified.missing.push(format!(
                    "the artifact {shown} is archived ({class}), so that nobody can read it: restore it, and copy it over \
                     itself as STANDARD"
                ));
            }
            // It may be where the container writes to.
            (Some(Presence::Gone(_)), Names::Artifact(Form::Either)) => verified.uncompared.push(format!(
                "nothing is at {shown}, and an environment variable names it: what reads from there will find nothing"
            )),
            (Some(Presence::Gone(_)), Names::Artifact(_)) => verified.missing.push(format!(
                "the artifact {shown} is not there: it was not copied, because the fleet file says that it is there, or AWS \
                 has it in every Region"
            )),
            (Some(Presence::Gone(why)), _) => {
                lasting = true;
                let why = printable(why, 300);
                verified
                    .missing
                    .push(format!("the {what} {shown} is not usable in {}: {why}", point.to));
            }
            (Some(Presence::Unknown(why)), _) => verified.unknown.push(format!("{shown}: {}", printable(why, 300))),
            (None, _) => verified.unknown.push(format!("{shown}: it was not looked for")),
        }
    }
    let Keys { unusable, unseen } = copies::keys(point, seen);
    lasting |= !unusable.is_empty();
    verified.missing.extend(unusable);
    verified.unknown.extend(unseen);
    verified.unknown.extend(seen.builds.unseen.iter().cloned());
    let other = seen.builds.other.values();
    verified.other_code.extend(other.map(|other| other.why.clone()));
    verified.noted.extend(seen.builds.noted.iter().cloned());
    verified.may_come = !lasting && !verified.missing.is_empty();
    verified
}

impl Verified {
    /// A restore from it would find everything, and run what served.
    pub fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty() && self.unknown.is_empty() && self.other_code.is_empty()
    }

    /// For people.
    pub fn summary(&self, endpoint: &str, id: &PointId, point: &RecoveryPoint) -> String {
        let mut said = String::new();
        let unlooked = unlooked(point);
        let verdict = if self.is_good() && !unlooked.is_empty() {
            "is what it was, and all that was looked for is there"
        } else if self.is_good() && !self.uncompared.is_empty() {
            "is what it was, and what a restore needs besides is there"
        } else if self.is_good() {
            "is what it was, and everything that a restore needs is there"
        } else if !self.damaged.is_empty() {
            "is damaged"
        } else if !self.missing.is_empty() {
            "is what it was, but a restore would lack something"
        } else if !self.other_code.is_empty() {
            "is what it was, but a restore would run other code than what served"
        } else {
            "could not be seen as a whole"
        };
        let _ = writeln!(said, "Recovery point {id} of {endpoint} {verdict}: {}.", point.tally());
        for artifact in point.artifacts.iter().filter(|artifact| artifact.by_size() > 0) {
            let uri = printable(&artifact.uri, 300);
            let _ = writeln!(
                said,
                "Note: of {} of {} in {uri} nothing but the size could be compared with the source when it was copied: S3 has \
                 no checksum over the full object of it.",
                artifact.by_size(),
                artifact.tally.objects
            );
        }
        for (lines, mark) in [
            (&self.damaged, "damaged"),
            (&self.missing, "missing"),
            (&self.other_code, "other code"),
            (&self.unknown, "not seen"),
            (&self.uncompared, "not compared"),
            (&self.for_now, "readable for now"),
            (&self.noted, "note"),
        ] {
            for line in lines {
                let _ = writeln!(said, "- {mark}: {line}");
            }
        }
        for line in listed(unlooked) {
            let _ = writeln!(said, "- not looked for: {line}");
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{
        copy::Proof,
        fixture::{listed, point},
    };

    fn seen(point: &RecoveryPoint) -> Seen {
        let listings = point.artifacts.iter().map(|one| (one.root.clone(), Ok(listed(one))));
        let things = needs(point).into_iter().map(|need| (need, Presence::There));
        let keys = point.artifacts.iter().map(|one| (one.root.clone(), Ok(None)));
        Seen {
            listings: listings.collect(),
            things: things.collect(),
            keys: keys.collect(),
            ..Seen::default()
        }
    }

    #[test]
    fn a_point_of_which_everything_is_there_is_good() {
        let point = point(0);
        let verified = judge(&point, &seen(&point));
        assert!(verified.is_good(), "{verified:?}");
    }

    /// A point of which this artifact is replicated by other means.
    fn replicated(uri: &str, form: Form) -> (RecoveryPoint, (Names, String)) {
        let mut point = point(0);
        let field = match form {
            Form::Either => "/PrimaryContainer/Environment/SAGEMAKER_SUBMIT_DIRECTORY",
            _ => "/PrimaryContainer/ModelDataUrl",
        };
        *point.restored.models[1].body.pointer_mut(field).unwrap() = serde_json::json!(uri);
        (point, (Names::Artifact(form), uri.to_owned()))
    }

    #[test]
    fn an_artifact_that_others_replicate_is_needed_and_is_missing_when_it_is_not_there() {
        let (point, need) = replicated("s3://replica/fraud/v1/model.tar.gz", Form::Object);
        assert!(needs(&point).contains(&need));
        let mut none = seen(&point);
        none.things.insert(need.clone(), Presence::Gone("404".into()));
        let verified = judge(&point, &none);
        assert!(
            verified.missing[0].contains("s3://replica/fraud/v1/model.tar.gz is not there"),
            "{verified:?}"
        );
        assert!(!verified.is_good() && verified.may_come, "it may be on its way");
        let key = needs(&point)
            .into_iter()
            .find(|(names, _)| *names == Names::Key)
            .unwrap();
        none.things.insert(key, Presence::Gone("it is PendingDeletion".into()));
        assert!(!judge(&point, &none).may_come, "a key does not come by itself");
        none.things.insert(need, Presence::Unknown("denied".into()));
        assert!(judge(&point, &none).unknown[0].contains("s3://replica/"));
    }

    #[test]
    fn a_copy_of_steward_s_is_compared_and_not_looked_for_again() {
        let mut point = point(0);
        let copy = point.artifacts[0].at.to_string();
        point.restored.models[1].body["PrimaryContainer"]["ModelDataUrl"] = serde_json::json!(copy);
        assert!(needs(&point).iter().all(|(_, value)| *value != copy));
    }

    #[test]
    fn what_was_not_compared_is_said_though_everything_is_there() {
        let (point, need) = replicated("s3://replica/out/", Form::Either);
        let mut found = seen(&point);
        let verified = judge(&point, &found);
        let said = verified.summary("fraud", &point.write().0, &point);
        assert!(verified.is_good());
        assert!(
            said.contains("- not compared: s3://replica/out/ is there, and is no copy of Steward's"),
            "{said}"
        );
        found.things.insert(need, Presence::Gone("404".into()));
        let verified = judge(&point, &found);
        assert!(verified.is_good(), "the container may write there: {verified:?}");
        assert!(
            verified
                .uncompared
                .iter()
                .any(|line| line.starts_with("nothing is at s3://replica/out/"))
        );
    }

    #[test]
    fn a_copy_whose_key_is_to_be_deleted_is_as_good_as_missing() {
        let point = point(0);
        let key = "arn:aws:kms:eu-west-1:111122223333:key/old";
        let mut seen = seen(&point);
        seen.keys
            .insert(point.artifacts[0].root.clone(), Ok(Some(key.to_owned())));
        assert!(judge(&point, &seen).unknown[0].contains(key), "it was not looked for");
        let it = (Names::Key, key.to_owned());
        seen.things.insert(it.clone(), Presence::There);
        assert!(judge(&point, &seen).is_good());
        seen.things.insert(it, Presence::Gone("it is PendingDeletion".into()));
        let verified = judge(&point, &seen);
        assert!(!verified.may_come);
        assert_eq!(
            verified.missing,
            [format!(
                "the key {key}, which encrypts the copy of s3://models/fraud/v1/model.tar.gz, is not usable in eu-west-1: it \
                 is PendingDeletion. Enable it again, or say another `destination.key`, by its ARN, which is also the stacks' \
                 `BackupKeyArn`, and the next backup copies anew"
            )]
        );
    }

    #[test]
    fn a_copy_that_a_lifecycle_rule_archived_is_damaged_unless_somebody_restored_it() {
        let point = point(0);
        let artifact = &point.artifacts[0];
        let archived = |unreadable, restored| {
            let mut seen = seen(&point);
            let listed = Listed {
                unreadable,
                restored,
                ..listed(artifact)
            };
            seen.listings.insert(artifact.root.clone(), Ok(listed));
            judge(&point, &seen)
        };
        let verified = archived(1, 0);
        assert_eq!(
            verified.damaged,
            [
                "the copy of s3://models/fraud/v1/model.tar.gz: 1 of 1 is archived, so that SageMaker cannot read the artifact"
            ]
        );
        let verified = archived(0, 1);
        assert!(
            verified.is_good() && verified.for_now.len() == 1,
            "a restore finds it now: {verified:?}"
        );
    }

    #[test]
    fn an_artifact_that_others_keep_archived_is_missing_and_does_not_come_by_itself() {
        let (point, need) = replicated("s3://replica/fraud/v1/model.tar.gz", Form::Object);
        let mut seen = seen(&point);
        seen.things.insert(need, Presence::Archived("DEEP_ARCHIVE".into()));
        let verified = judge(&point, &seen);
        assert!(
            verified.missing[0].contains("is archived (DEEP_ARCHIVE)"),
            "{verified:?}"
        );
        assert!(!verified.may_come);
    }

    #[test]
    fn a_copied_prefix_that_an_environment_variable_names_is_not_looked_for_again() {
        let mut point = point(0);
        let copy = &mut point.artifacts[0];
        copy.uri = "s3://models/tok".into();
        copy.form = Form::Either;
        copy.at = copy.root.clone();
        let (named, by_earlier_builds) = (copy.named(), copy.at.to_string());
        assert_eq!(format!("{named}/"), by_earlier_builds);
        for value in [named, by_earlier_builds] {
            let field = "/PrimaryContainer/Environment/SAGEMAKER_SUBMIT_DIRECTORY";
            *point.restored.models[1].body.pointer_mut(field).unwrap() = serde_json::json!(value);
            assert!(needs(&point).iter().all(|(_, need)| *need != value), "{value}");
        }
    }

    #[test]
    fn what_only_the_size_of_was_compared_is_said() {
        let mut point = point(0);
        point.artifacts[0].proof = Proof::Size;
        let (id, _) = point.write();
        let said = judge(&point, &seen(&point)).summary("fraud", &id, &point);
        assert!(said.contains("of 1 of 1 in s3://"), "{said}");
        assert!(said.contains("nothing but the size"), "{said}");
    }

    #[test]
    fn what_is_wrong_reads_like_this() {
        let point = point(0);
        let (id, _) = point.write();
        let artifact = &point.artifacts[0];
        let root = || artifact.root.clone();
        let mut overwritten = seen(&point);
        overwritten.listings.insert(
            root(),
            Ok(Listed {
                digest: "other".into(),
                ..listed(artifact)
            }),
        );
        let mut emptied = seen(&point);
        emptied.listings.insert(
            root(),
            Ok(Listed {
                tally: Default::default(),
                ..listed(artifact)
            }),
        );
        let mut lacking = seen(&point);
        let image = needs(&point)
            .into_iter()
            .find(|(names, _)| *names == Names::Image)
            .unwrap();
        lacking
            .things
            .insert(image, Presence::Gone("ImageNotFoundException".into()));
        let mut blind = seen(&point);
        blind.listings.insert(root(), Err("s3:ListBucket: denied".into()));
        blind.things.clear();
        let said: Vec<String> = [overwritten, emptied, lacking, blind, seen(&point)]
            .iter()
            .map(|seen| judge(&point, seen).summary("fraud", &id, &point))
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
