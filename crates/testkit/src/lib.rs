//! Development only: a hostile loopback server, a DNS server, proxies, certificates.
