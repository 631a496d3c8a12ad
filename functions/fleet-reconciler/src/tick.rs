//! What the schedule does: goes on with what is being applied, tells drift, and applies where the fleet file says so.

use std::{collections::BTreeSet, time::Duration};

use steward::{
    aws::{Invocation, capacity::Breadth, ledger::Loaded},
    capacity::{
        drift::{self, Applied, Drift, Kind},
        ledger::CapacityLedger,
        plan::{Change, Plan, Verb},
        tell::Teller,
        thing::Key,
    },
    fleet::Fleet,
    report::Report,
};

use crate::{
    Context, HandlerError,
    apply::{self, Unapplied},
    outcome::{self, Tick},
    services::Services,
    view::{self, View},
};

/// Who asks when nobody does.
const SCHEDULE: &str = "the schedule, as `reconcile: { apply: true }` says";

/// Once an hour.
pub(crate) async fn tick(ctx: &Context, call: &Invocation) -> Result<Report, HandlerError> {
    let began = ctx.deployed.now();
    let services = Services::new(ctx, call);
    let ledger = services.ledger().load().await?;
    let ledger = services.publish(ledger).await?;
    let lasted = || Duration::try_from(ctx.deployed.now().duration_since(began)).unwrap_or_default();
    let fleet = match services.fleet().await {
        Ok(fleet) => fleet,
        Err(none) => {
            let tick = Tick {
                pending: ledger.document.outbox_len(),
                lasted: lasted(),
                ..Tick::blind(none.to_string())
            };
            let report = none.answered()?;
            outcome::emit(ctx, &tick);
            return Ok(report);
        }
    };
    let applied = &ledger.document.applied;
    let view = Box::pin(view::look(&services, &fleet, applied, Breadth::Declared)).await;
    let (ledger, mut tick) = match view {
        Err(why) => (blind(&services, &fleet, ledger, &why).await?, Tick::blind(why)),
        Ok(view) => Box::pin(compared(&services, &fleet, ledger, view)).await?,
    };
    let ledger = services.publish(ledger).await?;
    tick.pending = ledger.document.outbox_len();
    tick.lasted = lasted();
    outcome::emit(ctx, &tick);
    Ok(outcome::report(&tick))
}

async fn blind(
    services: &Services<'_>,
    fleet: &Fleet,
    ledger: Loaded<CapacityLedger>,
    why: &str,
) -> Result<Loaded<CapacityLedger>, HandlerError> {
    let (labels, components) = (Services::labels(fleet), Default::default());
    let teller = Teller {
        now: services.now(),
        labels: &labels,
        components: &components,
    };
    let change = |document: &CapacityLedger| {
        let mut told = document.clone();
        told.unseen(why, teller);
        ((told != *document).then_some(told), ())
    };
    let (ledger, ()) = services.ledger().change_from(ledger, change).await?;
    Ok(ledger)
}

async fn compared(
    services: &Services<'_>,
    fleet: &Fleet,
    ledger: Loaded<CapacityLedger>,
    view: View,
) -> Result<(Loaded<CapacityLedger>, Tick), HandlerError> {
    let labels = Services::labels(fleet);
    let teller = Teller {
        now: services.now(),
        labels: &labels,
        components: &view.world.components,
    };
    let mut tick = Tick::default();
    let seen = |document: &CapacityLedger| {
        let mut seen = document.clone();
        seen.seen(teller);
        ((seen != *document).then_some(seen), ())
    };
    let (mut ledger, ()) = services.ledger().change_from(ledger, seen).await?;
    // What is seen of what a plan was at work on may be no longer so.
    let beside = ledger.document.applying.clone().map(|applying| applying.plan);
    let of_it = |key: &Key| {
        let mut changes = beside.iter().flat_map(|plan| &plan.changes);
        changes.any(|change| change.key == *key)
    };
    let (mut moved, mut gives_way) = (false, false);
    if let Some(applying) = ledger.document.applying.clone() {
        let (plan, by) = (&applying.plan, &applying.by);
        match Box::pin(apply::apply(services, fleet, ledger.clone(), plan, &view, by)).await? {
            Ok(went) => {
                ledger = went.ledger.clone();
                moved = went.late || !went.made.is_empty();
                tick.went = Some((plan.id.clone(), went));
            }
            Err(Unapplied::Busy(said)) => tick.trouble = Some(said),
            // The plan that is made now has what it waited for, as it is declared now.
            Err(Unapplied::Stale(_)) if applying.waits && fleet.reconcile().apply => gives_way = true,
            Err(Unapplied::Stale(stale)) => {
                tick.trouble = Some(format!("the plan {} cannot go on: {stale}", plan.id));
                let abandon = |document: &CapacityLedger| {
                    let mut given_up = document.clone();
                    given_up.abandon(&stale, teller);
                    (Some(given_up), ())
                };
                (ledger, ()) = services.ledger().change_from(ledger, abandon).await?;
            }
        }
    }
    let mut plan = view.plan(fleet.reconcile().prune);
    let drifted = |document: &CapacityLedger| {
        let mut found = drifted(document, &view, services);
        found.retain(|drift| !of_it(&drift.key));
        found
    };
    let left = ledger.document.applied.clone();
    let on = |drift: &Drift| endpoints_of(drift, &view, &left);
    let suspects = drifted(&ledger.document);
    let changing = plan.changes.iter().filter_map(|change| change.about());
    let changing = changing.flat_map(|thing| view.world.endpoints_about(thing));
    let changing = changing.map(|seen| seen.name.clone());
    let behind = plan.behind.iter().map(|(_, endpoint)| endpoint.clone());
    let about = suspects.iter().flat_map(on).chain(changing).chain(behind).collect();
    let at_work = Box::pin(apply::others_at_work(services, about)).await;
    let elsewhere = |drift: &Drift| !on(drift).iter().any(|name| at_work.contains_key(name));
    let watch = |document: &CapacityLedger| {
        let mut watched = document.clone();
        let same = plan.same.iter().map(|same| same.key.clone()).filter(|key| !of_it(key));
        let applied = std::mem::take(&mut watched.applied).adopting(&view.desired, same, services.now());
        watched.applied = applied.without_lost(&view.desired, &view.world);
        watched.meet(&view.desired, &view.world);
        let mut found = drifted(&watched);
        // What a rollout changes for its time is not told, and what was told before is not over.
        found.retain(elsewhere);
        let known = watched.drifted.iter().map(|known| &known.drift);
        let unseen = known.filter(|drift| !elsewhere(drift) || of_it(&drift.key));
        found.extend(unseen.cloned());
        watched.watch(found, teller);
        ((watched != *document).then_some(watched), ())
    };
    (ledger, ()) = services.ledger().change_from(ledger, watch).await?;
    tick.drifts = ledger.document.drifted.iter().map(|told| told.drift.clone()).collect();
    if fleet.reconcile().apply {
        plan = plan
            .leaving(&at_work, &view.world)
            .leaving_gone(&ledger.document.applied, &ledger.document.known);
    }
    // A plan that only waits gives way where there is more to do; the world has to be as it was seen.
    let more = |change: &Change| change.verb != Verb::Rollout && (gives_way || !of_it(&change.key));
    let due = !moved && plan.changes.iter().any(more);
    if due && fleet.reconcile().apply {
        match Box::pin(apply::apply(services, fleet, ledger.clone(), &plan, &view, SCHEDULE)).await? {
            Ok(went) => {
                ledger = went.ledger.clone();
                tick.went = Some((plan.id.clone(), went));
            }
            Err(Unapplied::Busy(said)) => tick.trouble = Some(said),
            Err(Unapplied::Stale(stale)) => tick.trouble = Some(stale.to_string()),
        }
    }
    if gives_way && !due {
        let nobody = |document: &CapacityLedger| {
            let mut let_go = document.clone();
            let_go.give_way("no longer to be made", teller);
            ((let_go != *document).then_some(let_go), ())
        };
        (ledger, ()) = services.ledger().change_from(ledger, nobody).await?;
    }
    tick.plan = (!moved).then_some(plan);
    Ok((ledger, tick))
}

/// The endpoints that something is about, as it is there and as it was left.
fn endpoints_of(drift: &Drift, view: &View, left: &Applied) -> BTreeSet<String> {
    if let Key::Endpoint(name) = &drift.key {
        return BTreeSet::from([name.clone()]);
    }
    let left = left.things.iter().find(|thing| thing.key() == drift.key);
    let things = view.world.get(&drift.key).into_iter().chain(left);
    let about = things.flat_map(|thing| view.world.endpoints_about(thing));
    about.map(|seen| seen.name.clone()).collect()
}

/// What others changed of what is declared. What a plan is at work on is not drift.
pub(crate) fn drifted(ledger: &CapacityLedger, view: &View, services: &Services<'_>) -> Vec<Drift> {
    let at_work: Option<&Plan> = ledger.applying.as_ref().map(|applying| &applying.plan);
    let changing = |drift: &Drift| {
        let mut changes = at_work.into_iter().flat_map(|plan| &plan.changes);
        changes.any(|change| change.key == drift.key)
    };
    let found = drift::drift(
        &ledger.applied,
        &view.world,
        view.prefix(),
        &view.raised,
        services.now(),
    );
    found
        .into_iter()
        // What is declared and not applied yet is a plan's matter, and so is what conflicts; what is declared no more may change.
        .filter(|drift| (drift.kind == Kind::Appeared) != view.desired.mentions(&drift.key))
        .filter(|drift| !changing(drift))
        // Its endpoint is not there any more: what is left of it waits for the next restore.
        .filter(|drift| !view.desired.standing_by.contains_key(&drift.key))
        .collect()
}
