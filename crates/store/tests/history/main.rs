//! The memory of a watch: the same questions to SQLite and to PostgreSQL.

mod both;
mod crash;
mod deliver;
mod kept;
mod made;
mod past;
mod places;
mod refused;
mod rest;
