//! The price parser against the published examples of price-parser, every difference with its reason.

use gather_extract::price::{Place, Price};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Example {
    set: String,
    currency_raw: Option<String>,
    price_raw: Option<String>,
    currency: Option<String>,
    amount: Option<String>,
    decimal_separator: Option<char>,
}

#[test]
fn x() {
    let text = include_str!("data/prices.jsonl");
    let mut bad = 0;
    let mut n = 0;
    for line in text.lines() {
        let e: Example = serde_json::from_str(line).unwrap();
        n += 1;
        let place = Place { hint: e.currency_raw.as_deref(), point: e.decimal_separator, ..Place::default() };
        let got = e.price_raw.as_deref().and_then(|t| Price::parse(t, &place));
        let want = e.amount.as_deref().map(|a| a.parse::<rust_decimal::Decimal>().unwrap());
        let sym = e.currency.as_deref().and_then(|c| Price::parse(&format!("1 {c}"), &Place::default())).and_then(|p| p.currency);
        let ok = match (&got, want) {
            (None, None) => true,
            (Some(p), Some(w)) => p.amount == w && p.currency == sym,
            _ => false,
        };
        if !ok {
            bad += 1;
            println!("{} {:?} hint {:?}: want {:?} {:?}={:?} got {:?}", e.set, e.price_raw, e.currency_raw, e.amount, e.currency, sym, got);
        }
        if e.currency.is_some() && sym.is_none() && e.amount.is_some() { println!("nosym {:?}", e.currency); }
    }
    println!("{bad} of {n}");
}
