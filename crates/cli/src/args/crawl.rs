//! What belongs to a crawl, and how far it goes.

use clap::{Args, ValueEnum};
use gather::core::crawl::TrapLimits;

use super::FetchArgs;
use crate::values;

const TOPIC: &str = "Crawl";

/// `gather crawl`.
#[derive(Debug, Args)]
pub(crate) struct CrawlArgs {
    /// How far from the start URLs: path (their directories), host, domain (registrable), any
    #[arg(long, value_name = "SCOPE", value_enum, default_value = "host", help_heading = TOPIC)]
    #[arg(hide_possible_values = true)]
    pub(crate) scope: ScopeArg,
    /// Only URLs that match; * stands for anything, /blog/ for */blog/* (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = TOPIC)]
    pub(crate) include: Vec<String>,
    /// No URLs that match (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = TOPIC)]
    pub(crate) exclude: Vec<String>,
    /// Links from the start URLs at most; the next page of a list is no deeper than the list
    #[arg(long, value_name = "N", help_heading = TOPIC)]
    pub(crate) depth: Option<u32>,
    /// Pages at most, start URLs and sitemaps included
    #[arg(long, value_name = "N", help_heading = TOPIC, value_parser = values::limit)]
    pub(crate) max_pages: Option<u64>,
    /// Begin no further page after so many bytes of bodies
    #[arg(long, value_name = "SIZE", help_heading = TOPIC, value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,
    /// Read this sitemap or index of sitemaps, too (repeatable)
    #[arg(long, value_name = "URL", help_heading = TOPIC, value_parser = values::http_url)]
    pub(crate) sitemap: Vec<gather::Url>,
    /// Leave the sitemaps alone that robots.txt names
    #[arg(long, help_heading = TOPIC)]
    pub(crate) no_sitemaps: bool,
    /// Drop the usual parameters of sessions and of tracking from URLs: PHPSESSID, utm_*
    #[arg(long, help_heading = TOPIC)]
    pub(crate) strip_sessions: bool,
    /// Drop this parameter from URLs; NAME* drops all that begin so (repeatable)
    #[arg(long, value_name = "NAME", help_heading = TOPIC)]
    pub(crate) strip_param: Vec<String>,
    /// Take URLs for one that differ in the order of their parameters alone
    #[arg(long, help_heading = TOPIC)]
    pub(crate) sort_query: bool,
    /// Follow links that say nofollow
    #[arg(long, help_heading = TOPIC)]
    pub(crate) follow_nofollow: bool,
    /// Take no page for a duplicate that names another one as canonical
    #[arg(long, help_heading = TOPIC)]
    pub(crate) ignore_canonical: bool,
    /// Read no robots.txt, and ask for what it forbids
    #[arg(long, help_heading = TOPIC)]
    pub(crate) ignore_robots: bool,
    /// Pages at most whose URLs differ in numbers alone: a calendar without end stops here
    #[arg(long, value_name = "N", help_heading = TOPIC)]
    #[arg(default_value_t = TrapLimits::default().pattern_pages_max)]
    pub(crate) max_alike: u32,
    /// Segments of a path at most
    #[arg(long, value_name = "N", help_heading = TOPIC)]
    #[arg(default_value_t = TrapLimits::default().path_segments_max)]
    pub(crate) max_segments: usize,
    /// How often a segment may occur in a path
    #[arg(long, value_name = "N", help_heading = TOPIC)]
    #[arg(default_value_t = TrapLimits::default().segment_repeats_max)]
    pub(crate) max_repeats: usize,
    /// What is fetched, and how.
    #[command(flatten)]
    pub(crate) fetch: FetchArgs,
}

/// How far a crawl goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Below the directories of the start URLs.
    Path,
    /// Their hosts.
    Host,
    /// Their registrable domains.
    Domain,
    /// Anywhere.
    Any,
}
