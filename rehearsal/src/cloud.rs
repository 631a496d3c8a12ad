//! The simulated AWS as one thing to call: the world behind its protocols, the object store, the faults, the clock and
//! the log of every call.
//!
//! A call is understood (`wire`), struck by a fault or not (`faults`), performed, recorded, and answered after as long
//! as it takes in virtual time. The world is locked only while it answers, never across a wait. Callers reach it three
//! ways: the SDKs in-process ([`Cloud::sdk_config`]), HTTP (`serve`), and the drivers of scenarios directly.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::{
    clock::SimClock,
    faults::{Calling, Fault, FaultKind, FaultPlan},
    store::{Key, Store},
    wire::{self, Asked, What},
    world::{ApiError, Call, Happening, Service, World},
};

mod injected;
mod log;
mod sdk;

pub use log::{CallLog, CallRecord, Outcome};

/// The simulated AWS. Clones share it.
#[derive(Clone, Debug)]
pub struct Cloud(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    store: Store,
    copied_per_second: Option<u64>,
    faults: Mutex<FaultPlan>,
    clock: SimClock,
    log: Mutex<CallLog>,
    ids: Mutex<fastrand::Rng>,
    crashes: broadcast::Sender<Crash>,
}

/// The connection broke before an answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection reset by the fault plan")]
pub struct Cut;

/// A crash fault struck: the function that made this call died at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The caller, with the instance it was made under, if any: `health-checker#2`.
    pub caller: String,
    /// The service that was called.
    pub service: String,
    /// The operation that was called.
    pub operation: String,
    /// When.
    pub at: Timestamp,
}

impl Cloud {
    /// A cloud of this world. Request ids and version ids are seeded by the fault plan's clock start and never repeat
    /// within a run; two runs that make the same calls see the same ids.
    pub fn new(mut world: World, faults: FaultPlan, clock: SimClock) -> Self {
        let seed = clock.start().as_second().unsigned_abs();
        let (crashes, _) = broadcast::channel(64);
        let store = Store::new(world.account(), seed, clock);
        let copied_per_second = world.copied_per_second();
        for (arn, region, name, key) in world.keys() {
            let (enabled, denied) = (key.enabled, key.denied);
            let key = Key {
                name,
                region,
                enabled,
                denied,
            };
            store.know_key(&arn, key);
        }
        let shelves = store.clone();
        world.look_for_artifacts(move |uri| shelves.artifact(uri));
        Self(Arc::new(Inner {
            world: Mutex::new(world),
            store,
            copied_per_second,
            faults: Mutex::new(faults),
            clock,
            log: Mutex::default(),
            ids: Mutex::new(fastrand::Rng::with_seed(seed)),
            crashes,
        }))
    }

    /// The clock everything follows.
    pub fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    /// The objects of S3.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Works on the world, which no call can reach meanwhile: do not wait in `work`.
    pub fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut lock(&self.0.world))
    }

    /// Works on the fault plan: adds faults, clears them, reads their hits.
    pub fn with_faults<T>(&self, work: impl FnOnce(&mut FaultPlan) -> T) -> T {
        work(&mut lock(&self.0.faults))
    }

    /// Adds a fault to those already planned.
    pub fn add_fault(&self, fault: Fault) {
        self.with_faults(|plan| plan.add(fault));
    }

    /// Lets everything happen in the world that is due now, and returns it. Objects that SageMaker wrote are in the
    /// store afterwards.
    pub fn advance(&self) -> Vec<Happening> {
        let now = self.0.clock.now();
        let (happenings, puts) = self.with_world(|world| (world.advance(now), world.take_s3_puts()));
        for put in puts {
            self.0.store.ensure_bucket(&put.bucket, &put.region);
            self.0.store.put(&put.bucket, &put.key, put.body, &put.content_type);
        }
        happenings
    }

    /// A copy of the log: every call so far, in the order they were made.
    pub fn calls(&self) -> Vec<CallRecord> {
        lock(&self.0.log).records().to_vec()
    }

    /// The log since the last time this was asked, which it then forgets.
    pub fn take_calls(&self) -> Vec<CallRecord> {
        lock(&self.0.log).take()
    }

    /// Resolves when a crash fault strikes a call of `caller` (exactly as given to [`Cloud::sdk_config`]). Crashes from
    /// before this was asked do not count: ask when an invocation starts, and cancel the invocation when it resolves.
    pub fn crash_signal(&self, caller: &str) -> impl Future<Output = Crash> + Send + use<> {
        let mut crashes = self.0.crashes.subscribe();
        let caller = caller.to_owned();
        async move {
            loop {
                match crashes.recv().await {
                    Ok(crash) if crash.caller == caller => return crash,
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        }
    }

    /// Answers an HTTP request of `caller`: a function's name or `operator`, and after a `#` whatever tells its
    /// instances apart, which only [`Cloud::crash_signal`] regards.
    ///
    /// # Errors
    /// [`Cut`] when a fault breaks the connection. A crash fault never answers.
    pub async fn http(&self, caller: &str, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let now = self.0.clock.now();
        let request_id = self.next_id();
        let asked = match wire::read(request) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(refusal.respond(&request_id)),
        };
        let name = caller.split('#').next().unwrap_or(caller);
        let (service, operation) = match &asked.what {
            What::Api { service, operation, .. } => (service_name(*service), operation.clone()),
            What::S3(call) => ("s3", call.operation.to_owned()),
        };
        let calling = Calling {
            service,
            operation: &operation,
            region: &asked.scope.region,
            caller: name,
        };
        let struck = lock(&self.0.faults).strike(self.0.clock.start(), now, &calling);
        let entry = lock(&self.0.log).open(now, name, &asked, service, &operation, struck);
        let crash = || {
            let crash = Crash {
                caller: caller.to_owned(),
                service: service.to_owned(),
                operation: operation.clone(),
                at: self.0.clock.now(),
            };
            // Nobody listening is a rehearsal without a driver: the caller then simply never gets an answer.
            let _ = self.0.crashes.send(crash);
        };
        let refused_by_fault = match struck {
            Some(FaultKind::CutBefore) => {
                lock(&self.0.log).close(entry, Outcome::Lost);
                return Err(Cut);
            }
            Some(FaultKind::CrashBefore) => {
                lock(&self.0.log).close(entry, Outcome::Lost);
                crash();
                return std::future::pending().await;
            }
            Some(kind) => injected::refusal(kind, service, &operation, name),
            None => None,
        };
        let mut asked = asked;
        if let (Some(FaultKind::Corrupt), What::S3(call)) = (struck, &mut asked.what) {
            call.corrupted = true;
        }
        let (response, mut takes) = self.perform(now, name, asked, refused_by_fault, &request_id).await;
        let outcome = match struck {
            Some(FaultKind::Error200) => Outcome::Refused(response.status().as_u16()),
            _ => log::outcome_of(&response),
        };
        lock(&self.0.log).close(entry, outcome);
        if let Some(FaultKind::Slow(by)) = struck {
            takes += by;
        }
        self.0.clock.sleep(takes).await;
        match struck {
            Some(FaultKind::CutAfter) => Err(Cut),
            Some(FaultKind::CrashAfter) => {
                crash();
                std::future::pending().await
            }
            _ => Ok(self.dated(response)),
        }
    }

    async fn perform(
        &self,
        now: Timestamp,
        caller: &str,
        asked: Asked,
        refusal: Option<ApiError>,
        request_id: &str,
    ) -> (Response<Bytes>, Duration) {
        let region = &asked.scope.region;
        match asked.what {
            What::Api {
                service,
                operation,
                input,
                protocol,
            } => {
                let outcome = match refusal {
                    Some(error) => Err(error),
                    None => lock(&self.0.world).call(
                        now,
                        Call {
                            region,
                            caller,
                            service,
                            operation: &operation,
                            input,
                        },
                    ),
                };
                wire::respond((service, &operation, protocol), outcome, request_id)
            }
            What::S3(call) => match refusal.or_else(|| self.dark(&call, region)) {
                Some(error) => (wire::s3_error(&error, request_id), Duration::ZERO),
                None => {
                    let (response, copied) = self.0.store.answer(*call, region, request_id).await;
                    let rate = self.0.copied_per_second.filter(|rate| *rate > 0);
                    let takes = rate.map_or(0.0, |rate| copied as f64 / rate as f64);
                    (response, Duration::from_secs_f64(takes))
                }
            },
        }
    }

    /// S3 fails in a Region that is dark, and a copy also when that of its source is.
    fn dark(&self, call: &wire::S3Call, region: &str) -> Option<ApiError> {
        let source = call.copied_from().and_then(|bucket| self.0.store.region_of(&bucket));
        let world = lock(&self.0.world);
        let down = world.is_down(region) || source.is_some_and(|region| world.is_down(&region));
        down.then(|| ApiError::new(503, "ServiceUnavailable", "Service is unable to handle request."))
    }

    fn dated(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        let now = self.0.clock.now();
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(http::header::DATE, date);
        }
        response
    }

    fn next_id(&self) -> String {
        let id = lock(&self.0.ids).u128(..);
        let hex = format!("{id:032x}");
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }
}

/// The name of a service in fault plans and the call log.
pub fn service_name(service: Service) -> &'static str {
    match service {
        Service::SageMaker => "sagemaker",
        Service::Runtime => "runtime",
        Service::CloudWatch => "cloudwatch",
        Service::AutoScaling => "autoscaling",
        Service::Sns => "sns",
        Service::Sts => "sts",
        Service::Ecr => "ecr",
        Service::Iam => "iam",
        Service::Kms => "kms",
        Service::Lambda => "lambda",
        Service::ApiGateway => "apigateway",
    }
}

/// A panic elsewhere must not turn every later call into a second one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each IAM action was used by each caller.
pub fn actions_by_caller(records: &[CallRecord]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut used: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for record in records {
        for action in &record.actions {
            *used
                .entry(record.caller.clone())
                .or_default()
                .entry(action.clone())
                .or_default() += 1;
        }
    }
    used
}
