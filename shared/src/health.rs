//! What is declared and seen of an endpoint's health. How it is judged is the crate `health`.

pub mod inference;
pub mod policy;
pub mod seen;
