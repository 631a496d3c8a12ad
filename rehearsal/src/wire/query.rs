//! awsQuery, as SNS and STS speak it: a form in, XML out.
//!
//! A form says `Tags.member.1.Key=a` where JSON has lists, and `Attributes.entry.1.key=a` where it has maps; both are
//! told from the words `member` and `entry`, so no schema is needed. Scalars stay strings, as they are on the wire,
//! except for the few whose type the model says.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::{Map, Value};

use super::{Protocol, Refusal};

/// Input members that are not strings.
const BOOLEANS: [&str; 1] = ["ReturnSubscriptionArn"];
const INTEGERS: [&str; 2] = ["MaxResults", "DurationSeconds"];

/// Output members that are maps, written as entries.
const MAPS: [&str; 2] = ["Attributes", "attributes"];

enum Node {
    Text(String),
    Branch(Vec<(String, Node)>),
}

pub(super) fn read(body: &[u8]) -> Result<(String, Value), Refusal> {
    let refuse = |code: &str, problem: String| Refusal::new(Some(Protocol::Query), 400, code, problem);
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
        .map_err(|problem| refuse("MalformedQueryString", format!("the body is not a form: {problem}")))?;
    let mut operation = None;
    let mut root = Vec::new();
    for (name, value) in pairs {
        match name.as_str() {
            "Action" => operation = Some(value),
            "Version" => {}
            _ => insert(&mut root, &name, value),
        }
    }
    let operation = operation.ok_or_else(|| refuse("MissingAction", "the form has no Action".to_owned()))?;
    Ok((operation, value(Node::Branch(root), "")))
}

fn insert(branch: &mut Vec<(String, Node)>, path: &str, text: String) {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(rest) = rest else {
        branch.push((name.to_owned(), Node::Text(text)));
        return;
    };
    let at = branch
        .iter()
        .position(|(known, node)| known == name && matches!(node, Node::Branch(_)));
    let at = at.unwrap_or_else(|| {
        branch.push((name.to_owned(), Node::Branch(Vec::new())));
        branch.len() - 1
    });
    if let Node::Branch(inner) = &mut branch[at].1 {
        insert(inner, rest, text);
    }
}

fn value(node: Node, name: &str) -> Value {
    match node {
        Node::Text(text) if BOOLEANS.contains(&name) => Value::Bool(text == "true"),
        Node::Text(text) if INTEGERS.contains(&name) => {
            text.parse::<i64>().map_or(Value::String(text), |number| number.into())
        }
        Node::Text(text) => Value::String(text),
        Node::Branch(mut members) if members.len() == 1 && matches!(members[0].0.as_str(), "member" | "entry") => {
            let (word, items) = members.swap_remove(0);
            match items {
                Node::Branch(items) if word == "member" => {
                    Value::Array(in_order(items).map(|item| value(item, "")).collect())
                }
                Node::Branch(items) => Value::Object(in_order(items).filter_map(entry).collect()),
                text @ Node::Text(_) => value(text, &word),
            }
        }
        Node::Branch(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, node)| {
                    let value = value(node, &name);
                    (name, value)
                })
                .collect(),
        ),
    }
}

fn in_order(mut items: Vec<(String, Node)>) -> impl Iterator<Item = Node> {
    items.sort_by_key(|(index, _)| index.parse::<u32>().unwrap_or(u32::MAX));
    items.into_iter().map(|(_, item)| item)
}

/// An entry's `key` and `value` (SNS's message attributes say `Name` and `Value`).
fn entry(node: Node) -> Option<(String, Value)> {
    let Node::Branch(members) = node else { return None };
    let (mut key, mut held) = (None, None);
    for (name, node) in members {
        match (name.as_str(), node) {
            ("key" | "Name", Node::Text(text)) => key = Some(text),
            ("value" | "Value", node) => held = Some(value(node, "")),
            _ => {}
        }
    }
    Some((key?, held.unwrap_or(Value::Null)))
}

pub(super) fn write(namespace: &str, operation: &str, output: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    contents(&mut xml, "", output);
    let id = escape(request_id);
    let _ = write!(
        xml,
        "</{operation}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    xml
}

fn contents(xml: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(yes) => xml.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Array(items) => {
            for item in items {
                xml.push_str("<member>");
                contents(xml, "", item);
                xml.push_str("</member>");
            }
        }
        Value::Object(members) if MAPS.contains(&name) => {
            for (key, value) in members {
                let _ = write!(xml, "<entry><key>{}</key><value>", escape(key));
                contents(xml, "", value);
                xml.push_str("</value></entry>");
            }
        }
        Value::Object(members) => members_of(xml, members),
    }
}

fn members_of(xml: &mut String, members: &Map<String, Value>) {
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let _ = write!(xml, "<{name}>");
        contents(xml, name, value);
        let _ = write!(xml, "</{name}>");
    }
}

pub(super) fn error(namespace: &str, status: u16, code: &str, message: &str, request_id: &str) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        escape(code),
        escape(message),
        escape(request_id)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_maps_are_told_from_member_and_entry() {
        let form = "Action=Publish&Version=2010-03-31&Message=a%26b+c&MessageAttributes.entry.2.Name=kind&\
                    MessageAttributes.entry.2.Value.DataType=String&MessageAttributes.entry.2.Value.StringValue=x&\
                    MessageAttributes.entry.1.Name=severity&MessageAttributes.entry.1.Value.DataType=String&\
                    Tags.member.10.Key=j&Tags.member.2.Key=b&Attributes.entry.1.key=DisplayName&\
                    Attributes.entry.1.value=Steward&ReturnSubscriptionArn=true";
        let (operation, input) = read(form.as_bytes()).expect("a valid form");
        assert_eq!(operation, "Publish");
        assert_eq!(
            input,
            json!({
                "Message": "a&b c",
                "MessageAttributes": {
                    "severity": {"DataType": "String"},
                    "kind": {"DataType": "String", "StringValue": "x"},
                },
                "Tags": [{"Key": "b"}, {"Key": "j"}],
                "Attributes": {"DisplayName": "Steward"},
                "ReturnSubscriptionArn": true,
            })
        );
    }

    #[test]
    fn what_has_no_action_is_refused() {
        assert_eq!(
            read(b"Message=x").map_err(|refusal| refusal.code().to_owned()),
            Err("MissingAction".to_owned())
        );
    }

    #[test]
    fn answers_are_escaped_xml() {
        let output = json!({"Topics": [{"TopicArn": "arn:<a&b>"}], "NextToken": null, "Attributes": {"k": "v"}});
        insta::assert_snapshot!(
            write("http://sns", "ListTopics", &output, "id-1"),
            @r#"<ListTopicsResponse xmlns="http://sns"><ListTopicsResult><Topics><member><TopicArn>arn:&lt;a&amp;b&gt;</TopicArn></member></Topics><Attributes><entry><key>k</key><value>v</value></entry></Attributes></ListTopicsResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></ListTopicsResponse>"#
        );
    }
}
