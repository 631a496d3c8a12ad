//! Each minute, what every alarm makes of its metrics or of the alarms it watches, and what it then does.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Alarm, State, TreatMissing, Watch, judge, payload};
use crate::world::{
    HappeningKind,
    metrics::last_windows,
    region::{Ctx, Region},
};

/// What an evaluation found.
pub(super) struct Verdict {
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) data: Option<String>,
}

impl Region {
    /// Evaluates every alarm, metric alarms first.
    pub(crate) fn evaluate_alarms(&mut self, ctx: &mut Ctx) {
        if self.alarms.is_empty() {
            return;
        }
        let names: Vec<String> = self.alarms.keys().cloned().collect();
        for name in &names {
            if let Some(verdict) = self.evaluate_metric(ctx, name) {
                self.conclude(ctx, name, verdict);
            }
        }
        // A composite may watch composites: each round settles one level.
        for _ in 0..names.len().min(8) {
            let mut moved = false;
            for name in &names {
                if let Some(verdict) = self.evaluate_composite(ctx, name) {
                    moved = true;
                    self.conclude(ctx, name, verdict);
                }
            }
            if !moved {
                break;
            }
        }
    }

    fn evaluate_metric(&self, ctx: &Ctx, name: &str) -> Option<Verdict> {
        let alarm = self.alarms.get(name)?;
        let Watch::Metric {
            queries,
            main,
            periods,
            datapoints,
            threshold,
            comparison,
            missing,
        } = &alarm.watch
        else {
            return None;
        };
        let query = &queries[*main];
        let period = query.period(queries);
        let windows = last_windows(ctx.now, period, periods + 2);
        let values: Vec<Option<f64>> = windows
            .iter()
            .map(|(from, to)| query.value(queries, &self.metrics, *from, *to))
            .collect();
        let points: Vec<Option<bool>> = values
            .iter()
            .map(|value| value.map(|value| comparison.breaches(value, *threshold)))
            .collect();
        let state = judge(&points, *periods, *datapoints, *missing)?;
        if state == alarm.state {
            return None;
        }
        let mut seen: Vec<(i64, f64)> = windows
            .iter()
            .zip(&values)
            .filter_map(|((from, _), value)| value.map(|value| (*from, value)))
            .collect();
        let skip = seen.len().saturating_sub(*periods as usize);
        seen.drain(..skip);
        let reason = match state {
            State::InsufficientData => format!(
                "Insufficient Data: {periods} datapoint{} {} unknown.",
                if *periods == 1 { "" } else { "s" },
                if *periods == 1 { "was" } else { "were" }
            ),
            State::Alarm | State::Ok => {
                let hits = seen
                    .iter()
                    .filter(|(_, value)| comparison.breaches(*value, *threshold) == (state == State::Alarm))
                    .collect::<Vec<_>>();
                let shown: Vec<String> = hits
                    .iter()
                    .rev()
                    .filter_map(|(at, value)| {
                        let at = Timestamp::from_second(*at).ok()?;
                        Some(format!("{value:?} ({})", at.strftime("%d/%m/%y %H:%M:%S")))
                    })
                    .collect();
                let not = if state == State::Alarm { "" } else { "not " };
                let (count, verb) = if hits.len() == 1 { ("", "was") } else { ("s", "were") };
                let whole = format!("{} datapoint{count} [{}] {verb} {not}", hits.len(), shown.join(", "));
                let lead = if *periods > 1 {
                    format!(
                        "{} out of the last {periods} datapoints [{}] {verb} {not}",
                        hits.len(),
                        shown.join(", ")
                    )
                } else if hits.is_empty() {
                    format!(
                        "no datapoints were received for {periods} period and {periods} missing datapoint was treated \
                             as [{}]: {not}",
                        if *missing == TreatMissing::Breaching {
                            "Breaching"
                        } else {
                            "NonBreaching"
                        }
                    )
                } else {
                    whole
                };
                let least = if state == State::Alarm {
                    *datapoints
                } else {
                    periods - datapoints + 1
                };
                let tail = if *periods > 1 {
                    format!(
                        " (minimum {least} datapoint{} for {} -> {} transition)",
                        if least == 1 { "" } else { "s" },
                        if state == State::Alarm { "OK" } else { "ALARM" },
                        state.as_str()
                    )
                } else {
                    String::new()
                };
                format!(
                    "Threshold Crossed: {lead}{} the threshold ({threshold:?}){tail}.",
                    comparison.words()
                )
            }
        };
        Some(Verdict {
            state,
            reason,
            data: Some(self.reason_data(ctx, alarm, &seen, period, *threshold)),
        })
    }

    /// `StateReasonData`.
    fn reason_data(&self, ctx: &Ctx, alarm: &Alarm, seen: &[(i64, f64)], period: i64, threshold: f64) -> String {
        let stamp = |at: i64| Timestamp::from_second(at).map_or_else(|_| String::new(), payload::stamp);
        let evaluated: Vec<Value> = seen
            .iter()
            .rev()
            .map(|(at, value)| json!({"timestamp": stamp(*at), "value": value}))
            .collect();
        json!({
            "version": "1.0",
            "queryDate": payload::stamp(ctx.now),
            "startDate": seen.first().map(|(at, _)| stamp(*at)),
            "statistic": alarm.input.get("Statistic").or_else(|| alarm.input.get("ExtendedStatistic")),
            "period": period,
            "recentDatapoints": seen.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "threshold": threshold,
            "evaluatedDatapoints": evaluated,
        })
        .to_string()
    }

    fn evaluate_composite(&self, ctx: &Ctx, name: &str) -> Option<Verdict> {
        let alarm = self.alarms.get(name)?;
        let Watch::Composite(rule) = &alarm.watch else {
            return None;
        };
        let holds = rule.holds(&|name| self.alarms.get(name).map(|alarm| alarm.state));
        let state = if holds { State::Alarm } else { State::Ok };
        if state == alarm.state {
            return None;
        }
        let children: Vec<(&str, &Alarm)> = rule
            .names()
            .into_iter()
            .filter_map(|name| self.alarms.get_key_value(name))
            .map(|(n, a)| (n.as_str(), a))
            .collect();
        let cause = children.iter().max_by_key(|(_, child)| child.transitioned);
        let reason = cause.map_or_else(
            || {
                format!(
                    "{} was created and its alarm rule evaluates to {}",
                    alarm.arn,
                    state.as_str()
                )
            },
            |(_, child)| {
                let when = ctx.now.strftime("%A %d %B, %Y %H:%M:%S UTC");
                format!("{} transitioned to {} at {when}", child.arn, child.state.as_str())
            },
        );
        let triggering: Vec<Value> = children
            .iter()
            .map(|(_, child)| {
                json!({
                    "arn": child.arn,
                    "state": {"value": child.state.as_str(), "timestamp": payload::stamp(child.transitioned)},
                })
            })
            .collect();
        Some(Verdict {
            state,
            reason,
            data: Some(json!({"triggeringAlarms": triggering}).to_string()),
        })
    }

    /// Gives an alarm its new state, and tells everybody who is to be told.
    pub(super) fn conclude(&mut self, ctx: &mut Ctx, name: &str, verdict: Verdict) {
        let Some(alarm) = self.alarms.get_mut(name) else { return };
        let before = alarm.clone();
        alarm.state = verdict.state;
        alarm.reason = verdict.reason;
        alarm.reason_data = verdict.data;
        alarm.updated = ctx.now;
        alarm.transitioned = ctx.now;
        let alarm = alarm.clone();
        ctx.tell(
            &self.name,
            HappeningKind::AlarmState {
                alarm: name.to_owned(),
                from: before.state.as_str().to_owned(),
                to: alarm.state.as_str().to_owned(),
                reason: alarm.reason.clone(),
            },
        );
        if alarm.in_alarm() {
            self.guard_trips(ctx, name);
        }
        let data = payload::alarm_data(name, &alarm, &before);
        ctx.event(
            &self.name,
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            std::slice::from_ref(&alarm.arn),
            data.clone(),
        );
        if alarm.input.get("ActionsEnabled") == Some(&Value::Bool(false)) {
            return;
        }
        let member = match alarm.state {
            State::Alarm => "AlarmActions",
            State::Ok => "OKActions",
            State::InsufficientData => "InsufficientDataActions",
        };
        let actions: Vec<String> = alarm
            .input
            .get(member)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|action| action.as_str().map(str::to_owned))
            .collect();
        for action in actions {
            self.act(ctx, name, &alarm, &before, &action, &data);
        }
    }

    fn act(&mut self, ctx: &mut Ctx, name: &str, alarm: &Alarm, before: &Alarm, action: &str, data: &Value) {
        match action.split(':').nth(2) {
            Some("sns") => {
                let subject = format!(
                    "{}: \"{name}\" in {}",
                    alarm.state.as_str(),
                    payload::region_title(&self.name)
                );
                let subject: String = subject.chars().filter(char::is_ascii).take(99).collect();
                let message = payload::sns_message(ctx, &self.name, name, alarm, before);
                self.notify(ctx, action, Some(subject), message.to_string(), "cloudwatch");
            }
            Some("lambda") => {
                let payload = payload::direct(ctx, &self.name, alarm, data);
                ctx.tell(
                    &self.name,
                    HappeningKind::AlarmAction {
                        target_arn: action.to_owned(),
                        payload,
                    },
                );
            }
            Some("autoscaling") => self.policy_alarm(ctx, action, alarm),
            _ => {}
        }
    }

    /// Auto Scaling actions repeat while the alarm lasts: called each minute by the scaling.
    pub(crate) fn alarms_on(&self, policy_arn: &str) -> Vec<(String, Alarm)> {
        let names = |alarm: &Alarm| {
            alarm
                .input
                .get("AlarmActions")
                .and_then(Value::as_array)
                .is_some_and(|actions| actions.iter().any(|action| action.as_str() == Some(policy_arn)))
        };
        self.alarms
            .iter()
            .filter(|(_, alarm)| alarm.in_alarm() && names(alarm))
            .map(|(name, alarm)| (name.clone(), alarm.clone()))
            .collect()
    }

    /// The value an alarm compared last, for step scaling.
    pub(crate) fn alarm_value(&self, ctx: &Ctx, alarm: &Alarm) -> Option<(f64, f64)> {
        let Watch::Metric {
            queries,
            main,
            threshold,
            ..
        } = &alarm.watch
        else {
            return None;
        };
        let query = &queries[*main];
        let windows = last_windows(ctx.now, query.period(queries), 3);
        let latest = windows
            .iter()
            .rev()
            .find_map(|(from, to)| query.value(queries, &self.metrics, *from, *to))?;
        Some((latest, *threshold))
    }
}
