//! One engine for many tasks of an async program: `from_async URL…`.
//!
//! Each task asks as if it were alone; the engine keeps them polite together.

use std::time::Duration;

use gather::{Engine, EngineOptions};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::start(EngineOptions::with_concurrency(50))?;
    let tasks: Vec<_> =
        std::env::args().skip(1).map(|url| tokio::spawn(visit(engine.clone(), url))).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn visit(engine: Engine, url: String) {
    // The engine's own timeouts end in a record; this one drops the future, which cancels it.
    match timeout(Duration::from_secs(60), engine.fetch(&url)).await {
        Ok(Ok(record)) => match record.outcome.error() {
            None => println!("{url}: {}", record.status_code),
            Some(error) => println!("{url}: {} ({})", error.kind.as_str(), error.message),
        },
        Ok(Err(error)) => println!("{url}: {error}"),
        Err(_) => println!("{url}: nobody waits any longer"),
    }
}
