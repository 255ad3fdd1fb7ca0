//! A machine without descriptors: no host may fail for it. Alone in its process, which it starves.

use std::fs::File;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;

use gather_core::{HostKey, Scheme};
use gather_fetch::{DialError, Dialer, LocalShortage, NetOptions, Progress, TlsConfigs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
#[expect(clippy::disallowed_methods, reason = "the file is only there to take a descriptor")]
fn a_lack_of_descriptors_is_told_apart() {
    let name_server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let hosts = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&hosts, "127.0.0.1 hosted.example\n").expect("written");
    let options = NetOptions {
        dns_servers: vec![name_server.local_addr().expect("bound")],
        hosts_file: Some(PathBuf::from(hosts.path())),
        ..NetOptions::default()
    };
    let tls = TlsConfigs::new(&options.tls, options.http).expect("TLS options");
    let dialer = Dialer::new(&options, Arc::new(tls)).expect("options");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _ =
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..getrlimit(Resource::Nofile) });
    let check = |host: &str| {
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        let host = HostKey::new(Scheme::Http, host, 80);
        match runtime.block_on(dialer.dial(&host, &Progress::new())) {
            Err(DialError::Local(shortage)) => assert_eq!(shortage, LocalShortage::Descriptors),
            other => panic!("{host}: {other:?}"),
        }
    };
    check("127.0.0.1");
    // The hosts file cannot be read, which must not be taken for an empty one.
    check("hosted.example");
    let loaded = HostKey::new(Scheme::Http, "hosted.example", 80);
    runtime.block_on(dialer.resolve(&loaded)).expect("descriptors are back");
    // The question to the name server needs a socket.
    check("a.example");
}
