//! Every scenario that comes with the command holds what it promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{LazyLock, OnceLock},
};

use rehearsal::{
    play::{Options, Outcome, play},
    scenario::{Builtin, Scenario, builtins},
    timeline::Silent,
};

#[path = "scenarios/answers.rs"]
mod answers;
#[path = "scenarios/audit.rs"]
mod audit;
#[path = "scenarios/delivery.rs"]
mod delivery;
#[path = "scenarios/first_day.rs"]
mod first_day;
#[path = "scenarios/names.rs"]
mod names;
#[path = "scenarios/permissions.rs"]
mod permissions;
#[path = "scenarios/reconcile.rs"]
mod reconcile;
#[path = "scenarios/repeated.rs"]
mod repeated;
#[path = "scenarios/standby.rs"]
mod standby;
#[path = "scenarios/wake.rs"]
mod wake;
#[path = "scenarios/written.rs"]
mod written;

use permissions::Buckets;

/// What is kept of a scenario that comes with the command, which is played once for all tests.
struct Kept {
    /// What did not hold, with the timeline; empty when all did.
    failed: String,
    /// What its calls need, each with the function whose code made it: IAM actions, those of S3 with the bucket.
    actions: BTreeSet<(String, String)>,
}

impl Kept {
    fn of(builtin: &Builtin) -> Self {
        let scenario = Scenario::parse(builtin.text, builtin.name).unwrap_or_else(|problems| panic!("{problems}"));
        let Outcome { checks, record, .. } = played(&scenario);
        let wrong: Vec<String> = checks
            .iter()
            .filter(|check| !check.holds)
            .map(|check| format!("{}\n    seen: {}\n", check.expected, check.seen))
            .collect();
        let timeline = record.timeline.iter().map(|entry| {
            let after = entry.at.duration_since(record.start);
            format!("{after:>6.0} {:<16} {}\n", entry.subject, entry.text)
        });
        let failed = if wrong.is_empty() {
            String::new()
        } else {
            format!("{}\n{}\n{}", builtin.name, wrong.concat(), timeline.collect::<String>())
        };
        // A function may be deployed under several names, in several Regions.
        let code = |caller: &str| {
            let function = scenario.functions.iter().find(|function| function.name == caller);
            function.map_or(caller, |function| function.handler()).to_owned()
        };
        let buckets = Buckets::of(builtin);
        let actions = record
            .calls
            .iter()
            .flat_map(|call| buckets.needed(call).map(|action| (code(&call.caller), action)))
            .collect();
        Self { failed, actions }
    }
}

/// The scenario that comes with the command under this name, played.
fn kept(name: &str) -> &'static Kept {
    static ALL: LazyLock<BTreeMap<&str, (&Builtin, OnceLock<Kept>)>> = LazyLock::new(|| {
        let one = |builtin: &'static Builtin| (builtin.name, (builtin, OnceLock::new()));
        builtins().iter().map(one).collect()
    });
    let (builtin, played) = ALL
        .get(name)
        .unwrap_or_else(|| panic!("{name} does not come with the command"));
    played.get_or_init(|| Kept::of(builtin))
}

/// Shows what did not hold, with the timeline.
fn holds(name: &str) {
    let failed = &kept(name).failed;
    assert!(failed.is_empty(), "{failed}");
}

fn played(scenario: &Scenario) -> Outcome {
    play(scenario, &Options::default(), &mut Silent).expect("a scenario that can be played")
}

macro_rules! scenarios {
    ($($test:ident => $name:literal),+ $(,)?) => {
        $(#[test]
        fn $test() {
            holds($name);
        })+

        #[test]
        fn every_scenario_that_comes_with_the_command_is_played_here_and_lies_in_the_folder() {
            let played = BTreeSet::from([$($name.to_owned()),+]);
            let built_in: BTreeSet<String> = builtins().iter().map(|builtin| builtin.name.to_owned()).collect();
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
            let files: BTreeSet<String> = fs::read_dir(folder)
                .expect("the folder of scenarios")
                .map(|entry| entry.expect("an entry").path())
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            assert_eq!(played, built_in);
            assert_eq!(files, built_in);
        }
    };
}

scenarios! {
    the_first_scenario_shows_five_illnesses_and_their_repair => "first",
    a_container_that_answers_500_is_told_once_and_its_recovery_once => "container-500",
    a_slow_variant_loses_its_traffic_and_gets_it_back => "slow-variant",
    an_endpoint_stuck_in_updating_is_told_and_left_alone => "stuck-updating",
    an_outage_is_told_while_autoscaling_is_at_work => "scaling-outage",
    what_should_be_in_service_and_is_not_is_told_though_nothing_wakes_it => "unserved",
    a_failed_endpoint_is_created_again_where_that_is_allowed => "failed-endpoint",
    a_failed_endpoint_that_is_autoscaled_is_left_to_people => "failed-scaled",
    a_vanished_endpoint_is_told_once => "vanished",
    a_flapping_endpoint_is_told_as_flapping => "flapping",
    outages_behind_swings_are_told => "unsteady",
    a_repair_is_done_when_the_endpoint_is_well_and_not_before => "repairs",
    a_recreation_that_waits_for_a_quota_is_told_until_it_is_done => "recreation-waits",
    what_a_repair_took_or_half_made_is_not_dropped_with_the_entry => "let-go",
    a_burst_of_state_changes_fails_no_invocation => "burst",
    all_probes_failing_at_once_is_one_alert_and_no_recovery => "everything-fails",
    a_throttled_api_counts_against_no_endpoint => "throttled-api",
    a_missing_permission_counts_against_no_endpoint => "denied-permission",
    an_alert_waits_while_the_topic_is_down_and_comes_once => "topic-down",
    a_maintenance_window_is_quiet_and_what_outlasts_it_is_told => "maintenance",
    a_silence_is_kept_until_it_is_taken_back => "silence",
    an_autoscaled_variant_gets_its_instance_by_its_minimum_and_gives_it_back => "autoscaled-variant",
    every_kind_of_probe_notices_its_kind_of_trouble => "every-kind-of-probe",
    one_lost_inference_is_told_to_nobody_and_a_queue_that_stops_is => "lost-inference",
    a_broken_fleet_file_leaves_the_last_good_one_in_force => "broken-fleet-file",
    a_call_that_fails_says_nothing_of_the_fleet_file => "fleet-file-unread",
    without_a_fleet_file_nothing_fails_and_people_are_told_until_there_is_one => "first-day",
    a_declared_endpoint_is_not_gone_before_it_was_made => "declared-later",
    a_sweep_out_of_time_goes_on_where_it_stopped => "out-of-time",
    an_endpoint_that_hangs_for_longer_than_a_sweep_is_told => "hanging",
    a_fleet_that_hangs_is_told_as_one_though_no_sweep_reaches_all_of_it => "large-fleet-hangs",
    an_answer_too_large_to_be_kept_is_no_wrong_answer => "large-answers",
    tags_are_read_only_where_they_decide => "tagged-group",
    a_good_model_goes_live_by_canary => "rollout-good",
    a_model_with_errors_is_taken_back => "rollout-errors",
    a_model_with_errors_is_taken_back_from_sagemakers_own_engine => "rollout-guardrails",
    an_inference_component_gets_another_model => "rollout-component",
    a_component_with_a_bad_model_goes_back_though_no_answer_came => "rollout-component-unanswered",
    a_good_model_goes_live_by_every_strategy => "rollout-strategies",
    bad_models_are_taken_back_each_for_its_own_reason => "rollout-bad-models",
    an_alarm_takes_a_rollout_back_at_every_point_in_its_own_invocation => "rollout-alarms",
    a_config_that_another_endpoint_uses_is_not_deleted_with_its_rollout => "rollout-borrowed",
    a_config_that_another_endpoint_may_have_to_go_back_to_is_not_deleted => "rollout-shared-config",
    a_repair_and_a_rollout_take_turns => "rollout-and-repair",
    a_new_model_that_was_repaired_is_taken_back_all_the_same => "rollout-repaired",
    what_falls_ill_in_the_middle_of_a_rollout_is_the_rollouts_to_mend => "rollout-and-sickness",
    what_only_the_health_checker_notices_takes_green_back => "rollout-unhealthy",
    health_that_nobody_measures_passes_no_step => "rollout-unwatched",
    a_rollout_waits_for_a_health_checker_that_never_looked => "rollout-unchecked",
    a_hotfix_is_not_taken_back_for_the_illness_of_what_it_replaces => "rollout-cure",
    without_data_nothing_is_promoted => "rollout-no-data",
    an_alarm_without_data_passes_nothing => "rollout-silent-alarm",
    green_is_watched_when_it_has_all_the_traffic => "rollout-alone",
    whatever_is_slow_to_answer_keeps_nobody_from_going_back => "rollout-hanging",
    an_alarm_that_loses_every_race_for_the_ledger_is_heard_again => "rollout-outrun",
    a_green_that_nobody_can_ask_is_judged_by_its_own_metrics => "rollout-unheard",
    a_rollout_ledger_that_nobody_can_read_keeps_only_what_it_may_name => "rollout-unreadable",
    green_that_refuses_what_the_model_always_took_goes_back => "rollout-refuses",
    green_is_watched_when_sagemaker_has_given_it_all_the_traffic => "rollout-engines-alone",
    what_blue_failed_before_excuses_no_broken_green => "rollout-ill-before",
    stewards_own_probes_are_no_traffic => "rollout-probes",
    an_alarm_on_blue_alone_takes_no_healthy_green_back => "rollout-blue-alarm",
    what_is_meant_for_something_else_is_not_obeyed => "rollout-misplaced",
    what_sagemaker_does_on_its_own_is_seen_through => "rollout-sagemaker",
    refused_and_lost_calls_are_made_again_and_none_twice => "rollout-throttled",
    sagemakers_own_engines_are_believed_when_read_back => "rollout-engines",
    autoscaling_goes_on_in_the_middle_of_a_rollout => "rollout-scaling",
    the_alarms_of_step_policies_go_where_the_traffic_goes => "rollout-steps",
    each_step_of_a_rollout_has_alarms_and_a_minimum_of_its_own => "rollout-own-steps",
    a_rollout_that_goes_back_brings_the_alarms_of_step_policies_back => "rollout-steps-back",
    green_scales_with_its_traffic_during_a_long_bake => "rollout-morning",
    who_takes_the_traffic_is_scaled_as_who_has_served_until_now => "rollout-range",
    what_is_scheduled_while_nothing_is_registered_is_made_up_for => "rollout-schedule",
    blue_is_counted_in_its_own_instances_on_the_way_back => "rollout-ratio",
    headroom_raises_no_maximum_for_good => "rollout-headroom",
    blue_has_what_the_traffic_needs_now_when_it_takes_it_back => "rollout-grown",
    a_blue_that_cannot_be_removed_for_hours_can_take_the_traffic_back => "rollout-still-there",
    a_quota_that_refuses_the_way_back_leaves_what_serves_scaled => "rollout-quota",
    what_serves_is_scaled_while_there_are_no_instances_for_the_way_back => "rollout-no-way-back",
    a_good_green_stays_when_blue_cannot_be_removed => "rollout-no-room-to-tidy",
    people_steer_rollouts => "rollout-operators",
    an_order_that_comes_twice_is_no_other_order => "rollout-repeated",
    what_the_fleet_file_means_no_more_does_not_begin_again => "rollout-retried",
    a_lost_hour_changes_no_traffic => "rollout-lost-hour",
    an_inference_component_gets_its_old_model_back_on_an_alarm => "rollout-components",
    two_components_of_one_endpoint_are_rolled_out_and_taken_back_each_by_itself => "rollout-two-components",
    the_first_backups_copy_everything_once_and_the_next_ones_nothing => "backup-first",
    the_region_of_the_backups_stands_by_in_silence_until_something_is_restored => "backup-standby",
    a_new_model_is_backed_up_when_it_ships => "backup-ships",
    a_new_model_under_the_names_of_the_one_before_is_backed_up_when_it_ships => "backup-same-names",
    a_model_that_is_taken_back_while_it_is_backed_up_is_not_what_is_restored => "backup-rolled-back",
    what_does_not_fit_into_an_invocation_is_copied_by_several => "backup-large",
    a_model_that_is_replaced_while_it_is_copied_is_never_mixed => "backup-changing",
    a_set_that_changes_is_corrected_until_a_recovery_point_holds_it => "backup-growing",
    a_set_that_never_stands_still_is_told => "backup-restless",
    a_throttled_destination_is_copied_to_more_slowly => "backup-throttled",
    a_backup_that_cannot_be_is_told_once_and_made_when_it_can => "backup-refused",
    damaged_copies_are_noticed_and_copied_again => "backup-damaged",
    recovery_points_are_pruned_as_shown_and_the_last_good_one_stays => "backup-prune",
    what_a_pruning_could_not_look_at_stays => "backup-prune-unseen",
    points_of_two_regions_do_not_mix_though_their_endpoints_have_one_name => "backup-regions",
    an_artifact_that_others_replicate_is_looked_for => "backup-replicated",
    copies_are_made_anew_under_another_key => "backup-key",
    copies_that_nobody_may_read_any_more_are_made_up_for_by_the_source => "backup-taken",
    points_of_another_destination_are_none_to_restore_and_not_damaged => "backup-moved",
    points_of_an_endpoint_that_is_not_backed_up_can_be_listed_and_deleted => "backup-left",
    a_dark_regions_endpoints_come_up_in_the_other_one => "backup-restore",
    a_restore_without_capacity_is_named_for_what_it_left_and_succeeds_later => "backup-restore-fails",
    old_recovery_points_keep_nobody_from_the_newest => "backup-old-points",
    drills_leave_their_figures_and_nothing_else => "backup-drill",
    drills_that_fail_say_why_and_leave_nothing => "backup-drill-fails",
    asynchronous_endpoints_are_proven_by_their_answers => "backup-async",
    a_queue_that_never_answers_fails_its_drill_and_what_may_sleep_is_kept_awake => "backup-silent",
    drills_make_way_for_a_restore_and_those_that_cannot_begin_are_told => "backup-drill-waits",
    a_ledger_that_nobody_can_read_keeps_no_other_restore_and_no_drill => "backup-unreadable",
    a_drill_makes_way_for_the_restore_of_its_endpoint => "backup-makes-way",
    what_a_restored_endpoint_uses_is_not_pruned => "backup-in-use",
    a_restored_endpoint_that_is_created_again_keeps_its_copies => "backup-recreated",
    a_corrected_mapping_counts_for_the_next_restore_though_the_region_is_dark => "backup-mapped",
    a_fleet_file_older_than_the_recovery_point_does_not_undo_what_the_point_knows => "backup-mapped-stale",
    an_artifact_that_is_written_as_an_address_is_backed_up_and_restored => "backup-address",
    endpoints_that_nobody_backs_up_are_audited_too => "backup-audit",
    an_endpoint_is_audited_though_one_restored_from_its_name_has_another => "backup-audit-names",
    what_many_endpoints_are_made_of_is_told_once_when_it_is_gone => "backup-audit-shared",
    what_another_endpoint_had_in_between_is_told_when_it_is_gone_again => "backup-audit-again",
    what_many_endpoints_are_made_of_is_told_once_when_their_backups_find_it_gone => "backup-audit-backed",
    what_many_restored_endpoints_are_made_of_is_told_once_when_it_is_gone => "backup-audit-restored",
    an_image_that_serves_and_is_gone_is_told_though_its_tag_is_there => "backup-audit-untagged",
    a_restore_runs_what_served_though_the_tag_moved_and_says_so_where_it_cannot => "backup-image-moved",
    a_component_left_behind_stands_against_a_restore_and_is_not_gone_around => "backup-again",
    a_component_that_slept_is_restored_and_one_that_failed_takes_no_other_with_it => "backup-components",
    restores_at_once_of_endpoints_that_share_a_model_all_pass => "backup-shared",
    what_a_lifecycle_rule_archived_is_copied_again_and_told => "backup-archived",
    a_point_made_during_a_rollout_follows_the_traffic_and_keeps_no_suspension => "backup-mid-rollout",
    a_point_has_nothing_of_what_a_wake_raised_and_a_restore_has_the_range_of_its_hour => "backup-held",
    a_manifest_that_names_an_object_twice_is_backed_up_and_a_prefix_keeps_its_spelling => "backup-listed",
    what_is_restored_under_another_name_says_which_entry_it_needs_and_stays_awake_without => "backup-renamed",
    what_can_be_restored_is_shown_where_it_is_restored_though_its_region_is_dark => "backup-asked-there",
    drills_that_do_not_fit_into_a_day_have_their_turns_and_are_told_to_be_late => "backup-drill-turns",
    a_copy_that_comes_out_different_is_made_again => "backup-corrupted",
    copies_that_always_come_out_different_are_told_and_no_point_names_them => "backup-corrupted-always",
    what_is_restored_by_day_from_a_point_of_the_night_has_the_range_of_the_day => "backup-range",
    a_scheduled_action_that_is_over_keeps_nothing_from_being_restored => "backup-ended",
    a_second_restore_of_what_serves_takes_nothing_from_it => "backup-again-serving",
    one_request_and_five_hundred_wake_what_they_need => "wake-queue",
    one_refused_request_wakes_a_component_however_often_it_is_told => "wake-component",
    without_any_alarm_the_sweep_wakes => "wake-lost-alarm",
    without_instances_to_be_had_it_is_told_tried_again_and_taken_from_other_pools => "wake-no-capacity",
    a_wake_and_a_rollout_take_turns => "wake-during-rollout",
    a_slow_start_is_waited_for => "wake-slow-start",
    what_is_wanted_by_schedule_is_awake_before_anybody_asks => "wake-prewarm",
    no_more_wakes_than_allowed_are_on_the_way => "wake-cap",
    what_nobody_uses_sleeps_and_never_for_want_of_data => "wake-idle",
    what_cannot_be_put_to_sleep_is_tried_again_and_told => "wake-restless",
    what_was_put_to_sleep_stays_asleep_until_somebody_waits => "wake-served",
    the_time_of_a_schedule_is_kept => "wake-kept",
    what_only_probes_ask_sleeps_and_they_wake_nothing => "wake-probed",
    what_a_person_ordered_to_sleep_sleeps_in_the_end => "wake-ordered",
    a_change_refused_because_the_endpoint_is_busy_is_no_failing_container => "wake-tracked",
    a_news_push_brings_ten_times_the_traffic_and_only_what_scales_carries_it => "capacity-news",
    a_lost_availability_zone_takes_a_share_of_many_and_all_of_a_single_one => "capacity-zone",
    quiet_nights_cost_less_where_a_schedule_says_so => "capacity-nights",
    one_instance_cannot_carry_the_concurrency_and_a_high_resolution_policy_adds_more => "capacity-concurrency",
    what_is_declared_becomes_true_once_it_was_shown => "reconcile-apply",
    what_others_change_is_told_once_and_its_end => "reconcile-drift",
    one_change_that_waits_holds_up_nothing_else => "reconcile-beside",
    two_installations_in_one_account_leave_each_other_alone => "reconcile-two",
    what_aws_refuses_is_told_once_a_day_also_while_something_else_waits => "reconcile-refused",
    what_a_rollout_or_a_deletion_changed_is_not_taken_back_by_the_schedule => "reconcile-adopted",
    what_went_with_a_restored_endpoint_is_not_missed_after_the_return => "reconcile-return",
    the_alarms_of_a_restored_endpoint_go_when_it_does => "reconcile-left",
    what_is_declared_and_not_there_is_made => "reconcile-provision",
    the_rest_of_the_account_is_as_declared_too => "reconcile-account",
    an_apply_waits_for_whoever_holds_the_endpoint_and_is_made_afterwards => "reconcile-held",
    declared_capacity_follows_a_rollout_to_the_new_name_and_is_no_drift_on_the_way => "reconcile-rollout",
}

#[test]
fn a_scenario_is_refused_with_all_its_mistakes_and_their_places() {
    let wrong = "title: wrong
duration: 10
start: yesterday
world:
  regions:
    eu-west-1: {endpoints: {fraud: {trafic: 5 rps, variants: {blue: {latency: fast}}}}}
  incidents:
    - {at: 1m, endpoint: frod, behaves: {errors: 120%}}
fleet:
  version: 1
  endpoints:
    fraud: {health: {failure_threshold: 0}}
functions:
  - {name: health-cheker}
faults: [{kind: explode}, {kind: slow}, {kind: throttle, service: sagemakr, nth: 0}]
commands: [{at: 1m}]
expect:
  endpoints: [{name: fraud}]
  alerts: [{kind: endpoint.sick, times: 1, at_most: 2}]
  calls: [{}]
surprise: 1
";
    let problems = Scenario::parse(wrong, "wrong.yaml").expect_err("a wrong scenario");
    insta::assert_snapshot!(problems.to_string());
}

/// The fleet file selects the endpoint by a glob, and with it the one that a drill makes.
const BESIDE: &str = "
title: A drill beside the health checker
duration: 20m
world:
  regions:
    eu-west-1:
      topics: [steward-alerts]
      models: {v1: {artifact: s3://models/v1.tar.gz}}
      endpoints: {fraud: {variants: {blue: {model: v1, instances: 2}}}}
    eu-central-1: {topics: [steward-alerts]}
buckets: {models: {region: eu-west-1, objects: {v1.tar.gz: 1 MB}}, models-dr: eu-central-1}
fleet:
  version: 1
  endpoints:
    'fraud*':
      health: {probes: [{name: golden, payload: {amount: 12}}]}
      backup: {destination: {region: eu-central-1, bucket: models-dr}}
functions:
  - {name: cross-region-backup, region: eu-west-1, every: 1h}
  - {name: restorer, handler: cross-region-backup, region: eu-central-1}
  - {name: health-checker, region: eu-central-1}
commands: [{at: 80s, name: drill, to: restorer, command: drill, args: {endpoint: fraud}}]
expect:
  endpoints: [{name: fraud-drill-1, region: eu-central-1, status: gone}]
  alerts:
    - {kind: backup.drilled, times: 1}
    - {region: eu-central-1, kind: '*', times: 1}
  invocations: [{ends: ok, at_least: 20}]
";

#[test]
fn a_drill_that_passes_says_nothing_by_the_health_checker() {
    let scenario = Scenario::parse(BESIDE, "beside.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    let failed: Vec<_> = outcome.checks.iter().filter(|check| !check.holds).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{:#?}", outcome.record.alerts);
    let seen = &outcome.record.endpoints["eu-central-1/fraud-drill-1"].health;
    assert!(!seen.0.is_empty(), "the health checker never looked at it");
}

#[test]
fn what_is_wrong_with_a_fleet_file_is_told_once_by_status() {
    let scenario = include_str!("../scenarios/broken-fleet-file.yaml");
    let scenario = Scenario::parse(scenario, "broken-fleet-file").unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = played(&scenario);
    let status = outcome.record.answers.iter().find(|answer| answer.name == "status");
    let summary = status.expect("an answer").answer["summary"]
        .as_str()
        .expect("a summary")
        .to_owned();
    assert_eq!(
        summary.matches("failure_threshold: is the text").count(),
        1,
        "{summary}"
    );
}
