//! Where recovery points lie, and whose they are.
//!
//! Functions of several Regions may keep their backups in one place, and endpoints of several Regions may have one name. So
//! the place of a point says the Region of its endpoint too: `points/fraud.us-east-1/ID.json`. No endpoint's name has a dot
//! in it, and an earlier build, which may still be at work in another Region, takes the whole for a name: it leaves the
//! points alone, and the copies that they name.
//!
//! Earlier builds wrote `points/fraud/ID.json`, whatever the Region. Those are read where they are, and are of the Region
//! that their content says.

use std::collections::BTreeSet;

use super::{
    artifact::Vault,
    manifest::{PointId, RecoveryPoint},
};
use crate::{location::Location, text::and_list};

/// A recovery point by its place. In the order of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placed {
    /// Which.
    pub id: PointId,
    /// `EndpointName`.
    pub endpoint: String,
    /// The Region of the endpoint; absent where an earlier build wrote the point.
    pub from: Option<String>,
}

/// A recovery point, and what was read in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it is.
    pub placed: Placed,
    /// What it is; `Err` says why nothing is to be restored from it.
    pub read: Result<RecoveryPoint, String>,
}

/// Whose a recovery point is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Where it is.
    pub placed: Placed,
    /// The Region of its endpoint; absent where neither its place nor its content says it.
    pub from: Option<String>,
}

impl Placed {
    /// Of an endpoint of the Region `from`.
    pub fn new(endpoint: &str, from: &str, id: PointId) -> Self {
        Self {
            id,
            endpoint: endpoint.to_owned(),
            from: Some(from.to_owned()),
        }
    }

    /// Where an earlier build wrote it.
    pub fn earlier(endpoint: &str, id: PointId) -> Self {
        Self {
            id,
            endpoint: endpoint.to_owned(),
            from: None,
        }
    }

    /// Where the document is.
    pub fn at(&self, vault: &Vault) -> Location {
        let mut at = vault.points(&self.endpoint, self.from.as_deref());
        at.key.push_str(&format!("{}.json", self.id));
        at
    }

    /// From a key below [`Vault::all_points`].
    pub fn of_key(vault: &Vault, key: &str) -> Option<Self> {
        let rest = key.strip_prefix(vault.all_points().key.as_str())?;
        let (folder, file) = rest.split_once('/')?;
        let id = file.strip_suffix(".json")?.parse().ok()?;
        Some(match folder.split_once('.') {
            Some((endpoint, from)) => Self::new(endpoint, from, id),
            None => Self::earlier(folder, id),
        })
    }

    /// The point belongs in this place.
    ///
    /// # Errors
    /// Whose it is instead: somebody moved it.
    pub fn holds(&self, point: &RecoveryPoint) -> Result<(), String> {
        let here = self.from.as_deref().unwrap_or(&point.from);
        match point.endpoint == self.endpoint && point.from == here {
            true => Ok(()),
            false => Err(format!(
                "it is one of the endpoint {} in {}, and was moved here",
                point.endpoint, point.from
            )),
        }
    }
}

impl Found {
    /// The Region of its endpoint: its place says it, or else its content. Unknown where neither does.
    pub fn source(&self) -> Option<&str> {
        let content = || self.read.as_ref().ok().map(|point| point.from.as_str());
        self.placed.from.as_deref().or_else(content)
    }
}

impl Whose {
    /// What its place says; `None` where only its content can.
    pub fn placed(placed: &Placed) -> Option<Self> {
        let from = Some(placed.from.clone()?);
        let placed = placed.clone();
        Some(Self { placed, from })
    }
}

impl From<Found> for Whose {
    fn from(found: Found) -> Self {
        Self {
            from: found.source().map(str::to_owned),
            placed: found.placed,
        }
    }
}

/// The Regions that points are of.
pub fn sources(all: &[Whose]) -> BTreeSet<String> {
    all.iter().filter_map(|one| one.from.clone()).collect()
}

/// Those that are of the Region `from` (without it, all), in their order, and the number of the others. One that cannot be
/// read and lies where earlier builds wrote those of every Region is of `from` only if nothing is of another.
pub fn of_region(all: Vec<Whose>, from: Option<&str>) -> (Vec<Placed>, usize) {
    let alone = sources(&all).iter().all(|source| from == Some(source));
    let count = all.len();
    let is_own = |one: &Whose| from.is_none() || one.from.as_deref().map_or(alone, |source| from == Some(source));
    let own: Vec<Placed> = all.into_iter().filter(is_own).map(|one| one.placed).collect();
    let others = count - own.len();
    (own, others)
}

/// The Region whose endpoint is meant, where points of an endpoint are of `sources`. `None`: there are none.
///
/// # Errors
/// When it has to be said, or what was said is none of them.
pub fn meant(endpoint: &str, sources: &BTreeSet<String>, said: Option<&str>) -> Result<Option<String>, String> {
    let known: Vec<&str> = sources.iter().map(String::as_str).collect();
    match (said, &known[..]) {
        (Some(said), known) if !known.is_empty() && !known.contains(&said) => Err(format!(
            "No recovery point of {endpoint} is from {said}: those that there are come from {}.",
            and_list(known)
        )),
        (Some(said), _) => Ok(Some(said.to_owned())),
        (None, []) => Ok(None),
        (None, [one]) => Ok(Some((*one).to_owned())),
        (None, known) => Err(format!(
            "Endpoints called {endpoint} were backed up in {}: say which one is meant, such as \"from\": \"{}\".",
            and_list(known),
            known[0]
        )),
    }
}

/// The Region whose endpoint's points may be pruned: in the Region `home` of endpoints its own alone, since only its fleet
/// file says whether they are backed up; in `there`, where the backups are and `home` is absent, the one that was `said`.
///
/// # Errors
/// When another was said than `home`: why it is not pruned there, and where it is.
pub fn may_prune<'a>(
    endpoint: &str,
    home: Option<&'a str>,
    said: Option<&'a str>,
    there: &str,
) -> Result<Option<&'a str>, String> {
    match (home, said) {
        (Some(home), Some(said)) if said != home => Err(format!(
            "The recovery points of {endpoint} of {said} are not pruned in {home}: the fleet file here does not say whether \
             that endpoint is backed up. Send this to the function in {said}, or to the one in {there}, where the backups are."
        )),
        (home, said) => Ok(said.or(home)),
    }
}

/// The Region whose endpoint is drilled when nobody said which: one after the other.
pub fn in_turn(sources: &BTreeSet<String>, number: u64) -> Option<String> {
    let count = u64::try_from(sources.len()).ok()?;
    let turn = usize::try_from(number.checked_rem(count)?).ok()?;
    sources.iter().nth(turn).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::fixture::{point, vault};

    fn found(placed: Placed, from: Option<&str>) -> Whose {
        let read = from.map(|from| RecoveryPoint {
            from: from.to_owned(),
            ..point(0)
        });
        let by_place = Whose::placed(&placed);
        by_place.unwrap_or_else(|| {
            let read = read.ok_or_else(|| "it is damaged".to_owned());
            Found { placed, read }.into()
        })
    }

    fn id(began: i64) -> PointId {
        point(began).write().0
    }

    #[test]
    fn in_a_region_of_endpoints_only_its_own_points_are_pruned() {
        let may = |home, said| may_prune("fraud", home, said, "eu-central-1");
        assert_eq!(may(Some("eu-west-1"), None), Ok(Some("eu-west-1")));
        assert_eq!(may(Some("eu-west-1"), Some("eu-west-1")), Ok(Some("eu-west-1")));
        let why = may(Some("eu-west-1"), Some("us-east-1")).unwrap_err();
        assert!(
            why.contains("are not pruned in eu-west-1") && why.contains("the function in us-east-1"),
            "{why}"
        );
        // Where the backups are, any may be meant.
        assert_eq!(may(None, Some("us-east-1")), Ok(Some("us-east-1")));
        assert_eq!(may(None, None), Ok(None));
    }

    #[test]
    fn a_point_lies_where_endpoint_and_region_say_and_those_of_earlier_builds_where_they_lay() {
        let (id, vault) = (id(0), vault());
        let new = Placed::new("fraud", "us-east-1", id.clone());
        assert_eq!(
            new.at(&vault).to_string(),
            format!("s3://dr/steward/points/fraud.us-east-1/{id}.json")
        );
        let earlier = Placed::earlier("fraud", id.clone());
        assert_eq!(
            earlier.at(&vault).to_string(),
            format!("s3://dr/steward/points/fraud/{id}.json")
        );
        for placed in [new, earlier] {
            assert_eq!(Placed::of_key(&vault, &placed.at(&vault).key), Some(placed));
        }
        for other in ["steward/points/fraud/README", "steward/points/x.json", "else"] {
            assert_eq!(Placed::of_key(&vault, other), None, "{other}");
        }
    }

    #[test]
    fn an_earlier_build_takes_endpoint_and_region_for_one_name_and_keeps_the_copies() {
        let key = Placed::new("fraud", "us-east-1", id(0)).at(&vault()).key;
        let rest = key.strip_prefix(&vault().all_points().key).unwrap();
        let (name, file) = rest.split_once('/').unwrap();
        assert!(!crate::trigger::is_endpoint_name(name), "no endpoint can have it");
        assert!(file.strip_suffix(".json").unwrap().parse::<PointId>().is_ok());
    }

    #[test]
    fn a_point_that_was_moved_to_another_region_s_is_told() {
        let american = point(0);
        let at = |from| Placed::new("fraud", from, id(0));
        assert_eq!(at("us-east-1").holds(&american), Ok(()));
        assert_eq!(Placed::earlier("fraud", id(0)).holds(&american), Ok(()));
        assert_eq!(
            at("eu-west-1").holds(&american),
            Err("it is one of the endpoint fraud in us-east-1, and was moved here".to_owned())
        );
        assert!(Placed::earlier("other", id(0)).holds(&american).is_err());
    }

    #[test]
    fn points_of_another_region_are_none_of_this_one_s_wherever_they_lie() {
        let all = || {
            vec![
                found(Placed::earlier("fraud", id(0)), Some("us-east-1")),
                found(Placed::earlier("fraud", id(60)), Some("ap-south-1")),
                found(Placed::earlier("fraud", id(120)), None),
                found(Placed::new("fraud", "us-east-1", id(180)), Some("us-east-1")),
                found(Placed::new("fraud", "ap-south-1", id(240)), None),
            ]
        };
        let (american, others) = of_region(all(), Some("us-east-1"));
        let ids: Vec<PointId> = american.into_iter().map(|placed| placed.id).collect();
        assert_eq!((ids, others), (vec![id(0), id(180)], 3));
        assert_eq!(sources(&all()).len(), 2);
    }

    #[test]
    fn one_that_cannot_be_read_is_of_the_only_region_that_there_is() {
        let all = vec![
            found(Placed::earlier("fraud", id(0)), None),
            found(Placed::earlier("fraud", id(60)), Some("us-east-1")),
        ];
        assert_eq!(of_region(all.clone(), Some("us-east-1")).0.len(), 2);
        assert_eq!(of_region(all.clone(), Some("ap-south-1")).0.len(), 0);
        assert_eq!(of_region(all, None).0.len(), 2);
    }

    #[test]
    fn which_region_is_meant_has_to_be_said_when_there_are_several() {
        let of = |regions: &[&str]| regions.iter().map(|region| (*region).to_owned()).collect();
        let two = of(&["us-east-1", "ap-south-1"]);
        assert_eq!(meant("fraud", &of(&[]), None), Ok(None));
        assert_eq!(meant("fraud", &of(&["us-east-1"]), None), Ok(Some("us-east-1".into())));
        assert_eq!(meant("fraud", &two, Some("us-east-1")), Ok(Some("us-east-1".into())));
        assert_eq!(
            meant("fraud", &two, None).unwrap_err(),
            "Endpoints called fraud were backed up in ap-south-1 and us-east-1: say which one is meant, such as \"from\": \
             \"ap-south-1\"."
        );
        assert_eq!(
            meant("fraud", &two, Some("eu-west-3")).unwrap_err(),
            "No recovery point of fraud is from eu-west-3: those that there are come from ap-south-1 and us-east-1."
        );
        let turns: Vec<_> = (1..4).filter_map(|number| in_turn(&two, number)).collect();
        assert_eq!(turns, ["us-east-1", "ap-south-1", "us-east-1"]);
        assert_eq!(in_turn(&of(&[]), 3), None);
    }
}
