//! The market: a shop with as many listing pages as anybody asks for, each wholly decided by its
//! number. What stands on a page can be told without its HTML.

use std::fmt::Write as _;

use super::pages::{Currency, mix};

/// Listing pages that the market has.
pub(crate) const PAGES: u32 = 1_000_000;

const WORDS: [&str; 8] =
    ["Arc", "Bólido", "Côte", "Dot & Dash", "Éclair", "Flax", "Gürtel", "Hålla"];
const THINGS: [&str; 8] =
    ["lamp", "desk <oak>", "chair", "\"soft\" rug", "vase", "clock", "stool №2", "shelf"];

/// What stands in one row of a listing page.
pub(crate) struct Offer {
    page: u32,
    /// From 1 in its page.
    row: u32,
    sku: String,
    name: String,
    cents: u64,
    /// What it cost before a sale.
    was_cents: Option<u64>,
    /// In tenths, from 1.0 to 5.0; not every offer has one.
    rating: Option<u64>,
    stock: u64,
    currency: Currency,
}

impl Offer {
    fn new(page: u32, row: u32) -> Self {
        let mix = mix(u64::from(page), u64::from(row) + 100);
        let pick = |words: [&'static str; 8], shift: u32| words[(mix >> shift) as usize % 8];
        let cents = 99 + (mix >> 8) % 400_000;
        Self {
            page,
            row,
            sku: format!("M{page:06}-{row:02}"),
            name: format!("{} {} {}", pick(WORDS, 0), pick(THINGS, 3), mix % 900),
            cents,
            was_cents: (mix >> 28).is_multiple_of(5).then_some(cents + 100 + (mix >> 40) % 9_000),
            rating: (!(mix >> 32).is_multiple_of(7)).then_some(10 + (mix >> 36) % 41),
            stock: (mix >> 44) % 250,
            currency: Currency::of_shop(page as usize),
        }
    }

    /// As one line of JSON.
    pub(crate) fn json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let or_null = |digits: Option<String>| digits.map_or("null".to_owned(), |d| text(&d));
        format!(
            "{{\"page\":{},\"row\":{},\"sku\":{},\"name\":{},\"price\":{},\"currency\":{},\
             \"was\":{},\"rating\":{},\"stock\":{},\"path\":{}}}",
            self.page,
            self.row,
            text(&self.sku),
            text(&self.name),
            text(&decimal(self.cents)),
            text(self.currency.code()),
            or_null(self.was_cents.map(decimal)),
            or_null(self.rating.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10))),
            self.stock,
            text(&format!("/offer/{}", self.sku)),
        )
    }

    /// As its card, the way shops write them.
    fn html(&self) -> String {
        let Self { sku, currency, stock, .. } = self;
        let name = self.name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let was = self.was_cents.map_or_else(String::new, |cents| {
            format!("<s class=\"was\" aria-label=\"before\">{}</s>", currency.shown(cents))
        });
        let rating = self.rating.map_or_else(String::new, |tenths| {
            let (whole, tenth) = (tenths / 10, tenths % 10);
            format!(
                "<i class=\"rating\" title=\"{whole}.{tenth}\">{}</i>",
                "★".repeat(whole as usize)
            )
        });
        format!(
            "<li class=\"offer card card--wide\" data-sku=\"{sku}\" data-track='{{\"list\":\"market\"}}'>\
             <div class=\"card__media\"><img loading=\"lazy\" alt=\"\" src=\"/img/{sku}.webp\"></div>\n\
             <h3 class=\"card__title\">\n  <a href=\"/offer/{sku}\">{name}</a>\n</h3>\
             <p class=\"card__text\">Ships in two days. <b>Free returns</b> within a month.</p>\
             <div class=\"card__price\"><span class=\"price\">{}</span> {was}</div>{rating}\
             <span class=\"stock\">{stock} in stock</span>\
             <form action=\"/cart\" method=\"post\"><input type=\"hidden\" name=\"sku\" value=\"{sku}\">\
             <button class=\"button button--primary\">Add to cart</button></form></li>\n",
            currency.shown(self.cents),
        )
    }
}

fn decimal(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// What stands on a page, from 1.
pub(crate) fn offers(page: u32) -> impl Iterator<Item = Offer> {
    let count = 8 + u32::try_from(mix(u64::from(page), 7) % 5).expect("below five");
    (1..=count).map(move |row| Offer::new(page, row))
}

/// A listing page, from 1; `None` beyond the last.
pub(super) fn listing(page: u32) -> Option<String> {
    if !(1..=PAGES).contains(&page) {
        return None;
    }
    let lang = Currency::of_shop(page as usize).language();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head><meta charset=\"utf-8\">\
         <title>Market, page {page}</title><link rel=\"stylesheet\" href=\"/market.css\">\
         <script>window.offers = [\"<li class=offer>\"];</script></head>\n<body>\n\
         <header><a class=\"logo\" href=\"/\">Market</a></header>\n<ul class=\"offers\">\n"
    );
    offers(page).for_each(|offer| html.push_str(&offer.html()));
    html.push_str("</ul>\n<nav class=\"pages\">");
    let mut link = |name: &str, to: u32| {
        write!(html, "<a rel=\"{name}\" href=\"/list/{to}\">{name}</a> ")
            .expect("a String takes all");
    };
    if page > 1 {
        link("prev", page - 1);
    }
    if page < PAGES {
        link("next", page + 1);
    }
    write!(html, "<b>{page}</b></nav>\n</body>\n</html>\n").expect("a String takes all");
    Some(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_its_offers_are() {
        let (mut sales, mut unrated, mut counts) = (0, 0, Vec::new());
        for page in 1..=200 {
            let html = listing(page).unwrap();
            let offers: Vec<Offer> = offers(page).collect();
            assert_eq!(html.matches("<li class=\"offer").count(), offers.len());
            for offer in &offers {
                let json: serde_json::Value = serde_json::from_str(&offer.json()).unwrap();
                assert_eq!(json["name"], offer.name);
                assert!(html.contains(&offer.currency.shown(offer.cents)));
                sales += usize::from(offer.was_cents.is_some());
                unrated += usize::from(offer.rating.is_none());
            }
            counts.push(offers.len());
        }
        counts.sort_unstable();
        counts.dedup();
        assert_eq!(counts, [8, 9, 10, 11, 12]);
        assert!(sales > 200 && unrated > 150, "{sales} {unrated}");
        assert!(listing(0).is_none() && listing(PAGES + 1).is_none());
    }
}
