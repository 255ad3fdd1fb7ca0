//! The status page over a real socket, as files, and in a real browser.

mod both;
mod browser;
mod export;
mod large;
mod made;
mod many;
mod place;
mod scraped;
mod served;
mod zones;
