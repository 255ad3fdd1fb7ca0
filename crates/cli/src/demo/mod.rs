//! The loopback site of `gather demo`: shops, APIs, and hosts that are slow, strict or broken.

mod answer;
mod http;
pub(crate) mod market;
mod pages;
mod site;

pub(crate) use site::Site;
