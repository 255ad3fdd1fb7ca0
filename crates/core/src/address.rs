//! Which addresses may be dialled: the address policy, decided on the address itself.
//!
//! A name says nothing about where it leads, so the policy is asked with the address that is about
//! to be dialled, at every hop and every reconnection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From the whole internet.
    Public,
    /// From a part of it, or from this machine only; or reserved.
    Private,
    /// The place where a cloud tells a machine its secrets.
    Metadata,
}

/// Where clouds tell machines about themselves. Some of these are public addresses by their form.
const METADATA: &[IpAddr] = &[
    // AWS, Azure, Google, OpenStack, DigitalOcean, Oracle and others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: credentials of containers (ECS), and of pods (EKS).
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle, of old.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's wire server.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS over IPv6: the instance, and the pods of EKS.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 that is not globally reachable, by IANA's registry of special-purpose addresses
/// (RFC 6890), with multicast and what is reserved.
const PRIVATE_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The one block of IPv6 from which global addresses are given out (RFC 4291 section 2.4).
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Parts of it that are not globally reachable: protocol assignments with Teredo and benchmarking,
/// and documentation (RFC 3849, RFC 9637).
const PRIVATE_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// From where this address can be reached. An IPv6 address that stands for an IPv4 one is as
/// reachable as that.
pub fn reach(ip: IpAddr) -> Reach {
    let inner = unwrapped(ip);
    if METADATA.contains(&inner) || METADATA.contains(&ip) {
        return Reach::Metadata;
    }
    let is_private = match inner {
        IpAddr::V4(v4) => PRIVATE_V4.iter().any(|&(net, bits)| in_v4(v4, net, bits)),
        IpAddr::V6(v6) => {
            !in_v6(v6, GLOBAL_V6.0, GLOBAL_V6.1)
                || PRIVATE_V6.iter().any(|&(net, bits)| in_v6(v6, net, bits))
        }
    };
    if is_private { Reach::Private } else { Reach::Public }
}

/// The IPv4 address that an IPv6 one stands for, if it does: mapped (`::ffff:a.b.c.d`), compatible
/// (`::a.b.c.d`), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP
/// (RFC 5214).
pub fn unwrapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // The unspecified address and loopback are their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 1, ..] => v4(s[6], s[7]),
        [0x2002, high, low, ..] => v4(high, low),
        // The client's address is written inverted.
        [0x2001, 0, ..] => v4(!s[6], !s[7]),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => v4(high, low),
        _ => ip,
    }
}

fn in_v4(ip: Ipv4Addr, net: Ipv4Addr, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    u32::from(ip) & mask == u32::from(net) & mask
}

fn in_v6(ip: Ipv6Addr, net: Ipv6Addr, bits: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    u128::from(ip) & mask == u128::from(net) & mask
}

/// A block of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    net: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Whether an address is in it, also where IPv6 stands for IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let is_in = |ip: IpAddr| match (ip, self.net) {
            (IpAddr::V4(ip), IpAddr::V4(net)) => in_v4(ip, net, self.bits),
            (IpAddr::V6(ip), IpAddr::V6(net)) => in_v6(ip, net, self.bits),
            _ => false,
        };
        is_in(ip) || is_in(unwrapped(ip))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.net, self.bits)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (ip, bits) = match text.trim().split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text.trim(), None),
        };
        let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
        let net: IpAddr = bare.parse().map_err(|_| CidrError::Address)?;
        let most = if net.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => {
                bits.parse().ok().filter(|bits| *bits <= most).ok_or(CidrError::Bits(most))?
            }
        };
        Ok(Self { net, bits })
    }
}

/// Why a block of addresses cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidrError {
    /// It does not begin with an address.
    Address,
    /// The length of its prefix is not a number up to this.
    Bits(u8),
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("is no IP address or block like 10.0.0.0/8"),
            Self::Bits(most) => write!(f, "has a prefix that is not a number from 0 to {most}"),
        }
    }
}

impl std::error::Error for CidrError {}

/// Which addresses may be dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Where nothing below says otherwise.
    pub mode: AddressMode,
    /// Always dialled, metadata addresses included.
    pub allow: Vec<Cidr>,
    /// Never dialled, unless they are allowed.
    pub deny: Vec<Cidr>,
    /// What a proxy that resolves names itself may reach.
    pub through_proxy: ThroughProxy,
}

/// Whether a proxy may decide what is reached: the policy cannot see the addresses it dials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThroughProxy {
    /// Only where the policy lets the operator's URLs lead anywhere.
    #[default]
    WhereOpen,
    /// Always: it has a policy of its own.
    Always,
}

/// What is dialled where neither list says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressMode {
    /// What the operator named may be anywhere; what an answer from the public internet leads to
    /// must be public, too.
    #[default]
    Open,
    /// Public addresses only: for URLs that others send.
    Public,
}

/// Where a URL came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provenance {
    /// The operator named it, or something within his own network led there.
    #[default]
    Operator,
    /// An answer from a public address led there.
    Public,
}

impl Provenance {
    /// Of what an answer from this address leads to.
    pub fn of_answer(from: IpAddr) -> Self {
        match reach(from) {
            Reach::Public => Self::Public,
            Reach::Private | Reach::Metadata => Self::Operator,
        }
    }

    /// The narrower of both: what either of them forbids is forbidden.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other == Self::Public { other } else { self }
    }
}

impl AddressPolicy {
    /// Whether this address may be dialled for a URL that came from there; else why not, as the
    /// end of a sentence.
    ///
    /// # Errors
    /// The reason, which names no secret.
    pub fn check(&self, ip: IpAddr, from: Provenance) -> Result<(), &'static str> {
        if self.allow.iter().any(|block| block.contains(ip)) {
            return Ok(());
        }
        if self.deny.iter().any(|block| block.contains(ip)) {
            return Err("is denied");
        }
        match (reach(ip), self.mode, from) {
            (Reach::Public, _, _) => Ok(()),
            (Reach::Metadata, _, _) => Err("is a metadata address"),
            (Reach::Private, AddressMode::Public, _) => Err("is not public"),
            (Reach::Private, AddressMode::Open, Provenance::Operator) => Ok(()),
            (Reach::Private, AddressMode::Open, Provenance::Public) => {
                Err("is private, and an answer from a public address led there")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_an_address_is_as_reachable_as_what_it_stands_for() {
        use Reach::{Metadata, Private, Public};
        for (text, expected) in [
            ("1.1.1.1", Public),
            ("8.8.8.8", Public),
            ("192.0.1.1", Public),
            ("172.32.0.1", Public),
            ("100.128.0.1", Public),
            ("223.255.255.255", Public),
            ("0.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.1", Private),
            ("127.0.0.1", Private),
            ("169.254.1.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.8", Private),
            ("192.0.2.1", Private),
            ("192.168.1.1", Private),
            ("198.19.255.255", Private),
            ("198.51.100.7", Private),
            ("203.0.113.7", Private),
            ("224.0.0.1", Private),
            ("255.255.255.255", Private),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("100.100.100.200", Metadata),
            ("168.63.129.16", Metadata),
            ("2606:4700::1111", Public),
            ("2a00:1450:4001::1", Public),
            ("::", Private),
            ("::1", Private),
            ("fe80::1", Private),
            ("fc00::1", Private),
            ("fec0::1", Private),
            ("ff02::1", Private),
            ("100::1", Private),
            ("2001:db8::1", Private),
            ("3fff::1", Private),
            ("2001:2::1", Private),
            ("5f00::1", Private),
            ("fd00:ec2::254", Metadata),
            // IPv4 in IPv6, in every way it is written.
            ("::ffff:127.0.0.1", Private),
            ("::ffff:8.8.8.8", Public),
            ("::ffff:169.254.169.254", Metadata),
            ("::127.0.0.1", Private),
            ("::169.254.169.254", Metadata),
            ("::ffff:0:10.0.0.1", Private),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::8.8.8.8", Public),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b:1::a00:1", Private),
            ("2002:0a00:0001::1", Private),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2002:808:808::1", Public),
            // Teredo: 10.0.0.1 inverted.
            ("2001:0:4136:e378:8000:63bf:f5ff:fffe", Private),
            ("2001:0:4136:e378:8000:63bf:5601:5601", Metadata),
            ("2a00::5efe:10.0.0.1", Private),
            ("2a00::200:5efe:169.254.169.254", Metadata),
        ] {
            assert_eq!(reach(ip(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_policy_says_what_may_be_dialled() {
        use AddressMode::{Open, Public};
        let check = |mode, lists: [&str; 2], ip_text: &str, [operator, public]: [bool; 2]| {
            let blocks = |list: &str| {
                list.split_whitespace().map(|block| block.parse().unwrap()).collect::<Vec<Cidr>>()
            };
            let policy = AddressPolicy {
                mode,
                allow: blocks(lists[0]),
                deny: blocks(lists[1]),
                ..AddressPolicy::default()
            };
            let may = |from| policy.check(ip(ip_text), from).is_ok();
            let got = [may(Provenance::Operator), may(Provenance::Public)];
            assert_eq!(got, [operator, public], "{mode:?} {lists:?} {ip_text}");
        };
        check(Open, ["", ""], "1.1.1.1", [true, true]);
        check(Open, ["", ""], "10.0.0.1", [true, false]);
        check(Open, ["", ""], "::ffff:10.0.0.1", [true, false]);
        check(Open, ["", ""], "169.254.169.254", [false, false]);
        check(Public, ["", ""], "1.1.1.1", [true, true]);
        check(Public, ["", ""], "10.0.0.1", [false, false]);
        check(Public, ["10.0.0.0/8", ""], "10.9.9.9", [true, true]);
        check(Public, ["10.0.0.0/8", ""], "::ffff:10.9.9.9", [true, true]);
        check(Open, ["169.254.169.254", ""], "169.254.169.254", [true, true]);
        check(Open, ["", "1.1.1.0/24"], "1.1.1.1", [false, false]);
        check(Open, ["1.1.1.1", "1.1.1.0/24"], "1.1.1.1", [true, true]);
        check(Open, ["", "::/0"], "2606:4700::1111", [false, false]);
        check(Open, ["", "0.0.0.0/0"], "64:ff9b::8.8.8.8", [false, false]);
    }

    #[test]
    fn blocks_that_cannot_be_read_say_why() {
        for (text, expected) in [
            ("10.0.0.0/33", CidrError::Bits(32)),
            ("fd00::/129", CidrError::Bits(128)),
            ("10.0.0.0/x", CidrError::Bits(32)),
            ("10.0.0/8", CidrError::Address),
            ("example.com", CidrError::Address),
            ("", CidrError::Address),
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(expected), "{text}");
        }
        assert_eq!("[fd00::1]".parse::<Cidr>().unwrap().to_string(), "fd00::1/128");
    }
}
