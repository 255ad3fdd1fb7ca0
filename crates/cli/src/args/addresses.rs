//! Which addresses may be dialled.

use clap::{Args, ValueEnum};
use gather::core::address::Cidr;

/// Which addresses may be dialled.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct AddressArgs {
    /// open: what you name may be anywhere, but what a public answer leads to must be public;
    /// public: public addresses only
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value = "open",
        hide_possible_values = true
    )]
    pub(crate) addresses: AddressesArg,
    /// Always dial this address or block, metadata addresses included (repeatable)
    #[arg(long, value_name = "BLOCK")]
    pub(crate) allow_address: Vec<Cidr>,
    /// Never dial this address or block: 10.0.0.0/8 (repeatable)
    #[arg(long, value_name = "BLOCK")]
    pub(crate) deny_address: Vec<Cidr>,
    /// With --addresses public: let the proxy decide what it reaches, which cannot be seen from here
    #[arg(long)]
    pub(crate) trust_proxy: bool,
}

/// What is dialled where no block says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddressesArg {
    /// What the operator names may be anywhere.
    Open,
    /// Public addresses only.
    Public,
}
