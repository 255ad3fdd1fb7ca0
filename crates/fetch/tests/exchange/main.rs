//! Tries against hand-written servers on loopback sockets: what is sent, what comes of it.

mod archive;
mod bodies;
mod connections;
mod crowd;
mod http2;
mod redirects;
mod requests;
mod server;
mod timeouts;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::{Attempt, End, Method, RequestSpec, Target, TargetNo};
use gather_fetch::{Client, ClientOptions, TlsConfigs, TryState};
use url::Url;

/// Runs a test on one thread, as a shard does.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test hangs")
    })
}

/// A client that is ticked as a shard ticks it.
pub(crate) fn client(options: ClientOptions) -> Rc<Client> {
    let tls = TlsConfigs::new(&options.net.tls, options.net.http).unwrap();
    let client = Rc::new(Client::new(options, Arc::new(tls)).unwrap());
    let ticked = Rc::downgrade(&client);
    tokio::task::spawn_local(async move {
        while let Some(client) = ticked.upgrade() {
            client.tick(Instant::now());
            drop(client);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    client
}

pub(crate) fn target(url: &str) -> Target {
    Target::new(TargetNo(0), Url::parse(url).unwrap()).unwrap()
}

pub(crate) fn with_method(url: &str, method: &str) -> Target {
    let spec =
        RequestSpec { method: Some(Method::from_name(method).unwrap()), ..Default::default() };
    Target { request: Some(Arc::new(spec)), ..target(url) }
}

/// One try, from the beginning.
pub(crate) async fn fetch(client: &Client, target: &Target) -> Attempt {
    *client.fetch(target, &TryState::default(), None).await.unwrap()
}

/// How an attempt ended, in a few words: `200`, a kind, or `-> URL`.
pub(crate) fn ending(attempt: &Attempt) -> String {
    match &attempt.end {
        End::Complete => attempt.head.as_ref().unwrap().status.to_string(),
        End::Hop(url) => format!("-> {url}"),
        End::Failed(failure) => failure.kind.as_str().to_owned(),
    }
}
