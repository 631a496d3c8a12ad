//! The scenarios that come with the command.

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// What `rehearse run` calls it.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),+ $(,)?) => {
        /// All of them; the first is played when none is named.
        const BUILTINS: &[Builtin] = &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".yaml")),
        }),+];
    };
}

builtins![
    "first",
    "container-500",
    "slow-variant",
    "stuck-updating",
    "scaling-outage",
    "unserved",
    "failed-endpoint",
    "vanished",
    "flapping",
    "unsteady",
    "repairs",
    "let-go",
    "burst",
    "everything-fails",
    "throttled-api",
    "denied-permission",
    "topic-down",
    "maintenance",
    "silence",
    "autoscaled-variant",
    "every-kind-of-probe",
    "lost-inference",
    "broken-fleet-file",
    "fleet-file-unread",
    "first-day",
    "declared-later",
    "out-of-time",
    "hanging",
    "large-fleet-hangs",
    "large-answers",
    "tagged-group",
    "rollout-good",
    "rollout-errors",
    "rollout-guardrails",
    "rollout-strategies",
    "rollout-bad-models",
    "rollout-alarms",
    "rollout-borrowed",
    "rollout-shared-config",
    "rollout-and-repair",
    "rollout-repaired",
    "rollout-and-sickness",
    "rollout-unhealthy",
    "rollout-unwatched",
    "rollout-cure",
    "rollout-no-data",
    "rollout-silent-alarm",
    "rollout-alone",
    "rollout-hanging",
    "rollout-refuses",
    "rollout-engines-alone",
    "rollout-ill-before",
    "rollout-probes",
    "rollout-blue-alarm",
    "rollout-misplaced",
    "rollout-sagemaker",
    "rollout-throttled",
    "rollout-engines",
    "rollout-scaling",
    "rollout-steps",
    "rollout-own-steps",
    "rollout-steps-back",
    "rollout-morning",
    "rollout-range",
    "rollout-schedule",
    "rollout-ratio",
    "rollout-headroom",
    "rollout-grown",
    "rollout-still-there",
    "rollout-quota",
    "rollout-no-way-back",
    "rollout-no-room-to-tidy",
    "rollout-operators",
    "rollout-repeated",
    "rollout-retried",
    "rollout-lost-hour",
    "rollout-component",
    "rollout-component-unanswered",
    "rollout-components",
    "rollout-two-components",
    "backup-first",
    "backup-standby",
    "backup-ships",
    "backup-same-names",
    "backup-rolled-back",
    "backup-large",
    "backup-changing",
    "backup-growing",
    "backup-restless",
    "backup-throttled",
    "backup-refused",
    "backup-damaged",
    "backup-prune",
    "backup-prune-unseen",
    "backup-regions",
    "backup-replicated",
    "backup-key",
    "backup-taken",
    "backup-moved",
    "backup-left",
    "backup-restore",
    "backup-restore-fails",
    "backup-old-points",
    "backup-drill",
    "backup-drill-fails",
    "backup-async",
    "backup-silent",
    "backup-drill-waits",
    "backup-unreadable",
    "backup-makes-way",
    "backup-in-use",
    "backup-recreated",
    "backup-mapped",
    "backup-mapped-stale",
    "backup-audit",
    "backup-audit-names",
    "backup-audit-shared",
    "backup-audit-untagged",
    "backup-image-moved",
    "backup-again",
    "backup-components",
    "backup-shared",
    "backup-archived",
    "backup-mid-rollout",
    "backup-listed",
    "backup-renamed",
    "wake-queue",
    "wake-component",
    "wake-lost-alarm",
    "wake-no-capacity",
    "wake-during-rollout",
    "wake-slow-start",
    "wake-prewarm",
    "wake-cap",
    "wake-idle",
    "wake-restless",
    "wake-served",
    "wake-kept",
    "wake-probed",
    "wake-ordered",
    "wake-tracked",
    "capacity-news",
    "capacity-zone",
    "capacity-nights",
    "capacity-concurrency",
    "reconcile-apply",
    "reconcile-drift",
    "reconcile-beside",
    "reconcile-two",
    "reconcile-refused",
    "reconcile-adopted",
    "reconcile-return",
    "reconcile-provision",
    "reconcile-account",
    "reconcile-held",
    "reconcile-rollout",
];

/// All of them, the first one first.
pub fn builtins() -> &'static [Builtin] {
    BUILTINS
}

/// The one of this name.
pub fn builtin(name: &str) -> Option<Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name).copied()
}

/// What plays when nothing is named.
pub fn first() -> Builtin {
    BUILTINS[0]
}

/// The scenario whose world `rehearse serve` holds when none is given.
pub fn served() -> &'static str {
    include_str!("../../serve.yaml")
}
