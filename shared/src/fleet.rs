//! The fleet file: which endpoints Steward looks after, and what it may do for each.
//!
//! One YAML file declares everything. It is read whole or refused whole, with all its mistakes at once; the types of
//! [`file`] are at the same time its JSON Schema (`docs/fleet.schema.json`) and its reference (`docs/fleet.md`).

mod account;
mod answer;
mod backup;
mod capacity;
mod entry;
mod file;
pub mod glob;
mod golden;
mod maintenance;
mod merge;
mod probe;
mod rollout;
mod select;
mod switch;
pub(crate) mod text;
mod unmade;
mod wake;
mod whole;
mod wide;

use std::collections::BTreeMap;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};

use account::{Apis, Lambdas};
use backup::BackupSection;
use capacity::CapacityLayer;
use file::Health;
use rollout::Strategies;
use select::Select;
use wake::WakeSection;

pub(crate) use self::rollout::RolloutSection;
pub use self::{
    account::ReconcilePolicy,
    capacity::{LISTED, SCHEDULED},
    rollout::RolloutRules,
    unmade::Unmade,
};
pub use crate::yaml::{Problem as FleetError, Problems as FleetErrors};
use crate::{
    backup::{
        Vault,
        policy::{BackupPolicy, Retention},
    },
    capacity::{dashboard::DashboardPolicy, thing::Thing},
    health::policy::{COMES_WITHIN, FleetHealthPolicy, HealthPolicy, Probe, ProbeKind},
    wake::WakePolicy,
    yaml::{self, Found},
};

/// A fleet file that was read and found right.
#[derive(Clone, Debug)]
pub struct Fleet {
    defaults: Layer,
    strategies: Strategies,
    entries: Vec<Entry>,
    fleet_health: FleetHealthPolicy,
    simultaneous_wakes: u32,
    lambdas: Lambdas,
    apis: Apis,
    dashboard: Option<DashboardPolicy>,
    reconcile: ReconcilePolicy,
}

/// What one place in the file says of an endpoint.
#[derive(Clone, Debug, Default)]
struct Layer {
    health: Health,
    rollout: RolloutSection,
    backup: BackupSection,
    wake: WakeSection,
    capacity: CapacityLayer,
}

impl Layer {
    fn over(self, under: Self) -> Self {
        Self {
            health: self.health.over(under.health),
            rollout: self.rollout.over(under.rollout),
            backup: self.backup.over(under.backup),
            wake: self.wake.over(under.wake),
            capacity: self.capacity.over(under.capacity),
        }
    }
}

/// One entry of `endpoints`.
#[derive(Clone, Debug)]
struct Entry {
    key: String,
    select: Select,
    layer: Layer,
}

/// Adds a place that is not there yet.
fn add(vaults: &mut Vec<Vault>, vault: Option<Vault>) {
    vaults.extend(vault.filter(|vault| !vaults.iter().any(|known| known.is_place_of(vault))));
}

impl Fleet {
    /// Reads a fleet file; `origin` names it in the errors.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line, column, path and what is accepted.
    pub fn parse(text: &str, origin: &str) -> Result<Self, FleetErrors> {
        yaml::read(text, origin)
    }

    /// What is asked for the health of an endpoint; `None` when no entry selects it.
    ///
    /// `defaults`, then the globs and groups that select it in file order, then its own entry: per field the last one
    /// that says something holds, and lists are replaced as a whole. Without `tags` no group by tag selects it.
    pub fn health_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Option<HealthPolicy> {
        let layer = self.layer_for(name, tags)?;
        let wake = layer.wake.resolve();
        Some(HealthPolicy {
            remembers: wake.as_ref().map(WakePolicy::judged_over),
            comes_within: wake.map_or(COMES_WITHIN, |wake| wake.deadline),
            ..layer.health.resolve()
        })
    }

    /// How an endpoint is followed that no entry selects any more, until what cannot be left half made has come to its end:
    /// by its status alone.
    pub fn health_let_go() -> HealthPolicy {
        Layer::default().health.resolve()
    }

    /// How rollouts of an endpoint go; `None` when no entry selects it. Layers as in [`Fleet::health_for`].
    pub fn rollout_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Option<RolloutRules<'_>> {
        Some(self.rules(self.layer_for(name, tags)?))
    }

    /// How an endpoint is backed up; `None` when no entry selects it, or it is not backed up. Layers as in
    /// [`Fleet::health_for`], but for the mappings, of which each entry is a field of its own.
    pub fn backup_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Option<BackupPolicy> {
        self.layer_for(name, tags)?.backup.resolve()
    }

    /// What is said of the backups of what each entry means.
    fn backups(&self) -> impl Iterator<Item = BackupSection> {
        let layers = whole::Layers::of(self);
        (0..self.entries.len()).map(move |index| layers.whole(index).backup)
    }

    /// Where backups go, each place once: of the endpoints that are named, and of each glob and group with what it comes to. So
    /// recovery points are found whose endpoints nobody can describe any more.
    pub fn vaults(&self) -> Vec<Vault> {
        let mut vaults = vec![];
        for backup in self.backups() {
            add(&mut vaults, backup.resolve().map(|policy| policy.vault));
        }
        vaults
    }

    /// Where recovery points may be of an endpoint that is not backed up any more, and how long those are kept: the place
    /// that is said for it, whatever `enabled` says, and then that of any other endpoint.
    pub fn left_behind(&self, name: &str) -> (Vec<Vault>, Retention) {
        let own = self.layer_for(name, None).unwrap_or_else(|| self.defaults.clone());
        let mut vaults = vec![];
        add(&mut vaults, own.backup.vault());
        for backup in self.backups() {
            add(&mut vaults, backup.vault());
        }
        add(&mut vaults, self.defaults.backup.vault());
        (vaults, own.backup.retention())
    }

    /// Some endpoint is drilled by itself.
    pub fn drills(&self) -> bool {
        let layers = self.entries.iter().map(|entry| &entry.layer);
        layers.chain([&self.defaults]).any(|layer| layer.backup.says("drill"))
    }

    /// How an endpoint is woken from zero; `None` when no entry selects it, or it is not woken. Layers as in
    /// [`Fleet::health_for`].
    pub fn wake_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Option<WakePolicy> {
        self.layer_for(name, tags)?.wake.resolve()
    }

    /// How many wakes of the whole fleet may be on the way at the same time.
    pub fn simultaneous_wakes(&self) -> u32 {
        self.simultaneous_wakes
    }

    /// Everything that is declared of an endpoint's capacity: what it is made of, what of it scales and how, its alarms. None
    /// where no entry selects it. Layers as in [`Fleet::health_for`].
    pub fn capacity_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Vec<Thing> {
        self.layer_for(name, tags)
            .map(|layer| layer.capacity.things(name))
            .unwrap_or_default()
    }

    /// What is declared of the account beside its endpoints: the concurrency of functions, the throttling of APIs.
    pub fn account(&self) -> Vec<Thing> {
        self.lambdas.things().chain(self.apis.things()).collect()
    }

    /// The dashboard, when there is to be one.
    pub fn dashboard(&self) -> Option<&DashboardPolicy> {
        self.dashboard.as_ref()
    }

    /// What the reconciler may do by itself.
    pub fn reconcile(&self) -> &ReconcilePolicy {
        &self.reconcile
    }

    /// Some entry selects an endpoint of this name and with these tags.
    pub fn selects(&self, name: &str, tags: &BTreeMap<String, String>) -> bool {
        self.entries.iter().any(|entry| entry.select.selects(name, Some(tags)))
    }

    fn layer_for(&self, name: &str, tags: Option<&BTreeMap<String, String>>) -> Option<Layer> {
        let selecting = |exact: bool| {
            self.entries
                .iter()
                .filter(move |entry| entry.select.is_exact() == exact && entry.select.selects(name, tags))
        };
        let mut selected = selecting(false).chain(selecting(true)).peekable();
        selected.peek()?;
        Some(selected.fold(self.defaults.clone(), |under, entry| entry.layer.clone().over(under)))
    }

    fn rules(&self, layer: Layer) -> RolloutRules<'_> {
        let health = layer.health.resolve();
        RolloutRules {
            strategies: &self.strategies,
            section: layer.rollout,
            probed: health
                .probes
                .iter()
                .any(|probe| !matches!(probe.kind, ProbeKind::Async { .. })),
        }
    }

    /// The endpoints that are named exactly, in file order: they must exist, but for those that are [`Fleet::unmade`].
    pub fn named(&self) -> Vec<&str> {
        self.entries
            .iter()
            .filter_map(|entry| entry.select.exact_name())
            .collect()
    }

    /// Some group may select an endpoint of this name by its tags, so these have to be fetched. Of any other they decide
    /// nothing, and the role may not be allowed to read them.
    pub fn selects_by_tags_of(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.select.asks_for_tags_of(name))
    }

    /// Some entry is a glob or a group, so the endpoints that exist have to be listed.
    pub fn selects_by_pattern(&self) -> bool {
        self.patterns() > 0
    }

    /// How many entries are globs or groups.
    pub fn patterns(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.select.is_exact()).count()
    }

    /// The probes that the file has, each with the place that says them: `defaults`, or an entry of `endpoints`.
    pub fn probes(&self) -> Vec<(&str, &Probe)> {
        let entries = self.entries.iter().map(|entry| (entry.key.as_str(), &entry.layer));
        let places = std::iter::once(("defaults", &self.defaults)).chain(entries);
        let probes = places.flat_map(|(place, layer)| {
            let probes = layer.health.probes.iter().flat_map(|probes| &probes.0);
            probes.map(move |probe| (place, probe))
        });
        probes.collect()
    }

    /// What holds for the fleet as a whole.
    pub fn fleet_health(&self) -> FleetHealthPolicy {
        self.fleet_health.clone()
    }

    /// The JSON Schema (2020-12) of the file, for editors; the same as `docs/fleet.schema.json`.
    pub fn schema() -> serde_json::Value {
        schemars::generate::SchemaSettings::draft2020_12()
            .into_generator()
            .into_root_schema_for::<file::File>()
            .to_value()
    }
}

/// What holds where no fleet file says anything: no endpoint is selected.
impl Default for Fleet {
    fn default() -> Self {
        let wide = wide::FleetSection::default();
        Self {
            defaults: Layer::default(),
            strategies: Strategies::default(),
            entries: vec![],
            simultaneous_wakes: wide.simultaneous_wakes(),
            fleet_health: wide.resolve(),
            lambdas: Lambdas::default(),
            apis: Apis::default(),
            dashboard: None,
            reconcile: account::ReconcileSection::default().resolve(),
        }
    }
}

/// Reads a fleet file that is a part of another file; the places in its problems are then those of that file.
impl Deserr<Found> for Fleet {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef<'_>) -> Result<Self, Found> {
        let mut found = Found::default();
        let file = file::File::read(value, at, &mut found);
        let (mut defaults, mut strategies) = (file.defaults.unwrap_or_default(), file.strategies.unwrap_or_default());
        found.and(std::mem::take(&mut defaults.found));
        found.and(std::mem::take(&mut strategies.found));
        found.and(file.endpoints.found);
        let mut wide = file.fleet.unwrap_or_default();
        let reconcile = wide.reconcile.take().unwrap_or_default().resolve();
        let fleet = Self {
            defaults: Layer {
                capacity: defaults.capacity(),
                health: defaults.health.unwrap_or_default(),
                rollout: defaults.rollout.unwrap_or_default(),
                backup: defaults.backup.unwrap_or_default(),
                wake: defaults.wake.unwrap_or_default(),
            },
            strategies,
            entries: file.endpoints.entries,
            simultaneous_wakes: wide.simultaneous_wakes(),
            fleet_health: wide.resolve(),
            lambdas: file.lambdas.unwrap_or_default(),
            apis: file.apis.unwrap_or_default(),
            dashboard: file.dashboard.map(account::DashboardSection::resolve),
            reconcile,
        };
        whole::contradictions(&fleet, &file.endpoints.unplaced, at, &mut found);
        found.or(fleet)
    }
}
