//! What an endpoint is restored from, and how: the fleet file of this Region, and the recovery points in it. Nothing of the
//! endpoint's own Region is asked.

use std::{collections::BTreeMap, sync::Arc};

use steward::{
    backup::{
        manifest::{PointId, RecoveryPoint},
        places::{self, Found},
        policy::BackupPolicy,
    },
    command::OfPoint,
    failure::CallError,
    fleet::Fleet,
    health::policy::Probe,
};

use crate::{points, services::Services};

/// What the fleet file says of an endpoint that can be restored here.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) policy: BackupPolicy,
    /// The user's labels, which go into alerts.
    pub(super) labels: BTreeMap<String, String>,
    /// Metrics with this endpoint as a dimension are wanted.
    pub(super) metrics: bool,
    /// What is asked of it when it is there.
    pub(super) probes: Vec<Probe>,
    /// Of this Region.
    pub(super) fleet: Arc<Fleet>,
}

/// The point to restore from.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) id: PointId,
    pub(super) point: RecoveryPoint,
    /// What people should know of the choice.
    pub(super) notes: Vec<String>,
    /// Endpoints of several Regions have recovery points of that name here.
    pub(super) several: bool,
}

/// Why an endpoint cannot be restored by this function.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTarget {
    /// The fleet file does not say that it is.
    #[error("{0}")]
    Not(String),
    /// Which part of the fleet file holds for it is not known: its tags are in its recovery points.
    #[error("The recovery points cannot be read: {0}. {advice}", advice = .0.advice())]
    Unread(CallError),
}

/// What the fleet file says of an endpoint.
///
/// # Errors
/// Why it cannot be restored by this function.
pub(super) async fn of(services: &Services<'_>, endpoint: &str) -> Result<Target, NoTarget> {
    let fleet = services.fleet().await;
    let fleet = fleet.map_err(|none| NoTarget::Not(none.to_string()))?;
    let tags = match fleet.selects_by_tags_of(endpoint) {
        true => tags(services, &fleet, endpoint).await.map_err(NoTarget::Unread)?,
        false => None,
    };
    let Some(policy) = fleet.backup_for(endpoint, tags.as_ref()) else {
        return Err(NoTarget::Not(format!(
            "{endpoint} is not backed up: the fleet file in {} says no `backup.destination` for it.",
            services.home()
        )));
    };
    let health = fleet.health_for(endpoint, tags.as_ref());
    let (here, there) = (services.home(), policy.vault.region.as_str());
    if here != there {
        return Err(NoTarget::Not(format!(
            "{endpoint} is restored in {there}, by the function that runs there, since {here} may be dark: send this to \
             the function of the same name in {there}. This one runs in {here}, where it backs the endpoint up."
        )));
    }
    Ok(Target {
        labels: fleet.fleet_health().labels,
        metrics: health.as_ref().is_some_and(|health| health.metrics),
        probes: health.map(|health| health.probes.clone()).unwrap_or_default(),
        policy,
        fleet,
    })
}

/// The tags that the endpoint had when it was backed up last, as its newest recovery point in this Region says.
///
/// # Errors
/// What S3 says of the points.
pub(crate) async fn tags(
    services: &Services<'_>,
    fleet: &Fleet,
    endpoint: &str,
) -> Result<Option<BTreeMap<String, String>>, CallError> {
    let s3 = services.looking(services.home()).s3;
    for vault in fleet.vaults().iter().filter(|vault| vault.region == services.home()) {
        let newest = points::newest(&s3, vault, endpoint, None).await?;
        if let Some((_, point)) = newest {
            return Ok(Some(point.source.tags));
        }
    }
    Ok(None)
}

/// The point that was asked for, or the newest one that can be read: of the endpoint of one Region, which has to be said
/// where endpoints of several Regions have that name. With a number (`turn`) they are taken one after the other instead.
///
/// # Errors
/// Why there is none.
pub(super) async fn choose(
    services: &Services<'_>,
    policy: &BackupPolicy,
    of: &OfPoint,
    turn: Option<u64>,
) -> Result<Chosen, String> {
    let s3 = services.looking(services.home()).s3;
    let (vault, endpoint) = (&policy.vault, of.endpoint.as_str());
    let all = points::of(&s3, vault, endpoint, None)
        .await
        .map_err(|error| unread(&error))?;
    let mut all = points::whose(&s3, vault, all).await.map_err(|error| unread(&error))?;
    let several = places::sources(&all).len() > 1;
    if let Some(id) = &of.point {
        all.retain(|whose| whose.placed.id == *id);
        if all.is_empty() {
            return Err(format!(
                "{endpoint} has no recovery point {id}: `list` shows those that there are."
            ));
        }
    }
    let sources = places::sources(&all);
    let from = match turn.filter(|_| of.from.is_none()) {
        Some(number) => places::in_turn(&sources, number),
        None => places::meant(endpoint, &sources, of.from.as_deref())?,
    };
    let (own, _) = places::of_region(all, from.as_deref());
    let mut notes: Vec<String> = Vec::new();
    for placed in own.into_iter().rev() {
        let found = points::look(&s3, vault, placed).await;
        let Found { placed, read } = found.map_err(|error| unread(&error))?;
        let id = placed.id;
        match read.and_then(|point| fits(services, &point).map(|()| point)) {
            Ok(point) => {
                return Ok(Chosen {
                    id,
                    point,
                    notes,
                    several,
                });
            }
            Err(why) => notes.push(format!("recovery point {id} cannot be used: {why}")),
        }
    }
    if notes.is_empty() {
        return Err(format!("{endpoint} has no recovery point in {}.", vault.all_points()));
    }
    Err(format!("{endpoint} cannot be restored.\n- {}", notes.join("\n- ")))
}

/// A bucket may have been copied as a whole.
fn fits(services: &Services<'_>, point: &RecoveryPoint) -> Result<(), String> {
    let (here, account) = (services.home(), services.settings().account());
    if point.to != here || point.account != account {
        return Err(format!(
            "it was made for {} in account {}, and this is {here} in account {account}",
            point.to, point.account
        ));
    }
    Ok(())
}

fn unread(error: &CallError) -> String {
    format!("The recovery points cannot be read: {error}. {}", error.advice())
}
