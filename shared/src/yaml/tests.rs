use proptest::prelude::*;

use super::*;
use crate::quantity::Span;

#[derive(Debug, PartialEq, Deserr)]
#[deserr(error = Found, deny_unknown_fields)]
struct Sample {
    name: String,
    #[deserr(default)]
    wait: Option<Span>,
    #[deserr(default)]
    list: Vec<u8>,
    #[deserr(default)]
    nested: Map<bool>,
}

fn told(text: &str) -> String {
    read::<Sample>(text, "sample.yaml").expect_err("wrong").to_string()
}

#[test]
fn every_problem_has_its_place() {
    insta::assert_snapshot!(told(
        "nmae: x\nwait: 30\nlist: [1, two, -3, 999]\nnested:\n  a: yes\n  \"b c\": 1\nlist: []\n"
    ));
}

#[test]
fn numbers_beyond_what_a_field_holds_are_told_with_its_limit() {
    insta::assert_snapshot!(told("name: x\nlist: [256, -1, 99999999999999999999, 1.5]\n"));
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let all: Vec<String> = [
        "",
        "# only a comment\n",
        "name: [1, 2",
        "name: x\n  wait: 5s\n",
        "name: x\n---\nname: y\n",
        "name: *nowhere\n",
        "&a name: &b [*b]\n",
        "name: !secret x\n",
        "? [a]\n: b\n",
        "name: \"open\n",
    ]
    .into_iter()
    .map(|text| format!("{text:?}\n{}", told(text)))
    .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn aliases_repeat_values_and_keep_the_anchors_place() {
    let value = read::<Map<Vec<u8>>>("a: &a [1, 2]\nb: *a\n", "x").expect("right");
    assert_eq!(value.get("b"), Some(&vec![1, 2]));
    let problems = read::<Map<Vec<u8>>>("a: &a [1, x]\nb: *a\n", "x").expect_err("wrong");
    assert_eq!(
        problems
            .problems
            .iter()
            .map(|p| (p.path.as_str(), p.line, p.column))
            .collect::<Vec<_>>(),
        [("a[1]", 1, 11), ("b[1]", 1, 11)]
    );
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", ")));
    }
    insta::assert_snapshot!(told(&text));
}

#[test]
fn size_and_nesting_are_bounded() {
    let deep = format!("name: {}{}\n", "[".repeat(100), "]".repeat(100));
    let large = format!("name: {}\n", "x".repeat(MAX_BYTES));
    let blocks = format!("name:\n{}x\n", " -".repeat(100_000));
    insta::assert_snapshot!([deep, large, blocks].map(|text| told(&text)).join("\n\n"));
}

#[test]
fn only_the_first_hundred_problems_are_listed() {
    let text = (0..250).map(|n| format!("unknown{n}: 1\n")).collect::<String>();
    let problems = read::<Sample>(&text, "x").expect_err("wrong");
    assert_eq!((problems.problems.len(), problems.unlisted), (Problems::LISTED, 151));
    assert!(problems.to_string().starts_with("251 errors in x"));
    assert!(problems.to_string().ends_with("and 151 more"));
}

#[test]
fn unquoted_words_mean_what_yaml_1_2_says() {
    use super::{scalar::plain, tree::Kind};
    for (text, kind) in [
        ("", Kind::Null),
        ("~", Kind::Null),
        ("true", Kind::Bool(true)),
        ("no", Kind::Text("no".into())),
        ("02:00", Kind::Text("02:00".into())),
        ("2026-03-01", Kind::Text("2026-03-01".into())),
        ("1.2.3", Kind::Text("1.2.3".into())),
        ("-", Kind::Text("-".into())),
        ("e5", Kind::Text("e5".into())),
        ("12", Kind::Whole(12)),
        ("+12", Kind::Whole(12)),
        ("-12", Kind::Negative(-12)),
        ("0x1f", Kind::Whole(31)),
        ("0o17", Kind::Whole(15)),
        ("0x", Kind::Text("0x".into())),
        ("1e3", Kind::Float(1000.0)),
        (".5", Kind::Float(0.5)),
        ("-.inf", Kind::Float(f64::NEG_INFINITY)),
        ("99999999999999999999", Kind::Float(1e20)),
    ] {
        assert_eq!(plain(text), kind, "{text}");
    }
}

#[test]
fn control_characters_of_the_file_are_not_repeated() {
    let message = told("name: x\n\"\\e[2Jwipe\": 1\nwait: \"\\a\\r\"\n");
    assert!(message.chars().all(|c| c == '\n' || !c.is_control()), "{message:?}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}|([-?:,{}\\[\\]&*!|>'\"%@ \n#a-z0-9]{0,80})") {
        if let Err(problems) = read::<Sample>(&text, "x") {
            prop_assert!(!problems.problems.is_empty());
        }
    }
}
