//! The AWS services of one invocation, each giving up while there is still time to write down what was done.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use steward::{
    aws::{
        Base, Deadlines, Invocation,
        capacity::Capacity,
        fleet_source::NoFleet,
        lease::Leases,
        ledger::{Ledger, LedgerError, Loaded, Memory},
        outbox::Teller,
        s3::S3,
        sns::Sns,
    },
    capacity::ledger::{CapacityLedger, SCHEMA},
    fleet::Fleet,
    rollout::{self, RolloutLedger},
    wake::{self, WakeLedger},
};

use crate::Context;

/// The clients, made once: a warm invocation finds their connections open.
#[derive(Debug)]
pub(crate) struct Clients {
    capacity: Capacity,
    s3: S3,
    sns: Sns,
}

impl Clients {
    pub(crate) fn new(base: &Base) -> Self {
        Self {
            capacity: Capacity::new(base),
            s3: S3::new(base),
            sns: Sns::new(base),
        }
    }
}

/// The services that look, and those that write.
pub(crate) struct Services<'a> {
    pub(crate) ctx: &'a Context,
    memory: Memory,
    /// When looking stops, and no further change is begun.
    looking_until: Timestamp,
    pub(crate) looking: Capacity,
    pub(crate) acting: Capacity,
    pub(crate) leases: Leases,
    s3: S3,
    teller: Teller,
}

impl<'a> Services<'a> {
    pub(crate) fn new(ctx: &'a Context, call: &Invocation) -> Self {
        let clients = &ctx.clients;
        let Deadlines { looking, all } = ctx.deployed.deadlines(call);
        let s3 = clients.s3.until(all);
        let writer = ctx.deployed.writer(call);
        let memory = Memory::new(&s3, &ctx.deployed.settings.state, writer.clone());
        Self {
            ctx,
            looking_until: looking,
            looking: clients.capacity.until(looking),
            acting: clients.capacity.until(all),
            leases: Leases::new(&s3, &ctx.deployed.settings.state, writer),
            teller: ctx.deployed.teller(clients.sns.until(all)),
            s3,
            memory,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.deployed.now()
    }

    /// There is still time for another change.
    pub(crate) fn in_time(&self) -> bool {
        self.now() < self.looking_until
    }

    /// What is remembered.
    pub(crate) fn ledger(&self) -> Ledger<CapacityLedger> {
        self.memory.ledger("capacity.json", SCHEMA)
    }

    /// What is remembered of an endpoint's wakes; its name has been checked.
    pub(crate) fn wakes(&self, endpoint: &str) -> Ledger<WakeLedger> {
        self.memory.ledger(&wake::object(endpoint), wake::SCHEMA)
    }

    /// What is remembered of an endpoint's rollouts; its name has been checked.
    pub(crate) fn rollouts(&self, endpoint: &str) -> Ledger<RolloutLedger> {
        self.memory.ledger(&rollout::object(endpoint), rollout::SCHEMA)
    }

    /// Publishes what waits.
    pub(crate) async fn publish(&self, loaded: Loaded<CapacityLedger>) -> Result<Loaded<CapacityLedger>, LedgerError> {
        let (loaded, _) = self.teller.drain(&self.ledger(), loaded).await?;
        Ok(loaded)
    }

    /// The fleet file. `Err` says why none is in force.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>, NoFleet> {
        self.ctx.deployed.fleet_in_force(&self.s3).await
    }

    /// The user's labels, for alerts.
    pub(crate) fn labels(fleet: &Fleet) -> BTreeMap<String, String> {
        fleet.fleet_health().labels
    }
}
