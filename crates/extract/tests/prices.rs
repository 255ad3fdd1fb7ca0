//! The price parser against the published examples of price-parser, every difference with its reason.

use gather_extract::price::{Beside, Place, Price};
use rust_decimal::Decimal;
use serde::Deserialize;

/// One example: a text that holds the price, one that may hold the currency, and what is meant.
#[derive(Debug, Deserialize)]
struct Example {
    currency_raw: Option<String>,
    price_raw: Option<String>,
    currency: Option<String>,
    amount: Option<String>,
    decimal_separator: Option<char>,
}

/// Texts that are read otherwise than the examples say, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("$..75,333", "a point before grouped digits is no decimal point, even if it could be one"),
    (
        "Цена: уточняйте (мин. заказ: 1 )",
        "only who reads Russian knows that 1 is what must be ordered",
    ),
    ("July, 2004", "a number alone is a price: dates are for the type date"),
    // These examples want the price 1 from a text that has no number.
    ("CND", "no number"),
    ("KShs", "no number"),
    ("chf", "no number"),
    ("so'm", "no number"),
    ("тг", "no number"),
    ("ש\"ח", "no number"),
    ("ש'ח", "no number"),
    ("د.ع", "no number"),
    ("د.ل", "no number"),
    ("ر.ي", "no number"),
    ("ش.ص", "no number"),
];

/// Signs that stand for several currencies, or for what has no code in ISO 4217: no currency is told
/// without the page's country.
const UNTOLD: &[&str] = &[
    "تومان",
    "kr",
    "Kr",
    "Br",
    "CFA",
    "FCFA",
    "₣",
    "Bs",
    "₿",
    "₶",
    "franc",
    "francs",
    "¢",
    "د.",
    "K",
    "SPL",
    "BTC",
    "Dh",
    "Dhs",
    "Esc",
    "Ƀ",
    "دينار",
    "GBp",
];

#[test]
fn the_published_examples_are_read_as_they_are_meant() {
    let (mut read, mut differ) = (0, Vec::new());
    for line in include_str!("data/prices.jsonl").lines() {
        let example: Example = serde_json::from_str(line).unwrap();
        let hint = example.currency_raw.as_deref();
        let place = Place { hint, point: example.decimal_separator, ..Place::default() };
        let text = example.price_raw.as_deref().unwrap_or_default();
        let got = Price::parse(text, &place);
        let meant = example.amount.as_deref().map(|amount| amount.parse::<Decimal>().unwrap());
        let sign = example.currency.as_deref();
        let by_itself = |sign: &str| Price::parse(&format!("1 {sign}"), &Place::default());
        let currency = sign.and_then(by_itself).and_then(|price| price.currency);
        assert_eq!(
            sign.is_some() && currency.is_none(),
            sign.is_some_and(|sign| UNTOLD.contains(&sign)),
            "{sign:?}"
        );
        let is_same = match (&got, meant) {
            (Some(got), Some(meant)) => got.amount == meant && got.currency == currency,
            (got, meant) => got.is_none() && meant.is_none(),
        };
        read += 1;
        if !is_same {
            assert!(
                DIFFERENCES.iter().any(|(known, _)| *known == text),
                "{text:?} beside {hint:?}: {got:?} instead of {meant:?} {currency:?}"
            );
            differ.push(text.to_owned());
        }
    }
    assert_eq!((read, differ.len()), (1185, DIFFERENCES.len()), "{differ:?}");
}

#[test]
fn prices_are_read_as_they_are_meant() {
    use Beside::{From, List, Nothing, To};
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let cases = [
        ("1,299.00 $", "1299.00", Some("USD"), Nothing),
        ("1.299,00 €", "1299.00", Some("EUR"), Nothing),
        ("CHF 1’299.–", "1299", Some("CHF"), Nothing),
        ("¥1299", "1299", Some("JPY"), Nothing),
        ("from €12", "12", Some("EUR"), From),
        ("ab 7,50 €", "7.50", Some("EUR"), From),
        ("€12 – €15.50", "12", Some("EUR"), To(decimal("15.50"))),
        ("$26 - 50", "26", Some("USD"), To(decimal("50"))),
        ("From 26 to 50 €", "26", Some("EUR"), To(decimal("50"))),
        ("Was $99 Now $79", "79", Some("USD"), List(decimal("99"))),
        ("79 € statt 99 €", "79", Some("EUR"), List(decimal("99"))),
        ("statt 99 € nur 79 €", "79", Some("EUR"), List(decimal("99"))),
        ("€99 €79", "99", Some("EUR"), Nothing),
        ("3 for £10", "10", Some("GBP"), Nothing),
        ("NZD $100.70", "100.70", Some("NZD"), Nothing),
        ("$10 USD", "10", Some("USD"), Nothing),
        ("$10 CAD", "10", Some("CAD"), Nothing),
        ("4.250 KD", "4.250", Some("KWD"), Nothing),
        ("-20% 15,00", "15.00", None, Nothing),
        ("Gratis", "0", None, Nothing),
        ("₹1,29,999", "129999", Some("INR"), Nothing),
    ];
    for (text, amount, currency, beside) in cases {
        let price = Price::parse(text, &Place::default());
        let price = price.unwrap_or_else(|| panic!("{text}: no price"));
        let got = (price.amount, price.currency, price.beside);
        assert_eq!(got, (decimal(amount), currency, beside), "{text}");
    }
    let nothing = [
        "",
        "call us",
        "40% off",
        "15.08.2017",
        "25-09",
        "Free shipping on orders over $49",
        "16.00 ft",
    ];
    for text in nothing {
        assert_eq!(Price::parse(text, &Place::default()), None, "{text}");
    }
}

#[test]
fn the_country_of_the_page_tells_what_the_text_does_not() {
    let cases = [
        ("12,50", Some("de-AT"), None, Some("EUR")),
        ("12,50", None, Some("shop.pl"), Some("PLN")),
        ("12.50", Some("en"), Some("shop.com"), None),
        ("$5", None, Some("shop.com.au"), Some("AUD")),
        ("$5", Some("en-US"), None, Some("USD")),
        ("99 kr", Some("da"), None, Some("DKK")),
        ("99 kr", Some("sv-SE"), None, Some("SEK")),
        ("¥99", Some("zh-CN"), None, Some("CNY")),
        ("99 €", None, Some("shop.pl"), Some("EUR")),
    ];
    for (text, language, host, want) in cases {
        let place = Place { language, host, ..Place::default() };
        let price = Price::parse(text, &place).unwrap_or_else(|| panic!("{text}: no price"));
        assert_eq!(price.currency, want, "{text} {language:?} {host:?}");
    }
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_read_without_fault(text in "\\PC{0,40}", language in "[a-z]{0,2}") {
            let _price = Price::parse(&text, &Place { language: Some(&language), ..Place::default() });
        }

        #[test]
        fn of_money_is_read_without_fault(text in "[0-9.,' $€%a-zK\u{2013}/-]{0,30}") {
            let _price = Price::parse(&text, &Place::default());
        }

        #[test]
        fn with_two_decimals_is_its_amount(units in 0_u32..100_000_000, cents in 0_u32..100) {
            let amount = Decimal::new(i64::from(units) * 100 + i64::from(cents), 2);
            let digits = units.to_string();
            let grouped = |sign: char| {
                let mut out = String::new();
                for (at, digit) in digits.chars().enumerate() {
                    if at > 0 && (digits.len() - at) % 3 == 0 {
                        out.push(sign);
                    }
                    out.push(digit);
                }
                out
            };
            for (group, point) in [(',', '.'), ('.', ','), (' ', ','), ('\u{a0}', ','), ('’', '.')] {
                let text = format!("{}{point}{cents:02} €", grouped(group));
                let price = Price::parse(&text, &Place::default());
                prop_assert_eq!(price.map(|price| price.amount), Some(amount), "{}", text);
            }
        }
    }
}

#[test]
fn a_sign_and_the_number_after_it_may_have_one_point() {
    // Found by `cargo xtask fuzz price`.
    for text in ["Bs  1SFr.0.-", "1SFr.0", "2 Fr.5", "1руб.0"] {
        assert!(Price::parse(text, &Place::default()).is_some(), "{text}");
    }
}
