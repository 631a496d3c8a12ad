//! The schema as tables for people.

use serde_json::{Map, Value};

/// One object of the schema.
pub(crate) struct Section {
    /// Its name in the schema.
    pub(crate) name: String,
    /// Where it is in the file: `health.probes[]`; empty for the file itself.
    path: String,
    meaning: String,
    pub(crate) fields: Vec<Field>,
}

/// One field of an object.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) default: Option<Value>,
    pub(crate) examples: Vec<Value>,
    required: bool,
    meaning: String,
    schema: Value,
}

/// Every object of the schema, each followed by those that it uses; `health` and `rollout`, which are used in two places,
/// last.
pub(crate) fn sections(schema: &Value) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut waiting = vec![("Fleet".to_owned(), String::new())];
    while let Some((name, path)) = waiting.pop() {
        let object = definition(schema, &name);
        if sections.iter().any(|section| section.name == name) || !object.contains_key("properties") {
            continue;
        }
        let fields = fields(object);
        for field in fields.iter().rev() {
            if let Some((used, suffix)) = reference_in(&field.schema) {
                let at = match used.as_str() {
                    "Health" => "health".to_owned(),
                    "Rollout" => "rollout".to_owned(),
                    // Of the whole rollout first; a step's is laid over it.
                    "Analysis" => "rollout.analysis".to_owned(),
                    _ if path.is_empty() => format!("{}{suffix}", field.name),
                    _ => format!("{path}.{}{suffix}", field.name),
                };
                waiting.push((used, at));
            }
        }
        sections.push(Section {
            meaning: text(object, "description"),
            name,
            path,
            fields,
        });
    }
    let shared = |section: &Section| {
        ["health", "rollout"]
            .iter()
            .position(|shared| section.path.starts_with(shared))
    };
    sections.sort_by_key(shared);
    sections
}

/// The object of a section with every documented default written out, sections in it included.
pub(crate) fn defaults(schema: &Value, section: &str) -> Value {
    let written = fields(definition(schema, section)).into_iter().filter_map(|field| {
        let nested = match reference_in(&field.schema) {
            Some((used, "")) if definition(schema, &used).contains_key("properties") => Some(defaults(schema, &used)),
            _ => None,
        };
        Some((field.name, field.default.or(nested.filter(|_| !field.required))?))
    });
    Value::Object(written.collect())
}

/// Everything below the introduction of `docs/fleet.md`.
pub(crate) fn reference(schema: &Value) -> String {
    let mut out = "## Every field\n".to_owned();
    for section in sections(schema) {
        out.push_str(&format!("\n### {}\n\n{}\n\n", heading(&section), section.meaning));
        out.push_str("| Field | Type | Default | Meaning | Example |\n|---|---|---|---|---|\n");
        let mut words = String::new();
        for field in &section.fields {
            out.push_str(&row(schema, field));
            words.push_str(&values(schema, field));
        }
        out.push_str(&words);
    }
    out
}

fn heading(section: &Section) -> String {
    match section.path.as_str() {
        "" => "The file".to_owned(),
        path => format!("`{path}`"),
    }
}

fn anchor(path: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
    path.to_ascii_lowercase().chars().filter(kept).collect()
}

fn row(schema: &Value, field: &Field) -> String {
    let default = match (&field.default, field.required) {
        (_, true) => "**required**".to_owned(),
        (Some(default), false) => format!("`{}`", flow(default)),
        (None, false) => String::new(),
    };
    let example = field
        .examples
        .first()
        .map(|example| format!("`{}`", flow(example)))
        .unwrap_or_default();
    let cells = [
        format!("`{}`", field.name),
        kind(schema, &field.schema),
        default,
        field.meaning.clone(),
        example,
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// What each word of a field that takes one of several words means.
fn values(schema: &Value, field: &Field) -> String {
    let Some((used, _)) = reference_in(&field.schema) else {
        return String::new();
    };
    let Some(words) = definition(schema, &used).get("oneOf").and_then(Value::as_array) else {
        return String::new();
    };
    let mut out = format!("\nThe words of `{}`:\n\n", field.name);
    for word in words.iter().filter_map(Value::as_object) {
        let name = word.get("const").and_then(Value::as_str).expect("a word");
        out.push_str(&format!("- `{name}`: {}\n", text(word, "description")));
    }
    out
}

fn kind(schema: &Value, field: &Value) -> String {
    let field = without_null(field);
    if let Some(used) = field.get("$ref").and_then(Value::as_str) {
        let name = used.trim_start_matches("#/$defs/");
        let object = definition(schema, name);
        return match object.get("oneOf").and_then(Value::as_array) {
            Some(words) => {
                let words = words
                    .iter()
                    .filter_map(|word| word["const"].as_str())
                    .map(|word| format!("`{word}`"));
                words.collect::<Vec<_>>().join(", ")
            }
            None => {
                let path = sections(schema)
                    .into_iter()
                    .find(|section| section.name == name)
                    .map(|section| section.path);
                let path = path.expect("a section");
                let last = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
                format!("[{}](#{})", if last == "NAME" { "entry" } else { last }, anchor(&path))
            }
        };
    }
    if let Some(title) = field.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    if let Some(choices) = field.get("anyOf").and_then(Value::as_array) {
        let choices: Vec<String> = choices
            .iter()
            .filter(|one| one["type"] != "null")
            .map(|one| kind(schema, one))
            .collect();
        return choices.join(", or ");
    }
    let of = |types: &Value, wanted: &str| {
        types == wanted || types.as_array().is_some_and(|all| all.iter().any(|t| t == wanted))
    };
    let types = &field["type"];
    match () {
        () if of(types, "boolean") => "`true` or `false`".to_owned(),
        () if of(types, "array") => format!("list of {}", kind(schema, &field["items"])),
        () if of(types, "object") => format!("map from names to {}", kind(schema, &field["additionalProperties"])),
        () if of(types, "string") => "text".to_owned(),
        () => panic!("say in this function how to call {field}"),
    }
}

/// A value as the tables show it: YAML, in one line.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let quoted = |text: String| if text == "*" { "\"*\"".to_owned() } else { text };
            let fields = fields
                .iter()
                .map(|(key, value)| format!("{key}: {}", quoted(flow(value))));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn fields(object: &Map<String, Value>) -> Vec<Field> {
    let required = |name: &String| {
        object
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|r| r == name))
    };
    let properties = object["properties"].as_object().expect("properties");
    let field = |(name, schema): (&String, &Value)| Field {
        name: name.clone(),
        required: required(name),
        default: schema.get("default").cloned(),
        examples: schema
            .get("examples")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default(),
        meaning: text(schema.as_object().expect("a field"), "description"),
        schema: schema.clone(),
    };
    properties.iter().map(field).collect()
}

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Map<String, Value> {
    let object = if name == "Fleet" {
        schema
    } else {
        &schema["$defs"][name]
    };
    object.as_object().unwrap_or_else(|| panic!("the schema has no {name}"))
}

/// The section that a field holds, and how it is repeated: `[]` in a list, `.NAME` in a map.
fn reference_in(field: &Value) -> Option<(String, &'static str)> {
    let field = without_null(field);
    if let Some(used) = field.get("$ref").and_then(Value::as_str) {
        return Some((used.trim_start_matches("#/$defs/").to_owned(), ""));
    }
    let inner = |key: &str| field.get(key).and_then(|inner| reference_in(inner));
    let choices = field.get("anyOf").and_then(Value::as_array);
    if let Some(used) = choices.and_then(|choices| choices.iter().find_map(reference_in)) {
        return Some(used);
    }
    inner("items")
        .map(|(used, _)| (used, "[]"))
        .or_else(|| inner("additionalProperties").map(|(used, _)| (used, ".NAME")))
}

/// A key without a value counts as not written, so every optional field may be null; nobody needs to read that.
fn without_null(field: &Value) -> &Value {
    let choices = field.get("anyOf").and_then(Value::as_array);
    let real = choices.and_then(|choices| match choices.as_slice() {
        [one, null] if null["type"] == "null" => Some(one),
        _ => None,
    });
    real.unwrap_or(field)
}

fn text(object: &Map<String, Value>, key: &str) -> String {
    object
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .replace('\n', " ")
}
