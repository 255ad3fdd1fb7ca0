//! How long, and how often.

use std::time::Duration;

use clap::Args;
use gather::core::config::RetryOn;

use crate::values::{self, Speed};

/// How long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct TimeArgs {
    /// One try, DNS to last byte, its redirects included, waiting in the queue not
    #[arg(short, long, value_name = "TIME", allow_negative_numbers = true, default_value = "30s")]
    #[arg(value_parser = values::duration_above_zero)]
    pub(crate) timeout: Duration,
    /// Until a connection stands, TLS included
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "5s")]
    #[arg(value_parser = values::duration_above_zero)]
    pub(crate) connect_timeout: Duration,
    /// Give up a body that comes more slowly; 0 for no lower limit
    #[arg(long, value_name = "SPEED", default_value = "1K/15s", value_parser = values::speed)]
    pub(crate) min_speed: Speed,
    /// Stop the whole run after this long; what is left has no record
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = values::duration_above_zero)]
    pub(crate) deadline: Option<Duration>,
}

/// How often.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Retry")]
pub(crate) struct RetryArgs {
    /// Further tries after the first; a 429 spends none
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "2", value_parser = values::count)]
    pub(crate) retries: u32,
    /// Wait before the first further try, doubled for each one after it, with jitter
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "1s", value_parser = values::duration)]
    pub(crate) backoff: Duration,
    /// The longest such wait
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "60s", value_parser = values::duration)]
    pub(crate) backoff_max: Duration,
    /// Statuses, error kinds and families of them that are tried again [default:
    /// 408,5xx,timeout,connect,dns.temporary, and answers that were cut off]
    #[arg(long, value_name = "LIST", default_value = values::RETRY_ON_DEFAULT,
        hide_default_value = true)]
    #[arg(value_parser = values::retry_on)]
    pub(crate) retry_on: RetryOn,
    /// Give up on a host that asks for a longer pause; 0: on any that refuses
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "5m", value_parser = values::duration)]
    pub(crate) max_retry_after: Duration,
    /// Repeat POST and PATCH like any other, though the server may have seen them
    #[arg(long)]
    pub(crate) retry_unsafe: bool,
}
