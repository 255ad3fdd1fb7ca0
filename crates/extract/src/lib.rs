//! Bytes to fields: what a rule finds in a page or a JSON document. Pure CPU, no network, no clock.
mod clean; mod css; mod dom; mod limits; pub mod price;
/// x
pub fn bench_parse(html:&str)->usize{let never=||false;let l=limits::Limits::default();let w=limits::Work::new(l.steps_max,&never);dom::Dom::parse(html,&l,&w).unwrap().in_order().len()}
