//! Every order of events that a rollout can meet, within bounds: the real decisions in a small world of their own.
//!
//! A package of its own, because visiting some millions of states takes longer than everything else that needs no SDK.
//! What is checked and what is left out: `docs/decisions/0013-what-the-model-checks.md`.
#![cfg(test)]

mod broken;
mod calls;
mod caught;
mod fair;
mod found;
mod ghost;
mod judge;
mod model;
mod moves;
mod properties;
mod rules;
mod runs;
mod setup;
mod state;
mod truth;
mod turn;
mod view;
mod world;
