//! Restores and drills driven against what is there: what is asked, wake-ups, and what each has to hold to.

use super::{super::*, Fake, Fault};
use crate::backup::{
    fixture::{at, point, policy},
    manifest::{PointId, RecoveryPoint},
    policy::BackupPolicy,
    restore::decide::Effect,
    verify::Verified,
};

static GOOD: Verified = Verified {
    damaged: vec![],
    missing: vec![],
    unknown: vec![],
    uncompared: vec![],
    for_now: vec![],
    other_code: vec![],
    noted: vec![],
    may_come: false,
};

pub(in crate::backup::restore) struct Given {
    pub id: PointId,
    pub point: RecoveryPoint,
    pub policy: BackupPolicy,
}

pub(in crate::backup::restore) fn given() -> Given {
    let point = point(0);
    Given {
        id: point.write().0,
        point,
        policy: policy(),
    }
}

impl Given {
    pub(in crate::backup::restore) fn ask(&self, kind: Kind) -> Ask<'_> {
        Ask {
            kind,
            number: 7,
            point: (&self.id, &self.point),
            name: None,
            cover: Default::default(),
            policy: &self.policy,
            probed: true,
            verified: &GOOD,
            notes: &[],
            now: at(3600),
        }
    }
}

impl Fake {
    /// A plan from what there is now.
    pub(in crate::backup::restore) fn plan(&self, ask: &Ask<'_>) -> Result<Plan, PlanError> {
        let mut look = self.look(&candidates(ask), &[]);
        look.things.extend(self.look(&owners(&look), &[]).things);
        plan(ask, &look).agreed()
    }

    /// One wake-up: decide and act until there is nothing to do. `None` once it has ended.
    pub(in crate::backup::restore) fn tick(
        &mut self,
        state: &mut Result<Restoration, Past>,
        mut fault: impl FnMut(&Effect) -> Option<Fault>,
    ) {
        let mut acted = None;
        for _ in 0..200 {
            let Ok(restoration) = state.as_ref() else { return };
            let (things, scaled) = restoration.needs();
            let scaled: Vec<_> = restoration
                .plan
                .definition
                .scaling
                .iter()
                .filter(|_| scaled)
                .map(|one| (one.of.clone(), one.dimension.clone()))
                .collect();
            let look = self.look(&things, &scaled);
            let world = World {
                now: self.now,
                look: Some(&look),
                acted: acted.as_ref(),
                abort: None,
            };
            let decision = decide(restoration, &world);
            *state = decision.state;
            match decision.effect {
                Some(effect) => {
                    if let Effect::Create { thing, .. } = &effect {
                        let named = state.as_ref().is_ok_and(|state| state.intended(thing).is_some());
                        assert!(named, "{thing} is made before it is named");
                        let claimed = state
                            .as_ref()
                            .is_ok_and(|state| state.claimed || state.plan.holds.is_none());
                        assert!(claimed, "{thing} is made before its copies are claimed");
                    }
                    if let (Effect::Ask(_, later), Ok(state)) = (&effect, state.as_ref()) {
                        let named = state.later.iter().any(|one| one.input == later.input);
                        assert!(named, "{} is put before it is named", later.input);
                    }
                    if let Effect::Remove(_) = effect {
                        let decided = state.as_ref().is_ok_and(|state| state.verdict.is_some());
                        assert!(decided, "removed before the verdict is in the ledger");
                    }
                    // `None`: the function dies here.
                    let Some(fault) = fault(&effect) else { return };
                    let outcome = self.take(&effect, fault);
                    acted = Some(Acted {
                        effect,
                        outcome,
                        at: self.now,
                    });
                }
                None if decision.again => acted = None,
                None => return,
            }
        }
        panic!("a wake-up that does not end");
    }

    /// Ticks until it has ended.
    pub(in crate::backup::restore) fn run(&mut self, plan: Plan) -> Past {
        let mut state = Ok(Restoration::new(plan, self.now, None));
        for _ in 0..2000 {
            self.tick(&mut state, |_| Some(Fault::None));
            match state {
                Err(past) => return past,
                Ok(_) => self.pass(60),
            }
        }
        panic!("no end: {state:?}");
    }
}
