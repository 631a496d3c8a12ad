//! Publishing what waits in the ledger's outbox, and clearing what SNS has taken.

use shared::{
    aws::{
        ledger::{LedgerError, Loaded},
        outbox::publish,
    },
    health::ledger::HealthLedger,
};

use crate::{Context, services::Services};

/// Alerts published in one invocation at most: each takes a call, and the next sweep goes on.
const AT_ONCE: usize = 50;

/// Publishes, clears, and answers how many SNS took. What it does not take stays in the ledger.
///
/// # Errors
/// When the ledger cannot be written: the alerts are published again then, with the same ids.
pub(crate) async fn drain(
    ctx: &Context,
    services: &Services,
    loaded: Loaded<HealthLedger>,
) -> Result<(Loaded<HealthLedger>, usize), LedgerError> {
    let waiting = loaded.document.outbox.take_for_publish(AT_ONCE, &ctx.links);
    if waiting.is_empty() {
        return Ok((loaded, 0));
    }
    let published = publish(&services.sns, &ctx.settings.topic_arn, &waiting).await;
    if published.ids.is_empty() {
        return Ok((loaded, 0));
    }
    let clear = |ledger: &HealthLedger| {
        let mut ledger = ledger.clone();
        ledger.outbox.clear(&published.ids);
        (Some(ledger), ())
    };
    let (loaded, ()) = services.ledger.change_from(loaded, clear).await?;
    Ok((loaded, published.ids.len()))
}
