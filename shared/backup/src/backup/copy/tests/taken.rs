//! Copies that are made from copies made before.

use std::sync::Arc;

use super::{MIB, run, transfer};
use crate::{
    backup::{
        copy::{
            fake::{Fake, Fault, failed, is_whole},
            *,
        },
        inventory::{CopyCall, ObjectInfo, Wanted},
    },
    failure::Failure,
};

/// A set goes on changing: the copy lies under a key of several versions, and others were made before.
fn changing(size: u64, checksums: bool) -> Fake {
    let mut fake = Fake::new(size);
    fake.checksums = checksums;
    run(&mut fake);
    fake.pinned = false;
    fake.calls.clear();
    fake
}

fn found(fake: &Fake) -> Transfer {
    let wanted = fake.wanted().unwrap();
    let found = fake.found(&wanted);
    Transfer::found(Arc::new(wanted), found)
}

#[test]
fn what_was_copied_for_another_set_is_taken_from_there_and_not_from_the_source() {
    for (checksums, proof) in [(true, Proof::Checksum), (false, Proof::Size)] {
        for size in [10, 1000 * MIB] {
            let mut fake = changing(size, checksums);
            let mut transfer = found(&fake);
            let mut from_the_source = 0;
            let outcome = fake.run(&mut transfer, |call| {
                let copies = matches!(call, CopyCall::Whole(_) | CopyCall::Part { .. });
                from_the_source += u32::from(copies && !call.is_taken());
                Fault::None
            });
            assert_eq!((outcome, from_the_source), (Outcome::Taken(proof), 0));
            assert!(is_whole(&fake.copies["artifacts/changing"], "\"v1\"", size));
            assert!(fake.uploads.is_empty());
        }
    }
}

#[test]
fn a_copy_of_another_version_of_the_same_size_is_not_taken() {
    for checksums in [true, false] {
        let mut fake = changing(10, checksums);
        fake.source = Some(("\"v2\"".into(), 10));
        let mut transfer = found(&fake);
        assert!(matches!(fake.run(&mut transfer, |_| Fault::None), Outcome::Copied(_)));
        assert!(is_whole(&fake.copies["artifacts/changing"], "\"v2\"", 10));
    }
}

#[test]
fn where_copies_of_several_versions_come_only_what_is_proven_stays() {
    for checksums in [true, false] {
        let mut fake = changing(10, checksums);
        fake.copies.clear();
        assert!(run(&mut fake).proof().is_some());
        fake.source = Some(("\"v2\"".into(), 10));
        assert!(matches!(run(&mut fake), Outcome::Copied(_)));
        assert!(is_whole(&fake.copies["artifacts/changing"], "\"v2\"", 10));
        assert!(
            matches!(run(&mut fake), Outcome::Present(_)),
            "and the next look knows it"
        );
    }
}

#[test]
fn an_upload_that_may_be_of_another_version_is_ended_and_not_gone_on_with() {
    let mut fake = changing(1000 * MIB, false);
    fake.copies.clear();
    let mut first = transfer(&fake);
    for _ in 0..7 {
        let call = first.next_call().unwrap();
        let answer = fake.answer(&call, Fault::None);
        first.answer(&call, answer);
    }
    drop(first);
    fake.source = Some(("\"v2\"".into(), 1000 * MIB));
    assert!(run(&mut fake).proof().is_some());
    assert!(is_whole(&fake.copies["artifacts/changing"], "\"v2\"", 1000 * MIB));
    assert!(fake.uploads.is_empty());
}

#[test]
fn an_earlier_copy_that_goes_meanwhile_is_made_up_for_by_the_source() {
    let mut fake = changing(10, true);
    let mut transfer = found(&fake);
    let weigh = transfer.next_call().unwrap();
    let answer = fake.answer(&weigh, Fault::None);
    transfer.answer(&weigh, answer);
    fake.copies.clear();
    assert_eq!(
        fake.run(&mut transfer, |_| Fault::None),
        Outcome::Copied(Proof::Checksum)
    );
}

#[test]
fn a_copy_that_nobody_may_read_any_more_is_made_up_for_by_the_source() {
    for (checksums, pinned, failure) in [
        (true, true, Failure::Denied),
        (false, true, Failure::Denied),
        (true, false, Failure::Invalid),
        (false, false, Failure::Unknown),
    ] {
        for size in [10, 1000 * MIB] {
            for weighed in [true, false] {
                let mut fake = changing(size, checksums);
                if pinned {
                    let copy = fake.copies.remove("artifacts/v1").unwrap();
                    let made_of = fake.made_of.remove("artifacts/v1").unwrap();
                    fake.copies.insert("artifacts/elsewhere".into(), copy);
                    fake.made_of.insert("artifacts/elsewhere".into(), made_of);
                    fake.pinned = true;
                }
                let mut transfer = found(&fake);
                let mut refused = 0;
                let outcome = loop {
                    if let Some(outcome) = transfer.ended() {
                        break outcome.clone();
                    }
                    let call = transfer.next_call().expect("it has not ended");
                    let reads = call.is_taken() || weighed && matches!(call, CopyCall::Weigh { .. });
                    refused += u32::from(reads);
                    let answer = match reads {
                        true => failed(failure),
                        false => fake.answer(&call, Fault::None),
                    };
                    transfer.answer(&call, answer);
                };
                assert!(matches!(outcome, Outcome::Copied(_)), "{outcome}");
                assert!(refused > 0);
                let to = &transfer.wanted().to.key;
                assert!(is_whole(&fake.copies[to], "\"v1\"", size));
                assert!(fake.uploads.is_empty());
            }
        }
    }
}

#[test]
fn a_copy_made_before_is_pinned_by_its_key_and_etag_and_its_version_is_not_named() {
    let fake = changing(10, true);
    let wanted = fake.wanted().unwrap();
    let mut found = fake.found(&wanted);
    let proven = ObjectInfo {
        version: Some("3HL4kqtJ".into()),
        ..fake.copy(&found.earlier[0].key).unwrap()
    };
    found.earlier = vec![proven.clone()];
    let source = ObjectInfo {
        version: Some("the source's".into()),
        checksum: proven.checksum.clone(),
        ..wanted.object.clone()
    };
    let mut transfer = Transfer::found(
        Arc::new(Wanted {
            object: source,
            ..wanted
        }),
        found,
    );
    let Some(CopyCall::Whole(taken)) = transfer.next_call() else {
        panic!("a copy of the copy")
    };
    assert!(taken.taken.is_some());
    assert_eq!((&taken.object.etag, &taken.object.version), (&proven.etag, &None));
    assert_eq!(transfer.wanted().object.version.as_deref(), Some("the source's"));
}
