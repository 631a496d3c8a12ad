//! The loop: let the world move, do what is due, let invocations go on, and write down what happened.

use std::{io, time::Duration};

use futures::{
    future::{FutureExt, LocalBoxFuture},
    stream::{FuturesUnordered, StreamExt},
};
use jiff::Timestamp;
use serde_json::json;
use steward::quantity::Span;

use super::{
    after,
    agenda::{Agenda, Event, Source, Todo},
    lambda::{Deployed, Finished, Logs, deploy, put_fleet, remembered},
    narrate::Narrator,
    observe::Observer,
};
use crate::{
    cloud::Cloud,
    record::{Answered, DeadLetter, Ending, Invoked, Record},
    scenario::{Every, Scenario},
    timeline::Watch,
    world::{Happening, HappeningKind, PublishedMessage},
};

/// EventBridge and SNS take about this long.
const DELIVERY: Duration = Duration::from_millis(400);

/// Lambda repeats a failed asynchronous invocation after these waits, then gives it up.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The health ledger.
const LEDGER: &str = "health.json";

/// A run in progress.
pub(super) struct Stage<'a> {
    scenario: &'a Scenario,
    cloud: Cloud,
    functions: Vec<Deployed>,
    agenda: Agenda,
    running: FuturesUnordered<LocalBoxFuture<'static, Finished>>,
    record: Record,
    narrator: Narrator,
    observer: Observer,
    logs: Logs,
    random: fastrand::Rng,
    end: Timestamp,
    watch: &'a mut dyn Watch,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        cloud: Cloud,
        seed: u64,
        end: Timestamp,
        watch: &'a mut dyn Watch,
    ) -> Self {
        let logs = Logs::default();
        let mut record = Record::new(scenario.start());
        record.end = end;
        Self {
            functions: scenario
                .functions
                .iter()
                .map(|spec| Deployed::new(scenario, spec, logs.clone()))
                .collect(),
            narrator: Narrator::default(),
            observer: Observer::default(),
            agenda: Agenda::default(),
            running: FuturesUnordered::new(),
            random: fastrand::Rng::with_seed(seed ^ 0x7065_7266_6f72_6d73),
            scenario,
            cloud,
            record,
            logs,
            end,
            watch,
        }
    }

    pub(super) async fn run(mut self) -> io::Result<Record> {
        self.set();
        let clock = *self.cloud.clock();
        loop {
            self.settle();
            let now = clock.now();
            self.watch.reached(now.min(self.end))?;
            while let Some(todo) = self.agenda.due(now) {
                self.act(now, todo);
            }
            if self.running.is_empty() {
                self.observer.calls(&self.cloud, &mut self.record, &mut self.narrator);
            }
            self.narrator
                .tell(self.running.is_empty(), now, &mut self.record, self.watch)?;
            if now >= self.end && self.running.is_empty() {
                break;
            }
            let wake = self.wake(now);
            tokio::select! {
                biased;
                Some(finished) = self.running.next(), if !self.running.is_empty() => {
                    self.settle();
                    self.finished(finished);
                }
                () = clock.sleep_until(wake) => {}
            }
        }
        let copies = self.scenario.expect.copies.iter();
        let buckets = copies.flat_map(|it| [it.of.as_str(), it.to.as_str()]).collect();
        self.observer.end(&self.cloud, &buckets, &mut self.record);
        self.observer.series(&self.cloud, &mut self.record);
        self.record.logs.extend(self.logs.take());
        Ok(self.record)
    }

    /// When there is something to do even if no invocation ends before.
    fn wake(&self, now: Timestamp) -> Timestamp {
        let soon = after(now, Duration::from_millis(1));
        let world = self.cloud.with_world(|world| world.next_change());
        let next = [world, self.agenda.next()]
            .into_iter()
            .flatten()
            .map(|at| at.max(soon))
            .min();
        let last = if now < self.end {
            self.end
        } else {
            after(now, Duration::from_secs(60))
        };
        next.map_or(last, |next| next.min(last))
    }

    /// Buckets, fleet files, and what the scenario plans.
    fn set(&mut self) {
        let start = self.record.start;
        deploy(self.scenario, &self.cloud);
        self.observer.begin(&self.cloud, &mut self.record);
        for (index, function) in self.functions.iter().enumerate() {
            if let Every::Span(_) = function.spec.every {
                let first = after(start, function.spec.first.map_or(Duration::ZERO, Span::duration));
                self.agenda.plan(first, Todo::Tick(index));
            }
        }
        for (index, command) in self.scenario.commands.iter().enumerate() {
            self.agenda
                .plan(after(start, command.at.duration()), Todo::Command(index));
        }
        for (index, change) in self.scenario.fleet_changes.iter().enumerate() {
            self.agenda
                .plan(after(start, change.at.duration()), Todo::FleetChange(index));
        }
        for (index, change) in self.scenario.object_changes.iter().enumerate() {
            self.agenda
                .plan(after(start, change.at.duration()), Todo::ObjectChange(index));
        }
    }

    fn settle(&mut self) {
        for happening in self.cloud.advance() {
            self.observer.happening(&self.cloud, &happening, &mut self.record);
            self.narrator.happening(&happening, &mut self.record);
            self.deliver(happening);
        }
    }

    fn deliver(&mut self, happening: Happening) {
        let Happening { at, region, kind } = happening;
        let (payload, from, wakes): (_, _, Vec<usize>) = match kind {
            HappeningKind::Event { event } => {
                let kind = event["detail-type"].as_str().unwrap_or_default();
                let wakes = self.in_region(&region, |function| {
                    function.spec.on.iter().any(|wakes| wakes.detail_type() == kind)
                });
                (event, Source::Event, wakes)
            }
            HappeningKind::AlarmAction { target_arn, payload } => {
                let wakes = self.in_region(&region, |function| {
                    target_arn == function.arn || target_arn.starts_with(&format!("{}:", function.arn))
                });
                (payload, Source::Alarm, wakes)
            }
            HappeningKind::Invoked { target_arn, payload } => {
                let wakes = self.in_region(&region, |function| target_arn == function.arn);
                (payload, Source::Function, wakes)
            }
            HappeningKind::Published { topic, message } => {
                let name = topic.rsplit(':').next().unwrap_or_default();
                let wakes = self.in_region(&region, |function| {
                    function.spec.topics.iter().any(|topic| topic == name)
                });
                (notification(at, &topic, &message), Source::Topic, wakes)
            }
            _ => return,
        };
        for function in wakes {
            let delivery = self.scenario.events;
            let share = |share: Option<steward::quantity::Share>| share.map_or(0.0, |share| share.fraction());
            let name = self.functions[function].spec.name.clone();
            if self.random.f64() < share(delivery.lose) {
                self.narrator
                    .delivery(at, &region, &name, "an event is lost on its way");
                continue;
            }
            let mut copies = 1;
            if self.random.f64() < share(delivery.duplicate) {
                self.narrator.delivery(at, &region, &name, "an event comes twice");
                copies = 2;
            }
            for _ in 0..copies {
                let mut late = DELIVERY;
                if self.random.f64() < share(delivery.delay) {
                    let most = delivery.delay_by.map_or(Duration::from_secs(120), Span::duration);
                    late += most.mul_f64(self.random.f64());
                    self.narrator
                        .delivery(at, &region, &name, &format!("an event comes {} s late", late.as_secs()));
                }
                let event = self.event(function, payload.clone(), from);
                self.agenda.plan(after(at, late), Todo::Deliver(event));
            }
        }
    }

    fn in_region(&self, region: &str, wanted: impl Fn(&Deployed) -> bool) -> Vec<usize> {
        let here = |(_, function): &(usize, &Deployed)| function.region == region && wanted(function);
        self.functions
            .iter()
            .enumerate()
            .filter(here)
            .map(|(index, _)| index)
            .collect()
    }

    fn event(&mut self, function: usize, payload: serde_json::Value, from: Source) -> Event {
        Event {
            function,
            id: self.id(),
            payload,
            from,
            attempt: 0,
            turned_away: 0,
        }
    }

    fn id(&mut self) -> String {
        let hex = format!("{:032x}", self.random.u128(..));
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }

    fn act(&mut self, now: Timestamp, todo: Todo) {
        match todo {
            Todo::Tick(index) => self.tick(now, index),
            Todo::Deliver(event) => self.begin(now, event),
            Todo::Command(index) => {
                let command = &self.scenario.commands[index];
                let function = command.to.as_deref().map_or(0, |name| {
                    self.functions
                        .iter()
                        .position(|function| function.spec.name == name)
                        .unwrap_or(0)
                });
                self.narrator.command(now, &self.functions[function].region, command);
                let event = self.event(function, command.payload(), Source::Command(index));
                self.begin(now, event);
            }
            Todo::ObjectChange(index) => {
                let change = &self.scenario.object_changes[index];
                let store = self.cloud.store();
                match &change.becomes {
                    Some(object) => object.put(store, &change.bucket, &change.key, index as u64 + 1),
                    None => store.delete(&change.bucket, &change.key),
                }
                let region = store.region_of(&change.bucket).unwrap_or_default();
                self.narrator.object(now, &region, change);
            }
            Todo::FleetChange(index) => {
                let change = &self.scenario.fleet_changes[index];
                let text = match (&change.fleet, &change.text) {
                    (Some(fleet), _) => fleet.text(),
                    (None, text) => text.clone().unwrap_or_default(),
                };
                let regions = self.scenario.world.regions.keys();
                for region in regions.filter(|region| change.region.as_ref().is_none_or(|wanted| wanted == *region)) {
                    put_fleet(self.scenario, &self.cloud, region, &text);
                    self.narrator.fleet_file(now, region);
                }
            }
        }
    }

    fn tick(&mut self, now: Timestamp, index: usize) {
        let function = &self.functions[index];
        let (name, region) = (function.spec.name.clone(), function.region.clone());
        if let Every::Span(every) = function.spec.every {
            let next = after(now, every.duration());
            if next < self.end {
                self.agenda.plan(next, Todo::Tick(index));
            }
        }
        let payload = json!({
            "version": "0",
            "id": self.id(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.scenario.world.account,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": region,
            "resources": [format!("arn:aws:events:{region}:{}:rule/{name}", self.scenario.world.account)],
            "detail": {},
        });
        let event = self.event(index, payload, Source::Schedule);
        self.begin(now, event);
    }

    fn begin(&mut self, now: Timestamp, mut event: Event) {
        let function = &mut self.functions[event.function];
        if function.spec.concurrency.is_some_and(|most| function.running >= most) {
            if matches!(event.from, Source::Command(_)) {
                let (name, region) = (function.spec.name.clone(), function.region.clone());
                self.narrator
                    .delivery(now, &region, &name, "too many run at once: the command waits");
            }
            // Lambda keeps what it cannot start and tries again, first after a second, later up to five minutes.
            let wait = Duration::from_secs(1 << event.turned_away.min(8)).min(Duration::from_secs(300));
            event.turned_away += 1;
            self.agenda.plan(after(now, wait), Todo::Deliver(event));
            return;
        }
        self.running.push(function.invoke(&self.cloud, event).boxed_local());
    }

    fn finished(&mut self, mut finished: Finished) {
        let index = finished.event.function;
        self.functions[index].take_back(&mut finished);
        let Finished {
            event,
            cold,
            began,
            ended,
            ending,
            answer,
            ..
        } = finished;
        let function = &self.functions[index];
        let (name, region) = (function.spec.name.clone(), function.region.clone());
        let invoked = Invoked {
            number: self.record.invocations.len() as u64 + 1,
            function: name.clone(),
            region: region.clone(),
            woken_by: event.from.as_str().to_owned(),
            attempt: event.attempt,
            cold,
            at: began,
            took: Duration::try_from(ended.duration_since(began)).unwrap_or_default(),
            ending,
            answer: answer.clone(),
        };
        if let Some(ledger) = remembered(self.scenario, &self.cloud, &region, LEDGER) {
            self.observer
                .ledger(ended, &region, &ledger, &mut self.record, &mut self.narrator);
        }
        if let Source::Command(command) = event.from {
            let named = self.scenario.commands[command].name().to_owned();
            self.narrator.answer(ended, &region, &named, ending, &answer);
            self.record.answers.push(Answered {
                name: named,
                at: ended,
                ending,
                answer,
            });
        } else {
            self.narrator.invocation(ended, &invoked);
            if ending != Ending::Ok {
                self.repeat(ended, event, name, &region);
            }
        }
        self.record.invocations.push(invoked);
    }

    fn repeat(&mut self, now: Timestamp, mut event: Event, function: String, region: &str) {
        match RETRIES.get(event.attempt as usize) {
            Some(wait) => {
                event.attempt += 1;
                self.agenda.plan(after(now, *wait), Todo::Deliver(event));
            }
            None => {
                self.narrator
                    .delivery(now, region, &function, "an event is given up after its last retry");
                self.record.dead_letters.push(DeadLetter {
                    at: now,
                    function,
                    event: event.payload,
                });
            }
        }
    }
}

/// A topic's message as Lambda receives it.
fn notification(at: Timestamp, topic: &str, message: &PublishedMessage) -> serde_json::Value {
    let attributes: serde_json::Map<String, serde_json::Value> = message
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), json!({"Type": "String", "Value": value})))
        .collect();
    json!({"Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{topic}:{}", message.id),
        "Sns": {
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": topic,
            "Subject": message.subject,
            "Message": message.body,
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "SignatureVersion": "1",
            "MessageAttributes": attributes,
        },
    }]})
}
