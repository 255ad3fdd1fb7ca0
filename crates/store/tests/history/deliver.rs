//! What a deliverer asks of the outbox, of both databases.

use gather_store::history::{Delivery, History, Known, Notice, Outbox};

use crate::made::{at, notice};
use crate::places::{Place, server};

#[test]
fn sqlite_gives_notices_by_channel() {
    channels_do_not_see_each_other(&Place::sqlite());
}

#[test]
fn postgres_gives_notices_by_channel() {
    let Some(server) = server() else { return };
    channels_do_not_see_each_other(&Place::postgres(&server, "channels"));
}

fn channels_do_not_see_each_other(place: &Place) {
    drop(History::open(&place.place, at(0)).unwrap());
    let mut outbox = place.outbox();
    let of = |key: &str, channel: &str, due| Notice { channel: channel.into(), ..notice(key, due) };
    outbox.put(&[of("a", "x", 20), of("b", "x", 10), of("c", "y", 5), of("d", "x", 30)]).unwrap();
    let waiting = |outbox: &mut Outbox| {
        let waiting = outbox.waiting_by_channel().unwrap();
        waiting.into_iter().map(|(name, due)| (name.to_string(), due)).collect::<Vec<_>>()
    };
    let due = |outbox: &mut Outbox, channel: &str, now, limit| {
        let due = outbox.due_for(channel, at(now), limit).unwrap();
        due.into_iter().map(|due| (due.id, due.key.to_string(), due.tries)).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&mut outbox), [("x".to_owned(), at(10)), ("y".to_owned(), at(5))]);
    let x = due(&mut outbox, "x", 20, 10);
    let keys: Vec<&str> = x.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(keys, ["b", "a"], "by when they are due, and not before");
    assert_eq!(due(&mut outbox, "x", 99, 1).len(), 1);
    assert_eq!(due(&mut outbox, "z", 99, 10), []);

    let ids: Vec<i64> = x.iter().map(|(id, ..)| *id).collect();
    outbox.settle_all(&ids, &Delivery::Again { at: at(50), error: "503".into() }, at(21)).unwrap();
    assert_eq!(due(&mut outbox, "x", 49, 10).len(), 1, "the third");
    let next = waiting(&mut outbox).remove(0);
    assert_eq!(next, ("x".to_owned(), at(50)), "the third waits for the message that was begun");
    for (limit, expected) in [(10, vec![1, 1, 0]), (2, vec![1, 1])] {
        let due = due(&mut outbox, "x", 50, limit);
        let tries: Vec<u32> = due.iter().map(|(.., tries)| *tries).collect();
        assert_eq!(tries, expected, "what was begun comes first");
    }
    outbox.settle_all(&ids, &Delivery::Delivered, at(51)).unwrap();
    assert_eq!(waiting(&mut outbox), [("x".to_owned(), at(30)), ("y".to_owned(), at(5))]);
    outbox.settle_all(&[], &Delivery::Delivered, at(51)).unwrap();

    for (key, known) in [("a", Known::Yes), ("d", Known::Yes), ("e", Known::No)] {
        assert_eq!(outbox.knows(key).unwrap(), known, "{key}");
    }
}
