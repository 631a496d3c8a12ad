//! Metric math, the part that is simulated: `+ - * /`, parentheses, numbers, ids, and `FILL(id, number)`.

use std::collections::BTreeMap;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Id(String),
    Fill(Box<Expression>, f64),
    Pair(Box<Expression>, char, Box<Expression>),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is not simulated or not well formed, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
            depth: 0,
        };
        let expression = parser.sum()?;
        parser.space();
        if parser.at < parser.text.len() {
            return Err(parser.refuse());
        }
        Ok(expression)
    }

    /// The ids it reads.
    pub(crate) fn ids(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Id(id) => vec![id],
            Self::Fill(inner, _) => inner.ids(),
            Self::Pair(left, _, right) => left.ids().into_iter().chain(right.ids()).collect(),
        }
    }

    /// Its value for one period; `None` when a metric it reads has no datapoint, or on division by zero.
    pub(crate) fn value(&self, of: &BTreeMap<String, Option<f64>>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Id(id) => of.get(id).copied().flatten(),
            Self::Fill(inner, number) => Some(inner.value(of).unwrap_or(*number)),
            Self::Pair(left, operator, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                let value = match operator {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    _ => left / right,
                };
                value.is_finite().then_some(value)
            }
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn refuse(&self) -> String {
        let rest = String::from_utf8_lossy(&self.text[self.at.min(self.text.len())..]);
        format!("at `{rest}`: the rehearsal computes + - * /, parentheses, numbers, ids and FILL(id, number)")
    }

    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: &[u8]) -> Option<char> {
        self.space();
        let next = *self.text.get(self.at)?;
        wanted.contains(&next).then(|| {
            self.at += 1;
            char::from(next)
        })
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        while let Some(operator) = self.take(b"+-") {
            left = Expression::Pair(Box::new(left), operator, Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.single()?;
        while let Some(operator) = self.take(b"*/") {
            left = Expression::Pair(Box::new(left), operator, Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Expression, String> {
        if self.take(b"(").is_some() {
            self.depth += 1;
            if self.depth > 32 {
                return Err("more than 32 levels of parentheses".to_owned());
            }
            let inside = self.sum()?;
            self.take(b")").ok_or_else(|| self.refuse())?;
            self.depth -= 1;
            return Ok(inside);
        }
        let word = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        if let Ok(number) = word.parse::<f64>() {
            return Ok(Expression::Number(number));
        }
        if word == "FILL" {
            self.take(b"(").ok_or_else(|| self.refuse())?;
            let inner = self.sum()?;
            self.take(b",").ok_or_else(|| self.refuse())?;
            self.space();
            let number = self.word(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
            let number = number.parse().map_err(|_| self.refuse())?;
            self.take(b")").ok_or_else(|| self.refuse())?;
            return Ok(Expression::Fill(Box::new(inner), number));
        }
        let is_id = word.starts_with(|first: char| first.is_ascii_lowercase()) && !word.contains('.');
        if is_id {
            Ok(Expression::Id(word))
        } else {
            Err(self.refuse())
        }
    }

    fn word(&mut self, belongs: impl Fn(u8) -> bool) -> String {
        self.space();
        let from = self.at;
        while self.text.get(self.at).is_some_and(|byte| belongs(*byte)) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[from..self.at]).into_owned()
    }
}
