//! `gather crawl`: a fetch whose list grows by the links of its pages.

use std::ffi::OsString;
use std::process::ExitCode;

use gather::core::crawl::{Canonical, DropParams, Glob, Limits, QueryOrder, Reach, TrapLimits};
use gather::crawl::{CrawlSpec, Duplicates, Nofollow, OfRobots, Sitemaps};
use gather::journal::Setting;

use crate::args::{CrawlArgs, ScopeArg};
use crate::commands::fetch;
use crate::error::CliError;
use crate::resolve::{self, RunSettings};
use crate::settings::Settings;

/// Settings of a fetch that a crawl cannot have, and why.
const REFUSED: &[(&str, &str)] = &[
    ("head", "a crawl reads pages, and -I asks for none"),
    ("data", "a crawl follows links, and a link is a GET without a body"),
    ("method", "a crawl follows links, and a link is a GET"),
    ("cache", "a crawl reads each page anew"),
];
/// Settings that are shown to one host, and must not go wherever a link leads.
const FOR_ONE_HOST: &[&str] = &["user", "cookie"];

/// Crawls what the settings name.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn crawl(
    settings: &Settings,
    args: &CrawlArgs,
    argv: &[OsString],
    notes: &[String],
) -> Result<ExitCode, CliError> {
    refuse(settings, args)?;
    fetch::fetch_with(settings, argv, notes, |run| prepare(run, settings, args))
}

/// Refuses what a crawl cannot have.
///
/// # Errors
/// The first of it, with what to do.
pub(crate) fn refuse(settings: &Settings, args: &CrawlArgs) -> Result<(), CliError> {
    if args.fetch.file.print_job.is_some() {
        let message = "--print-job: a job is a fetch, and a crawl is none";
        return Err(CliError::usage(message, "keep the command line in a script"));
    }
    for (key, why) in REFUSED {
        if settings.is_on(key) {
            return Err(CliError::usage(format!("--{key}: {why}"), format!("leave --{key} out")));
        }
    }
    let is_wide = matches!(args.scope, ScopeArg::Domain | ScopeArg::Any);
    let header = |header: &&String| {
        let name = header.split(':').next().unwrap_or_default().trim();
        ["authorization", "cookie"].iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    let secret = FOR_ONE_HOST.iter().find(|key| settings.is_on(key)).copied();
    let secret =
        secret.or(settings.args.http.header.iter().any(|h| header(&h)).then_some("header"));
    if let (true, Some(key)) = (is_wide, secret) {
        let message = format!("--{key} would be sent to every host that a link leads to");
        let hint = "keep to --scope host, or give it to its host in gather.toml: [hosts.NAME]";
        return Err(CliError::usage(message, hint));
    }
    Ok(())
}

/// Makes a crawl of a fetch.
///
/// # Errors
/// A contradiction about robots.txt.
pub(crate) fn prepare(
    run: &mut RunSettings,
    settings: &Settings,
    args: &CrawlArgs,
) -> Result<(), CliError> {
    run.config.robots = match args.ignore_robots {
        true if args.fetch.robots.robots => {
            let message = "--robots and --ignore-robots contradict each other";
            return Err(CliError::usage(message, "keep one"));
        }
        true => None,
        false => Some(resolve::robots(&settings.args)),
    };
    if let Some(journal) = &mut run.journal {
        journal.settings.extend(identity(args));
    }
    run.crawl = Some(spec(args));
    Ok(())
}

fn spec(args: &CrawlArgs) -> CrawlSpec {
    let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text)).collect();
    let own = args.strip_param.iter().map(String::as_str);
    let unlimited = Limits::default();
    CrawlSpec {
        reach: match args.scope {
            ScopeArg::Path => Reach::Path,
            ScopeArg::Host => Reach::Host,
            ScopeArg::Domain => Reach::Domain,
            ScopeArg::Any => Reach::Anywhere,
        },
        include: globs(&args.include),
        exclude: globs(&args.exclude),
        canonical: Canonical {
            drop_params: match args.strip_sessions {
                true => DropParams::usual(own),
                false => DropParams::new(own),
            },
            query_order: if args.sort_query { QueryOrder::Sorted } else { QueryOrder::Kept },
        },
        limits: Limits {
            depth_max: args.depth,
            pages_max: args.max_pages.unwrap_or(unlimited.pages_max),
            bytes_max: args.max_bytes.unwrap_or(unlimited.bytes_max),
        },
        traps: TrapLimits {
            path_segments_max: args.max_segments,
            segment_repeats_max: args.max_repeats,
            pattern_pages_max: args.max_alike,
            ..TrapLimits::default()
        },
        nofollow: if args.follow_nofollow { Nofollow::Ignored } else { Nofollow::Heard },
        duplicates: if args.ignore_canonical { Duplicates::Ignored } else { Duplicates::Known },
        sitemaps: Sitemaps {
            named: args.sitemap.clone(),
            of_robots: if args.no_sitemaps { OfRobots::Left } else { OfRobots::Read },
        },
        ..CrawlSpec::default()
    }
}

/// The settings that decide which pages are found: a crawl goes on with the same.
fn identity(args: &CrawlArgs) -> Vec<Setting> {
    let list = |values: &[String]| values.join(", ");
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let switch = |is_on: bool| if is_on { "true".to_owned() } else { String::new() };
    let sitemaps: Vec<String> = args.sitemap.iter().map(ToString::to_string).collect();
    let all = [
        ("crawl", "true".to_owned()),
        ("scope", format!("{:?}", args.scope).to_ascii_lowercase()),
        ("include", list(&args.include)),
        ("exclude", list(&args.exclude)),
        ("depth", number(args.depth.map(u64::from))),
        ("max-pages", number(args.max_pages)),
        ("max-bytes", number(args.max_bytes)),
        ("sitemap", list(&sitemaps)),
        ("no-sitemaps", switch(args.no_sitemaps)),
        ("strip-sessions", switch(args.strip_sessions)),
        ("strip-param", list(&args.strip_param)),
        ("sort-query", switch(args.sort_query)),
        ("follow-nofollow", switch(args.follow_nofollow)),
        ("ignore-canonical", switch(args.ignore_canonical)),
        ("ignore-robots", switch(args.ignore_robots)),
        ("max-alike", number(Some(args.max_alike.into()))),
        ("max-segments", number(Some(args.max_segments as u64))),
        ("max-repeats", number(Some(args.max_repeats as u64))),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| Setting::plain(name, value)).collect()
}
