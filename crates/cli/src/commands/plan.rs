//! `gather plan`: what a run would do, without a single request.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use gather::core::config::{Config, HostConfig};
use gather::core::{HostKey, Scheme};
use gather::source::{Item, Progress, SourceError, SourceSpec};

use crate::error::CliError;
use crate::human;
use crate::resolve::{RunSettings, host_cap};

/// Hosts that are told apart; those beyond share one count.
const HOSTS_MAX: usize = 1_000_000;
/// Items read at a time.
const BATCH: usize = 1_024;
/// What an answer is taken to need where nothing is known: only for the lower bound.
const ANSWER: Duration = Duration::from_millis(200);
/// Descriptors that are not for connections: outputs, event loops, name servers.
const DESCRIPTORS_RESERVED: u64 = 192;
/// The program itself, and each request in flight (`benches/runs`: 10,000 took 180 MB).
const MEMORY_BASE: u64 = 8 << 20;
const MEMORY_PER_REQUEST: u64 = 18 << 10;
/// TLS keeps buffers and keys of its own.
const MEMORY_PER_TLS: u64 = 22 << 10;

/// What was read.
#[derive(Debug, Default)]
struct Counted {
    targets: u64,
    broken: u64,
    https: u64,
    hosts: HashMap<HostKey, u64>,
    /// Targets of hosts beyond the limit.
    beyond: u64,
}

/// What keeps a run from being faster, and for how long at least.
#[derive(Debug, PartialEq)]
struct Bound {
    seconds: f64,
    by: String,
}

/// The plan, as text.
///
/// # Errors
/// When the input cannot be read.
pub(crate) fn text(settings: &RunSettings) -> Result<String, CliError> {
    let counted = count(&settings.source)?;
    let keeps_bodies = settings.client.keep.holds_bodies();
    Ok(human::printable_lines(&describe(
        &counted,
        &settings.config,
        keeps_bodies,
        descriptors_max(),
    )))
}

fn count(spec: &SourceSpec) -> Result<Counted, CliError> {
    let mut source = gather::source::open(spec).map_err(|error| fault(&error))?;
    let mut counted = Counted::default();
    let mut items = Vec::with_capacity(BATCH);
    loop {
        let progress = source.read(&mut items, BATCH).map_err(|error| fault(&error))?;
        for item in items.drain(..) {
            counted.add(item);
        }
        if progress == Progress::End {
            return Ok(counted);
        }
    }
}

impl Counted {
    fn add(&mut self, item: Item) {
        let Item::Target(target) = item else {
            self.broken += 1;
            return;
        };
        self.targets += 1;
        self.https += u64::from(target.host.scheme() == Scheme::Https);
        if let Some(count) = self.hosts.get_mut(&target.host) {
            *count += 1;
        } else if self.hosts.len() < HOSTS_MAX {
            self.hosts.insert(target.host, 1);
        } else {
            self.beyond += 1;
        }
    }

    /// The host with the most targets; of equals the first by name.
    fn largest(&self) -> Option<(&HostKey, u64)> {
        let largest = self.hosts.iter().max_by(|(a, n), (b, m)| n.cmp(m).then(b.cmp(a)));
        largest.map(|(host, count)| (host, *count))
    }
}

fn fault(error: &SourceError) -> CliError {
    match error.is_usage() {
        true => CliError::usage(error.to_string(), error.hint().unwrap_or_default()),
        false => CliError { hint: error.hint(), ..CliError::fault(error.to_string()) },
    }
}

fn describe(
    counted: &Counted,
    config: &Config,
    keeps_bodies: bool,
    descriptors_max: Option<u64>,
) -> String {
    let hosts = counted.hosts.len() as u64;
    let cap = host_cap(config, hosts);
    let at_once = u64::from(config.concurrency.get());
    let reachable = reachable(counted, config).min(at_once);
    let mut text = format!(
        "targets      {}, and {} that cannot be fetched",
        human::count(counted.targets),
        human::counted(counted.broken, "input"),
    );
    let mut line = |name: &str, value: String| {
        write!(text, "\n{name:<12} {value}").expect("a string takes everything");
    };
    let beyond = if counted.beyond > 0 { " or more" } else { "" };
    line("hosts", format!("{}{beyond}", human::count(hosts)));
    if let Some((host, count)) = counted.largest() {
        let share = 100.0 * count as f64 / counted.targets as f64;
        line("largest", format!("{host}: {} ({share:.0}%)", human::counted(count, "target")));
    }
    line(
        "concurrency",
        format!("{at_once} at once, {cap} to a host; {reachable} can be reached with these hosts"),
    );
    let needed = reachable + DESCRIPTORS_RESERVED;
    line(
        "descriptors",
        match descriptors_max {
            None => format!("up to {needed}; no limit is known"),
            Some(max) if needed <= max => format!("up to {needed} of {max}"),
            Some(max) => format!(
                "up to {needed}, but the limit is {max}: concurrency becomes {}; raise it with ulimit -n",
                max.saturating_sub(DESCRIPTORS_RESERVED).max(1)
            ),
        },
    );
    let tls_share = if counted.https > 0 { MEMORY_PER_TLS } else { 0 };
    let bodies = if keeps_bodies { config.caps.memory_bytes_max } else { 0 };
    let memory = MEMORY_BASE + reachable * (MEMORY_PER_REQUEST + tls_share) + bodies;
    line("memory", format!("about {} at most", human::bytes(memory)));
    let bound = lower_bound(counted, config);
    line("time", format!("at least {}, bound by {}", human::seconds(bound.seconds), bound.by));
    if config.deadline.is_some_and(|deadline| deadline.as_secs_f64() < bound.seconds) {
        line("deadline", "comes first: not everything will be fetched".to_owned());
    }
    text
}

/// Requests that can be in flight at once with what each host may have.
fn reachable(counted: &Counted, config: &Config) -> u64 {
    let cap = host_cap(config, counted.hosts.len() as u64);
    let of_host = |(host, count): (&HostKey, &u64)| {
        let own = own(config, host).and_then(|own| own.concurrency).unwrap_or(cap);
        (*count).min(u64::from(own.get()))
    };
    counted.hosts.iter().map(of_host).sum::<u64>() + counted.beyond
}

fn own<'c>(config: &'c Config, host: &HostKey) -> Option<&'c HostConfig> {
    let with_port = format!("{}:{}", host.host(), host.port());
    config.hosts.get(&with_port).or_else(|| config.hosts.get(host.host()))
}

/// The longest of what each limit takes alone.
fn lower_bound(counted: &Counted, config: &Config) -> Bound {
    let answer = ANSWER.as_secs_f64();
    let guess = format!("at {} an answer", human::seconds(answer));
    let at_once = u64::from(config.concurrency.get());
    let rounds = counted.targets.div_ceil(at_once);
    let mut bounds = vec![Bound {
        seconds: rounds as f64 * answer,
        by: format!("concurrency: {} of {at_once}, {guess}", human::counted(rounds, "round")),
    }];
    if let Some(rate) = config.rate {
        let seconds = counted.targets.saturating_sub(1) as f64 * rate.interval().as_secs_f64();
        bounds.push(Bound { seconds, by: "--rate".to_owned() });
    }
    let cap = host_cap(config, counted.hosts.len() as u64);
    for (host, count) in &counted.hosts {
        let own = own(config, host);
        if let Some(rate) = own.and_then(|own| own.rate).or(config.host_rate) {
            let seconds = count.saturating_sub(1) as f64 * rate.interval().as_secs_f64();
            bounds.push(Bound { seconds, by: format!("the rate of {host}") });
        }
        let cap = own.and_then(|own| own.concurrency).unwrap_or(cap);
        let rounds = count.div_ceil(u64::from(cap.get()));
        bounds.push(Bound {
            seconds: rounds as f64 * answer,
            by: format!("{host}: {} of {cap}, {guess}", human::counted(rounds, "round")),
        });
    }
    let by_time = |a: &Bound, b: &Bound| a.seconds.total_cmp(&b.seconds).then(b.by.cmp(&a.by));
    bounds.into_iter().max_by(by_time).expect("there is always the concurrency")
}

/// The most descriptors this process may have: the hard limit, to which a run raises the soft.
fn descriptors_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use gather::core::config::{HostConcurrency, Rate};
    use gather::core::{Target, TargetNo};

    use super::*;

    fn counted(hosts: &[(&str, u64)]) -> Counted {
        let mut counted = Counted::default();
        for (host, count) in hosts {
            for n in 0..*count {
                let url = format!("{host}/{n}").parse().expect("a URL");
                counted.add(Item::Target(Target::new(TargetNo(n), url).expect("http")));
            }
        }
        counted
    }

    #[test]
    fn what_binds_a_run_is_named() {
        let rate = |per_second: f64| Rate::new(per_second, Duration::from_secs(1));
        let base = Config::default();
        let one = counted(&[("http://a.example", 100), ("https://b.example", 10)]);
        let many: Vec<(String, u64)> =
            (0..100).map(|n| (format!("http://h{n}.example"), 3)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(h, n)| (h.as_str(), *n)).collect();
        let many = counted(&many);
        let hosts =
            [("a.example".to_owned(), HostConfig { concurrency: NonZeroU32::new(1), rate: None })];
        let plans = [
            describe(&one, &base, false, Some(1024)),
            describe(
                &one,
                &Config { host_concurrency: HostConcurrency::Share, ..base.clone() },
                true,
                None,
            ),
            describe(&one, &Config { host_rate: rate(2.0), ..base.clone() }, false, Some(1024)),
            describe(&one, &Config { hosts: hosts.into(), ..base.clone() }, false, Some(1024)),
            describe(&many, &base, false, Some(200)),
            describe(
                &many,
                &Config {
                    rate: rate(1.0),
                    deadline: Some(Duration::from_secs(60)),
                    ..base.clone()
                },
                false,
                Some(1024),
            ),
            describe(&Counted::default(), &base, false, Some(1024)),
        ];
        insta::assert_snapshot!(plans.join("\n\n"));
    }
}
