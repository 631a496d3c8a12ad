//! What may be at zero with nothing to bring it back: its requests would wait, or be refused, and nobody would be told.

use super::{
    CapacityLayer,
    target::{TargetSection, Unbound},
};
use crate::fleet::{
    wake::WakeSection,
    whole::{Often, Wrong},
};

/// What it goes by that a target is woken.
const RESTS: [&str; 4] = ["wake.enabled", "wake.variant", "wake.components", "schedule"];

impl CapacityLayer {
    /// Targets whose minimum is 0, which nothing that is declared leaves when the first request comes.
    pub(super) fn asleep_for_good(&self, wake: &WakeSection) -> impl Iterator<Item = Wrong> {
        let only = self.targets().count() == 1;
        let variants = self
            .targets()
            .filter(|target| matches!(target.of(), Unbound::Variant(_)));
        let only_variant = variants.count() == 1;
        let asleep = move |target: &TargetSection| {
            let woken = match target.of() {
                Unbound::Serverless(_) => true,
                // A rollout gives the only variant another name, under which `wake` may know it already.
                Unbound::Variant(name) => wake.wakes_variant(name, only_variant),
                Unbound::Component(name) => wake.wakes_component(name),
            };
            target.may_stay_at_zero() && !woken && !self.raised_again(target, only)
        };
        let targets = self.targets().enumerate();
        targets
            .filter(move |(_, target)| asleep(target))
            .map(|(index, target)| {
                let of = target.of();
                let (fate, wake) = match of {
                    Unbound::Component(name) => (
                        "they would be refused for ever",
                        format!("`wake` with `enabled: true` and {name} among its `components`"),
                    ),
                    Unbound::Variant(_) | Unbound::Serverless(_) => {
                        ("a few may wait for ever", "`wake` with `enabled: true`".to_owned())
                    }
                };
                let mut rests = vec![format!("scaling.{index}")];
                rests.extend(RESTS.map(str::to_owned));
                Wrong {
                    section: "scaling",
                    field: format!("{index}.min"),
                    problem: format!("is 0, and nothing brings {of} back from there when requests come: {fate}"),
                    accepted: Some(format!(
                        "a policy with `from_zero: {{}}` beside it, or a `step` that adds; or {wake}; or 1 or more"
                    )),
                    rests,
                    told: Often::EachProblem,
                }
            })
    }

    /// A schedule gives it a minimum again and again: what comes meanwhile waits until then, as was meant.
    fn raised_again(&self, target: &TargetSection, only: bool) -> bool {
        let mut actions = self.schedule.iter().flat_map(|list| &list.0);
        actions.any(|action| {
            let of_it = action.of().map_or(only, |of| of == target.of());
            of_it && action.raises_again()
        })
    }
}
