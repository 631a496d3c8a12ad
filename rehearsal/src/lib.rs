//! The rehearsal: a simulated AWS on a virtual clock, and what plays scenarios on it.
//!
//! `world` is the simulated AWS, pure and synchronous. `wire`, `store`, `faults` and `cloud` let real SDKs call it.
//! `scenario` is what people write, `play` drives the deployed handlers through it and writes a `record`, `expect`
//! judges that record, `timeline` and `report` show it. `cli` is the `rehearse` command.

pub mod cli;
pub mod clock;
pub mod cloud;
pub mod expect;
pub mod faults;
pub mod play;
pub mod record;
pub mod report;
pub mod runtime_api;
pub mod scenario;
pub mod serve;
pub mod store;
pub mod timeline;
pub mod wire;
pub mod world;
