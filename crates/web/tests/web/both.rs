//! The same pages from SQLite and from PostgreSQL.

use gather_store::DatabaseUrl;
use gather_store::history::HistoryPlace;

use crate::place::{history, postgres};
use crate::{export, made, served};

#[test]
fn sqlite_is_shown() {
    all(&history());
}

#[test]
fn postgres_is_shown_as_sqlite_is() {
    let Some(server) = postgres() else { return };
    let place = HistoryPlace::Postgres(DatabaseUrl::new(format!("{}?schema=web", server.url())));
    made::fill(&place);
    all(&place);
    for (one, other) in served::bodies(&history()).into_iter().zip(served::bodies(&place)) {
        assert_eq!(one, other);
    }
}

fn all(place: &HistoryPlace) {
    served::each_address_answers(place);
    served::validators_hold(place);
    served::pages_are_as_they_were(place);
    export::every_link_leads_to_a_file(place);
}
