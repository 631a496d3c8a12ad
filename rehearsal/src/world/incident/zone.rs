//! An Availability Zone is lost: what stood in it is gone at once, and SageMaker replaces it in the others.

use crate::world::{
    HappeningKind,
    region::{Ctx, Region, What},
};

/// SageMaker spreads the instances of a variant evenly over the Zones of its subnets; where nothing is said of those, over
/// three.
pub(crate) const ZONES: u32 = 3;

/// How many of so many instances stand in the Zone that has most.
fn in_one_zone(instances: u32, zones: u32) -> u32 {
    instances.div_ceil(zones.max(1))
}

impl Region {
    /// The instances in one Zone stop answering, of one endpoint or of all.
    pub(super) fn lose_zone(&mut self, ctx: &mut Ctx, zones: u32, endpoint: Option<&str>) {
        let mut lost = Vec::new();
        for (name, live) in &mut self.endpoints {
            if endpoint.is_some_and(|wanted| wanted != name) {
                continue;
            }
            for variant in &mut live.variants {
                let there = variant.current_instances.unwrap_or(0);
                let gone = in_one_zone(there, zones).min(there - variant.lost.min(there));
                variant.lost += gone;
                if gone > 0 {
                    lost.push((name.clone(), variant.name.clone(), gone, there));
                }
            }
        }
        let (first, further) = (ctx.timing.instance.duration(), ctx.timing.further_instance.duration());
        for (name, variant, gone, there) in lost {
            for nth in 0..gone {
                let what = What::Replaced(name.clone(), variant.clone());
                ctx.schedule(ctx.now + first + further * nth, &self.name, what);
            }
            let text = format!("{gone} of {there} instances of {name} variant {variant} stood in it");
            ctx.tell(&self.name, HappeningKind::Incident { text });
        }
    }

    /// One of the lost instances is there again.
    pub(crate) fn replaced(&mut self, ctx: &mut Ctx, endpoint: &str, variant: &str) {
        self.settle(ctx, endpoint);
        let live = self.endpoints.get_mut(endpoint);
        let found = live.and_then(|live| live.variants.iter_mut().find(|it| it.name == variant));
        let Some(found) = found.filter(|found| found.lost > 0) else {
            return;
        };
        found.lost -= 1;
        let text = format!("an instance of {endpoint} variant {variant} is replaced in another Availability Zone");
        ctx.tell(&self.name, HappeningKind::Incident { text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_instance_is_gone_entirely_and_of_many_a_share() {
        assert_eq!(
            [0, 1, 2, 3, 4, 6, 7].map(|count| in_one_zone(count, ZONES)),
            [0, 1, 1, 1, 2, 2, 3]
        );
        assert_eq!(in_one_zone(4, 1), 4);
    }
}
