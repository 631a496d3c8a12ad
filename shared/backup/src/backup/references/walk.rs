//! Every string of a JSON value with the way to it.

use serde_json::Value;

/// One step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backup) enum Step<'a> {
    /// Into a field of an object.
    Field(&'a str),
    /// Into an item of a list.
    Index(usize),
}

/// The JSON pointer (RFC 6901) of a way.
pub(in crate::backup) fn pointer(steps: &[Step<'_>]) -> String {
    steps
        .iter()
        .map(|step| match step {
            Step::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        })
        .collect()
}

/// Shows every string, in order.
pub(in crate::backup) fn each_text<'a>(value: &'a Value, see: &mut dyn FnMut(&[Step<'a>], &'a str)) {
    fn down<'a>(value: &'a Value, way: &mut Vec<Step<'a>>, see: &mut dyn FnMut(&[Step<'a>], &'a str)) {
        match value {
            Value::String(text) => see(way, text),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    way.push(Step::Index(index));
                    down(item, way, see);
                    way.pop();
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    way.push(Step::Field(name));
                    down(field, way, see);
                    way.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    down(value, &mut vec![], see);
}

/// Shows every string by its pointer, to be changed.
pub(in crate::backup) fn each_text_mut(value: &mut Value, change: &mut dyn FnMut(&str, &mut String)) {
    fn down(value: &mut Value, way: &mut String, change: &mut dyn FnMut(&str, &mut String)) {
        let here = way.len();
        match value {
            Value::String(text) => change(way, text),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    way.push_str(&pointer(&[Step::Index(index)]));
                    down(item, way, change);
                    way.truncate(here);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    way.push_str(&pointer(&[Step::Field(name)]));
                    down(field, way, change);
                    way.truncate(here);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    down(value, &mut String::new(), change);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_walks_go_the_same_ways_and_pointers_find_what_they_name() {
        let mut value = json!({"a": ["x", {"b/c": "y", "d~e": ["z"]}], "n": 1, "": "w"});
        let mut ways = vec![];
        each_text(&value, &mut |steps, text| ways.push((pointer(steps), text.to_owned())));
        for (way, text) in &ways {
            assert_eq!(value.pointer(way).and_then(Value::as_str), Some(text.as_str()));
        }
        let mut again = vec![];
        each_text_mut(&mut value, &mut |way, text| again.push((way.to_owned(), text.clone())));
        assert_eq!(ways, again);
        assert_eq!(ways.len(), 4);
    }
}
