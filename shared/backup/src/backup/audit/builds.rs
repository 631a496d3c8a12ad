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
    let mut doubts: Vec<Doubt> = vec![];
    for (check, presence) in seen {
        let (Names::Image, Presence::Image(now), Some(image)) = (check.names, presence, EcrImage::parse(&check.value))
        else {
            continue;
        };
        for place in &check.places {
            for digest in definition
                .digests(&place.document, &check.value)
                .filter(|digest| digest != now)
            {
                let value = image.pinned(digest);
                match doubts.iter_mut().find(|doubt| doubt.check.value == value) {
                    Some(doubt) => doubt.check.places.push(place.clone()),
                    None => doubts.push(Doubt {
                        check: Check {
                            names: Names::Image,
                            value,
                            places: vec![place.clone()],
                        },
                        now: format!("the tag {} names {now} now", image.tag().unwrap_or("latest")),
                    }),
                }
            }
        }
    }
    // What is written by its digest somewhere was looked for.
    doubts.retain(|doubt| seen.iter().all(|(check, _)| check.value != doubt.check.value));
    doubts
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
