//! A YAML document as values that know where they stand.

use std::{
    collections::{HashMap, hash_map},
    rc::Rc,
};

use deserr::{IntoValue, Value, ValueKind};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{
    MAX_BYTES, MAX_DEPTH, MAX_VALUES, Problem,
    problem::{Step, path, quoted},
    scalar,
};

/// A position in the file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        Self {
            line: marker.line().max(1),
            column: marker.col() + 1,
        }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
    /// Itself and everything in it, aliases expanded.
    size: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Whole(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) mark: Mark,
}

/// A document, and what was found wrong with it that does not keep the rest from being read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Rc<Node>,
    pub(super) problems: Vec<Problem>,
}

/// Parses the one document of `text`; what the grammar forbids stops at the first place.
pub(super) fn parse(text: &str) -> Result<Parsed, Problem> {
    let start = Mark { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        let accepted = format!("at most {MAX_BYTES} bytes");
        return Err(whole_file(
            start,
            format!("the file has {} bytes", text.len()),
            Some(accepted),
        ));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) = event.map_err(|error| {
            whole_file(
                Mark::from(*error.marker()),
                format!("this is no YAML: {}", error.info()),
                None,
            )
        })?;
        builder.take(event, Mark::from(span.start))?;
    }
    let Builder { root, problems, .. } = builder;
    match root {
        Some(root) if root.kind != Kind::Null => Ok(Parsed { root, problems }),
        _ => Err(whole_file(start, "the file is empty".to_owned(), None)),
    }
}

fn whole_file(mark: Mark, problem: String, accepted: Option<String>) -> Problem {
    Problem {
        line: mark.line,
        column: mark.column,
        path: String::new(),
        problem,
        accepted,
    }
}

#[derive(Default)]
struct Builder {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    problems: Vec<Problem>,
}

/// A collection that has not ended yet.
struct Open {
    mark: Mark,
    anchor: usize,
    size: usize,
    items: Items,
}

enum Items {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<(Key, Rc<Node>)>,
        /// In which line each key came first.
        lines: HashMap<String, usize>,
        key: Option<Key>,
        /// `key` has come before.
        skip: bool,
    },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, mark: Mark) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_key = matches!(
                    self.open.last(),
                    Some(Open {
                        items: Items::Map { key: None, .. },
                        ..
                    })
                );
                let kind = match (&tag, style) {
                    (None, _) if is_key => Kind::Text(text.into_owned()),
                    (None, ScalarStyle::Plain) => scalar::plain(&text),
                    (None, _) => Kind::Text(text.into_owned()),
                    (Some(tag), _) if tag.is_yaml_core_schema() && tag.suffix == "str" => Kind::Text(text.into_owned()),
                    (Some(tag), _) => return Err(self.tagged(mark, &tag.to_string())),
                };
                self.add(Rc::new(Node { mark, kind, size: 1 }), anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(mark, anchor, tag.as_deref(), Items::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let items = Items::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                    skip: false,
                };
                self.begin(mark, anchor, tag.as_deref(), items)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open {
                    mark,
                    anchor,
                    size,
                    items,
                }) => {
                    let kind = match items {
                        Items::List(items) => Kind::List(items),
                        Items::Map { entries, .. } => Kind::Map(entries),
                    };
                    self.add(Rc::new(Node { mark, kind, size }), anchor)
                }
                None => Ok(()),
            },
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                // Positions stay those of the anchor: that is where a mistake has to be mended.
                Some(node) => self.add(node, 0),
                None => Err(self.problem(mark, "this alias stands inside what it refers to", None)),
            },
            Event::DocumentStart(_) if self.root.is_some() => Err(whole_file(
                mark,
                "a second document begins here".to_owned(),
                Some("one document".to_owned()),
            )),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn begin(
        &mut self,
        mark: Mark,
        anchor: usize,
        tag: Option<&saphyr_parser::Tag>,
        items: Items,
    ) -> Result<(), Problem> {
        if let Some(tag) = tag {
            return Err(self.tagged(mark, &tag.to_string()));
        }
        if let Some(Open {
            items: Items::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(self.problem(mark, "a list or a map cannot be a key", Some("text")));
        }
        if self.open.len() >= MAX_DEPTH {
            let accepted = format!("at most {MAX_DEPTH} levels");
            return Err(whole_file(
                mark,
                "lists and maps are nested too deep".to_owned(),
                Some(accepted),
            ));
        }
        self.open.push(Open {
            mark,
            anchor,
            size: 1,
            items,
        });
        Ok(())
    }

    fn add(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(Open { size, items, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        *size += node.size;
        if *size > MAX_VALUES {
            let problem = format!("more than {MAX_VALUES} values, each alias counted as often as it is used");
            return Err(whole_file(node.mark, problem, None));
        }
        match items {
            Items::List(list) => list.push(node),
            Items::Map {
                key: key @ None,
                lines,
                skip,
                ..
            } => {
                let Some(text) = key_text(&node.kind) else {
                    return Err(self.problem(node.mark, "a list or a map cannot be a key", Some("text")));
                };
                let first = match lines.entry(text.clone()) {
                    hash_map::Entry::Occupied(line) => Some(*line.get()),
                    hash_map::Entry::Vacant(line) => {
                        line.insert(node.mark.line);
                        None
                    }
                };
                *skip = first.is_some();
                let twice = first.map(|line| {
                    format!(
                        "{} is here for the second time; the first is in line {line}",
                        quoted(&text)
                    )
                });
                *key = Some(Key { text, mark: node.mark });
                if let Some(twice) = twice {
                    let problem = self.problem(node.mark, &twice, None);
                    self.problems.push(problem);
                }
            }
            Items::Map { key, skip, entries, .. } => {
                if let Some(key) = key.take().filter(|_| !*skip) {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }

    fn tagged(&self, mark: Mark, tag: &str) -> Problem {
        self.problem(
            mark,
            &format!("the tag {} means nothing here", quoted(tag)),
            Some("values without a tag"),
        )
    }

    fn problem(&self, mark: Mark, problem: &str, accepted: Option<&str>) -> Problem {
        let step = |open: &Open| match &open.items {
            Items::List(list) => Some(Step::Index(list.len())),
            Items::Map { key, .. } => key.as_ref().map(|key| Step::Key(key.text.clone())),
        };
        let steps: Vec<Step> = self.open.iter().filter_map(step).collect();
        Problem {
            line: mark.line,
            column: mark.column,
            path: path(&steps),
            problem: problem.to_owned(),
            accepted: accepted.map(str::to_owned),
        }
    }
}

fn key_text(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Null => Some("null".to_owned()),
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Whole(value) => Some(value.to_string()),
        Kind::Negative(value) => Some(value.to_string()),
        Kind::Float(value) => Some(value.to_string()),
        Kind::Text(text) => Some(text.clone()),
        Kind::List(_) | Kind::Map(_) => None,
    }
}

impl<'a> IntoValue for &'a Node {
    type Sequence = Vec<&'a Node>;
    type Map = Entries<'a, Node>;

    fn kind(&self) -> ValueKind {
        match self.kind {
            Kind::Null => ValueKind::Null,
            Kind::Bool(_) => ValueKind::Boolean,
            Kind::Whole(_) => ValueKind::Integer,
            Kind::Negative(_) => ValueKind::NegativeInteger,
            Kind::Float(_) => ValueKind::Float,
            Kind::Text(_) => ValueKind::String,
            Kind::List(_) => ValueKind::Sequence,
            Kind::Map(_) => ValueKind::Map,
        }
    }

    fn into_value(self) -> Value<Self> {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Boolean(*value),
            Kind::Whole(value) => Value::Integer(*value),
            Kind::Negative(value) => Value::NegativeInteger(*value),
            Kind::Float(value) => Value::Float(*value),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Sequence(items.iter().map(|item| &**item).collect()),
            Kind::Map(entries) => Value::Map(Entries(
                entries.iter().map(|(key, node)| (&*key.text, &**node)).collect(),
            )),
        }
    }
}

/// The entries of a map, in file order.
pub(super) struct Entries<'a, N>(pub(super) Vec<(&'a str, &'a N)>);

impl<'a, N> deserr::Map for Entries<'a, N>
where
    &'a N: IntoValue,
{
    type Value = &'a N;
    type Iter = Box<dyn Iterator<Item = (String, &'a N)> + 'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn remove(&mut self, key: &str) -> Option<&'a N> {
        let index = self.0.iter().position(|(k, _)| *k == key)?;
        Some(self.0.remove(index).1)
    }

    fn into_iter(self) -> Self::Iter {
        Box::new(self.0.into_iter().map(|(key, node)| (key.to_owned(), node)))
    }
}
