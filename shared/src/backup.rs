//! What is declared of backups. How they are made and restored is the crate `backup`.

mod point;
pub mod policy;
mod vault;

pub use self::{
    point::PointId,
    vault::{DIGITS, Vault, digest},
};
