//! Counts what a source holds, for `gather plan`: hosts, targets and broken inputs.

use std::collections::{BTreeMap, HashMap};

use gather_core::{ErrorKind, HostKey};

use super::{Broken, Item, Progress, Source, SourceError};

/// What a source holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Inputs that can be fetched.
    pub targets: u64,
    /// Inputs that cannot, by kind.
    pub broken: BTreeMap<ErrorKind, u64>,
    /// The first broken inputs, at most [`Scan::BROKEN_SHOWN_MAX`].
    pub first_broken: Vec<Broken>,
    /// Different hosts; more are not told apart beyond [`Scan::HOSTS_MAX`].
    pub hosts: u64,
    /// Targets of hosts beyond [`Scan::HOSTS_MAX`].
    pub uncounted_targets: u64,
    /// The hosts with the most targets, the largest first; among equals in their order by name.
    pub largest: Vec<(HostKey, u64)>,
}

impl Scan {
    /// Hosts told apart; some 100 bytes each.
    pub const HOSTS_MAX: usize = 1_000_000;
    /// Broken inputs kept.
    pub const BROKEN_SHOWN_MAX: usize = 10;

    /// All inputs.
    pub fn inputs(&self) -> u64 {
        self.targets + self.broken.values().sum::<u64>()
    }
}

/// Reads a source to its end and counts; of the hosts, the `largest_max` largest are named.
///
/// # Errors
/// The source cannot be read on.
pub fn scan(source: &mut dyn Source, largest_max: usize) -> Result<Scan, SourceError> {
    let mut scan = Scan::default();
    let mut hosts: HashMap<HostKey, u64> = HashMap::new();
    let mut items = Vec::new();
    loop {
        let progress = source.read(&mut items, 1024)?;
        for item in items.drain(..) {
            match item {
                Item::Broken(broken) => {
                    *scan.broken.entry(broken.kind).or_default() += 1;
                    if scan.first_broken.len() < Scan::BROKEN_SHOWN_MAX {
                        scan.first_broken.push(broken);
                    }
                }
                Item::Target(target) => {
                    scan.targets += 1;
                    if let Some(count) = hosts.get_mut(&target.host) {
                        *count += 1;
                    } else if hosts.len() < Scan::HOSTS_MAX {
                        hosts.insert(target.host, 1);
                    } else {
                        scan.uncounted_targets += 1;
                    }
                }
            }
        }
        if progress == Progress::End {
            break;
        }
    }
    scan.hosts = hosts.len() as u64;
    scan.largest = hosts.into_iter().collect();
    scan.largest.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
    scan.largest.truncate(largest_max);
    scan.largest.shrink_to_fit();
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceSpec, open};

    #[test]
    fn hosts_are_counted_and_the_largest_named() {
        let arguments = ["http://b/{1..3}", "http://a/{1..3}", "https://a/", "ftp://x/", "http://"];
        let arguments = arguments.map(Into::into).to_vec();
        let spec = SourceSpec { arguments, ..SourceSpec::default() };
        let found = scan(&mut *open(&spec).expect("readable"), 2).expect("readable");
        assert_eq!((found.inputs(), found.targets, found.hosts), (9, 7, 3));
        let largest: Vec<_> =
            found.largest.iter().map(|(host, count)| format!("{host} {count}")).collect();
        assert_eq!(largest, ["http://a:80 3", "http://b:80 3"]);
        let broken: Vec<_> =
            found.broken.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        assert_eq!(broken, [("input.invalid", 1), ("blocked.scheme", 1)]);
        assert_eq!(found.first_broken.len(), 2);
    }
}
