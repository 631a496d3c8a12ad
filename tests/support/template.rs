//! `template.yaml` as JSON, with CloudFormation's short forms spelled out: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is
//! `{"Fn::Sub": "x"}`.

use std::{collections::BTreeSet, fs, path::Path};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Map, Value, json};

/// The template.
pub(crate) fn template() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    json(&documents[0])
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Tagged(tag, node) => {
            let name = match tag.suffix.as_str() {
                "Ref" | "Condition" => tag.suffix.clone(),
                other => format!("Fn::{other}"),
            };
            json!({ name: json(node) })
        }
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(fields) => fields
            .iter()
            .map(|(key, value)| (key.as_str().expect("keys are strings").to_owned(), json(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => match (other.as_str(), other.as_bool(), other.as_integer(), other.as_floating_point()) {
            (Some(text), ..) => text.into(),
            (_, Some(yes), ..) => yes.into(),
            (.., Some(number), _) => number.into(),
            (.., Some(number)) => number.into(),
            _ => Value::Null,
        },
    }
}

/// One statement of an IAM policy.
#[derive(Debug)]
pub(crate) struct Statement {
    /// `Sid`, for messages.
    pub(crate) sid: String,
    /// `Action`, always as a list.
    pub(crate) actions: BTreeSet<String>,
    /// `Resource` as written.
    pub(crate) resource: Value,
    /// The condition on the policy or statement, when it is not always granted.
    pub(crate) condition: Option<String>,
}

/// Everything that a role is allowed, whatever the parameters are.
pub(crate) fn allowed(template: &Value, role: &str) -> Vec<Statement> {
    let resources = template["Resources"].as_object().expect("the template has resources");
    let mut statements = Vec::new();
    for policy in template["Resources"][role]["Properties"]["Policies"].as_array().expect("the role has policies") {
        collect(&policy["PolicyDocument"]["Statement"], None, &mut statements);
    }
    for policy in resources.values().filter(|resource| resource["Type"] == "AWS::IAM::RolePolicy") {
        if policy["Properties"]["RoleName"]["Ref"] == role {
            let condition = policy["Condition"].as_str();
            collect(&policy["Properties"]["PolicyDocument"]["Statement"], condition, &mut statements);
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
        });
    }
}
