//! Fetches a list, one URL a line, in ten lines: `ten_lines < urls.txt`.

use gather::{Engine, EngineOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::start(EngineOptions::with_concurrency(50))?;
    let urls = std::io::stdin().lines().map_while(Result::ok);
    for record in engine.fetch_all(urls) {
        let record = record?;
        let body = record.body.as_deref().unwrap_or_default();
        println!("{} {} {} bytes", record.status_code, record.input(), body.len());
    }
    Ok(())
}
