//! What is sent, over what, and how large an answer may be. The letters are curl's.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::values;

/// What is sent, and over what.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "HTTP")]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
pub(crate) struct HttpArgs {
    /// Request method [default: GET, with -d POST, with -I HEAD]
    #[arg(short = 'X', long, visible_alias = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// Header 'Name: value', or @FILE with a header a line (repeatable)
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// Request body, or @FILE; makes it a POST
    #[arg(short, long, value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    /// User-Agent to send
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,
    /// Basic authentication, for the host of each target only
    #[arg(short, long, value_name = "USER:PASSWORD")]
    pub(crate) user: Option<String>,
    /// Cookie header: 'a=1; b=2'
    #[arg(short = 'b', long, value_name = "COOKIES")]
    pub(crate) cookie: Option<String>,
    /// Ask for heads only (HEAD)
    #[arg(short = 'I', long)]
    pub(crate) head: bool,
    /// Go through http://, socks5:// or socks5h://[user:password@]host:port
    #[arg(short = 'x', long, value_name = "PROXY")]
    pub(crate) proxy: Option<String>,
    /// Follow redirects: they are followed anyway
    #[arg(short = 'L', long)]
    pub(crate) location: bool,
    /// Redirects followed in a row; 0 takes a 3xx as the answer
    #[arg(long, value_name = "N", default_value = "10", value_parser = values::count)]
    pub(crate) max_redirects: u32,
    /// Accept any certificate
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Use this address for a host and port (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]")]
    pub(crate) resolve: Vec<String>,
    /// Connect to another host and port instead (repeatable)
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub(crate) connect_to: Vec<String>,
    /// Trust the certificates in FILE (PEM) only
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// Whose certificates are trusted without --cacert: bundled are Mozilla's, as built in; system
    /// are this machine's
    #[arg(
        long,
        value_name = "ROOTS",
        value_enum,
        default_value = "bundled",
        hide_possible_values = true
    )]
    pub(crate) roots: RootsArg,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// IPv4 only
    #[arg(short = '4', long)]
    pub(crate) ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// HTTP/1.1 only
    #[arg(long = "http1.1")]
    pub(crate) http1_1: bool,
    /// HTTP/2 only, also without TLS
    #[arg(long)]
    pub(crate) http2: bool,
}

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RootsArg {
    /// Mozilla's, as built in.
    Bundled,
    /// This machine's.
    System,
}

/// How large.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct CapsArgs {
    /// A body as received
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = values::size)]
    pub(crate) max_body: u64,
    /// A body after decompression
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = values::size)]
    pub(crate) max_decoded: u64,
    /// The head of a response
    #[arg(long, value_name = "SIZE", default_value = "256K", value_parser = values::size_u32)]
    pub(crate) max_headers: u32,
    /// All bodies in memory together
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = values::size)]
    pub(crate) max_memory: u64,
}
