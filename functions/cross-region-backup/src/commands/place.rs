//! Where the recovery points of an endpoint are, also of one that is not backed up any more: what was kept of it stays until
//! somebody deletes it, and is paid for.

use std::collections::BTreeMap;

use steward::{
    aws::lambda::refused,
    backup::{artifact::Vault, retention::Retention, rewrite::Mappings},
    failure::CallError,
    fleet::Fleet,
    report::Report,
};

use super::unread;
use crate::{
    points,
    services::{Backed, Services, backed},
};

/// The recovery points of an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) vault: Vault,
    pub(super) retention: Retention,
    /// The user's labels, which go into alerts.
    pub(super) labels: BTreeMap<String, String>,
    /// How the fleet file maps, where it has the endpoint backed up.
    pub(super) mappings: Option<Mappings>,
    /// The fleet file has the endpoint backed up.
    pub(super) backed: bool,
}

impl Place {
    fn of(backed: Backed) -> Self {
        Self {
            vault: backed.policy.vault,
            retention: backed.policy.retention,
            labels: backed.labels,
            mappings: Some(backed.policy.mappings),
            backed: true,
        }
    }
}

/// Where they are. `Err` is the answer when nobody knows, or there are none.
pub(super) async fn of(services: &Services<'_>, endpoint: &str) -> Result<Place, Report> {
    match services.backed(endpoint).await {
        Ok(Some(backed)) => Ok(Place::of(backed)),
        Ok(None) => {
            let fleet = services.fleet().await.map_err(|why| refused(&why))?;
            left(services, &fleet, endpoint).await
        }
        Err(why) => Err(refused(&why)),
    }
}

/// Of an endpoint that is not backed up, as far as its tags here tell: the first place that the fleet file names in which
/// there are points of it.
async fn left(services: &Services<'_>, fleet: &Fleet, endpoint: &str) -> Result<Place, Report> {
    let (places, retention) = fleet.left_behind(endpoint);
    let mut failed: Option<CallError> = None;
    for vault in &places {
        let s3 = services.looking(&vault.region).s3;
        match points::of(&s3, vault, endpoint, points::home(services, vault)).await {
            Ok(found) if found.is_empty() => continue,
            Ok(_) => {}
            Err(error) => {
                failed = Some(error);
                continue;
            }
        }
        // In the Region of the backups the endpoint has no tags that could select it: its last point has.
        if fleet.selects_by_tags_of(endpoint) && points::home(services, vault).is_none() {
            let newest = points::newest(&s3, vault, endpoint, None).await;
            let newest = newest.map_err(|error| unread(endpoint, &error))?;
            let tags = newest.map(|(_, point)| point.source.tags);
            if let Some(backed) = backed(fleet, endpoint, tags.as_ref()) {
                return Ok(Place::of(backed));
            }
        }
        return Ok(Place {
            vault: vault.clone(),
            retention,
            labels: fleet.fleet_health().labels,
            mappings: None,
            backed: false,
        });
    }
    if let Some(error) = failed {
        return Err(unread(endpoint, &error));
    }
    let said = format!("{endpoint} is not backed up: the fleet file says no `backup.destination` for it");
    Err(refused(&match places.is_empty() {
        true => format!(
            "{said}, nor any other. Say where its recovery points were kept, with `enabled: false`, and they are found."
        ),
        false => {
            let looked: Vec<String> = places.iter().map(|vault| vault.all_points().to_string()).collect();
            format!("{said}, and no recovery point of it is in {}.", looked.join(" or "))
        }
    }))
}
