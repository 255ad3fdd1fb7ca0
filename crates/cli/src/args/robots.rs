//! What sites ask of crawlers.

use std::time::Duration;

use clap::Args;

use crate::values;

/// What sites ask of crawlers.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "robots.txt")]
pub(crate) struct RobotsArgs {
    /// Read each host's robots.txt first, and keep to it
    #[arg(long)]
    pub(crate) robots: bool,
    /// Whose rules count [default: the first word of the User-Agent]
    #[arg(long, value_name = "NAME", value_parser = values::product_token)]
    pub(crate) robots_agent: Option<String>,
    /// The longest Crawl-delay that is kept to; a longer one counts as this
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "60s", value_parser = values::duration)]
    pub(crate) max_crawl_delay: Duration,
}
