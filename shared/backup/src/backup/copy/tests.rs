use std::sync::Arc;

use super::{
    fake::{Fake, Fault, failed, is_whole},
    *,
};
use crate::{
    backup::{
        fixture::{at, object},
        inventory::{Archived, CopyCall, Found, Part, Upload},
    },
    failure::Failure,
};

mod taken;

const MIB: u64 = 1 << 20;

fn transfer(fake: &Fake) -> Transfer {
    Transfer::new(Arc::new(fake.wanted().unwrap()))
}

fn run(fake: &mut Fake) -> Outcome {
    let mut transfer = transfer(fake);
    fake.run(&mut transfer, |_| Fault::None)
}

fn calls(fake: &Fake) -> Vec<(&'static str, u32)> {
    fake.calls.iter().map(|(name, count)| (*name, *count)).collect()
}

#[test]
fn a_small_object_is_one_call() {
    let mut fake = Fake::new(10);
    assert_eq!(run(&mut fake), Outcome::Copied(Proof::Checksum));
    // The source's checksum is in no listing: it is looked at because its ETag proves nothing.
    assert_eq!(calls(&fake), [("find", 1), ("look", 1), ("whole", 1)]);
    assert!(is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 10));
}

#[test]
fn an_empty_object_is_copied_too() {
    let mut fake = Fake::new(0);
    assert!(run(&mut fake).proof().is_some());
    assert!(fake.copies.contains_key("artifacts/v1"));
}

#[test]
fn a_large_object_is_copied_in_parts() {
    let mut fake = Fake::new(1000 * MIB + 1);
    assert_eq!(run(&mut fake), Outcome::Copied(Proof::Checksum));
    assert_eq!(
        calls(&fake),
        [("begin", 1), ("complete", 1), ("find", 1), ("look", 1), ("part", 16)]
    );
    assert!(is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 1000 * MIB + 1));
}

#[test]
fn what_is_there_is_not_copied_again() {
    let mut fake = Fake::new(1000 * MIB);
    run(&mut fake);
    fake.calls.clear();
    assert_eq!(run(&mut fake), Outcome::Present(Proof::Checksum));
    assert_eq!(calls(&fake), [("find", 1), ("look", 1)]);
}

#[test]
fn what_a_recovery_point_proves_needs_no_call_at_all() {
    let fake = Fake::new(1000 * MIB);
    let transfer = Transfer::proven(Arc::new(fake.wanted().unwrap()), Proof::Checksum);
    assert_eq!(transfer.ended(), Some(&Outcome::Present(Proof::Checksum)));
}

#[test]
fn only_the_parts_that_are_missing_are_copied_after_an_interruption() {
    let mut fake = Fake::new(1000 * MIB);
    let mut first = transfer(&fake);
    for _ in 0..7 {
        let call = first.next_call().unwrap();
        let answer = fake.answer(&call, Fault::None);
        first.answer(&call, answer);
    }
    drop(first);
    fake.calls.clear();
    assert!(run(&mut fake).proof().is_some());
    assert_eq!(fake.calls["part"], 11, "five of sixteen were there");
    assert!(fake.uploads.is_empty());
}

#[test]
fn a_part_of_another_size_is_not_taken_for_one_of_this_layout() {
    let fake = Fake::new(1000 * MIB);
    let part = |number, size| Part {
        number,
        size,
        etag: "\"p\"".into(),
    };
    let upload = Upload {
        key: "artifacts/v1".into(),
        id: "theirs".into(),
        initiated: at(0),
        parts: vec![part(1, 64 * MIB), part(2, 8 * MIB), part(17, 64 * MIB)],
    };
    let found = Found {
        copy: None,
        uploads: vec![upload],
        earlier: vec![],
    };
    let mut transfer = Transfer::found(Arc::new(fake.wanted().unwrap()), found);
    let Some(CopyCall::Part { number, range, .. }) = transfer.next_call() else {
        panic!("a part")
    };
    assert_eq!((number, range), (2, 64 * MIB..128 * MIB));
}

#[test]
fn a_source_that_changes_on_the_way_ends_the_transfer_and_its_upload() {
    let mut fake = Fake::new(1000 * MIB);
    let mut first = transfer(&fake);
    let mut left = 6;
    let outcome = loop {
        if let Some(outcome) = first.ended() {
            break outcome.clone();
        }
        let call = first.next_call().unwrap();
        left -= 1;
        if left == 0 {
            fake.source = Some(("\"v2\"".into(), 900 * MIB));
        }
        let answer = fake.answer(&call, Fault::None);
        first.answer(&call, answer);
    };
    assert_eq!(outcome, Outcome::SourceChanged);
    assert!(fake.uploads.is_empty() && fake.copies.is_empty());
    assert!(run(&mut fake).proof().is_some());
    assert!(is_whole(&fake.copies["artifacts/v2"], "\"v2\"", 900 * MIB));
}

#[test]
fn an_upload_is_aborted_only_after_its_parts_in_flight_are_answered() {
    let mut fake = Fake::new(1000 * MIB);
    let mut transfer = transfer(&fake);
    for _ in 0..2 {
        let call = transfer.next_call().unwrap();
        let answer = fake.answer(&call, Fault::None);
        transfer.answer(&call, answer);
    }
    let (one, two) = (transfer.next_call().unwrap(), transfer.next_call().unwrap());
    fake.source = None;
    let answer = fake.answer(&one, Fault::None);
    transfer.answer(&one, answer);
    assert_eq!(transfer.next_call(), None, "part 2 is still under way");
    let answer = fake.answer(&two, Fault::None);
    transfer.answer(&two, answer);
    assert!(matches!(transfer.next_call(), Some(CopyCall::Abort { .. })));
}

#[test]
fn a_corrupted_copy_is_thrown_away_and_made_again() {
    let mut fake = Fake::new(1000 * MIB);
    fake.corrupt = 1;
    assert_eq!(run(&mut fake), Outcome::Copied(Proof::Checksum));
    assert_eq!(fake.calls["discard"], 1);
    assert!(is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 1000 * MIB));
}

#[test]
fn a_copy_that_comes_out_wrong_every_time_is_given_up_and_not_left_behind() {
    let mut fake = Fake::new(10);
    fake.corrupt = 99;
    let Outcome::Damaged(why) = run(&mut fake) else {
        panic!("damaged")
    };
    assert!(why.starts_with("the source has CRC64NVME"), "{why}");
    assert!(fake.copies.is_empty());
    assert_eq!(fake.calls["whole"], 3);
}

#[test]
fn a_damaged_copy_from_before_is_replaced() {
    let mut fake = Fake::new(10);
    fake.copies.insert("artifacts/v1".into(), vec![("\"v1\"".into(), 0..9)]);
    assert_eq!(run(&mut fake), Outcome::Copied(Proof::Checksum));
    assert!(is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 10));
}

#[test]
fn without_checksums_the_size_has_to_do_and_it_is_said_so() {
    let mut fake = Fake::new(10);
    fake.checksums = false;
    assert_eq!(run(&mut fake), Outcome::Copied(Proof::Size));
}

#[test]
fn a_refused_call_ends_the_transfer_and_leaves_no_upload() {
    let mut fake = Fake::new(1000 * MIB);
    let mut transfer = transfer(&fake);
    let outcome = loop {
        if let Some(outcome) = transfer.ended() {
            break outcome.clone();
        }
        let call = transfer.next_call().unwrap();
        let answer = match &call {
            CopyCall::Part { number: 3, .. } => failed(Failure::Denied),
            call => fake.answer(call, Fault::None),
        };
        transfer.answer(&call, answer);
    };
    assert!(matches!(outcome, Outcome::Failed(error) if error.failure == Failure::Denied));
    assert!(fake.uploads.is_empty());
}

#[test]
fn trouble_that_passes_leaves_the_upload_to_be_continued() {
    let mut fake = Fake::new(1000 * MIB);
    let mut transfer = transfer(&fake);
    let outcome = fake.run(&mut transfer, |call| match call {
        CopyCall::Part { number: 3.., .. } => Fault::LostBefore,
        _ => Fault::None,
    });
    assert!(matches!(outcome, Outcome::Later(_)));
    assert_eq!(fake.uploads.len(), 1);
    fake.calls.clear();
    assert!(run(&mut fake).proof().is_some());
    assert_eq!(fake.calls["part"], 14);
}

#[test]
fn an_upload_whose_beginning_was_not_answered_is_found_and_filled() {
    let mut fake = Fake::new(1000 * MIB);
    let mut transfer = transfer(&fake);
    let mut first = true;
    fake.run(&mut transfer, |call| {
        let lost = matches!(call, CopyCall::Begin(_)) && std::mem::take(&mut first);
        if lost { Fault::LostAfter } else { Fault::None }
    });
    assert_eq!(fake.calls["begin"], 1);
    assert!(fake.uploads.is_empty());
}

#[test]
fn two_functions_that_copy_the_same_object_end_up_with_one_copy_and_no_upload() {
    let mut fake = Fake::new(1000 * MIB);
    let mut both = [transfer(&fake), transfer(&fake)];
    for turn in 0..1000 {
        let one = &mut both[turn % 2];
        if one.ended().is_some() {
            continue;
        }
        if let Some(call) = one.next_call() {
            let answer = fake.answer(&call, Fault::None);
            one.answer(&call, answer);
        }
    }
    assert!(
        both.iter()
            .all(|one| one.ended().is_some_and(|end| end.proof().is_some()))
    );
    assert!(is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 1000 * MIB));
    assert!(fake.uploads.is_empty(), "{:?}", fake.uploads);
}

#[test]
fn of_several_uploads_the_oldest_is_filled_and_the_others_are_aborted() {
    let mut fake = Fake::new(1000 * MIB);
    for _ in 0..3 {
        let wanted = Arc::new(fake.wanted().unwrap());
        fake.answer(&CopyCall::Begin(wanted), Fault::None);
    }
    assert!(run(&mut fake).proof().is_some());
    assert_eq!((fake.calls["begin"], fake.calls["abort"]), (3, 2));
    assert!(fake.uploads.is_empty());
}

#[test]
fn a_copy_that_is_archived_is_made_again_and_none_is_taken_from_one() {
    let mut fake = Fake::new(10);
    assert!(run(&mut fake).proof().is_some());
    let wanted = Arc::new(fake.wanted().unwrap());
    let mut found = fake.found(&wanted);
    let copy = found.copy.as_mut().unwrap();
    copy.archived = Some(Archived::Unreadable);
    let outcome = fake.run(&mut Transfer::found(Arc::clone(&wanted), found), |_| Fault::None);
    assert!(outcome.proof().is_some() && is_whole(&fake.copies["artifacts/v1"], "\"v1\"", 10));
    assert_eq!((fake.calls["discard"], fake.calls["whole"]), (1, 2));
    let mut earlier = fake.copy("artifacts/v1").unwrap();
    earlier.archived = Some(Archived::Unreadable);
    fake.copies.clear();
    let found = Found {
        earlier: vec![earlier],
        ..Found::default()
    };
    let mut anew = Transfer::found(wanted, found);
    assert!(anew.next_call().is_some_and(|call| !call.is_taken()));
}

#[test]
fn what_cannot_be_copied_says_why() {
    let mut fake = Fake::new(10);
    let mut wanted = fake.wanted().unwrap();
    wanted.object.archived = Some(Archived::Restored);
    let mut archived = Transfer::new(Arc::new(wanted.clone()));
    let outcome = fake.run(&mut archived, |_| Fault::None);
    assert_eq!(outcome, Outcome::Refused(Refusal::Archived));
    wanted.object = object("model.tar.gz", u64::MAX, "\"v1\"");
    let mut huge = Transfer::new(Arc::new(wanted));
    assert_eq!(
        fake.run(&mut huge, |_| Fault::None).to_string(),
        "cannot be copied: it is larger than 53687091200000 bytes, the most S3 holds"
    );
}
