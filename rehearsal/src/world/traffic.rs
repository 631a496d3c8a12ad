//! Clients' requests as aggregates: how many came since the last look, who answered them, how fast and how well.

use std::time::Duration;

use jiff::Timestamp;

use crate::world::{
    behaviour::{Behaviour, MODEL_TIMEOUT, SPREAD},
    dice,
    metrics::{Piece, Stat},
    region::{Ctx, Region},
    sagemaker::Variant,
    spec::TrafficSpec,
};

/// Requests to one endpoint over time.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// The shape in force.
    pub(crate) shape: TrafficSpec,
    /// The shape the scenario began with, to return to after an incident.
    pub(crate) usual: TrafficSpec,
    /// What the shape counts its time from.
    pub(crate) since: Timestamp,
}

impl Demand {
    /// Requests per second at `at`.
    pub(crate) fn rate(&self, at: Timestamp) -> f64 {
        let elapsed = at.duration_since(self.since).as_secs_f64().max(0.0);
        match &self.shape {
            TrafficSpec::None => 0.0,
            TrafficSpec::Constant(rate) => rate.0,
            TrafficSpec::Diurnal(wave) => {
                let hour = at.as_second().rem_euclid(86_400) as f64 / 3600.0;
                let phase = (hour - wave.peak_hour) / 24.0 * std::f64::consts::TAU;
                wave.low.0 + (wave.high.0 - wave.low.0) * (1.0 + phase.cos()) / 2.0
            }
            TrafficSpec::Burst(burst) => {
                let every = burst.every.duration().as_secs_f64();
                let bursting = elapsed >= every && elapsed % every < burst.lasts.duration().as_secs_f64();
                if bursting { burst.peak.0 } else { burst.base.0 }
            }
            TrafficSpec::Trace(points) => {
                let minute = elapsed / 60.0;
                let after = points.partition_point(|point| point.minute <= minute);
                match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
                    (Some(before), Some(after)) => {
                        let along = (minute - before.minute) / (after.minute - before.minute);
                        before.rps + (after.rps - before.rps) * along
                    }
                    (Some(last), None) => last.rps,
                    (None, Some(first)) => first.rps,
                    (None, None) => 0.0,
                }
            }
        }
    }

    /// Requests expected from `from` to `to`.
    fn expected(&self, from: Timestamp, to: Timestamp) -> f64 {
        const LOOKS: u32 = 6;
        let span = to.duration_since(from).as_secs_f64();
        let looks = if matches!(self.shape, TrafficSpec::Constant(_) | TrafficSpec::None) {
            1
        } else {
            LOOKS
        };
        let mean: f64 = (0..looks)
            .map(|look| {
                let into = span * (f64::from(look) + 0.5) / f64::from(looks);
                self.rate(from + Duration::from_secs_f64(into))
            })
            .sum::<f64>()
            / f64::from(looks);
        mean * span
    }
}

/// What one variant did in the minute under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minute {
    pub(crate) invocations: f64,
    pub(crate) per_instance: f64,
    pub(crate) errors_4xx: f64,
    pub(crate) errors_5xx: f64,
    pub(crate) model_errors: f64,
    pub(crate) latency: Stat,
    pub(crate) setup: Stat,
    /// Requests at the same time in one instance, queued ones too, times seconds.
    pub(crate) concurrent_seconds: f64,
    /// Utilisation times seconds.
    pub(crate) busy_seconds: f64,
    pub(crate) seconds: f64,
}

impl Minute {
    /// One failed request, by the status the caller saw from the model, or 503 from SageMaker itself.
    pub(crate) fn fail(&mut self, status: u16, from_model: bool, count: f64) {
        if (400..500).contains(&status) {
            self.errors_4xx += count;
        } else {
            self.errors_5xx += count;
        }
        if from_model {
            self.model_errors += count;
        }
    }
}

/// Answers `requests` that came within `seconds` with a fleet of `instances`.
fn serve(rng: &mut fastrand::Rng, variant: &mut Variant, behaviour: &Behaviour, requests: u64, seconds: f64) {
    let workers = f64::from(variant.workers());
    let minute = &mut variant.minute;
    minute.seconds += seconds;
    if requests == 0 {
        return;
    }
    let count = requests as f64;
    minute.invocations += count;
    if workers == 0.0 {
        minute.fail(503, false, count);
        return;
    }
    minute.per_instance += count / workers;
    let utilisation = count / seconds.max(0.001) / (behaviour.capacity() * workers);
    minute.busy_seconds += utilisation.min(1.0) * seconds;
    let refused = if utilisation > 1.0 {
        dice::binomial(rng, requests, 1.0 - 1.0 / utilisation)
    } else {
        0
    };
    minute.fail(503, false, refused as f64);
    let served = requests - refused;
    // Little's law: as many are at work as come in the time that one takes. What is refused waited for its turn before.
    let loaded = behaviour.median().as_secs_f64() * Behaviour::load_factor(utilisation);
    minute.concurrent_seconds += count / workers * loaded;
    let timed_out = dice::binomial(rng, served, behaviour.timeout_share());
    if timed_out > 0 {
        minute.fail(500, true, timed_out as f64);
        let micros = MODEL_TIMEOUT.as_micros() as f64;
        minute.latency.add(rng, Piece::new(micros, 0.0, timed_out as f64));
    }
    let answered = served - timed_out;
    let failed = dice::binomial(rng, answered, behaviour.error_share());
    minute.fail(behaviour.failure_status(), true, failed as f64);
    if answered > 0 {
        let median = behaviour.median().as_micros() as f64 * Behaviour::load_factor(utilisation);
        minute.latency.add(rng, Piece::new(median, SPREAD, answered as f64));
    }
}

impl Region {
    /// Requests per second that clients send to `endpoint` now.
    pub(crate) fn demand_now(&self, ctx: &Ctx, endpoint: &str) -> f64 {
        self.demand.get(endpoint).map_or(0.0, |demand| demand.rate(ctx.now))
    }

    /// Accounts for the traffic of `name` up to now. Called before anything about the endpoint changes, so that every
    /// stretch is served by the fleet that was there.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx, name: &str) {
        let Some(endpoint) = self.endpoints.get(name) else {
            return;
        };
        let from = endpoint.settled;
        if from >= ctx.now {
            return;
        }
        let seconds = ctx.now.duration_since(from).as_secs_f64();
        let mean = self
            .demand
            .get(name)
            .map_or(0.0, |demand| demand.expected(from, ctx.now));
        let share = endpoint.green_share();
        let shares: &[(bool, f64)] = if share > 0.0 {
            &[(false, 1.0 - share), (true, share)]
        } else {
            &[(false, 1.0)]
        };
        let behaviours: Vec<Behaviour> = shares
            .iter()
            .flat_map(|(green, _)| endpoint.fleet(*green).iter().map(move |variant| (*green, variant)))
            .map(|(green, variant)| self.behaviour_of(name, variant, green))
            .collect();
        let dark = self.dark;
        let Some(endpoint) = self.endpoints.get_mut(name) else {
            return;
        };
        endpoint.settled = ctx.now;
        if !endpoint.status.serves() || dark {
            return;
        }
        let requests = dice::poisson(&mut endpoint.rng, mean);
        if endpoint.asynchronous.is_some() {
            self.async_arrivals(ctx, name, requests, seconds, &behaviours);
            return;
        }
        let mut weights = Vec::new();
        for (green, share) in shares {
            let fleet = endpoint.fleet(*green);
            let whole = fleet.iter().map(|variant| variant.current_weight).sum::<f64>();
            let of = if share < &1.0 && whole > 0.0 {
                share / whole
            } else {
                1.0
            };
            weights.extend(fleet.iter().map(|variant| variant.current_weight * of));
        }
        let parts = dice::split(&mut endpoint.rng, requests, &weights);
        let green = endpoint.green.iter_mut().flat_map(|green| &mut green.variants);
        for ((variant, behaviour), part) in endpoint.variants.iter_mut().chain(green).zip(&behaviours).zip(parts) {
            serve(&mut endpoint.rng, variant, behaviour, part, seconds);
        }
    }

    /// How the containers of a variant behave now: its model, what the scenario says of it, and every incident. The fleet
    /// that an update brings does not have what a redeployment cures.
    pub(crate) fn behaviour_of(&self, endpoint: &str, variant: &Variant, green: bool) -> Behaviour {
        let mut behaviour = self.model_behaviour(endpoint, &variant.name, &variant.model);
        for condition in &self.conditions {
            if condition.touches(endpoint, &variant.name, &variant.model)
                && !(green && condition.a_redeployment_cures())
            {
                behaviour = behaviour.under(&condition.behaviour);
            }
        }
        behaviour
    }

    /// How the containers of an inference component behave now.
    pub(crate) fn component_behaviour(&self, endpoint: &str, variant: &str, model: &str) -> Behaviour {
        let behaviour = self.model_behaviour(endpoint, variant, model);
        self.conditions
            .iter()
            .filter(|condition| condition.touches(endpoint, variant, model))
            .fold(behaviour, |behaviour, condition| behaviour.under(&condition.behaviour))
    }

    fn model_behaviour(&self, endpoint: &str, variant: &str, model: &str) -> Behaviour {
        let behaviour = self.behaviours.get(model).cloned().unwrap_or_default();
        if self.overlays.is_empty() {
            return behaviour;
        }
        let key = (endpoint.to_owned(), variant.to_owned(), model.to_owned());
        match self.overlays.get(&key) {
            Some(overlay) => behaviour.under(overlay),
            None => behaviour,
        }
    }
}
