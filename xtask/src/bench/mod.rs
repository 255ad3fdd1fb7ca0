//! Benches against real servers.
use anyhow::Result;
use std::process::ExitCode;
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Suite {
    Seeds,
}
pub(crate) fn run(_: &Suite) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
