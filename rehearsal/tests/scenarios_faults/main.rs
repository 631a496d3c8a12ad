//! Every AWS call of a few invocations fails in every way, one at a time, and the function dies at every call: whatever
//! happens, the ones that follow end in the right state, nothing is told twice under two ids, nothing is lost, nothing is
//! done twice.

mod audit;
mod backup;
mod components;
mod engines;
mod health;
mod later;
mod native;
mod prune;
mod reconcile;
mod restore;
mod rollout;
mod sweep;
mod wake;
