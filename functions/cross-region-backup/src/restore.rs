//! Endpoints made from recovery points.

use shared::{command::BackupCommand, report::Report};

use crate::{HandlerError, outcome::not_yet, services::Services};

/// Carries out a command about restores and drills.
pub(crate) async fn command(_services: &Services<'_>, _command: BackupCommand) -> Result<Report, HandlerError> {
    Ok(not_yet("restores and drills"))
}
