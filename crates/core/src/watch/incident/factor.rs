//! What targets share, and which targets share it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::kind::ErrorKind;
use crate::watch::WatchedNo;

/// A sort of thing that targets share, the most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorKind {
    /// Nothing: one target alone.
    Target,
    /// Scheme, name and port.
    Host,
    /// The address that was dialled.
    Address,
    /// The /24 or /48 of the address.
    Network,
    /// Who signed the certificate.
    Issuer,
    /// Who was asked for the name.
    Resolver,
    /// The user's group.
    Group,
    /// The job.
    Job,
    /// That they are watched from here.
    Everything,
}

impl FactorKind {
    /// All, the most specific first.
    pub const ALL: [Self; 9] = [
        Self::Target,
        Self::Host,
        Self::Address,
        Self::Network,
        Self::Issuer,
        Self::Resolver,
        Self::Group,
        Self::Job,
        Self::Everything,
    ];

    /// As written everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Host => "host",
            Self::Address => "address",
            Self::Network => "network",
            Self::Issuer => "issuer",
            Self::Resolver => "resolver",
            Self::Group => "group",
            Self::Job => "job",
            Self::Everything => "everything",
        }
    }

    /// The kind of this name; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a failure of this kind can come from it.
    pub(super) fn may_cause(self, kind: Option<ErrorKind>) -> bool {
        let family = kind.map(ErrorKind::family);
        match self {
            Self::Issuer => family == Some("tls"),
            Self::Resolver => family == Some("dns") || kind == Some(ErrorKind::TimeoutDns),
            _ => true,
        }
    }

    /// Whether few targets share one of its kind, so that two failures already tell something.
    pub(super) fn is_narrow(self) -> bool {
        self <= Self::Network
    }
}

/// One thing that targets share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    /// What sort of thing.
    pub kind: FactorKind,
    /// Which one, for people too; empty for a target and for everything.
    pub text: Arc<str>,
}

impl Factor {
    /// A factor of this kind.
    pub fn new(kind: FactorKind, text: &str) -> Self {
        Self { kind, text: text.into() }
    }

    /// The address, and its /24 or /48.
    pub fn of_address(address: IpAddr) -> [Self; 2] {
        let address = address.to_canonical();
        let network = match address {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        };
        [
            Self::new(FactorKind::Address, &address.to_string()),
            Self::new(FactorKind::Network, &network),
        ]
    }
}

/// Every factor that a target has, by a small number.
#[derive(Debug, Default)]
pub(super) struct Table {
    numbers: HashMap<Factor, u32>,
    rows: Vec<Row>,
    free: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) factor: Factor,
    pub(super) targets: Vec<WatchedNo>,
}

impl Table {
    pub(super) fn number(&mut self, factor: &Factor) -> u32 {
        if let Some(&number) = self.numbers.get(factor) {
            return number;
        }
        let row = Row { factor: factor.clone(), targets: Vec::new() };
        let number = match self.free.pop() {
            Some(number) => {
                self.rows[number as usize] = row;
                number
            }
            None => {
                self.rows.push(row);
                u32::try_from(self.rows.len() - 1).expect("memory ends before factors do")
            }
        };
        self.numbers.insert(factor.clone(), number);
        number
    }

    pub(super) fn find(&self, factor: &Factor) -> Option<u32> {
        self.numbers.get(factor).copied()
    }

    pub(super) fn row(&self, number: u32) -> &Row {
        &self.rows[number as usize]
    }

    pub(super) fn join(&mut self, number: u32, target: WatchedNo) {
        self.rows[number as usize].targets.push(target);
    }

    /// Takes a target out; a factor that nobody has is forgotten.
    pub(super) fn leave(&mut self, number: u32, target: WatchedNo) {
        let row = &mut self.rows[number as usize];
        if let Some(index) = row.targets.iter().position(|&other| other == target) {
            row.targets.swap_remove(index);
        }
        if row.targets.is_empty() {
            self.numbers.remove(&row.factor);
            self.free.push(number);
        }
    }
}
