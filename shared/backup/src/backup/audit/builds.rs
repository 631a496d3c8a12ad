//! Whether the very build of an image that serves is there, once the tag that it was pushed under names another.
//!
//! The tag may be there for ever, while a lifecycle policy deletes what has no tag any more; SageMaker pulls what it resolved
//! when the model was made.

use super::{Check, Presence};
use crate::backup::{definition::Definition, images::EcrImage, references::Names};

/// A build to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The image by its digest.
    pub check: Check,
    /// What its tag names now, in words.
    now: String,
}

/// The builds that serve and that are not what their tags name, of what was `seen` of the images as they are written.
pub fn doubts(definition: &Definition, seen: &[(Check, Presence)]) -> Vec<Doubt> {
    let doubts = builds(definition, seen, |presence, digest| match presence {
        Presence::Image(now) if now != digest => Some(now.clone()),
        _ => None,
    });
    let doubts = doubts.into_iter().map(|(check, tag, now)| Doubt {
        check,
        now: format!("the tag {tag} names {now} now"),
    });
    doubts.collect()
}

/// The builds that serve of images that could not be seen: nobody knows of them either, so one that was gone is not there
/// again for it.
pub fn unseen(definition: &Definition, seen: &[(Check, Presence)]) -> Vec<(Check, Presence)> {
    let unseen = builds(definition, seen, |presence, _| match presence {
        Presence::Unknown(why) => Some(why.clone()),
        _ => None,
    });
    let unseen = unseen
        .into_iter()
        .map(|(check, _, why)| (check, Presence::Unknown(why)));
    unseen.collect()
}

/// The builds that serve, each once, with the tag, of images of which `wanted` says something when it is given what was seen
/// and the digest. What is written by its digest somewhere was looked for.
fn builds(
    definition: &Definition,
    seen: &[(Check, Presence)],
    wanted: impl Fn(&Presence, &str) -> Option<String>,
) -> Vec<(Check, String, String)> {
    let mut builds: Vec<(Check, String, String)> = vec![];
    for (check, presence) in seen {
        let (Names::Image, Some(image)) = (check.names, EcrImage::parse(&check.value)) else {
            continue;
        };
        for place in &check.places {
            for digest in definition.digests(&place.document, &check.value) {
                let Some(said) = wanted(presence, digest) else { continue };
                let value = image.pinned(digest);
                match builds.iter_mut().find(|(build, ..)| build.value == value) {
                    Some((build, ..)) => build.places.push(place.clone()),
                    None => {
                        let check = Check {
                            names: Names::Image,
                            value,
                            places: vec![place.clone()],
                        };
                        builds.push((check, image.tag().unwrap_or("latest").to_owned(), said));
                    }
                }
            }
        }
    }
    builds.retain(|(build, ..)| seen.iter().all(|(check, _)| check.value != build.value));
    builds
}

impl Doubt {
    /// What was found of it, as of everything else.
    pub fn found(self, presence: Presence) -> (Check, Presence) {
        let presence = match presence {
            Presence::Gone(why) => Presence::Gone(format!("{why}; {}", self.now)),
            other => other,
        };
        (self.check, presence)
    }
}

impl Check {
    /// It is of a build of an image, and what names it names a tag.
    pub(super) fn is_build(&self) -> bool {
        let written = |place: &super::Reference| place.value == self.value;
        self.names == Names::Image && !self.places.is_empty() && !self.places.iter().any(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{
        audit::{checks, judge},
        definition::{Deployed, Kind},
        fixture,
    };

    const OWN: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com/fraud";

    /// Both models serve what `fraud:1.4` named when they were made.
    fn definition(digests: [&str; 2]) -> Definition {
        let mut definition = fixture::definition();
        let deployed = ["fraud-v1", "fraud-pipeline"].into_iter().zip(digests);
        definition.serves(
            deployed
                .map(|(name, digest)| Deployed {
                    kind: Kind::Model,
                    name: name.into(),
                    image: format!("{OWN}:1.4"),
                    digest: digest.into(),
                })
                .collect(),
        );
        definition
    }

    /// Every image is there, and every tag names this digest.
    fn seen(definition: &Definition, digest: &str) -> Vec<(Check, Presence)> {
        let checks = checks(definition).into_iter();
        checks.map(|check| (check, Presence::Image(digest.into()))).collect()
    }

    #[test]
    fn what_a_tag_still_names_is_looked_for_once() {
        let definition = definition(["sha256:a", "sha256:a"]);
        assert_eq!(doubts(&definition, &seen(&definition, "sha256:a")), []);
    }

    #[test]
    fn the_build_that_serves_and_is_gone_is_a_finding_though_the_tag_is_there() {
        let definition = definition(["sha256:a", "sha256:a"]);
        let seen = seen(&definition, "sha256:b");
        let doubts = doubts(&definition, &seen);
        assert_eq!(doubts.len(), 1, "once for both models");
        let found = doubts
            .into_iter()
            .map(|doubt| doubt.found(Presence::Gone("404".into())));
        let (findings, _) = judge(seen.into_iter().chain(found).collect());
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [format!(
                "The image that serves is gone: {OWN}@sha256:a (404; the tag 1.4 names sha256:b now). Named by model \
                 fraud-pipeline at /Containers/2/Image, model fraud-v1 at /PrimaryContainer/Image; no instance can be \
                 started, and AWS cannot patch those that run."
            )]
        );
    }

    #[test]
    fn of_an_image_that_could_not_be_seen_nobody_knows_the_build_either() {
        let definition = definition(["sha256:a", "sha256:a"]);
        let mut seen = seen(&definition, "sha256:b");
        assert_eq!(unseen(&definition, &seen), []);
        for (_, presence) in &mut seen {
            *presence = Presence::Unknown("throttled".into());
        }
        assert_eq!(doubts(&definition, &seen), []);
        let unseen = unseen(&definition, &seen);
        assert_eq!(unseen.len(), 1);
        assert_eq!(
            (unseen[0].0.value.clone(), &unseen[0].1),
            (format!("{OWN}@sha256:a"), &Presence::Unknown("throttled".into()))
        );
    }

    #[test]
    fn of_two_builds_under_one_tag_the_one_that_the_tag_left_is_looked_for() {
        let definition = definition(["sha256:a", "sha256:b"]);
        let doubts = doubts(&definition, &seen(&definition, "sha256:b"));
        let values: Vec<&str> = doubts.iter().map(|doubt| doubt.check.value.as_str()).collect();
        assert_eq!(values, [format!("{OWN}@sha256:a")]);
        assert_eq!(doubts[0].check.places.len(), 1);
    }

    #[test]
    fn an_image_that_is_written_by_its_digest_is_looked_for_once() {
        let mut definition = definition(["sha256:a", "sha256:b"]);
        definition.models[0].body["Containers"][0]["Image"] = serde_json::json!(format!("{OWN}@sha256:a"));
        assert_eq!(doubts(&definition, &seen(&definition, "sha256:b")), []);
    }
}
