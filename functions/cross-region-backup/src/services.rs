//! The AWS services of one invocation, in any Region, each giving up while there is still time to write down what was
//! learnt.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use steward::{
    aws::{
        Base, Deadlines, Invocation,
        autoscaling::AutoScaling,
        ecr::Ecr,
        fleet_source::NoFleet,
        iam::Iam,
        kms::Kms,
        lambda::Lambda,
        lease::Leases,
        ledger::{Ledger, Memory},
        outbox::Teller,
        runtime::Runtime,
        s3::{S3, copy::Copier},
        sagemaker::SageMaker,
        sns::Sns,
    },
    backup::{
        artifact::Vault,
        audit::{self, Audits},
        ledger::{BackupLedger, SCHEMA},
        policy::BackupPolicy,
    },
    failure::{CallError, Failure},
    fleet::Fleet,
    health::ledger::{self as health, HealthLedger},
    rollout::{self, RolloutLedger},
    settings::{Settings, StateStore},
    wake::{self, WakeLedger},
};
use tokio::sync::OnceCell;

use crate::Context;

/// Calls of a copy begin no later than this before looking stops, or than a tenth of the time for it: a part takes some
/// seconds, and one that is given up is copied twice.
const LAST_CALLS: Duration = Duration::from_secs(20);

/// The clients, made once for each Region: a warm invocation finds their connections open.
#[derive(Debug)]
pub(crate) struct Clients {
    s3: S3,
    sns: Sns,
    lambda: Lambda,
    regions: Mutex<BTreeMap<String, Regional>>,
}

impl Clients {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            s3: S3::new(base),
            sns: Sns::new(base),
            lambda: Lambda::new(base),
            regions: Mutex::default(),
        }
    }

    fn region(&self, base: &Base, region: &str) -> Regional {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = regions.get(region) {
            return known.clone();
        }
        let made = Regional::new(base.in_region(region));
        regions.insert(region.to_owned(), made.clone());
        made
    }
}

/// What holds endpoints and what they are made of, in one Region.
#[derive(Clone, Debug)]
pub(crate) struct Regional {
    base: Base,
    pub(crate) s3: S3,
    pub(crate) sagemaker: SageMaker,
    pub(crate) autoscaling: AutoScaling,
    pub(crate) runtime: Runtime,
    pub(crate) ecr: Ecr,
    /// Has no Region, and fails while us-east-1 is dark: what it does not answer is unknown, not absent.
    pub(crate) iam: Iam,
    pub(crate) kms: Kms,
}

impl Regional {
    fn new(base: Base) -> Self {
        Self {
            s3: S3::new(&base),
            sagemaker: SageMaker::new(&base),
            autoscaling: AutoScaling::new(&base),
            runtime: Runtime::new(&base),
            ecr: Ecr::new(&base),
            iam: Iam::new(&base),
            kms: Kms::new(&base),
            base,
        }
    }

    fn until(&self, deadline: Timestamp) -> Self {
        Self {
            s3: self.s3.until(deadline),
            sagemaker: self.sagemaker.until(deadline),
            autoscaling: self.autoscaling.until(deadline),
            runtime: self.runtime.until(deadline),
            ecr: self.ecr.until(deadline),
            iam: self.iam.until(deadline),
            kms: self.kms.until(deadline),
            base: self.base.clone(),
        }
    }
}

/// An endpoint that is backed up, as the fleet file has it.
#[derive(Clone, Debug)]
pub(crate) struct Backed {
    pub(crate) policy: BackupPolicy,
    /// The user's labels, which go into alerts.
    pub(crate) labels: BTreeMap<String, String>,
    /// Metrics with this endpoint as a dimension are wanted.
    pub(crate) metrics: bool,
}

/// The services of one invocation.
pub(crate) struct Services<'a> {
    pub(crate) ctx: &'a Context,
    /// Who writes, in documents and leases.
    pub(crate) writer: String,
    /// Lambda's request id: the id of a command that has none of its own.
    pub(crate) request_id: String,
    fleet: OnceCell<Result<Arc<Fleet>, NoFleet>>,
    /// When looking and copying stop.
    pub(crate) looking_until: Timestamp,
    /// When no call of a copy begins any more, so that those at work may end.
    pub(crate) copying_until: Timestamp,
    /// When nothing is called any more.
    pub(crate) until: Timestamp,
    /// Of the state bucket.
    pub(crate) s3: S3,
    pub(crate) lambda: Lambda,
    pub(crate) teller: Teller,
}

impl<'a> Services<'a> {
    pub(crate) fn new(ctx: &'a Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let Deadlines { looking, all } = ctx.deployed.deadlines(call);
        let left = Duration::try_from(looking.duration_since(ctx.deployed.now())).unwrap_or_default();
        let unbegun = SignedDuration::try_from(LAST_CALLS.min(left / 10)).unwrap_or_default();
        Self {
            copying_until: looking.saturating_sub(unbegun).unwrap_or(looking),
            ctx,
            writer: ctx.deployed.writer(call),
            request_id: call.request_id.clone(),
            fleet: OnceCell::new(),
            looking_until: looking,
            until: all,
            s3: clients.s3.until(all),
            lambda: clients.lambda.until(all),
            teller: ctx.deployed.teller(clients.sns.until(all)),
        }
    }

    /// What the environment says.
    pub(crate) fn settings(&self) -> &Settings {
        &self.ctx.deployed.settings
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.deployed.now()
    }

    /// There is still time to look.
    pub(crate) fn in_time(&self) -> bool {
        self.now() < self.looking_until
    }

    /// The Region this runs in.
    pub(crate) fn home(&self) -> &str {
        &self.settings().region
    }

    /// What looks in a Region.
    pub(crate) fn looking(&self, region: &str) -> Regional {
        let clients = &self.ctx.clients;
        clients
            .region(&self.ctx.deployed.base, region)
            .until(self.looking_until)
    }

    /// What changes something in a Region.
    pub(crate) fn acting(&self, region: &str) -> Regional {
        let clients = &self.ctx.clients;
        clients.region(&self.ctx.deployed.base, region).until(self.until)
    }

    /// What copies from this Region into that of the backups.
    pub(crate) fn copier(&self, policy: &BackupPolicy) -> Copier {
        let (from, to) = (self.looking(self.home()), self.looking(&policy.vault.region));
        Copier::new(&from.base, &to.base, policy.vault.key.as_deref()).until(self.looking_until)
    }

    /// What is remembered of the backups of an endpoint; its name has been checked.
    pub(crate) fn ledger(&self, endpoint: &str) -> Ledger<BackupLedger> {
        let name = format!("backup/{endpoint}.json");
        Memory::new(&self.s3, &self.settings().state, self.writer.clone()).ledger(&name, SCHEMA)
    }

    /// When the endpoints of this Region were audited, and what of them is gone.
    pub(crate) fn audits(&self) -> Ledger<Audits> {
        let memory = Memory::new(&self.s3, &self.settings().state, self.writer.clone());
        memory.ledger("audits.json", audit::SCHEMA)
    }

    /// What is remembered of the rollouts of an endpoint of this Region; its name has been checked.
    pub(crate) fn rollouts(&self, endpoint: &str) -> Ledger<RolloutLedger> {
        let memory = Memory::new(&self.s3, &self.settings().state, self.writer.clone());
        memory.ledger(&rollout::object(endpoint), rollout::SCHEMA)
    }

    /// What is remembered of the wakes of an endpoint of this Region; its name has been checked.
    pub(crate) fn wakes(&self, endpoint: &str) -> Ledger<WakeLedger> {
        let memory = Memory::new(&self.s3, &self.settings().state, self.writer.clone());
        memory.ledger(&wake::object(endpoint), wake::SCHEMA)
    }

    /// What the health checker remembers of this Region's endpoints.
    pub(crate) fn health(&self) -> Ledger<HealthLedger> {
        let memory = Memory::new(&self.s3, &self.settings().state, self.writer.clone());
        memory.ledger(health::OBJECT, health::SCHEMA)
    }

    /// Who may change which endpoint of this Region.
    pub(crate) fn leases(&self) -> Leases {
        Leases::new(&self.s3, &self.settings().state, self.writer.clone())
    }

    /// Who may write and delete where backups are kept. The lease lies there too, so that functions of every Region heed
    /// it.
    pub(crate) fn vault_leases(&self, vault: &Vault) -> Leases {
        let store = StateStore {
            bucket: vault.bucket.clone(),
            prefix: vault.prefix.clone(),
        };
        Leases::new(&self.acting(&vault.region).s3, &store, self.writer.clone())
    }

    /// The fleet file, read at most once. `Err` says why none is in force.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>, NoFleet> {
        let load = || self.ctx.deployed.fleet_in_force(&self.s3);
        self.fleet.get_or_init(load).await.clone()
    }

    /// When the fleet file in force was written; `None` where nobody knows.
    pub(crate) async fn fleet_written(&self) -> Option<Timestamp> {
        self.fleet().await.ok()?;
        self.ctx.deployed.fleet.modified().await
    }

    /// What the fleet file says of the backups of an endpoint; `None` when it is not backed up. `Err` says why nobody
    /// knows.
    pub(crate) async fn backed(&self, endpoint: &str) -> Result<Option<Backed>, String> {
        let (fleet, tags) = self.fleet_and_tags(endpoint).await?;
        Ok(backed(&fleet, endpoint, tags.as_ref()))
    }

    /// The fleet file selects an endpoint, backed up or not. `Err` says why nobody knows.
    pub(crate) async fn selects(&self, endpoint: &str) -> Result<bool, String> {
        let (fleet, tags) = self.fleet_and_tags(endpoint).await?;
        Ok(fleet.health_for(endpoint, tags.as_ref()).is_some())
    }

    async fn fleet_and_tags(&self, endpoint: &str) -> Result<(Arc<Fleet>, Option<BTreeMap<String, String>>), String> {
        let fleet = self.fleet().await.map_err(|none| none.to_string())?;
        let tags = self.tags(&fleet, endpoint).await.map_err(|error| {
            let advice = error.advice();
            format!("The fleet file selects by tags, and those of {endpoint} cannot be read: {error}. {advice}")
        })?;
        Ok((fleet, tags))
    }

    /// The tags of an endpoint of this Region, where the fleet file selects by them; `None` where there is no such
    /// endpoint, as in the Region of the backups.
    async fn tags(&self, fleet: &Fleet, endpoint: &str) -> Result<Option<BTreeMap<String, String>>, CallError> {
        if !fleet.selects_by_tags_of(endpoint) {
            return Ok(None);
        }
        let sagemaker = self.looking(self.home()).sagemaker;
        match sagemaker.describe_endpoint(endpoint).await {
            Ok(described) => sagemaker.list_tags(&described.arn).await.map(Some),
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a fleet file says of the backups of one endpoint.
pub(crate) fn backed(fleet: &Fleet, endpoint: &str, tags: Option<&BTreeMap<String, String>>) -> Option<Backed> {
    Some(Backed {
        policy: fleet.backup_for(endpoint, tags)?,
        labels: fleet.fleet_health().labels,
        metrics: fleet.health_for(endpoint, tags).is_some_and(|health| health.metrics),
    })
}
