//! Programs of the system that tests and benches need, and their installation where it is possible.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo;

/// Something to be installed: how it is recognised, and Debian's package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    there: There,
    package: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum There {
    Program(&'static str),
    File(&'static str),
    /// A folder with something in it.
    Folder(&'static str),
}

/// nginx's module for delays.
pub(crate) const NGINX_ECHO: &str = "/usr/lib/nginx/modules/ngx_http_echo_module.so";

/// A clock that can be moved, where Debian puts it on the usual machine.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// What tests talk to.
pub(crate) const TESTS: &[Need] = &[
    Need { there: There::Program("nginx"), package: "nginx" },
    Need { there: There::File(NGINX_ECHO), package: "libnginx-mod-http-echo" },
    Need { there: There::Program("ip"), package: "iproute2" },
    Need { there: There::Program("strace"), package: "strace" },
    Need { there: There::File(FAKETIME), package: "libfaketime" },
    Need { there: There::Program("mkfs.ext4"), package: "e2fsprogs" },
    // Its programs are in a folder of their version, and in nobody's path.
    Need { there: There::Folder("/usr/lib/postgresql"), package: "postgresql" },
    Need { there: There::Program("sqlite3"), package: "sqlite3" },
    Need { there: There::Program("prometheus-alertmanager"), package: "prometheus-alertmanager" },
    Need { there: There::Program("prometheus"), package: "prometheus" },
    Need { there: There::Program("chromium"), package: "chromium" },
    Need { there: There::Program("node"), package: "nodejs" },
    Need { there: There::Program("npm"), package: "npm" },
];

/// Whether a test may make a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Networks {
    /// It may.
    Yes,
    /// The machine forbids it, or has no tools for it.
    No,
}

/// Tries whether a test may make a network of its own.
pub(crate) fn networks() -> Networks {
    let script = "ip link set lo up && ip addr add 198.41.0.4/32 dev lo";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", script]);
    match repo::output(&mut command) {
        Ok(_) => Networks::Yes,
        Err(_) => Networks::No,
    }
}

/// What instructions are counted with.
pub(crate) const COUNTS: &[Need] =
    &[Need { there: There::Program("valgrind"), package: "valgrind" }];

/// What benches need beside that.
pub(crate) const BENCHES: &[Need] = &[
    Need { there: There::Program("wrk"), package: "wrk" },
    Need { there: There::Program("time"), package: "time" },
    Need { there: There::Program("valgrind"), package: "valgrind" },
    Need { there: There::Program("curl"), package: "curl" },
    Need { there: There::Program("openssl"), package: "openssl" },
    Need { there: There::Program("perf"), package: "linux-perf" },
    Need {
        there: There::Program("prometheus-blackbox-exporter"),
        package: "prometheus-blackbox-exporter",
    },
];

/// Clients of Debian's that benches run beside the program, where they are asked for.
pub(crate) const PEERS: &[Need] = &[
    Need { there: There::Program("wget2"), package: "wget2" },
    Need { there: There::Program("aria2c"), package: "aria2" },
];

/// Clients written in Python, with their versions.
const PYTHON_PEERS: &[&str] = &["aiohttp==3.14.5", "scrapy==2.19.0", "uvloop==0.23.0"];

/// A Python that has them, installed where it is missing.
pub(crate) fn python_with_peers() -> Result<PathBuf> {
    let dir = repo::target_dir()?.join("bench-peers");
    install_into(&dir, PYTHON_PEERS)?;
    Ok(dir.join("bin/python"))
}

/// A program of crates.io, built where it is missing: for minutes, and so never unasked. It is kept
/// outside the repository, so that `cargo clean` leaves it.
pub(crate) fn crate_program(name: &str, version: &str) -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME says where peers are kept")?;
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| Path::new(&home).join(".cache"), PathBuf::from);
    let root = cache.join("gather-bench");
    let program = root.join("bin").join(name);
    if !program.is_file() {
        eprintln!("building {name} {version}");
        let mut command = repo::cargo();
        command.args(["install", "--quiet", "--locked", "--root"]).arg(&root);
        repo::output(command.arg(format!("{name}@{version}")))?;
    }
    Ok(program)
}

/// Installs what is missing if this is root on a machine with apt; returns the packages still
/// missing.
pub(crate) fn install(needs: &[Need]) -> Vec<&'static str> {
    let packages = missing(needs);
    let is_root = repo::stdout("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if packages.is_empty() || !is_root || repo::find_program("apt-get").is_none() {
        return packages;
    }
    eprintln!("installing {}", packages.join(" "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y"]).args(args);
        repo::output(&mut command)
    };
    let install = [&["install", "--no-install-recommends"], &packages[..]].concat();
    if let Err(error) = apt(&["update"]).and_then(|_| apt(&install)) {
        eprintln!("could not install {}: {error:#}", packages.join(" "));
    }
    missing(needs)
}

/// Packages of Python that tests check our files with, with their versions.
const PYTHON: &[&str] = &[
    "aiosmtpd==1.4.6",
    "duckdb==2.0.1",
    "openpyxl==3.1.5",
    "polars==2.1.0",
    "pyarrow==26.0.1",
    "warcio==1.8.1",
];

/// Where they are: tests look here, too.
const PYTHON_DIR: &str = "target/test-python";

/// Installs the packages of Python that are missing into an environment of their own; returns those
/// still missing.
pub(crate) fn install_python() -> Vec<&'static str> {
    match install_into(&repo::root().join(PYTHON_DIR), PYTHON) {
        Ok(()) => Vec::new(),
        Err(error) => {
            eprintln!("could not install {} for Python: {error:#}", PYTHON.join(" "));
            PYTHON.to_vec()
        }
    }
}

/// Makes an environment of Python with these packages, unless it is there.
fn install_into(dir: &Path, packages: &[&str]) -> Result<()> {
    let (stamp, wanted) = (dir.join("installed"), packages.join("\n"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("installing {} for Python", packages.join(" "));
    repo::output(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let mut pip = Command::new(dir.join("bin/python"));
    repo::output(pip.args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    Ok(std::fs::write(&stamp, &wanted)?)
}

/// Packages of npm that the test of the status page needs, with their versions.
const NODE: &[&str] = &["axe-core@4.14.1", "puppeteer-core@24.43.1"];

/// Where they are: that test looks here, too.
const NODE_DIR: &str = "target/test-node";

/// Installs the packages of npm that are missing into a folder of their own; returns those still
/// missing.
pub(crate) fn install_node() -> Vec<&'static str> {
    let dir = repo::root().join(NODE_DIR);
    let stamp = dir.join("installed");
    let wanted = NODE.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Vec::new();
    }
    eprintln!("installing {} for node", NODE.join(" "));
    let installed = std::fs::create_dir_all(&dir).map_err(Into::into).and_then(|()| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        repo::output(npm.arg(&dir).args(NODE))?;
        Ok(std::fs::write(&stamp, &wanted)?)
    });
    match installed {
        Ok(()) => Vec::new(),
        Err(error) => {
            let error: anyhow::Error = error;
            eprintln!("could not install {} for node: {error:#}", NODE.join(" "));
            NODE.to_vec()
        }
    }
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    let is_there = |need: &Need| match need.there {
        There::Program(name) => repo::find_program(name).is_some(),
        There::File(path) => Path::new(path).is_file(),
        There::Folder(path) => {
            Path::new(path).read_dir().is_ok_and(|mut entries| entries.next().is_some())
        }
    };
    needs.iter().filter(|need| !is_there(need)).map(|need| need.package).collect()
}
