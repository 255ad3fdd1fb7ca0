//! The memory of a watch: the same questions to SQLite and to PostgreSQL.

mod both;
mod deliver;
mod made;
mod places;
