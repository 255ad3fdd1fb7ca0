//! Clients that others use, over the lists that gather gets: their command lines and what they cost.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::Bench;
use super::client::{Cost, Run, time};
use super::nginx::Nginx;
use super::seeds::run_wrk;
use crate::{needs, repo};

/// A client that is run beside ours.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Its list is so many times shorter: it would take minutes.
    part: usize,
    /// Its command line.
    command: fn(&Work<'_>) -> Result<Vec<OsString>>,
}

/// What a peer is to do.
struct Work<'a> {
    list: &'a Path,
    first_url: &'a str,
    targets: usize,
    in_flight: usize,
    /// Its own, empty.
    folder: &'a Path,
}

/// What a peer did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    pub(super) cost: Cost,
    /// Requests that it claims to have made.
    pub(super) claimed: f64,
    /// Requests by the server's count.
    pub(super) served: f64,
}

/// Every peer there is; a suite names those it is run beside.
const PEERS: &[Peer] = &[
    // It asks for one URL, for some seconds.
    Peer { name: "wrk", part: 1, command: |_| bail!("wrk is run by its own function") },
    Peer { name: "curl", part: 1, command: curl },
    Peer { name: "wget2", part: 1, command: wget2 },
    Peer { name: "aria2", part: 10, command: aria2 },
    Peer { name: "aiohttp", part: 2, command: |work| python("aiohttp_gather.py", work) },
    Peer { name: "aiohttp-workers", part: 2, command: |work| python("aiohttp_workers.py", work) },
    Peer { name: "scrapy", part: 20, command: |work| python("scrapy_list.py", work) },
    Peer { name: "oha", part: 1, command: oha },
    Peer { name: "lychee", part: 10, command: lychee },
];

/// Peers that are built from source for minutes: only when they are asked for.
const BUILT: &[&str] = &["oha", "lychee"];

/// The peers to run: those that were asked for, of those that can do the work.
fn chosen(asked: &[String], able: &[&str]) -> Result<Vec<&'static Peer>> {
    let known = |name: &&String| {
        matches!(name.as_str(), "all" | "none") || PEERS.iter().any(|peer| peer.name == **name)
    };
    if let Some(name) = asked.iter().find(|name| !known(name)) {
        let names: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        bail!("no peer is called {name:?}; there are all, none, {}", names.join(", "));
    }
    let is_asked = |name: &str| match asked {
        [] => !BUILT.contains(&name),
        _ => asked.iter().any(|asked| asked == "all" || asked == name),
    };
    let chosen: Vec<_> =
        PEERS.iter().filter(|peer| able.contains(&peer.name) && is_asked(peer.name)).collect();
    if chosen.iter().any(|peer| matches!(peer.name, "wget2" | "aria2")) {
        let missing = needs::install(needs::PEERS);
        ensure!(missing.is_empty(), "missing: {}; or choose with --peers", missing.join(" "));
    }
    Ok(chosen)
}

/// One round: what everybody did, one after the other.
pub(super) struct Round {
    /// Our run, and the requests that the server counted for it.
    pub(super) ours: (Run, u64),
    pub(super) theirs: Vec<(&'static Peer, Ran)>,
}

/// Everybody's turn, in each round with somebody else first. `able` names the peers that can do it.
pub(super) fn take_turns(
    bench: &mut Bench,
    nginx: &mut Nginx,
    able: &[&str],
    we: impl Fn(&mut Bench, &mut Nginx) -> Result<(Run, u64)>,
    they: impl Fn(&Bench, &mut Nginx, &Peer) -> Result<Ran>,
) -> Result<Round> {
    let peers = chosen(&bench.args.peers, able)?;
    let mut contenders: Vec<_> = std::iter::once(None).chain(peers.into_iter().map(Some)).collect();
    let first = bench.round % contenders.len();
    contenders.rotate_left(first);
    let (mut ours, mut theirs) = (None, Vec::new());
    for contender in contenders {
        match contender {
            None => ours = Some(we(bench, nginx)?),
            Some(peer) => theirs.push((peer, they(bench, nginx, peer)?)),
        }
    }
    Ok(Round { ours: ours.expect("we are one of them"), theirs })
}

/// Runs a peer over its part of the list.
pub(super) fn run(
    bench: &Bench,
    nginx: &mut Nginx,
    peer: &Peer,
    (targets, in_flight): (usize, usize),
    url: impl Fn(&Nginx, usize) -> String,
) -> Result<Ran> {
    let part = (targets / peer.part).max(in_flight.min(targets));
    run_whole(bench, nginx, peer, (part, in_flight), url)
}

/// Runs a peer over the list, and holds what it claims against what the server counted.
pub(super) fn run_whole(
    bench: &Bench,
    nginx: &mut Nginx,
    peer: &Peer,
    (targets, in_flight): (usize, usize),
    url: impl Fn(&Nginx, usize) -> String,
) -> Result<Ran> {
    let list = bench.write_list((0..targets).map(|i| url(nginx, i)))?;
    let before = nginx.hits()?;
    let folder = bench.folder.path().join("peer");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir(&folder)?;
    let first_url = url(nginx, 0);
    // wrk does not count what it had under way at its end.
    let (cost, claimed, sent_before, unseen) = if peer.name == "wrk" {
        let wrk = run_wrk(bench.folder.path(), &first_url, targets)?;
        let before = wrk.requests_of_all - wrk.requests;
        (wrk.cost, wrk.requests, before, (wrk.runs * in_flight) as f64)
    } else {
        let work = Work { list: &list, first_url: &first_url, targets, in_flight, folder: &folder };
        let command = (peer.command)(&work)?;
        let (cost, code, _) = time(bench.folder.path(), &command)?;
        ensure!(code == Some(0), "{} ended with {code:?}", peer.name);
        (cost, targets as f64, 0.0, 0.0)
    };
    let served = (nginx.hits()? - before) as f64 - sent_before;
    ensure!(
        (claimed..=claimed + unseen).contains(&served),
        "{} claims {claimed} requests, and the server counted {served}",
        peer.name
    );
    Ok(Ran { cost, claimed, served })
}

fn curl(work: &Work<'_>) -> Result<Vec<OsString>> {
    let urls = fs::read_to_string(work.list)?;
    let lines = urls.lines().map(|url| format!("url = \"{url}\"\noutput = \"/dev/null\"\n"));
    let config = work.folder.join("curl.conf");
    fs::write(&config, lines.collect::<String>())?;
    // It allows no more than 300.
    let most = work.in_flight.min(300).to_string();
    let flags = [
        "curl",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        &most,
        "-s",
        "-k",
        "--no-progress-meter",
    ];
    let mut command: Vec<OsString> = flags.map(OsString::from).into();
    command.extend(["-K".into(), config.into()]);
    Ok(command)
}

fn wget2(work: &Work<'_>) -> Result<Vec<OsString>> {
    let threads = format!("--max-threads={}", work.in_flight);
    let flags = ["wget2", "-q", "--no-config", "--no-robots", "--no-check-certificate"];
    let mut command: Vec<OsString> = flags.map(OsString::from).into();
    command.extend([threads.into(), "-O".into(), "/dev/null".into(), "-i".into()]);
    command.push(work.list.into());
    Ok(command)
}

fn aria2(work: &Work<'_>) -> Result<Vec<OsString>> {
    let most = work.in_flight.to_string();
    let flags =
        ["aria2c", "-q", "--no-conf", "--check-certificate=false", "--file-allocation=none"];
    let mut command: Vec<OsString> = flags.map(OsString::from).into();
    command.extend(["-j".into(), most.into(), "-d".into(), work.folder.into()]);
    command.extend(["-i".into(), work.list.into()]);
    Ok(command)
}

fn oha(work: &Work<'_>) -> Result<Vec<OsString>> {
    let program = needs::crate_program("oha", "1.16.0")?;
    let [requests, connections] = [work.targets, work.in_flight].map(|n| n.to_string());
    let flags = ["--no-tui", "--insecure", "-n", &requests, "-c", &connections, work.first_url];
    Ok(std::iter::once(program.into()).chain(flags.map(OsString::from)).collect())
}

fn lychee(work: &Work<'_>) -> Result<Vec<OsString>> {
    let program = needs::crate_program("lychee", "0.24.2")?;
    let most = work.in_flight.to_string();
    // Its own limits on a host would be measured, and not what a request costs.
    let unlimited = ["--host-request-interval", "0ms", "--host-concurrency", &most];
    let flags = ["--no-progress", "--insecure", "-q", "--max-concurrency", &most];
    let mut command = vec![OsString::from(program)];
    command.extend(flags.into_iter().chain(unlimited).map(OsString::from));
    command.push(work.list.into());
    Ok(command)
}

fn python(script: &str, work: &Work<'_>) -> Result<Vec<OsString>> {
    let python: PathBuf = needs::python_with_peers().context("peers in Python")?;
    let script = repo::root().join("benches/peers").join(script);
    let in_flight = work.in_flight.to_string();
    let output = work.folder.join("out.jsonl");
    Ok(vec![python.into(), script.into(), work.list.into(), in_flight.into(), output.into()])
}
