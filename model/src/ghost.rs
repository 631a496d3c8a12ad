//! What an onlooker remembers who trusts nothing that the code under test wrote down: which gates were seen to pass.

use jiff::Timestamp;
use steward::{
    analysis::Verdict,
    health::ledger::Level,
    rollout::{
        Answer, Ended, Phase, Plan, To, Transition,
        look::{Known, Look},
        policy::{Engine, OnDeadline},
        request::Order,
    },
    trigger::AlarmState,
};

use super::{
    rules::Rule,
    state::{Asked, Decided},
    world::Target,
};

/// More rounds of probes than any setup asks for.
const ROUNDS: u32 = 3;

/// What was seen of the rollout at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ghost {
    /// Its number.
    pub(crate) serial: u64,
    /// Green may have the share of the step before this one: 0 for none, one more than there are steps when the last
    /// bake has passed.
    pub(crate) cleared: usize,
    /// Rounds of probes that passed in a row in this phase.
    passed: u32,
    /// When the present step's weights were seen.
    weighed: Option<Timestamp>,
    /// When the present bake began.
    baking: Option<Timestamp>,
    /// Seconds of it that were paused.
    rested: i64,
    /// Since when it is paused.
    paused: Option<Timestamp>,
    /// An operator ended this bake.
    skipped: bool,
    /// An operator opened this gate, while it was open.
    opened: bool,
    /// An operator wants the last step, past everything.
    promoted: bool,
    /// Going back was decided.
    pub(crate) back: bool,
    /// A call decided before that raised green after it.
    pub(crate) overtaken: bool,
    /// From when on, and until when, the alarms of a step count that has some of its own.
    own: (Option<Timestamp>, Option<Timestamp>),
    /// Blue's instances at the start.
    pub(crate) blue: u32,
    /// Blue's scaling before the first rollout.
    pub(crate) target: Option<Target>,
}

pub(crate) type Wrong = Vec<(Rule, String)>;

impl Ghost {
    /// Before the first rollout.
    pub(crate) fn new(target: Option<Target>) -> Self {
        Self {
            target,
            ..Self::default()
        }
    }

    /// Green's share, in ten-thousandths, that was earned.
    pub(crate) fn earned(&self, plan: &Plan) -> u32 {
        match self.cleared.checked_sub(1) {
            _ if self.back => 0,
            None => 0,
            Some(step) => u32::from(plan.share(step).ten_thousandths()),
        }
    }

    /// The last bake has passed.
    pub(crate) fn is_through(&self, plan: &Plan) -> bool {
        self.cleared > plan.steps().len()
    }

    /// Takes a committed decision in.
    pub(crate) fn follow(&mut self, decided: &Decided, asked: Option<Asked>, wrong: &mut Wrong) {
        let before = decided.read.active.as_ref();
        if let (Some(rollout), Some(asked)) = (before, asked) {
            self.obeyed(asked, decided.decision.answer.as_ref(), &rollout.phase, decided.now);
        }
        if let Some(smoke) = &decided.look.smoke
            && before.is_some_and(|it| matches!(it.phase, Phase::Smoke(_) | Phase::Probing { .. }))
        {
            match smoke.yes() {
                Some(seen) if seen.passed => self.passed = (self.passed + 1).min(ROUNDS),
                Some(_) => self.passed = 0,
                None => {}
            }
        }
        for transition in &decided.decision.transitions {
            self.step(decided, transition, wrong);
        }
    }

    fn obeyed(&mut self, asked: Asked, answer: Option<&Answer>, phase: &Phase, now: Timestamp) {
        if self.back || !answer.is_some_and(|answer| answer.accepted) {
            return;
        }
        match asked {
            Asked::Order(Order::Pause) => self.paused = self.paused.or(Some(now)),
            Asked::Order(Order::Resume) => self.rested += self.pause(now),
            Asked::Order(Order::Skip) if matches!(phase, Phase::Baking { .. }) => self.skipped = true,
            Asked::Order(Order::Promote) if matches!(phase, Phase::Gate { .. }) => self.opened = true,
            Asked::Order(Order::PromoteFull) => self.promoted = true,
            _ => {}
        }
    }

    /// Seconds of the present pause, which is over.
    fn pause(&mut self, now: Timestamp) -> i64 {
        let Some(paused) = self.paused.take() else { return 0 };
        let begun = self.baking.map_or(paused, |baking| baking.max(paused));
        now.duration_since(begun).as_secs()
    }

    fn step(&mut self, decided: &Decided, transition: &Transition, wrong: &mut Wrong) {
        let active = decided.write.active.as_ref().or(decided.read.active.as_ref());
        let plan = active
            .map(|it| &it.plan)
            .or(decided.write.history.last().map(|past| &past.plan));
        let Some(plan) = plan else {
            wrong.push((Rule::Rest, format!("{transition:?} of no rollout")));
            return;
        };
        let Some(from) = &transition.from else {
            *self = Self {
                serial: plan.serial,
                blue: plan.blue.instances.unwrap_or(0),
                target: self.target.clone(),
                back: transition.cause.is_some(),
                ..Self::default()
            };
            return;
        };
        let forward = match &transition.to {
            To::Phase(phase) => phase.is_forward(),
            To::End(ended) => *ended == Ended::Completed,
        };
        if forward
            && plan.engine() == Engine::Variants
            && let Err(said) = self.may_pass(decided, plan, from, &transition.to)
        {
            let to = transition.to.name();
            wrong.push((Rule::Gates, format!("{} from {from} to {to}: {said}", decided.now)));
        }
        match &transition.to {
            To::Phase(phase) => self.enter(decided, plan, phase),
            To::End(ended) => ended_as(*ended, decided, plan, self, wrong),
        }
    }

    /// An alarm of a step's own that went off then went off while it counted.
    pub(crate) fn counted(&self, at: Timestamp) -> bool {
        let (from, until) = self.own;
        from.is_some_and(|from| at >= from) && until.is_none_or(|until| at < until)
    }

    fn enter(&mut self, decided: &Decided, plan: &Plan, phase: &Phase) {
        self.passed = 0;
        self.skipped = false;
        self.opened = false;
        let has_own = |step: usize| plan.steps().get(step).is_some_and(|step| !step.alarms.is_empty());
        match phase {
            Phase::Shifting { step } if has_own(*step) => self.own = (Some(decided.now), None),
            Phase::Probing { step, .. } | Phase::Baking { step } if !has_own(*step) && self.own.0.is_some() => {
                self.own.1 = self.own.1.or(Some(decided.now));
            }
            _ => {}
        }
        match phase {
            Phase::Sizing { step, .. } => self.cleared = step + 1,
            Phase::Finishing => self.cleared = plan.steps().len() + 1,
            Phase::Probing { .. } => self.weighed = Some(decided.now),
            Phase::Baking { .. } => {
                self.weighed = self.weighed.or(Some(decided.now));
                self.baking = Some(decided.now);
                self.rested = 0;
                return;
            }
            Phase::Gate { .. } => return,
            phase if !phase.is_forward() => {
                self.back = true;
                self.paused = None;
            }
            _ => {}
        }
        if !matches!(phase, Phase::Probing { .. }) {
            self.weighed = None;
        }
        self.baking = None;
        self.rested = 0;
    }

    /// The gates between two phases.
    fn may_pass(&self, decided: &Decided, plan: &Plan, from: &Phase, to: &To) -> Result<(), String> {
        let to = match to {
            To::Phase(to) => to,
            To::End(_) => return Ok(()),
        };
        let policy = &plan.request.policy;
        let steps = plan.steps();
        let probed = || {
            let needed = policy.smoke_passes.max(1);
            if self.passed >= needed {
                Ok(())
            } else {
                Err(format!("{} of {needed} rounds of probes passed", self.passed))
            }
        };
        if self.back {
            return Err(format!("from {from} to {to} after going back was decided"));
        }
        if let Phase::Sizing { step, .. } = to {
            let next = from.step().map_or(0, |step| step + 1);
            if *step != next && !(self.promoted && *step == steps.len() - 1) {
                return Err(format!("from {from} to {to}: nobody promoted"));
            }
        }
        if matches!(to, Phase::Finishing) && from.step() != Some(steps.len() - 1) {
            return Err(format!("from {from} to {to}: not the last step"));
        }
        match from {
            Phase::Preparing if policy.smoke && !matches!(to, Phase::Smoke(_)) => Err("nobody probed green".to_owned()),
            Phase::Smoke(_) | Phase::Probing { .. } => probed(),
            Phase::Shifting { step } => {
                let earned = u32::from(plan.share(*step).ten_thousandths());
                let has = decided.world.share(&plan.green.variant);
                if has.abs_diff(earned) > 10 {
                    return Err(format!("{to} with {has} instead of {earned} ten-thousandths"));
                }
                if steps[*step].smoke && !matches!(to, Phase::Probing { .. }) {
                    return Err("nobody probed green with its traffic".to_owned());
                }
                Ok(())
            }
            Phase::Baking { step } => {
                self.baked(decided, plan, *step)?;
                if steps[*step].gate && !self.promoted && !matches!(to, Phase::Gate { .. }) {
                    return Err(format!("from {from} to {to} past its gate"));
                }
                Ok(())
            }
            Phase::Gate { step } if self.opened || self.promoted => quiet(&decided.look, plan, *step),
            Phase::Gate { step } if policy.on_deadline == OnDeadline::Promote => {
                well(decided, plan, self.weighed).and_then(|()| quiet(&decided.look, plan, *step))
            }
            Phase::Gate { .. } => Err("nobody opened the gate".to_owned()),
            _ => Ok(()),
        }
    }

    fn baked(&self, decided: &Decided, plan: &Plan, step: usize) -> Result<(), String> {
        quiet(&decided.look, plan, step)?;
        if self.paused.is_some() {
            return Err("it is paused".to_owned());
        }
        if self.skipped || self.promoted {
            return Ok(());
        }
        let Some(begun) = self.baking else {
            return Err("it never began to bake".to_owned());
        };
        let bake = i64::try_from(plan.steps()[step].bake.as_secs()).expect("a bake is short");
        let baked = decided.now.duration_since(begun).as_secs() - self.rested;
        if baked < bake {
            return Err(format!("{baked} of {bake} seconds baked"));
        }
        well(decided, plan, self.weighed)
    }
}

/// The analysis passed on the minutes since the weights were seen, and the health checker finds nothing.
fn well(decided: &Decided, plan: &Plan, weighed: Option<Timestamp>) -> Result<(), String> {
    if plan.request.policy.health
        && !matches!(&decided.look.health, Some(Known::Yes(Some(seen))) if seen.level == Level::Healthy)
    {
        return Err(format!("the health checker knows {:?}", decided.look.health));
    }
    if plan.request.policy.analysis.is_none() {
        return Ok(());
    }
    let passed = matches!(&decided.look.analysis, Some(Known::Yes(analysis)) if analysis.verdict == Verdict::Pass);
    let window = decided.needs.analysis.as_ref();
    match (passed, window, weighed) {
        (true, Some(window), Some(weighed)) if window.from >= weighed => Ok(()),
        (true, window, weighed) => Err(format!("judged on {window:?}, with its weights since {weighed:?}")),
        (false, ..) => Err(format!("the analysis said {:?}", decided.look.analysis)),
    }
}

/// All alarms are known and OK, those of the step too.
fn quiet(look: &Look, plan: &Plan, step: usize) -> Result<(), String> {
    let mut wanted = plan.request.policy.alarms.iter().chain(&plan.steps()[step].alarms);
    let ok = |name: &String| {
        let seen = look
            .alarms
            .yes()
            .and_then(|it| it.iter().find(|alarm| alarm.name == *name));
        seen.is_some_and(|alarm| alarm.state == AlarmState::Ok)
    };
    match wanted.find(|name| !ok(name)) {
        None => Ok(()),
        Some(name) => Err(format!("alarm {name} is not known to be OK: {:?}", look.alarms)),
    }
}

/// The end that was said, against the world at that moment.
fn ended_as(ended: Ended, decided: &Decided, plan: &Plan, ghost: &Ghost, wrong: &mut Wrong) {
    let world = &decided.world;
    // What is told to people is not said to be so.
    let told = decided
        .write
        .history
        .last()
        .is_some_and(|past| !past.unpointed.is_empty());
    let triggered = |variant: &str| if told { Ok(()) } else { world.triggered(variant) };
    let said = match ended {
        Ended::Completed => world
            .serves_green(plan, ghost.target.as_ref())
            .and_then(|()| triggered(&plan.green.variant)),
        Ended::RolledBack => world
            .serves_blue(plan, ghost.target.as_ref())
            .and_then(|()| triggered(&plan.blue.variant)),
        Ended::Failed => Ok(()),
    };
    if let Err(said) = said {
        wrong.push((Rule::Truth, format!("{} is said, but {said}", ended.as_str())));
    }
}
