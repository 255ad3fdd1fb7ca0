//! The status page over a real socket, as files, and in a real browser.

mod export;
mod made;
mod place;
mod served;
