//! What was asked of AWS, and answered or not.

/// A fact that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<T> {
    /// The answer.
    Yes(T),
    /// It could not be asked; why, for people. Never a reason to go on, nor by itself one to go back.
    No(String),
}

impl<T> Known<T> {
    /// The answer, if there is one.
    pub fn yes(&self) -> Option<&T> {
        match self {
            Self::Yes(fact) => Some(fact),
            Self::No(_) => None,
        }
    }
}
