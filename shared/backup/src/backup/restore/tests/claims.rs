//! What a restore holds is written before anything is made.

use super::*;

/// What is called, with the outcome of the claim.
fn calls(given: &Given, claim: &Outcome) -> (Vec<String>, Result<Restoration, Past>) {
    let fake = Fake::new();
    let mut state = begun(given, &fake, Kind::Restore);
    let (mut acted, mut calls): (Option<Acted>, Vec<String>) = (None, vec![]);
    for _ in 0..2 {
        let Ok(restoration) = &state else { break };
        let look = fake.look(&restoration.needs().0, &[]);
        let world = World {
            now: fake.now,
            look: Some(&look),
            acted: acted.as_ref(),
            abort: None,
        };
        let decision = decide(restoration, &world);
        state = decision.state;
        calls.extend(decision.effect.as_ref().map(ToString::to_string));
        acted = decision.effect.map(|effect| Acted {
            effect,
            outcome: claim.clone(),
            at: fake.now,
        });
    }
    (calls, state)
}

#[test]
fn what_a_restore_needs_is_claimed_before_the_first_model() {
    let given = given();
    let (calls, state) = calls(&given, &Outcome::Accepted);
    let claim = format!("claim the copies of recovery point {}", given.id);
    assert_eq!(calls, [claim.as_str(), "create model fraud-pipeline"]);
    let state = state.unwrap();
    let hold = state.plan.holds.as_ref().unwrap();
    assert_eq!((hold.claim.restored.as_str(), hold.claim.number), ("fraud", 7));
    let roots: std::collections::BTreeSet<&str> = given.point.artifacts.iter().map(|one| &*one.root.key).collect();
    assert!(hold.claim.roots.iter().map(String::as_str).eq(roots));
}

#[test]
fn a_claim_that_cannot_be_written_keeps_no_restore_from_being_made() {
    let (calls, state) = calls(&given(), &Outcome::Later("s3:PutObject is denied".into()));
    assert_eq!(calls[1], "create model fraud-pipeline");
    assert!(state.unwrap().log[0].what.contains("s3:PutObject is denied"));
}

#[test]
fn a_point_that_was_pruned_in_between_ends_the_restore_before_anything_is_made() {
    let gone = "recovery point x was deleted meanwhile, and maybe its copies with it";
    let (calls, state) = calls(&given(), &Outcome::Refused(gone.into()));
    assert_eq!(calls.len(), 1);
    let past = state.unwrap_err();
    assert_eq!((past.how, past.left), (Ended::Failed(gone.into()), vec![]));
}

#[test]
fn a_restore_that_an_earlier_build_began_goes_on_without_a_claim() {
    let (given, mut fake) = (given(), Fake::new());
    let mut plan = fake.plan(&given.ask(Kind::Restore)).unwrap();
    plan.holds = None;
    let written = serde_json::to_value(&plan).unwrap();
    assert!(written.get("holds").is_none());
    assert_eq!(fake.run(serde_json::from_value(written).unwrap()).how, Ended::Passed);
    assert!(fake.claimed.is_empty());
}
