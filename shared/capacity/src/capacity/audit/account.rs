//! Lambda's concurrency and API Gateway's throttling.

use super::{Findings, Rule};
use crate::capacity::{thing::Thing, world::World};

pub(super) fn check(world: &World, found: &mut Findings) {
    for (key, thing) in world.things() {
        match thing {
            Thing::Warm { qualifier, .. } if qualifier == "$LATEST" => found.add(
                Rule::LatestVersion,
                key,
                "Lambda keeps nothing initialised for $LATEST".to_owned(),
                "publish a version, or an alias for it, and put the concurrency there".to_owned(),
            ),
            Thing::Reserved { function, concurrency } => {
                let warm: u64 = world
                    .things()
                    .filter_map(|(_, thing)| match thing {
                        Thing::Warm {
                            function: of,
                            concurrency,
                            ..
                        } if of == function => Some(u64::from(*concurrency)),
                        _ => None,
                    })
                    .sum();
                if *concurrency == 0 {
                    found.add(
                        Rule::ReservedTooLow,
                        key,
                        "its reserved concurrency is 0, so it never runs, and events go to its dead-letter queue"
                            .to_owned(),
                        "raise it, or take the reservation away".to_owned(),
                    );
                } else if u64::from(*concurrency) < warm {
                    found.add(
                        Rule::ReservedTooLow,
                        key,
                        format!("it has {concurrency} reserved and {warm} kept initialised"),
                        "reserve at least what is kept initialised".to_owned(),
                    );
                }
            }
            Thing::Throttle { rate, burst, .. } if *rate <= 0.0 || *burst == 0 => found.add(
                Rule::ThrottledToNothing,
                key,
                format!("it takes {rate} requests a second and {burst} at once, so every request is answered with 429"),
                "a rate and a burst above 0".to_owned(),
            ),
            _ => {}
        }
    }
}
