//! What Application Auto Scaling did, and what it did not do and why, in words.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use shared::capacity::REMEMBERED;

use super::thing::Scalable;
use crate::text::{lasting, printable};

/// One `ScalingActivity`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// `ActivityId`.
    pub id: String,
    /// What scaled, or did not.
    pub of: Scalable,
    /// `Description`.
    pub description: String,
    /// `Cause`.
    pub cause: String,
    /// `StartTime`.
    pub start: Timestamp,
    /// `EndTime`.
    pub end: Option<Timestamp>,
    /// `StatusCode`.
    pub status: String,
    /// `StatusMessage`.
    pub message: Option<String>,
    /// `NotScaledReasons`.
    pub reasons: Vec<NotScaled>,
}

/// One `NotScaledReason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotScaled {
    /// `Code`.
    pub code: String,
    /// `MinCapacity`.
    pub min: Option<u32>,
    /// `MaxCapacity`.
    pub max: Option<u32>,
    /// `CurrentCapacity`.
    pub current: Option<u32>,
}

/// An activity as people read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// When it began.
    pub at: Timestamp,
    /// What scaled.
    pub of: Scalable,
    /// It wants somebody's attention.
    pub attention: bool,
    /// One or two sentences.
    pub said: String,
}

/// The activities that were at work within `window` before `now`, the newest first, each once.
pub fn told(activities: &[Activity], window: Duration, now: Timestamp) -> Vec<Told> {
    let from = now.checked_sub(window.min(REMEMBERED)).unwrap_or(Timestamp::MIN);
    let mut recent: Vec<&Activity> = activities
        .iter()
        .filter(|activity| activity.start <= now && activity.end.unwrap_or(now).max(activity.start) >= from)
        .collect();
    recent.sort_by(|a, b| (b.start, &a.id).cmp(&(a.start, &b.id)));
    recent.dedup_by(|a, b| a.id == b.id);
    recent.into_iter().map(|activity| activity.told(now)).collect()
}

impl Activity {
    fn told(&self, now: Timestamp) -> Told {
        let took = |end: Timestamp| lasting(end.duration_since(self.start).as_secs().max(0));
        let what = sentence(&self.description);
        let message = self.message.as_deref().map(sentence).unwrap_or_default();
        let (attention, said) = match self.status.as_str() {
            _ if !self.reasons.is_empty() => {
                let reasons: Vec<String> = self.reasons.iter().map(NotScaled::why).collect();
                let attention = self.reasons.iter().any(NotScaled::hurts);
                (
                    attention,
                    format!("Did not scale: {}.", crate::text::and_list(&reasons)),
                )
            }
            "Successful" => {
                let took = self
                    .end
                    .map(|end| format!(" It took {}.", took(end)))
                    .unwrap_or_default();
                (false, format!("{what}{took}"))
            }
            "Failed" => (true, format!("Failed: {what} {message}")),
            "Unfulfilled" => (
                true,
                format!("Not fulfilled: {what} SageMaker took the request and did not come to the capacity. {message}"),
            ),
            "Overridden" => (false, format!("Overtaken by a later one: {what}")),
            "InProgress" | "Pending" => (false, format!("At work since {}: {what}", took(now))),
            other => (true, format!("{}: {what} {message}", printable(other, 40))),
        };
        let cause = match self.reasons.is_empty() && !self.cause.is_empty() {
            true => format!(" Because {}", sentence(&self.cause)),
            false => String::new(),
        };
        Told {
            at: self.start,
            of: self.of.clone(),
            attention,
            said: format!("{}{cause}", said.trim_end()),
        }
    }
}

impl NotScaled {
    fn hurts(&self) -> bool {
        !matches!(
            self.code.as_str(),
            "AlreadyAtDesiredCapacity" | "AlreadyAtMinCapacity" | "AutoScalingAnticipatedFlapping"
        )
    }

    fn why(&self) -> String {
        let number = |number: Option<u32>| number.map(|number| format!(" {number}")).unwrap_or_default();
        match self.code.as_str() {
            "AutoScalingAnticipatedFlapping" => {
                "taking capacity away would at once have called for it again, so it stays".to_owned()
            }
            "TargetServicePutResourceAsUnscalable" => {
                "SageMaker was at work on the endpoint, as during an update or a rollout, and takes no other capacity then"
                    .to_owned()
            }
            "AlreadyAtMaxCapacity" => format!("it is at its maximum{}, and more was asked for", number(self.max)),
            "AlreadyAtMinCapacity" => format!("it is at its minimum{}", number(self.min)),
            "AlreadyAtDesiredCapacity" => format!("it has the capacity{} that was asked for", number(self.current)),
            other => format!("{}, which this version of Steward does not know", printable(other, 60)),
        }
    }
}

/// With one full stop, made safe.
fn sentence(text: &str) -> String {
    crate::text::sentence(&printable(text.trim(), 400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(id: &str, start: &str, status: &str, reasons: Vec<NotScaled>) -> Activity {
        Activity {
            id: id.to_owned(),
            of: Scalable::Instances {
                endpoint: "fraud".to_owned(),
                variant: "main".to_owned(),
            },
            description: "Setting desired instance count to 4.".to_owned(),
            cause: "monitor alarm TargetTracking-high in state ALARM triggered policy load".to_owned(),
            start: start.parse().unwrap(),
            end: (status == "Successful").then(|| start.parse::<Timestamp>().unwrap() + Duration::from_secs(310)),
            status: status.to_owned(),
            message: (status == "Failed").then(|| "Insufficient\ncapacity".to_owned()),
            reasons,
        }
    }

    fn reason(code: &str) -> Vec<NotScaled> {
        vec![NotScaled {
            code: code.to_owned(),
            min: Some(2),
            max: Some(10),
            current: Some(10),
        }]
    }

    #[test]
    fn activities_are_told_in_words_the_newest_first_and_each_once() {
        let at = |minute: u32| format!("2026-11-22T09:{minute:02}:00Z");
        let activities = [
            activity("old", "2026-11-22T06:00:00Z", "Successful", vec![]),
            activity("a", &at(0), "Successful", vec![]),
            activity("a", &at(0), "Successful", vec![]),
            activity("b", &at(10), "Failed", vec![]),
            activity("c", &at(11), "Unfulfilled", vec![]),
            activity("d", &at(12), "Overridden", vec![]),
            activity("e", &at(13), "InProgress", vec![]),
            activity("f", &at(14), "Failed", reason("AlreadyAtMaxCapacity")),
            activity("g", &at(15), "Failed", reason("AlreadyAtMinCapacity")),
            activity("h", &at(16), "Failed", reason("AlreadyAtDesiredCapacity")),
            activity("i", &at(17), "Failed", reason("AutoScalingAnticipatedFlapping")),
            activity("j", &at(18), "Failed", reason("TargetServicePutResourceAsUnscalable")),
            activity("k", &at(19), "Failed", reason("NewOfNextYear")),
            activity("l", &at(20), "Dreaming\u{1b}", vec![]),
        ];
        let told = told(
            &activities,
            Duration::from_secs(3600),
            "2026-11-22T09:30:00Z".parse().unwrap(),
        );
        let lines: Vec<String> = told
            .iter()
            .map(|told| format!("{} {} {}", told.at, if told.attention { "!" } else { " " }, told.said))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_activity_that_is_still_at_work_belongs_to_every_window() {
        let long = activity("a", "2026-11-22T01:00:00Z", "InProgress", vec![]);
        let now = "2026-11-22T09:30:00Z".parse().unwrap();
        assert_eq!(told(&[long], Duration::from_secs(60), now).len(), 1);
    }
}
