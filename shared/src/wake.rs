//! What is declared and ordered of things that sleep, and what their metrics say. How they are woken is the crate `wake`.

mod minute;
mod order;
mod own;
pub mod policy;
mod thing;

pub use self::{
    minute::{Minute, number},
    order::{Command, Order},
    own::{Own, others},
    policy::{Prewarm, WakePolicy},
    thing::{NoThing, Thing},
};
