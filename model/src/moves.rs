//! What AWS, the autoscaler and other people do by themselves.

use steward::{endpoint::EndpointStatus, scaling::Suspended};

use super::world::{ALARM, Declared, Fleet, Quality, Work, World};

/// One thing that happens without Steward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// SageMaker finishes what it is doing.
    Finish,
    /// SageMaker says `InService` and has gone back to what was before.
    SilentlyUndo,
    /// Insufficient capacity: `RollingBack`, to what was before.
    RunOutOfCapacity,
    /// From now on there are no further instances.
    Shortage,
    /// From now on a quota is used up.
    Quota,
    /// `Failed`, or `UpdateRollbackFailed` for SageMaker's own engines.
    Fail,
    /// `SystemUpdating`.
    Maintain,
    /// The alarm goes to ALARM.
    Ring,
    /// The alarm goes back to OK.
    Calm,
    /// The alarm loses its data.
    Hush,
    /// The alarm has data again, and is OK.
    Speak,
    /// Green proves to be like this.
    Turn(Quality),
    /// The autoscaler takes an instance from blue.
    ScaleIn,
    /// The autoscaler gives blue an instance.
    ScaleOut,
    /// The autoscaler gives green, which has all of the traffic, an instance.
    GreenGrows,
    /// Somebody gives green half of the traffic.
    StrangerShifts,
    /// Somebody gives the endpoint another config.
    StrangerDeploys,
    /// Somebody deletes the endpoint.
    Vanish,
}

impl Move {
    /// All that needs no work of SageMaker to be under way.
    pub(crate) const UNPROVOKED: [Self; 11] = [
        Self::Maintain,
        Self::Ring,
        Self::Calm,
        Self::Turn(Quality::Worse),
        Self::Turn(Quality::Silent),
        Self::Turn(Quality::Sick),
        Self::ScaleIn,
        Self::ScaleOut,
        Self::StrangerShifts,
        Self::StrangerDeploys,
        Self::Vanish,
    ];
}

impl World {
    /// SageMaker is doing something.
    pub(crate) fn is_working(&self) -> bool {
        self.work.is_some() || self.component.as_ref().is_some_and(|it| it.pending.is_some())
    }

    /// An alarm of this work is in ALARM: it ends where it began.
    fn is_taken_back(&self) -> bool {
        let rings = |name: &String| match &self.abort {
            Some((abort, tripped)) if abort == name => *tripped,
            _ => name == ALARM && self.alarming,
        };
        let component = self.component.as_ref().and_then(|it| it.pending.as_ref());
        match (&self.work, component) {
            (Some(Work::Config { alarms, .. }), _) | (_, Some((_, alarms))) => alarms.iter().any(rings),
            _ => false,
        }
    }

    /// The world after the move; `None` if it cannot happen now.
    pub(crate) fn moved(&self, the_move: Move) -> Option<Self> {
        let mut world = self.clone();
        let calm = self.exists && self.status == EndpointStatus::InService;
        match the_move {
            Move::Finish if self.is_working() => world.finish(!self.is_taken_back() && !self.lacks_instances()),
            Move::SilentlyUndo
                if self.is_working() && !matches!(self.work, Some(Work::Undoing | Work::Maintenance)) =>
            {
                world.finish(false);
            }
            Move::RunOutOfCapacity if matches!(self.work, Some(Work::Capacity(_) | Work::Config { .. })) => {
                if let Some(Work::Capacity(before)) = world.work.replace(Work::Undoing) {
                    world.fleets = before;
                }
                world.status = EndpointStatus::RollingBack;
                world.touch();
            }
            Move::Shortage if !self.short => world.short = true,
            Move::Quota if !self.quota => world.quota = true,
            Move::Fail => world.fail()?,
            Move::Maintain if calm => {
                world.work = Some(Work::Maintenance);
                world.status = EndpointStatus::SystemUpdating;
                world.touch();
            }
            Move::Ring if !self.alarming => {
                world.mute = false;
                world.alarming = true;
                world.rang = Some(world.now());
            }
            Move::Calm if self.alarming => world.alarming = false,
            Move::Hush if !self.mute && !self.alarming => world.mute = true,
            Move::Speak if self.mute => world.mute = false,
            Move::Turn(quality) if self.green == Quality::Good => world.green = quality,
            Move::GreenGrows if self.share("green") == 10_000 => world
                .autoscale("green", |fleet, suspended, _, max| {
                    (!suspended.scale_out && fleet.desired < max).then_some(fleet.desired + 1)
                })?,
            Move::ScaleIn => world.autoscale("blue", |fleet, suspended, min, _| {
                (!suspended.scale_in && fleet.desired > min).then(|| fleet.desired - 1)
            })?,
            Move::ScaleOut => world.autoscale("blue", |fleet, suspended, _, max| {
                (!suspended.scale_out && fleet.desired < max).then_some(fleet.desired + 1)
            })?,
            Move::StrangerShifts if calm && self.fleets.contains_key("green") => {
                world.capacity(|fleets| {
                    for fleet in fleets.values_mut() {
                        fleet.desired_weight = 5_000;
                    }
                });
            }
            Move::StrangerDeploys if calm && self.config != "theirs" => {
                let declared = |(name, fleet): (&String, &Fleet)| Declared {
                    name: name.clone(),
                    model: "m3".to_owned(),
                    count: fleet.count,
                    weight: fleet.weight,
                };
                let config: Vec<_> = self.fleets.iter().map(declared).collect();
                for fleet in world.fleets.values_mut() {
                    fleet.model = "m3".to_owned();
                }
                world.configs.insert("theirs".to_owned(), config);
                world.config = "theirs".to_owned();
                world.touch();
            }
            Move::Vanish if calm => {
                world.exists = false;
                world.fleets.clear();
                world.targets.clear();
            }
            _ => return None,
        }
        Some(world)
    }

    fn finish(&mut self, well: bool) {
        if let Some(component) = &mut self.component
            && let Some((model, _)) = component.pending.take()
        {
            component.undone = !well;
            if well {
                component.model = model;
            }
            return;
        }
        match self.work.take() {
            Some(Work::Capacity(before)) if !well => self.fleets = before,
            Some(Work::Config { name, fleets, .. }) if well => {
                self.config = name;
                self.fleets = fleets;
            }
            _ => {}
        }
        for fleet in self.fleets.values_mut() {
            fleet.weight = fleet.desired_weight;
            fleet.count = fleet.desired;
        }
        self.status = EndpointStatus::InService;
        self.touch();
    }

    fn fail(&mut self) -> Option<()> {
        if let Some(component) = &mut self.component {
            component.pending.take()?;
            component.failed = true;
            return Some(());
        }
        let Some(Work::Config { .. }) = self.work.take() else {
            return None;
        };
        self.status = EndpointStatus::Failed;
        self.touch();
        Some(())
    }

    fn autoscale(
        &mut self,
        variant: &str,
        wish: impl FnOnce(&Fleet, Suspended, u32, u32) -> Option<u32>,
    ) -> Option<()> {
        let target = self.targets.get(variant)?;
        let fleet = self.fleets.get(variant)?;
        if self.status != EndpointStatus::InService {
            return None;
        }
        let count = wish(fleet, target.suspended, target.min, target.max)?;
        self.capacity(|fleets| {
            if let Some(fleet) = fleets.get_mut(variant) {
                fleet.desired = count;
            }
        });
        Some(())
    }
}
