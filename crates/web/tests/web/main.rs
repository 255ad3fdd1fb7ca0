//! The status page over a real socket, as files, and in a real browser.

mod browser;
mod export;
mod large;
mod made;
mod place;
mod scraped;
mod served;
