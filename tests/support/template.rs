//! `template.yaml` as JSON, with CloudFormation's short forms spelled out: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is
//! `{"Fn::Sub": "x"}`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

/// The template.
pub(crate) fn template() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    yaml(&text, "template.yaml")
}

/// The one document of a YAML file.
pub(crate) fn yaml(text: &str, file: &str) -> Value {
    let events = Parser::new_from_str(text).map(|event| event.unwrap_or_else(|error| panic!("{file}: {error}")).0);
    let outside = |event: &Event<'_>| matches!(event, Event::StreamStart | Event::DocumentStart(_));
    let mut events = events.skip_while(outside);
    let first = events.next().unwrap_or_else(|| panic!("{file} is empty"));
    value(first, &mut events, &mut BTreeMap::new())
}

/// The value that begins with this event; takes the rest of it from `events`. `anchored` are the values that aliases can
/// stand for, by the number of their anchor; 0 is none.
fn value<'a>(
    event: Event<'a>,
    events: &mut impl Iterator<Item = Event<'a>>,
    anchored: &mut BTreeMap<usize, Value>,
) -> Value {
    let (anchor, tag, plain) = match event {
        Event::Alias(anchor) => return anchored[&anchor].clone(),
        Event::Scalar(text, style, anchor, tag) => {
            let plain = || {
                serde_json::from_str(&text)
                    .ok()
                    .filter(|value: &Value| !value.is_object() && !value.is_array())
            };
            let scalar = match style {
                ScalarStyle::Plain if tag.is_none() => plain().unwrap_or_else(|| text.clone().into()),
                _ => Value::from(text.as_ref()),
            };
            (anchor, tag, scalar)
        }
        Event::SequenceStart(anchor, tag) => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("a list ends") {
                    Event::SequenceEnd => break,
                    item => items.push(value(item, events, anchored)),
                }
            }
            (anchor, tag, items.into())
        }
        Event::MappingStart(anchor, tag) => {
            let mut fields = Map::new();
            loop {
                match events.next().expect("a map ends") {
                    Event::MappingEnd => break,
                    Event::Scalar(key, ..) => {
                        let first = events.next().expect("a key has a value");
                        fields.insert(key.into_owned(), value(first, events, anchored));
                    }
                    other => panic!("a key is a word: {other:?}"),
                }
            }
            (anchor, tag, fields.into())
        }
        other => panic!("not a value: {other:?}"),
    };
    let whole = spelled_out(tag.map(|tag| tag.suffix.clone()), plain);
    if anchor != 0 {
        anchored.insert(anchor, whole.clone());
    }
    whole
}

/// `!GetAtt a.b` as `{"Fn::GetAtt": "a.b"}`.
fn spelled_out(tag: Option<String>, value: Value) -> Value {
    match tag.as_deref() {
        None => value,
        Some(short @ ("Ref" | "Condition")) => json!({ short: value }),
        Some(short) => json!({ format!("Fn::{short}"): value }),
    }
}

/// One statement of an IAM policy.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `Sid`, for messages.
    pub(crate) sid: String,
    /// `Action`, always as a list.
    pub(crate) actions: BTreeSet<String>,
    /// `Resource` as written.
    pub(crate) resource: Value,
    /// The condition on the policy or statement, when it is not always granted.
    pub(crate) condition: Option<String>,
    /// `Condition`: what a call has to fulfil; null when nothing.
    pub(crate) only_if: Value,
}

/// Everything that a role is allowed, whatever the parameters are.
pub(crate) fn allowed(template: &Value, role: &str) -> Vec<Statement> {
    let resources = template["Resources"].as_object().expect("the template has resources");
    let mut statements = Vec::new();
    for policy in template["Resources"][role]["Properties"]["Policies"]
        .as_array()
        .expect("the role has policies")
    {
        collect(&policy["PolicyDocument"]["Statement"], None, &mut statements);
    }
    for policy in resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::IAM::RolePolicy")
    {
        if policy["Properties"]["RoleName"]["Ref"] == role {
            let condition = policy["Condition"].as_str();
            collect(
                &policy["Properties"]["PolicyDocument"]["Statement"],
                condition,
                &mut statements,
            );
        }
    }
    statements
}

fn collect(listed: &Value, condition: Option<&str>, into: &mut Vec<Statement>) {
    for entry in listed.as_array().expect("statements are a list") {
        let (statement, condition) = match entry["Fn::If"].as_array() {
            Some(parts) => (&parts[1], parts[0].as_str()),
            None => (entry, condition),
        };
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let actions = match &statement["Action"] {
            Value::String(one) => BTreeSet::from([one.clone()]),
            Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => panic!("an action is a name or a list of names: {other}"),
        };
        into.push(Statement {
            sid: statement["Sid"].as_str().expect("every statement has a Sid").to_owned(),
            actions,
            resource: statement["Resource"].clone(),
            condition: condition.map(str::to_owned),
            only_if: statement["Condition"].clone(),
        });
    }
}
