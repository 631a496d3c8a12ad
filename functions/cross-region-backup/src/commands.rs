//! What operators ask for.

use shared::{command::BackupCommand, report::Report};

use crate::{HandlerError, outcome::not_yet, restore, services::Services};

/// Carries out one command.
pub(crate) async fn run(services: &Services<'_>, command: BackupCommand) -> Result<Report, HandlerError> {
    match command {
        BackupCommand::Restore { .. }
        | BackupCommand::PlanRestore { .. }
        | BackupCommand::Drill { .. }
        | BackupCommand::Abort { .. } => restore::command(services, command).await,
        BackupCommand::Backup { .. }
        | BackupCommand::Status { .. }
        | BackupCommand::List { .. }
        | BackupCommand::Verify(_)
        | BackupCommand::Prune { .. }
        | BackupCommand::Continue { .. } => Ok(not_yet("backups")),
    }
}
