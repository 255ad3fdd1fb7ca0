//! Where names are looked up: the hosts file, and the name servers of the system or of the run.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gather_core::ErrorKind;
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::system_conf::read_system_conf;

use super::sockets::Sockets;
use super::{Addresses, LOOPBACK};
use crate::dial::{DialError, LocalShortage};
use crate::happy::{interleave, shortage_of};
use crate::options::Family;

/// A hosts file is read up to here; block lists of this size exist, larger ones do not help.
const HOSTS_BYTES_MAX: u64 = 16 << 20;
/// How long one name server is waited for before the question is put again (a datagram was
/// lost) or to the next one.
pub(super) const SERVER_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a shard reads once, before its first lookup.
pub(super) struct Sources {
    pub(super) hosts: Hosts,
    /// Or why there is no one to ask.
    pub(super) servers: Result<NameServers, Box<str>>,
}

/// Whom to ask, and whether they could be.
#[derive(Clone)]
pub(super) struct NameServers {
    pub(super) resolver: Resolver<Sockets>,
    pub(super) sockets: Sockets,
}

/// Reads the hosts file and the system's configuration, off the loop.
pub(super) async fn load(
    hosts_file: Option<PathBuf>,
    servers: Vec<SocketAddr>,
    family: Family,
) -> Result<Sources, DialError> {
    tokio::task::spawn_blocking(move || {
        let path = hosts_file.as_deref().unwrap_or(Path::new("/etc/hosts"));
        Ok(Sources { hosts: Hosts::read(path, family)?, servers: open_resolver(&servers)? })
    })
    .await
    .map_err(|_| DialError::failure(ErrorKind::DnsTemporary, "cannot read the DNS configuration"))?
}

/// The inner error is a system that names no one to ask.
fn open_resolver(servers: &[SocketAddr]) -> Result<Result<NameServers, Box<str>>, DialError> {
    let (config, mut options) = if servers.is_empty() {
        match read_system_conf() {
            Ok(found) => found,
            Err(NetError::Io(error)) if shortage_of(&error).is_some() => {
                return Err(DialError::Local(LocalShortage::Descriptors));
            }
            Err(error) => return Ok(Err(format!("no name servers are known: {error}").into())),
        }
    } else {
        let servers = servers.iter().copied().map(name_server).collect();
        (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    };
    options.timeout = options.timeout.min(SERVER_WAIT_MAX);
    options.attempts = options.attempts.max(2);
    // One after the other: asking two servers at once doubles their load and our descriptors.
    options.num_concurrent_reqs = 1;
    options.preserve_intermediates = false;
    // The hosts file and the cache are ours, so that what is cached is known without asking.
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    let sockets = Sockets::default();
    let mut builder = Resolver::builder_with_config(config, sockets.clone());
    *builder.options_mut() = options;
    Ok(match builder.build() {
        Ok(resolver) => Ok(NameServers { resolver, sockets }),
        Err(error) => Err(format!("no name server can be asked: {error}").into()),
    })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .into_iter()
        .map(|mut connection| {
            connection.port = address.port();
            connection
        })
        .collect();
    NameServerConfig::new(address.ip(), true, connections)
}

/// The hosts file, and `localhost`.
pub(super) struct Hosts {
    names: HashMap<Box<str>, Addresses>,
    localhost: Addresses,
}

impl Hosts {
    #[expect(clippy::disallowed_methods, reason = "called on a blocking thread alone")]
    fn read(path: &Path, family: Family) -> Result<Self, DialError> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => {
                let read = file.take(HOSTS_BYTES_MAX).read_to_end(&mut bytes);
                read.inspect_err(|error| tracing::warn!(%error, "hosts file is cut short")).ok();
            }
            Err(error) if shortage_of(&error).is_some() => {
                return Err(DialError::Local(LocalShortage::Descriptors));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, path = %path.display(), "no hosts file"),
        }
        Ok(Self::parse(&String::from_utf8_lossy(&bytes), family))
    }

    /// Lines of an address and its names (hosts(5)); what cannot be read is passed over. Names
    /// that have no address of the family are left to DNS.
    fn parse(text: &str, family: Family) -> Self {
        let mut names: HashMap<Box<str>, Vec<IpAddr>> = HashMap::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
            if !family.admits(address) {
                continue;
            }
            for name in words {
                let list = names.entry(name.to_ascii_lowercase().into()).or_default();
                if !list.contains(&address) {
                    list.push(address);
                }
            }
        }
        let ordered = |list: Vec<IpAddr>| -> Addresses { interleave(list).into() };
        let names: HashMap<Box<str>, Addresses> =
            names.into_iter().map(|(name, list)| (name, ordered(list))).collect();
        let localhost = names.get("localhost").map(Arc::clone).unwrap_or_else(|| {
            ordered(LOOPBACK.into_iter().filter(|address| family.admits(*address)).collect())
        });
        Self { names, localhost }
    }

    /// The addresses of a name as it stands in a URL.
    pub(super) fn get(&self, name: &str) -> Option<Addresses> {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.names.get(name).map(Arc::clone).or_else(|| {
            let is_local = name == "localhost" || name.ends_with(".localhost");
            is_local.then(|| Arc::clone(&self.localhost))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_reads_as_the_system_reads_it() {
        const FILE: &str = "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # both\n\
             # 10.0.0.9 commented.example\n10.0.0.1 A.Example b.example\n10.0.0.2 a.example\n\
             fe80::1%lo0 zone.example\nnonsense line\n\n2001:db8::1 six.example\n10.0.0.1 a.example";
        let check = |file: &str, family: Family, name: &str, expected: &[&str]| {
            let got: Vec<String> = Hosts::parse(file, family)
                .get(name)
                .map(|list| list.iter().map(ToString::to_string).collect())
                .unwrap_or_default();
            assert_eq!(got, expected, "{name} {family:?}");
        };
        use Family::{Any, V4, V6};
        check(FILE, Any, "localhost", &["::1", "127.0.0.1"]);
        check(FILE, V4, "localhost", &["127.0.0.1"]);
        check(FILE, Any, "ip6-localhost", &["::1"]);
        check(FILE, Any, "a.example", &["10.0.0.1", "10.0.0.2"]);
        check(FILE, Any, "a.example.", &["10.0.0.1", "10.0.0.2"]);
        check(FILE, Any, "b.example", &["10.0.0.1"]);
        check(FILE, V4, "six.example", &[]);
        check(FILE, Any, "commented.example", &[]);
        check(FILE, Any, "zone.example", &[]);
        check("", Any, "localhost", &["::1", "127.0.0.1"]);
        check("", V6, "app.localhost", &["::1"]);
        check("127.0.0.2 localhost", Any, "x.localhost", &["127.0.0.2"]);
        check("", Any, "notlocalhost", &[]);
    }
}
