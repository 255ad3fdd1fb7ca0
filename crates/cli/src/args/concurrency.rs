//! How much at once.

use std::num::NonZeroU32;

use clap::Args;
use gather::core::config::Rate;

use crate::values::{self, HostLimit};

/// How much at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Concurrency")]
pub(crate) struct ConcurrencyArgs {
    /// Requests in flight at once, over all hosts
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, default_value = "50")]
    #[arg(value_parser = values::count_above_zero)]
    pub(crate) concurrency: NonZeroU32,
    /// Requests in flight at once to one host; auto is 4, or a fair share of a given -c
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "auto", value_parser = values::host_limit)]
    pub(crate) host_concurrency: HostLimit,
    /// Requests over all hosts: 10/s, 5/15s, 100/m
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = values::rate)]
    pub(crate) rate: Option<Rate>,
    /// Requests to one host: 10/s, 5/15s, 100/m
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = values::rate)]
    pub(crate) host_rate: Option<Rate>,
}
