//! Whether what would run where an endpoint is restored is the code that served: its images by digest.
//!
//! A tag says nothing of that: it moves with every push, in each Region in its own time. The point knows the digest that
//! SageMaker resolved the tag to when the model was made, and replication keeps digests. So where the tag names another
//! build by now, or nobody could see which, and the repository has that digest, it is what the restored model names. Where
//! it has not, or the fleet file gives the image a tag of its own, the tag is what is restored, and people are told.

use std::collections::BTreeMap;

use super::{Presence, RecoveryPoint, Seen};
use crate::{
    backup::{
        images::EcrImage,
        references::{Names, Reference, references},
    },
    text::printable,
};

/// The longest `Image` that SageMaker takes, characters.
const LONGEST: usize = 255;

/// How the images of a point compare with what served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    /// The builds that served, by digest in the repository of what is to be made, and are not there, where another one would
    /// run.
    pub other: BTreeMap<String, Other>,
    /// The same of AWS's own images: they are built anew under the same tags, in each Region.
    pub noted: Vec<String>,
    /// Of which images nobody could see it.
    pub unseen: Vec<String>,
}

/// What would run instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The image as it is to be made.
    pub image: String,
    /// What to say of it.
    pub why: String,
}

/// An image of what is to be made, and the digest that served.
struct Compared {
    /// Where it is named.
    place: Reference,
    /// As it is to be made.
    image: EcrImage,
    digest: String,
    /// The fleet file gives it another tag: somebody chose what is to run.
    chosen: bool,
}

impl Compared {
    /// The very build, in the repository of the image.
    fn pinned(&self) -> String {
        self.image.pinned(&self.digest)
    }

    fn look<'a>(&self, things: &'a BTreeMap<(Names, String), Presence>, value: String) -> Option<&'a Presence> {
        things.get(&(Names::Image, value))
    }
}

fn compared(point: &RecoveryPoint) -> Vec<Compared> {
    let made: BTreeMap<(_, String), String> = references(&point.restored)
        .into_iter()
        .filter(|reference| reference.names == Names::Image)
        .map(|reference| ((reference.document, reference.pointer), reference.value))
        .collect();
    let images = references(&point.source).into_iter();
    let images = images.filter(|reference| reference.names == Names::Image);
    let compared = images.filter_map(|place| {
        let written = EcrImage::parse(&place.value);
        let own = written.as_ref().and_then(|image| image.digest().map(str::to_owned));
        let served = point.source.digests(&place.document, &place.value).next();
        let digest = own.or_else(|| served.map(str::to_owned))?;
        let made = made.get(&(place.document.clone(), place.pointer.clone()))?;
        let image = EcrImage::parse(made)?;
        let chosen = image.digest().is_none() && written.is_none_or(|written| written.tag() != image.tag());
        Some(Compared {
            image,
            digest,
            place,
            chosen,
        })
    });
    compared.collect()
}

/// The builds to look for beside what [`super::needs`] names: those that served and that the tags do not name where it is
/// restored, of what was seen of the images as they are to be made.
pub fn doubts(point: &RecoveryPoint, things: &BTreeMap<(Names, String), Presence>) -> Vec<(Names, String)> {
    let doubted = compared(point).into_iter().filter(|one| {
        let tagged = one.image.digest().is_none() && !one.image.is_of_aws();
        let is_other = match one.look(things, one.image.to_string()) {
            Some(Presence::Image(now)) => *now != one.digest,
            found => matches!(found, Some(Presence::Gone(_) | Presence::Unknown(_))),
        };
        tagged && !one.chosen && is_other
    });
    let mut doubts: Vec<(Names, String)> = doubted.map(|one| (Names::Image, one.pinned())).collect();
    doubts.sort();
    doubts.dedup();
    doubts
}

/// Lets what is to be made name the builds that served, as far as they are there, and notes which images are others.
pub fn settle(point: &mut RecoveryPoint, seen: &mut Seen) {
    for one in compared(point) {
        let pinned = one.pinned();
        let tag = one.image.to_string();
        let now = match (one.image.digest(), one.look(&seen.things, tag.clone())) {
            (Some(other), _) if other != one.digest => Some(other.to_owned()),
            (None, Some(Presence::Image(now))) => Some(now.clone()),
            (None, Some(Presence::Gone(_))) => None,
            (None, Some(Presence::Unknown(why))) if !one.image.is_of_aws() => {
                let there = Some(Presence::Image(one.digest.clone()));
                match one.look(&seen.things, pinned.clone()) == there.as_ref() && !one.chosen && pinned.len() <= LONGEST
                {
                    true => name(point, &one.place, &pinned),
                    false => seen.builds.unseen.push(format!(
                        "which build {tag} names, and {} served, so other code may run: {}",
                        printable(&one.digest, 80),
                        printable(why, 300)
                    )),
                }
                continue;
            }
            _ => continue,
        };
        let is_same = now.as_ref() == Some(&one.digest);
        if is_same {
            continue;
        }
        let served = one.look(&seen.things, pinned.clone());
        let lacks = match served {
            Some(Presence::Gone(_)) => ", which that repository does not have",
            _ => "",
        };
        let told = |now: &str| told(&one, now, lacks);
        match (now, served) {
            (now, _) if one.image.is_of_aws() => {
                let note = now.map(|now| told(&now));
                let builds = &mut seen.builds.noted;
                builds.extend(note.filter(|note| !builds.contains(note)));
            }
            (_, Some(Presence::There | Presence::Image(_)))
                if one.image.digest().is_none() && !one.chosen && pinned.len() <= LONGEST =>
            {
                name(point, &one.place, &pinned);
            }
            (Some(now), Some(Presence::Unknown(why))) => {
                let why = printable(why, 300);
                let unseen = format!("whether {pinned}, which served, is there, since the tag names {now}: {why}");
                seen.builds.unseen.push(unseen);
            }
            (Some(now), _) => {
                let said = told(&now);
                let other = Other {
                    image: tag,
                    why: format!("{said}: other code will run"),
                };
                seen.builds.other.insert(pinned, other);
            }
            // It is missing, and told as everything that is.
            _ => {}
        }
    }
}

fn told(one: &Compared, now: &str, lacks: &str) -> String {
    format!(
        "the image {} is not the build that served: it names {}, and {} served{lacks} ({})",
        printable(&one.image.to_string(), 300),
        printable(now, 80),
        printable(&one.digest, 80),
        one.place
    )
}

/// The place names this image from now on.
fn name(point: &mut RecoveryPoint, place: &Reference, image: &str) {
    for (kind, document) in point.restored.documents_mut() {
        if (kind, &document.name) == (place.document.0, &place.document.1)
            && let Some(value) = document.body.pointer_mut(&place.pointer)
        {
            *value = image.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{
        definition::{Deployed, Kind},
        fixture,
        rewrite::{Mappings, Rules, rewrite},
        verify::{Verified, lacking, needs},
    };

    const THERE: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud";
    const AWS: &str = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.3-gpu-py311";

    /// A point of an endpoint that serves build `a` of its own image and of one of AWS's, restored elsewhere.
    fn point() -> RecoveryPoint {
        let mut point = fixture::point(0);
        let own = "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud:1.4";
        let served = [("fraud-v1", own), ("fraud-pipeline", own), ("fraud-pipeline", AWS)];
        let served = served.map(|(name, image)| Deployed {
            kind: Kind::Model,
            name: name.into(),
            image: image.into(),
            digest: "sha256:a".into(),
        });
        point.source.serves(served.to_vec());
        let mut restored = point.source.clone();
        restored.models.iter_mut().for_each(|model| {
            let text = model.body.to_string().replace(".us-east-1.", ".eu-west-1.");
            model.body = serde_json::from_str(&text).unwrap();
        });
        point.restored = restored;
        point
    }

    /// Every tag names this digest there; of what is looked for by digest this was found.
    fn seen(point: &RecoveryPoint, tags: &str, builds: Presence) -> Seen {
        let mut seen = Seen::default();
        let needs = needs(point).into_iter();
        seen.things = needs.map(|need| (need, Presence::Image(tags.into()))).collect();
        let doubts = doubts(point, &seen.things);
        seen.things
            .extend(doubts.into_iter().map(|doubt| (doubt, builds.clone())));
        seen
    }

    fn settled(tags: &str, builds: Presence) -> (RecoveryPoint, Verified) {
        let mut point = point();
        let mut seen = seen(&point, tags, builds);
        settle(&mut point, &mut seen);
        let verified = lacking(&point, &seen);
        (point, verified)
    }

    fn made(point: &RecoveryPoint) -> [&str; 2] {
        let models = &point.restored.models;
        [
            models[1].text("/PrimaryContainer/Image").unwrap(),
            models[0].text("/Containers/1/Image").unwrap(),
        ]
    }

    #[test]
    fn a_tag_that_still_names_the_build_that_served_is_kept() {
        let (point, verified) = settled("sha256:a", Presence::Gone("not looked for".into()));
        let aws = AWS.replace("us-east-1", "eu-west-1");
        assert_eq!(made(&point), [format!("{THERE}:1.4"), aws]);
        assert!(
            verified.other_code.is_empty() && verified.noted.is_empty(),
            "{verified:?}"
        );
        assert!(
            verified.missing.is_empty() && !verified.unknown.iter().any(|one| one.contains("fraud")),
            "{verified:?}"
        );
    }

    #[test]
    fn a_tag_that_moved_changes_nothing_where_the_build_that_served_is_there() {
        let (point, verified) = settled("sha256:b", Presence::Image("sha256:a".into()));
        assert_eq!(made(&point)[0], format!("{THERE}@sha256:a"));
        assert_eq!(verified.other_code, [""; 0]);
        assert_eq!(verified.noted.len(), 1, "AWS builds its images anew: {verified:?}");
    }

    #[test]
    fn where_the_build_that_served_is_not_there_a_restore_goes_by_the_tag_and_it_is_said_that_other_code_will_run() {
        let (point, verified) = settled("sha256:b", Presence::Gone("none".into()));
        assert_eq!(made(&point)[0], format!("{THERE}:1.4"));
        assert!(
            verified.missing.is_empty() && !verified.is_good(),
            "nothing is refused: {verified:?}"
        );
        assert_eq!(
            verified.other_code,
            [format!(
                "the image {THERE}:1.4 is not the build that served: it names sha256:b, and sha256:a served, which that \
                 repository does not have (model fraud-v1 at /PrimaryContainer/Image): other code will run"
            )]
        );
        let said = verified.summary("fraud", &point.write().0, &point);
        assert!(
            said.contains("a restore would run other code than what served"),
            "{said}"
        );
    }

    #[test]
    fn a_tag_that_is_gone_is_not_missed_where_the_build_that_served_is_there() {
        let mut point = point();
        let mut seen = seen(&point, "sha256:a", Presence::There);
        let tag = (Names::Image, format!("{THERE}:1.4"));
        seen.things.insert(tag, Presence::Gone("none".into()));
        let pinned = (Names::Image, format!("{THERE}@sha256:a"));
        assert!(doubts(&point, &seen.things).contains(&pinned));
        seen.things.insert(pinned.clone(), Presence::Image("sha256:a".into()));
        let mut gone = seen.clone();
        settle(&mut point, &mut seen);
        assert!(lacking(&point, &seen).missing.is_empty());
        gone.things.insert(pinned, Presence::Gone("none".into()));
        let mut point = super::tests::point();
        settle(&mut point, &mut gone);
        assert_eq!(lacking(&point, &gone).missing.len(), 1);
        assert!(gone.builds.other.is_empty(), "nothing will run");
    }

    #[test]
    fn that_the_build_could_not_be_looked_for_is_no_claim_that_it_is_gone() {
        let (point, verified) = settled("sha256:b", Presence::Unknown("denied".into()));
        assert_eq!(made(&point)[0], format!("{THERE}:1.4"));
        assert!(
            verified.other_code.is_empty() && verified.unknown[0].contains("denied"),
            "{verified:?}"
        );
    }

    #[test]
    fn where_nobody_could_see_what_the_tag_names_the_build_that_served_is_taken_or_it_is_said() {
        let tag = (Names::Image, format!("{THERE}:1.4"));
        let pinned = (Names::Image, format!("{THERE}@sha256:a"));
        for (build, image) in [
            (Presence::Image("sha256:a".into()), &pinned.1),
            (Presence::Unknown("throttled".into()), &tag.1),
        ] {
            let mut point = point();
            let mut seen = seen(&point, "sha256:a", Presence::There);
            seen.things.insert(tag.clone(), Presence::Unknown("throttled".into()));
            assert!(doubts(&point, &seen.things).contains(&pinned));
            seen.things.insert(pinned.clone(), build);
            settle(&mut point, &mut seen);
            assert_eq!(made(&point)[0], image);
            let verified = lacking(&point, &seen);
            let is_said = verified.unknown.iter().any(|one| one.contains("other code may run"));
            assert_eq!(is_said, image == &tag.1, "{verified:?}");
        }
    }

    #[test]
    fn a_tag_that_the_fleet_file_says_is_taken_and_told_as_another() {
        let mut point = point();
        let chosen = format!("{THERE}:1.4-eu");
        point.restored.models[1].body["PrimaryContainer"]["Image"] = serde_json::json!(chosen);
        let mut seen = seen(&point, "sha256:c", Presence::Image("sha256:a".into()));
        settle(&mut point, &mut seen);
        assert_eq!(made(&point)[0], chosen);
        let said = &lacking(&point, &seen).other_code;
        assert!(said[0].contains("it names sha256:c, and sha256:a served"), "{said:?}");
    }

    #[test]
    fn a_digest_that_the_fleet_file_says_is_taken_and_told_as_another() {
        let mut point = point();
        let other = format!("{THERE}@sha256:c");
        point.restored.models[1].body["PrimaryContainer"]["Image"] = serde_json::json!(other);
        let mut seen = seen(&point, "sha256:a", Presence::There);
        settle(&mut point, &mut seen);
        assert_eq!(made(&point)[0], other);
        let said = &lacking(&point, &seen).other_code;
        assert!(
            said[0].contains("it names sha256:c, and sha256:a served (model fraud-v1"),
            "{said:?}"
        );
    }

    #[test]
    fn a_point_of_an_earlier_build_is_restored_by_its_tags() {
        let mut point = point();
        point.source.deployed.clear();
        let before = point.clone();
        let mut seen = seen(&point, "sha256:b", Presence::There);
        settle(&mut point, &mut seen);
        assert_eq!((point, seen.builds), (before, Builds::default()));
    }

    #[test]
    fn what_is_to_be_made_says_nothing_of_builds_that_serve() {
        let mut source = fixture::definition();
        source.components.clear();
        source.models.truncate(0);
        source.config.body = serde_json::json!({});
        source.deployed = super::tests::point().source.deployed;
        let rules = Rules {
            from: "us-east-1".into(),
            to: "eu-west-1".into(),
            mappings: Mappings::default(),
            ..Rules::default()
        };
        assert!(rewrite(&source, &rules).unwrap().deployed.is_empty());
    }
}
