//! A value as YAML that people read: a line for each field, small maps in one line.

use serde_json::Value;

use crate::quantity::{Share, Span};

/// As blocks.
pub(super) fn block(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

/// Longer ones are written in several lines.
const LINE: usize = 110;

fn write(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                out.push_str(&format!("{pad}{}:", scalar(key)));
                nested(value, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                let line = flow(item);
                if is_scalar(item) || pad.len() + line.len() <= LINE {
                    out.push_str(&format!("{pad}- {line}\n"));
                    continue;
                }
                let mut inner = String::new();
                write(item, depth + 1, &mut inner);
                let first = inner.trim_start();
                out.push_str(&format!("{pad}- {first}"));
            }
        }
        other => out.push_str(&format!("{pad}{}\n", flow(other))),
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    let line = flow(value);
    let plain = match value {
        Value::Object(fields) => fields.values().all(is_scalar),
        Value::Array(items) => items.iter().all(is_scalar),
        _ => true,
    };
    if is_scalar(value) || line == "{}" || line == "[]" || (plain && 2 * depth + line.len() <= LINE) {
        out.push_str(&format!(" {line}\n"));
        return;
    }
    out.push('\n');
    write(value, depth + 1, out);
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_))
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Quoted unless it can only be read as this text.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    let quantity = text.parse::<Span>().is_ok() || text.parse::<Share>().is_ok();
    match plain || quantity {
        true => text.to_owned(),
        // Every JSON string is a YAML string.
        false => Value::from(text).to_string(),
    }
}
