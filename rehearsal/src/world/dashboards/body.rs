//! What CloudWatch makes of a `DashboardBody`: what it refuses, and what it only remarks on.
//!
//! Source: "Dashboard body structure and syntax" of the CloudWatch API reference.

use serde_json::{Map, Value};

/// Messages, each with the path of what it is about.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) wrong: Vec<(String, String)>,
    pub(super) odd: Vec<(String, String)>,
}

const KINDS: [&str; 6] = ["alarm", "custom", "explorer", "log", "metric", "text"];
const MEMBERS: [&str; 6] = ["height", "properties", "type", "width", "x", "y"];
const MOST_WIDGETS: usize = 500;

pub(super) fn check(text: &str) -> Checked {
    let mut checked = Checked::default();
    let Ok(Value::Object(body)) = serde_json::from_str::<Value>(text) else {
        checked.refuse("", "The field DashboardBody must be a valid JSON object");
        return checked;
    };
    let known = ["end", "periodOverride", "start", "variables", "widgets"];
    for member in body.keys().filter(|member| !known.contains(&member.as_str())) {
        checked.remark("", &format!("Unknown property {member}"));
    }
    match body.get("widgets") {
        None => checked.refuse("", "Should have required property 'widgets'"),
        Some(Value::Array(widgets)) => {
            if widgets.len() > MOST_WIDGETS {
                checked.refuse("/widgets", &format!("Should NOT have more than {MOST_WIDGETS} items"));
            }
            for (index, widget) in widgets.iter().enumerate() {
                checked.widget(&format!("/widgets/{index}"), widget);
            }
        }
        Some(_) => checked.refuse("/widgets", "Should be array"),
    }
    checked
}

impl Checked {
    fn refuse(&mut self, path: &str, message: &str) {
        self.wrong.push((path.to_owned(), message.to_owned()));
    }

    fn remark(&mut self, path: &str, message: &str) {
        self.odd.push((path.to_owned(), message.to_owned()));
    }

    fn widget(&mut self, path: &str, widget: &Value) {
        let Value::Object(widget) = widget else {
            return self.refuse(path, "Should be object");
        };
        for member in widget.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
            self.remark(path, &format!("Unknown property {member}"));
        }
        for (member, from, to) in [("x", 0, 23), ("y", 0, i64::MAX), ("width", 1, 24), ("height", 1, 1000)] {
            let fits = |value: &Value| value.as_i64().is_some_and(|number| (from..=to).contains(&number));
            if widget.get(member).is_some_and(|value| !fits(value)) {
                let upper = if to == i64::MAX {
                    String::new()
                } else {
                    format!(" and <= {to}")
                };
                self.refuse(
                    &format!("{path}/{member}"),
                    &format!("Should be integer >= {from}{upper}"),
                );
            }
        }
        if widget.contains_key("x") != widget.contains_key("y") {
            self.refuse(path, "Should have both x and y, or neither");
        }
        let kind = widget.get("type").and_then(Value::as_str).unwrap_or_default();
        if !KINDS.contains(&kind) {
            let allowed = KINDS.join(", ");
            return self.refuse(
                &format!("{path}/type"),
                &format!("Should be equal to one of the allowed values: {allowed}"),
            );
        }
        let path = format!("{path}/properties");
        match widget.get("properties") {
            Some(Value::Object(properties)) => self.properties(&path, kind, properties),
            _ => self.refuse(&path, "Should be object"),
        }
    }

    fn properties(&mut self, path: &str, kind: &str, properties: &Map<String, Value>) {
        let text = |member: &str| properties.get(member).is_some_and(Value::is_string);
        match kind {
            "text" if !text("markdown") => self.refuse(path, "Should have required property 'markdown'"),
            "log" if !text("query") => self.refuse(path, "Should have required property 'query'"),
            "alarm" => {
                let some = properties
                    .get("alarms")
                    .and_then(Value::as_array)
                    .is_some_and(|alarms| !alarms.is_empty() && alarms.iter().all(Value::is_string));
                if !some {
                    self.refuse(
                        &format!("{path}/alarms"),
                        "Should be an array of alarm ARNs, of 1 or more",
                    );
                }
            }
            "metric" => {
                if !text("region") {
                    self.refuse(path, "Should have required property 'region'");
                }
                match properties.get("metrics") {
                    Some(Value::Array(metrics)) => {
                        for (index, metric) in metrics.iter().enumerate() {
                            if let Err(problem) = metric_is_right(metric) {
                                self.refuse(&format!("{path}/metrics/{index}"), problem);
                            }
                        }
                    }
                    Some(_) => self.refuse(&format!("{path}/metrics"), "Should be array"),
                    None if properties.contains_key("annotations") => {}
                    None => self.refuse(path, "Should have required property 'metrics' or 'annotations'"),
                }
            }
            _ => {}
        }
    }
}

/// `["Namespace", "Metric", "Name", "Value", …, {rendering}]` or `[{"expression": …}]`.
fn metric_is_right(metric: &Value) -> Result<(), &'static str> {
    let parts = metric.as_array().ok_or("Should be array")?;
    let (texts, options) = match parts.split_last() {
        Some((Value::Object(options), texts)) => (texts, Some(options)),
        _ => (parts.as_slice(), None),
    };
    if !texts.iter().all(Value::is_string) {
        return Err("Should be strings, and last an object of options");
    }
    match (texts.len(), options) {
        (0, Some(options)) if options.get("expression").is_some_and(Value::is_string) => Ok(()),
        (0, _) => Err("Should have a namespace and a metric name, or an expression"),
        (1, _) => Err("Should have a metric name after the namespace"),
        (names, _) if names % 2 == 1 => Err("Should have a value for each dimension"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let body = json!({
            "widgets": [
                {"type": "metric", "x": 0, "y": 0, "width": 25, "height": 6, "properties": {"metrics": [["AWS/SageMaker"]]}},
                {"type": "chart", "properties": {}},
                {"type": "text", "x": 1, "properties": {"text": "hello"}, "colour": "red"},
                {"type": "metric", "properties": {"region": "eu-west-1", "metrics": [
                    ["AWS/SageMaker", "ModelLatency", "EndpointName", "fraud", {"stat": "p99"}],
                    ["...", "search"],
                    [{"expression": "m1 / m2"}],
                    ["AWS/SageMaker", "ModelLatency", "EndpointName"],
                ]}},
                {"type": "alarm", "properties": {"alarms": []}},
            ],
            "colour": "red",
        });
        let checked = check(&body.to_string());
        let lines = |messages: &[(String, String)]| -> String {
            let lines = messages.iter().map(|(path, message)| format!("{path}: {message}\n"));
            lines.collect()
        };
        insta::assert_snapshot!(lines(&checked.wrong), @r"
        /widgets/0/width: Should be integer >= 1 and <= 24
        /widgets/0/properties: Should have required property 'region'
        /widgets/0/properties/metrics/0: Should have a metric name after the namespace
        /widgets/1/type: Should be equal to one of the allowed values: alarm, custom, explorer, log, metric, text
        /widgets/2: Should have both x and y, or neither
        /widgets/2/properties: Should have required property 'markdown'
        /widgets/3/properties/metrics/3: Should have a value for each dimension
        /widgets/4/properties/alarms: Should be an array of alarm ARNs, of 1 or more
        ");
        insta::assert_snapshot!(lines(&checked.odd), @r"
        : Unknown property colour
        /widgets/2: Unknown property colour
        ");
    }

    #[test]
    fn what_a_python_program_prints_for_a_dictionary_is_no_json() {
        let wrong = check("{'widgets': []}").wrong;
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(check(r#"{"widgets": []}"#).wrong.is_empty());
    }
}
