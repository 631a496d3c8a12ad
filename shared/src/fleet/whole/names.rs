//! Alarms of one name that are not the same: in AWS the last one would win.

use std::collections::BTreeMap;

use super::{super::capacity::CapacityLayer, Often, Wrong};
use crate::{capacity::thing::Alarm, yaml::quoted};

/// The alarms of the endpoints that are named, by their names in AWS.
#[derive(Default)]
pub(super) struct Alarms(BTreeMap<String, (String, Alarm)>);

impl Alarms {
    /// Takes the names of an endpoint's alarms; those that are another alarm's already are wrong. Only what is `sure` at its
    /// places counts.
    pub(super) fn taken(
        &mut self,
        endpoint: &str,
        capacity: &CapacityLayer,
        sure: impl Fn(&[String]) -> bool,
    ) -> Vec<Wrong> {
        let mut wrong = vec![];
        for (section, item, alarm) in capacity.alarms(endpoint) {
            let own = alarm
                .dimensions
                .get("EndpointName")
                .is_some_and(|name| name == endpoint);
            let rests = vec![match (own, item.split_once('.')) {
                // Whatever else it says, it is no other endpoint's.
                (false, Some((index, _))) => format!("{section}.{index}"),
                _ => format!("{section}.{item}"),
            }];
            let Some((owner, known)) = self.0.get(&alarm.name) else {
                if sure(&rests) {
                    self.0.insert(alarm.name.clone(), (endpoint.to_owned(), alarm));
                }
                continue;
            };
            if *known == alarm {
                continue;
            }
            let name = quoted(&alarm.name);
            wrong.push(Wrong {
                section,
                field: item,
                problem: match owner == endpoint {
                    true => format!("{name} is the name of two alarms of {endpoint}"),
                    false => format!("{name} is the name of an alarm of {owner}, and of another one of {endpoint}"),
                },
                accepted: Some("a name for each: `<endpoint>` in it becomes the endpoint's".to_owned()),
                rests,
                told: Often::OnceByName,
            });
        }
        wrong
    }
}
