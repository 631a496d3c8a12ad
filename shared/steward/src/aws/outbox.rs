//! Publishing what waits in the outbox, one alert after the other, and clearing what SNS has taken.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    ledger::{Ledger, LedgerError, Loaded},
    sns::Sns,
};
use crate::{
    alert::{Alert, Links},
    failure::{CallError, Failure},
    outbox::HasOutbox,
};

/// Alerts published in one invocation at most: each takes a call, and the next sweep goes on.
const AT_ONCE: usize = 50;

/// Whom the alerts of a document are told, and how.
#[derive(Clone, Debug)]
pub struct Teller {
    /// SNS.
    pub sns: Sns,
    /// `TopicArn`.
    pub topic_arn: String,
    /// What completes an alert.
    pub links: Links,
}

impl Teller {
    /// Publishes, clears, and answers how many SNS took. What it does not take stays in the document.
    ///
    /// # Errors
    /// When the document cannot be written: the alerts are published again then, with the same ids.
    pub async fn drain<T>(&self, ledger: &Ledger<T>, loaded: Loaded<T>) -> Result<(Loaded<T>, usize), LedgerError>
    where
        T: HasOutbox + Clone + Default + Serialize + DeserializeOwned,
    {
        let waiting = loaded.document.outbox().take_for_publish(AT_ONCE, &self.links);
        if waiting.is_empty() {
            return Ok((loaded, 0));
        }
        let waiting: Vec<Alert> = waiting.into_iter().map(|alert| alert.linked(&self.links)).collect();
        let published = publish(&self.sns, &self.topic_arn, &waiting).await;
        if published.ids.is_empty() {
            return Ok((loaded, 0));
        }
        let clear = |document: &T| {
            let mut document = document.clone();
            document.outbox_mut().clear(&published.ids);
            (Some(document), ())
        };
        let (loaded, ()) = ledger.change_from(loaded, clear).await?;
        Ok((loaded, published.ids.len()))
    }
}

/// What became of the alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The ids SNS has taken: clear these from the outbox.
    pub ids: Vec<String>,
    /// The ids SNS did not take, and why. They stay, and so does every alert that is in neither list.
    pub failures: Vec<(String, CallError)>,
}

/// Publishes the alerts in their order. A failure ends it, so that what follows does not overtake; only an alert that SNS
/// refuses as wrong is left behind alone, since it would hold all others back for ever.
pub async fn publish(sns: &Sns, topic_arn: &str, alerts: &[Alert]) -> Published {
    let mut published = Published::default();
    for alert in alerts {
        let group = alert.subject_of.as_deref().unwrap_or("fleet");
        match sns.publish(topic_arn, &alert.message(), &alert.id, group).await {
            Ok(message_id) => {
                tracing::info!(alert = alert.id, message_id, "alert published");
                published.ids.push(alert.id.clone());
            }
            Err(error) => {
                tracing::warn!(alert = alert.id, %error, advice = error.advice(), "alert not published; it stays");
                let alone = error.failure == Failure::Invalid;
                published.failures.push((alert.id.clone(), error));
                if !alone {
                    break;
                }
            }
        }
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::AlertKind,
        aws::testing::{self, Fault, Wire},
    };

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts.fifo";

    fn alerts() -> Vec<Alert> {
        let at = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
        let alert = |endpoint| Alert::new(AlertKind::EndpointUnhealthy, Some(endpoint), at, at);
        ["a", "b", "c"].map(alert).into()
    }

    async fn published(faults: impl IntoIterator<Item = Fault>) -> (Vec<usize>, Vec<(usize, Failure)>, usize) {
        let wire = Wire::default();
        faults.into_iter().for_each(|fault| wire.fault(fault));
        let (base, _) = testing::base(wire.clone());
        let alerts = alerts();
        let place = |id: &String| alerts.iter().position(|alert| alert.id == *id).expect("one of ours");
        let told = publish(&Sns::new(&base), TOPIC, &alerts).await;
        let failures = told
            .failures
            .iter()
            .map(|(id, call)| (place(id), call.failure))
            .collect();
        (told.ids.iter().map(place).collect(), failures, wire.published().len())
    }

    #[tokio::test]
    async fn alerts_are_published_in_their_order() {
        assert_eq!(published([]).await, (vec![0, 1, 2], vec![], 3));
    }

    #[tokio::test]
    async fn while_sns_is_down_nothing_overtakes() {
        let down = [Fault::Before, Fault::Before];
        assert_eq!(published(down).await, (vec![], vec![(0, Failure::Network)], 0));
    }

    #[tokio::test]
    async fn an_alert_that_sns_refuses_holds_no_other_back() {
        let refused = [Fault::Says(400, "InvalidParameter")];
        assert_eq!(published(refused).await, (vec![1, 2], vec![(0, Failure::Invalid)], 2));
    }

    #[tokio::test]
    async fn a_publication_whose_answer_was_lost_is_repeated_with_the_same_id() {
        let lost = [Fault::After(Box::new(|_| {}))];
        assert_eq!(published(lost).await, (vec![0, 1, 2], vec![], 4));
    }
}
