use proptest::prelude::*;

use super::*;
use crate::{
    alert::Alert,
    backup::{
        audit::{checks, defined},
        definition::Kind,
        fixture::{at, definition},
        status::{all_gone, lacks},
    },
    outbox::HasOutbox,
};

/// A Region of endpoints that are all made of the same, but for what they are said to do without.
#[derive(Default)]
struct Region {
    audits: Audits,
}

/// A look that finds these of the things gone, and all others there.
fn look(gone: &[usize]) -> Looked {
    look_of(|index| match gone.contains(&index) {
        true => Presence::Gone("404".into()),
        false => Presence::There,
    })
}

fn look_of(presence: impl Fn(usize) -> Presence) -> Looked {
    let seen = checks(&definition()).into_iter().enumerate();
    let seen = seen.map(|(index, check)| (check, presence(index))).collect();
    Looked::Seen(Look::new(seen, BTreeSet::new(), vec![]))
}

/// A look at an endpoint that is made of nothing but these, which are gone.
fn only(gone: &[usize]) -> Looked {
    let all = checks(&definition());
    let seen = gone
        .iter()
        .map(|index| (all[*index].clone(), Presence::Gone("404".into())));
    Looked::Seen(Look::new(seen.collect(), BTreeSet::new(), vec![]))
}

fn thing(index: usize) -> String {
    checks(&definition())[index].thing()
}

impl Region {
    fn round<'a>(&mut self, now: i64, looks: impl IntoIterator<Item = (&'a str, Looked)>) {
        let looks: Vec<(&str, Looked)> = looks.into_iter().collect();
        let (labels, restored) = Default::default();
        self.audits.round(&Round {
            now: at(now),
            region: "eu-west-1",
            labels: &labels,
            endpoints: &BTreeSet::new(),
            all: false,
            restored: &restored,
            looks: &looks,
        });
    }

    fn forget_all_but(&mut self, endpoints: &BTreeSet<&str>) {
        let (labels, restored) = Default::default();
        self.audits.round(&Round {
            now: at(0),
            region: "eu-west-1",
            labels: &labels,
            endpoints,
            all: true,
            restored: &restored,
            looks: &[],
        });
    }

    fn alerts(&self) -> &[Alert] {
        self.audits.outbox().pending()
    }

    fn titles(&self) -> Vec<&str> {
        self.alerts().iter().map(|alert| alert.title.as_str()).collect()
    }

    fn lacking(&self, index: usize) -> Vec<&str> {
        let gone = self.audits.gone.get(&thing(index));
        gone.into_iter()
            .flat_map(|gone| &gone.endpoints)
            .map(String::as_str)
            .collect()
    }
}

fn shown(alert: &Alert) -> String {
    let subject = alert.subject_of.as_deref().unwrap_or_default();
    format!("{subject}: {}\n{}", alert.title, alert.evidence.join("\n"))
}

#[test]
fn what_many_endpoints_share_is_told_once_and_each_that_lacks_it_is_in_the_status() {
    let mut region = Region::default();
    let names: Vec<String> = (0..60).map(|index| format!("e-{index:02}")).collect();
    for hour in 0..3 {
        for (round, names) in names.chunks(20).enumerate() {
            region.round(
                hour * 3600 + round as i64 * 60,
                names.iter().map(|name| (name.as_str(), look(&[0]))),
            );
        }
    }
    let [alert] = region.alerts() else {
        panic!("told {} times", region.alerts().len())
    };
    insta::assert_snapshot!(shown(alert));
    let one = lacks("e-59", &region.audits, at(7200)).unwrap();
    let role = "arn:aws:iam::111122223333:role/sagemaker (404), found 2h ago. Also missing to e-00, e-01, ";
    assert!(
        one.starts_with(&format!("Gone, so that SageMaker cannot deploy e-59 again: {role}")),
        "{one}"
    );
    let all = all_gone(&region.audits, at(7200)).unwrap();
    assert!(
        all.contains("role/sagemaker (404), found 2h ago: missing to e-00, ") && all.contains(", e-59."),
        "{all}"
    );
    assert_eq!(all_gone(&Audits::default(), at(0)), None);
}

#[test]
fn what_is_said_of_others_is_said_of_what_they_share() {
    let mut region = Region::default();
    region.round(0, [("a", only(&[0, 1])), ("b", only(&[0])), ("c", only(&[0]))]);
    region.round(60, [("d", only(&[0, 2])), ("e", only(&[2, 3])), ("f", only(&[3, 2]))]);
    let said: Vec<String> = region.alerts().iter().map(shown).collect();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn whatever_is_gone_and_whoever_lacks_it_an_alert_is_no_longer_than_an_outbox_keeps() {
    let all: Vec<usize> = (0..checks(&definition()).len()).collect();
    let long: Vec<String> = (0..400).map(|index| format!("{}-{index:03}", "e".repeat(59))).collect();
    for first in 1..=all.len() {
        let mut region = Region::default();
        region.round(0, [("first", only(&all[..1]))]);
        region.round(60, long.iter().map(|name| (name.as_str(), only(&all[..first]))));
        for alert in region.alerts() {
            assert!(alert.evidence.len() <= 20, "{}", shown(alert));
            let kept = alert
                .evidence
                .iter()
                .all(|line| line.chars().count() <= 400 && !line.contains("characters)"));
            assert!(
                kept && alert.evidence.last().unwrap().contains("status"),
                "{}",
                shown(alert)
            );
        }
    }
}

#[test]
fn what_one_endpoint_has_again_is_news_when_another_one_lacks_it() {
    let mut region = Region::default();
    region.round(0, [("staging", look(&[0]))]);
    region.round(1800, [("prod", look(&[]))]);
    assert_eq!(region.audits.gone, BTreeMap::new());
    region.round(3600, [("prod", look(&[0]))]);
    assert_eq!(region.alerts().len(), 2);
    assert_eq!(region.alerts()[1].subject_of.as_deref(), Some("prod"));
}

#[test]
fn what_comes_back_while_a_round_looks_is_looked_at_again_before_it_is_told() {
    let mut region = Region::default();
    region.round(0, [("a", look(&[0])), ("b", look(&[]))]);
    assert!(region.alerts().is_empty());
    assert_eq!(
        region.audits.looked.keys().collect::<Vec<_>>(),
        ["b"],
        "a is due at once"
    );
    region.round(60, [("a", look(&[0]))]);
    assert_eq!(region.alerts().len(), 1);
}

#[test]
fn an_endpoint_that_lacks_it_hours_later_is_told_and_those_found_soon_after_are_not() {
    let mut region = Region::default();
    region.round(0, [("a", only(&[0]))]);
    region.round(5 * 3600, [("a", only(&[0])), ("b", only(&[0]))]);
    region.round(7 * 3600, [("a", only(&[0])), ("b", only(&[0])), ("c", only(&[0]))]);
    let role = "arn:aws:iam::111122223333:role/sagemaker is gone";
    assert_eq!(
        region.titles(),
        [role.to_owned(), format!("{role}, here and for 2 more")]
    );
    assert_eq!(region.alerts()[1].subject_of.as_deref(), Some("c"));
    assert_eq!(region.lacking(0), ["a", "b", "c"]);
    assert_eq!(region.audits.gone[&thing(0)].since, at(0));
}

#[test]
fn endpoints_that_are_gone_or_made_of_something_else_leave_the_lists() {
    let mut region = Region::default();
    region.round(0, ["a", "b", "c", "d"].map(|name| (name, only(&[0]))));
    region.round(3600, [("a", Looked::Absent), ("b", only(&[1])), ("c", Looked::Unknown)]);
    assert_eq!(region.lacking(0), ["c", "d"]);
    region.forget_all_but(&["b", "c"].into());
    assert_eq!((region.lacking(0), region.lacking(1)), (vec!["c"], vec!["b"]));
    assert_eq!(region.audits.looked.keys().collect::<Vec<_>>(), ["b", "c"]);
    region.forget_all_but(&["b"].into());
    region.round(7200, [("c", only(&[0]))]);
    assert_eq!(region.alerts().len(), 3, "nobody was known to lack it any more");
}

#[test]
fn what_could_not_be_seen_this_time_is_not_there_again_and_not_news_the_next_time() {
    let mut region = Region::default();
    let blind = |of: usize| {
        look_of(move |index| match index {
            index if index == of => Presence::Unknown("s3 does not answer".into()),
            _ => Presence::There,
        })
    };
    region.round(0, [("a", look(&[0]))]);
    region.round(3600, [("a", blind(0))]);
    region.round(7200, [("a", look(&[0]))]);
    assert_eq!(region.alerts().len(), 1);
    region.round(10_800, [("a", blind(1))]);
    assert_eq!(
        region.lacking(0),
        Vec::<&str>::new(),
        "what else cannot be seen keeps nothing"
    );
    region.round(14_400, [("a", look(&[0]))]);
    assert_eq!(region.alerts().len(), 2, "it is gone once more");
}

#[test]
fn while_a_definition_is_gone_nothing_that_it_named_is_taken_to_be_there() {
    let mut region = Region::default();
    region.round(0, [("a", only(&[0]))]);
    let undefined = Finding::undefined(Kind::Model, "fraud-v1", &definition());
    let undefined = Look::new(vec![], BTreeSet::new(), vec![undefined]);
    region.round(3600, [("a", Looked::Seen(undefined))]);
    region.round(7200, [("a", only(&[0]))]);
    assert_eq!(region.titles().len(), 2, "{:?}", region.titles());
    let whole = Look::new(vec![], defined(&definition(), &[]), vec![]);
    region.round(10_800, [("b", Looked::Seen(whole))]);
    assert!(
        !region.audits.gone.contains_key("model fraud-v1"),
        "another endpoint has it"
    );
}

#[test]
fn what_was_archived_and_is_gone_by_now_is_news_and_one_entry() {
    let mut region = Region::default();
    let of = |presence: Presence| {
        look_of(move |index| match index {
            0 => presence.clone(),
            _ => Presence::There,
        })
    };
    for (now, presence) in [
        (0, Presence::Archived("GLACIER".into())),
        (3600, Presence::Gone("404".into())),
    ] {
        region.round(now, [("a", of(presence.clone())), ("b", of(presence.clone()))]);
        region.round(now + 60, [("a", of(presence.clone())), ("c", of(presence))]);
    }
    assert_eq!(region.titles().len(), 2, "{:?}", region.titles());
    assert_eq!(region.lacking(0), ["a", "b", "c"]);
}

#[test]
fn what_earlier_builds_told_in_the_ledgers_of_the_endpoints_is_taken_over_once() {
    let told: BTreeMap<String, BTreeSet<String>> = [("a".to_owned(), [thing(0), thing(1)].into())].into();
    let mut region = Region::default();
    region.audits.take_over(&told, at(0));
    region.round(0, [("a", look(&[0])), ("b", look(&[0]))]);
    assert_eq!((region.titles().len(), region.lacking(0)), (0, vec!["a", "b"]));
    assert_eq!(region.lacking(1), Vec::<&str>::new(), "it is there by now");
    region.audits.take_over(&told, at(60));
    assert_eq!(region.lacking(1), Vec::<&str>::new());
}

#[test]
fn a_restored_endpoint_says_from_what_it_was_restored() {
    let mut audits = Audits::default();
    let restored = [("fraud-dr".to_owned(), "fraud".to_owned())].into();
    audits.round(&Round {
        now: at(0),
        region: "eu-west-1",
        labels: &BTreeMap::new(),
        endpoints: &["fraud-dr"].into(),
        all: true,
        restored: &restored,
        looks: &[("fraud-dr", look(&[0]))],
    });
    let [alert] = audits.outbox().pending() else { panic!() };
    assert_eq!(
        alert.evidence[0],
        "restored in eu-west-1 from the recovery points of fraud"
    );
}

/// Something happens to one of three things, or some of four endpoints are looked at, each made of two of the things.
#[derive(Clone, Debug)]
enum Step {
    Deleted(usize),
    PutBack(usize),
    Looked(BTreeSet<usize>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize).prop_map(Step::Deleted),
        (0..3_usize).prop_map(Step::PutBack),
        prop::collection::btree_set(0..4_usize, 1..4).prop_map(Step::Looked),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn whoever_lacks_something_is_in_its_entry_and_what_was_seen_there_is_told_when_it_is_gone(steps in steps()) {
        let names = ["a", "b", "c", "d"];
        let made_of = |endpoint: usize| [endpoint % 3, (endpoint + 1) % 3];
        let all = checks(&definition());
        let (mut region, mut gone, mut untold) = (Region::default(), BTreeSet::new(), BTreeSet::from([0, 1, 2]));
        for (minute, step) in steps.into_iter().enumerate() {
            let endpoints = match step {
                Step::Deleted(thing) => {
                    gone.insert(thing);
                    continue;
                }
                Step::PutBack(thing) => {
                    gone.remove(&thing);
                    continue;
                }
                Step::Looked(endpoints) => endpoints,
            };
            let looks = endpoints.iter().map(|endpoint| {
                let seen = made_of(*endpoint).into_iter().map(|thing| match gone.contains(&thing) {
                    true => (all[thing].clone(), Presence::Gone("404".into())),
                    false => (all[thing].clone(), Presence::There),
                });
                (names[*endpoint], Looked::Seen(Look::new(seen.collect(), BTreeSet::new(), vec![])))
            });
            let before = region.alerts().len();
            region.round(minute as i64 * 60, looks);
            let said: Vec<String> = region.alerts()[before..].iter().map(shown).collect();
            let seen: BTreeSet<usize> = endpoints.iter().flat_map(|endpoint| made_of(*endpoint)).collect();
            for thing in seen {
                let value = &all[thing].value;
                let told = said.iter().filter(|said| said.contains(&format!("gone: {value} "))).count();
                if gone.contains(&thing) {
                    prop_assert_eq!(told, usize::from(untold.remove(&thing)), "{} in {:?}", value, said);
                    for endpoint in endpoints.iter().filter(|endpoint| made_of(**endpoint).contains(&thing)) {
                        prop_assert!(region.lacking(thing).contains(&names[*endpoint]));
                    }
                } else {
                    prop_assert_eq!(told, 0);
                    prop_assert_eq!(region.lacking(thing), Vec::<&str>::new());
                    untold.insert(thing);
                }
            }
        }
    }
}
