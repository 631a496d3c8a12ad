//! Names of what a rollout makes: the same for every retry of one rollout, and different for every other.

use sha2::{Digest, Sha256};

use super::plan::Plan;

/// Where the ledgers of rollouts lie among what Steward remembers: one for each endpoint.
pub const FOLDER: &str = "rollouts/";

/// The name of an endpoint's ledger among what Steward remembers.
pub fn object(endpoint: &str) -> String {
    format!("{FOLDER}{endpoint}.json")
}

/// SageMaker: at most 63 of letters, digits and single or several hyphens within.
const LONGEST: usize = 63;

/// `fraud-detector-r7-3fa2c1-both`. The number tells the rollouts of one endpoint apart; the hash of the request's id
/// those of one whose ledger was lost.
pub(super) fn config(endpoint: &str, serial: u64, id: &str, kind: &str) -> String {
    let hash = format!("{:x}", Sha256::digest(format!("{endpoint}\n{serial}\n{id}").as_bytes()));
    let end = format!("-r{serial}-{}-{kind}", &hash[..6]);
    let room = LONGEST.saturating_sub(end.len());
    let stem: String = endpoint.chars().filter(char::is_ascii).take(room).collect();
    format!("{}{end}", stem.trim_end_matches('-'))
}

/// The kind of the config that puts blue in green's place, the first time, and after it was begun so often.
pub(super) fn back(attempt: usize) -> String {
    match attempt {
        0 => "back".to_owned(),
        _ => format!("back-{}", attempt.saturating_add(1)),
    }
}

/// How often it was begun before, if it is the name of such a config of this rollout.
pub(super) fn attempt(plan: &Plan, name: &str) -> Option<usize> {
    let (_, number) = name.rsplit_once("-back")?;
    let attempt = match number.strip_prefix('-') {
        Some(number) => number.parse::<usize>().ok()?.checked_sub(1)?,
        None => 0,
    };
    let named = config(plan.endpoint(), plan.serial, &plan.request.id, &back(attempt));
    (named == name).then_some(attempt)
}

/// Whose lease it is when the traffic shifter acts on an endpoint: the same for all of its rollouts, and for tidying up
/// after them. At most one of them is at work, so what an invocation left behind that died is for the next one to use and
/// to give back.
pub fn lease_owner(endpoint: &str) -> String {
    format!("traffic-shifter/{endpoint}")
}

/// It is one that SageMaker takes for an endpoint, a config, a model or a variant.
pub fn is_valid(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}
