//! Both databases as outputs: the same records, the same questions, the same answers.

mod both;
mod cut;
mod postgres;
mod records;
mod sqlite;
