//! The rule of a composite alarm: `ALARM("a") OR (OK("b") AND NOT INSUFFICIENT_DATA("c"))`, `TRUE`, `FALSE`.

use crate::world::alarms::State;

/// A parsed rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    Is(State, String),
    Constant(bool),
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Where it is not one, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text, depth: 0 };
        let rule = parser.or()?;
        parser.rest = parser.rest.trim_start();
        if parser.rest.is_empty() {
            Ok(rule)
        } else {
            Err(parser.refuse())
        }
    }

    /// Whether it holds with these states; an alarm that does not exist is in no state.
    pub(crate) fn holds(&self, state: &dyn Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Is(wanted, name) => state(name) == Some(*wanted),
            Self::Constant(value) => *value,
            Self::Not(inner) => !inner.holds(state),
            Self::And(left, right) => left.holds(state) && right.holds(state),
            Self::Or(left, right) => left.holds(state) || right.holds(state),
        }
    }

    /// The alarms it names.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Is(_, name) => vec![name],
            Self::Constant(_) => Vec::new(),
            Self::Not(inner) => inner.names(),
            Self::And(left, right) | Self::Or(left, right) => left.names().into_iter().chain(right.names()).collect(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn refuse(&self) -> String {
        format!(
            "at `{}`: ALARM(\"name\"), OK(..), INSUFFICIENT_DATA(..), TRUE, FALSE, AND, OR, NOT and parentheses",
            self.rest
        )
    }

    fn word(&mut self, word: &str) -> bool {
        let trimmed = self.rest.trim_start();
        let Some(after) = trimmed.strip_prefix(word) else {
            return false;
        };
        let ends = !word.ends_with(|last: char| last.is_ascii_alphabetic())
            || !after.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
        if ends {
            self.rest = after;
        }
        ends
    }

    fn or(&mut self) -> Result<Rule, String> {
        let mut left = self.and()?;
        while self.word("OR") {
            left = Rule::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Rule, String> {
        let mut left = self.not()?;
        while self.word("AND") {
            left = Rule::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("nested deeper than 100 levels".to_owned());
        }
        let rule = if self.word("NOT") {
            Rule::Not(Box::new(self.not()?))
        } else {
            self.single()?
        };
        self.depth -= 1;
        Ok(rule)
    }

    fn single(&mut self) -> Result<Rule, String> {
        if self.word("(") {
            let inner = self.or()?;
            return if self.word(")") { Ok(inner) } else { Err(self.refuse()) };
        }
        if self.word("TRUE") {
            return Ok(Rule::Constant(true));
        }
        if self.word("FALSE") {
            return Ok(Rule::Constant(false));
        }
        for state in [State::InsufficientData, State::Alarm, State::Ok] {
            if self.word(state.as_str()) {
                return Ok(Rule::Is(state, self.name()?));
            }
        }
        Err(self.refuse())
    }

    fn name(&mut self) -> Result<String, String> {
        if !self.word("(") {
            return Err(self.refuse());
        }
        let rest: &'a str = self.rest.trim_start();
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| self.refuse())?,
            None => {
                let end = rest.find(')').ok_or_else(|| self.refuse())?;
                (rest[..end].trim(), &rest[end..])
            }
        };
        self.rest = after;
        if name.is_empty() || !self.word(")") {
            return Err(self.refuse());
        }
        // An alarm may be named by its ARN.
        Ok(name.rsplit_once(":alarm:").map_or(name, |(_, name)| name).to_owned())
    }
}
