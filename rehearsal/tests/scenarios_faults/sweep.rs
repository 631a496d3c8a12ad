//! Playing one scenario again and again, each time with another fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use rehearsal::{
    faults::{Fault, FaultKind},
    play::{Options, Outcome, play},
    record::Called,
    scenario::Scenario,
    timeline::Silent,
};

/// A way in which a call fails, and how often in a row, so that it outlasts the retries of the SDK.
pub(crate) type Way = (FaultKind, u64);

/// Every way in which AWS or the function fails for a moment.
pub(crate) const WAYS: [Way; 6] = [
    (FaultKind::Throttle, 5),
    (FaultKind::Error500, 5),
    (FaultKind::CutBefore, 5),
    (FaultKind::CutAfter, 1),
    (FaultKind::CrashBefore, 1),
    (FaultKind::CrashAfter, 1),
];

/// The calls of one function in a scenario, and what must be so whichever of them fails.
pub(crate) struct Sweep<'a> {
    pub(crate) scenario: &'a Scenario,
    /// Whose calls fail.
    pub(crate) caller: &'a str,
    /// Calls made earlier than this after the start are not tried.
    pub(crate) from: Duration,
    /// Calls made later than this after the start are not tried.
    pub(crate) until: Duration,
    /// The ways in which this call is to fail; the number says which of all calls that are tried it is.
    pub(crate) ways: fn(usize, &Called) -> Vec<Way>,
    /// Of calls that ask the same while nothing changes, only the first is tried.
    pub(crate) each_once: bool,
    /// What is wrong with the end of a run in which a call failed so; empty when nothing is.
    pub(crate) wrong: fn(Option<FaultKind>, &Outcome) -> Vec<String>,
}

impl Sweep<'_> {
    /// Tries them all.
    ///
    /// # Panics
    /// With every fault after which something is wrong, and what.
    pub(crate) fn run(&self) {
        let baseline = played(self.scenario, Vec::new());
        assert_eq!((self.wrong)(None, &baseline), Vec::<String>::new(), "without any fault");
        let until = self.scenario.start() + self.until;
        let calls: Vec<&Called> = baseline
            .record
            .calls
            .iter()
            .filter(|call| call.caller == self.caller && call.at < until)
            .collect();
        assert!(calls.len() > 20, "too few calls to be worth it: {calls:?}");
        let tries: Vec<(usize, Way)> = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.at >= self.scenario.start() + self.from)
            .filter(|(index, _)| !self.each_once || first_of_its_kind(&calls, *index))
            .enumerate()
            .flat_map(|(turn, (index, call))| (self.ways)(turn, call).into_iter().map(move |way| (index, way)))
            .collect();
        let runs = tries.len();
        say(&format!("{}: {} calls, {runs} runs", self.scenario.title, calls.len()));
        let failures = self.all(&calls, tries);
        assert!(
            failures.is_empty(),
            "{} of {runs} runs end wrong:\n{}",
            failures.len(),
            failures.join("\n")
        );
        say(&format!("{}: {runs} runs end as they should", self.scenario.title));
    }

    fn all(&self, calls: &[&Called], tries: Vec<(usize, Way)>) -> Vec<String> {
        let todo = Mutex::new(tries);
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    let next = || {
                        let mut todo = todo.lock().expect("lock");
                        if todo.len().is_multiple_of(50) {
                            say(&format!("{} runs left", todo.len()));
                        }
                        todo.pop()
                    };
                    while let Some((index, (kind, times))) = next() {
                        let mut fault = Fault::every(kind).by(self.caller).nth(index as u64 + 1);
                        fault.times = Some(times);
                        let wrong = (self.wrong)(Some(kind), &played(self.scenario, vec![fault]));
                        if !wrong.is_empty() {
                            let Called { service, operation, .. } = calls[index];
                            let at = index + 1;
                            let failure = format!("{kind} at call {at} ({service} {operation}): {}", wrong.join("; "));
                            say(&failure);
                            failures.lock().expect("lock").push(failure);
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().expect("lock");
        failures.sort();
        failures
    }
}

/// Progress, at once: a sweep may last for many minutes.
fn say(what: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes()).expect("standard error");
}

/// It only asks.
pub(crate) fn reads(call: &Called) -> bool {
    let reads = ["Describe", "Get", "List", "Head", "Invoke"];
    reads.iter().any(|read| call.operation.starts_with(read))
}

/// Nothing like it was called since something was last changed; prolonging a lease changes nothing.
fn first_of_its_kind(calls: &[&Called], index: usize) -> bool {
    let lease = |call: &Called| {
        call.resource
            .as_ref()
            .is_some_and(|resource| resource.contains("/leases/"))
    };
    let call = calls[index];
    let since = calls[..index]
        .iter()
        .rev()
        .take_while(|earlier| reads(earlier) || lease(earlier));
    let alike = |earlier: &&&Called| earlier.operation == call.operation && earlier.resource == call.resource;
    !since.into_iter().any(|earlier| alike(&earlier))
}

pub(crate) fn parsed(text: &str) -> Scenario {
    Scenario::parse(text, "faults.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

pub(crate) fn played(scenario: &Scenario, faults: Vec<Fault>) -> Outcome {
    let options = Options {
        faults,
        ..Options::default()
    };
    play(scenario, &options, &mut Silent).expect("a scenario that can be played")
}

/// The scenario's own expectations that do not hold.
pub(crate) fn unmet(outcome: &Outcome) -> Vec<String> {
    let failed = outcome.checks.iter().filter(|check| !check.holds);
    failed
        .map(|check| format!("{}: {}", check.expected, check.seen))
        .collect()
}

/// Which kinds of alerts were published under more or fewer ids than these.
pub(crate) fn told(outcome: &Outcome, kinds: &[(&str, usize)]) -> Vec<String> {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for alert in &outcome.record.alerts {
        ids.entry(&alert.kind).or_default().insert(&alert.id);
    }
    let number = |kind: &str| ids.get(kind).map_or(0, BTreeSet::len);
    kinds
        .iter()
        .filter(|(kind, wanted)| number(kind) != *wanted)
        .map(|(kind, wanted)| format!("{} alerts {kind}, not {wanted}", number(kind)))
        .collect()
}
