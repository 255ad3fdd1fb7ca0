//! What stands on the pages: the same products and prices at every start.

use std::fmt::Write as _;

/// Listing pages of each shop.
pub(super) const SHOP_PAGES: u32 = 12;
/// Products on each listing page.
const PAGE_PRODUCTS: u32 = 10;

/// What the price APIs have prices of.
pub(super) const SYMBOLS: &[&str] =
    &["AAPL", "ASML", "BMW", "MSFT", "NESN", "NVDA", "SAP", "SHEL", "SIE", "TSLA"];

const ADJECTIVES: [&str; 8] =
    ["Oak", "Linen", "Steel", "Walnut", "Cotton", "Ceramic", "Leather", "Glass"];
const NOUNS: [&str; 8] = ["Table", "Lamp", "Chair", "Shelf", "Vase", "Rug", "Stool", "Mirror"];

/// How a shop writes its prices.
#[derive(Clone, Copy)]
pub(super) enum Currency {
    Euro,
    Dollar,
    Pound,
    Franc,
}

impl Currency {
    pub(super) const fn of_shop(shop: usize) -> Self {
        match shop % 4 {
            0 => Self::Euro,
            1 => Self::Dollar,
            2 => Self::Pound,
            _ => Self::Franc,
        }
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Euro => "EUR",
            Self::Dollar => "USD",
            Self::Pound => "GBP",
            Self::Franc => "CHF",
        }
    }

    /// The language of the place.
    pub(super) const fn language(self) -> &'static str {
        match self {
            Self::Euro => "de-DE",
            Self::Dollar => "en-US",
            Self::Pound => "en-GB",
            Self::Franc => "de-CH",
        }
    }

    /// As people of the place write it.
    pub(super) fn shown(self, cents: u64) -> String {
        let (units, cents) = (cents / 100, cents % 100);
        let grouped = |by: char| match units {
            0..1000 => units.to_string(),
            _ => format!("{}{by}{:03}", units / 1000, units % 1000),
        };
        match self {
            Self::Euro => format!("{},{cents:02} €", grouped('.')),
            Self::Dollar => format!("${}.{cents:02}", grouped(',')),
            Self::Pound => format!("£{}.{cents:02}", grouped(',')),
            Self::Franc => format!("CHF {}.{cents:02}", grouped('’')),
        }
    }
}

/// A product of a shop, wholly decided by its number.
struct Product {
    sku: String,
    name: String,
    cents: u64,
    in_stock: u64,
}

impl Product {
    fn new(shop: usize, number: u32) -> Self {
        let mix = mix(shop as u64, u64::from(number));
        let pick = |words: [&'static str; 8], shift: u32| words[(mix >> shift) as usize % 8];
        Self {
            sku: format!("S{shop:02}-{number:04}"),
            name: format!("{} {} {}", pick(ADJECTIVES, 0), pick(NOUNS, 3), 10 + mix % 90),
            cents: 499 + (mix >> 8) % 250_000,
            in_stock: (mix >> 32) % 40,
        }
    }
}

/// A page of a shop's listing, from 1; `None` beyond the last.
pub(super) fn listing(shop: usize, page: u32) -> Option<String> {
    if !(1..=SHOP_PAGES).contains(&page) {
        return None;
    }
    let mut cards = String::new();
    for number in (page - 1) * PAGE_PRODUCTS + 1..=page * PAGE_PRODUCTS {
        cards.push_str(&card(shop, &Product::new(shop, number)));
    }
    let mut links = String::new();
    if page > 1 {
        writeln!(links, "<a rel=\"prev\" href=\"/page/{}\">Back</a>", page - 1)
            .expect("a String takes all");
    }
    if page < SHOP_PAGES {
        writeln!(links, "<a rel=\"next\" href=\"/page/{}\">More</a>", page + 1)
            .expect("a String takes all");
    }
    let title = format!("Shop {} – page {page} of {SHOP_PAGES}", shop + 1);
    Some(document(&title, &format!("{cards}<nav>\n{links}</nav>\n")))
}

/// The page of one product; `None` if the shop has none of this number.
pub(super) fn product(shop: usize, sku: &str) -> Option<String> {
    let (_, number) = sku.split_once('-')?;
    let number = number.parse().ok()?;
    let product = Product::new(shop, number);
    let sold = (1..=SHOP_PAGES * PAGE_PRODUCTS).contains(&number) && product.sku == sku;
    sold.then(|| document(&product.name, &card(shop, &product)))
}

fn card(shop: usize, product: &Product) -> String {
    let Product { sku, name, cents, in_stock } = product;
    let currency = Currency::of_shop(shop);
    format!(
        "<div class=\"card\" data-sku=\"{sku}\">\n  \
         <h2 class=\"name\"><a href=\"/p/{sku}\">{name}</a></h2>\n  \
         <span class=\"price\" data-currency=\"{}\">{}</span>\n  \
         <span class=\"stock\">{in_stock} in stock</span>\n</div>\n",
        currency.code(),
        currency.shown(*cents),
    )
}

/// The price of a symbol at one of the price APIs; `None` if it is not known.
pub(super) fn price(api: usize, symbol: &str) -> Option<String> {
    let place = SYMBOLS.iter().position(|known| *known == symbol)?;
    // The APIs differ by a little, as competitors do.
    let cents = 2_000 + mix(1, place as u64) % 90_000 + mix(api as u64, place as u64) % 300;
    let currency = Currency::of_shop(place).code();
    let (units, cents) = (cents / 100, cents % 100);
    Some(format!(
        "{{\"symbol\":\"{symbol}\",\"price\":\"{units}.{cents:02}\",\"currency\":\"{currency}\"}}"
    ))
}

/// What a partner has in stock.
pub(super) fn stock(partner: usize) -> String {
    let items: Vec<String> = (1..=3)
        .map(|number| {
            let Product { sku, cents, in_stock, .. } = Product::new(partner, number);
            let (units, cents) = (cents / 100, cents % 100);
            format!("{{\"sku\":\"{sku}\",\"qty\":{in_stock},\"price\":\"{units}.{cents:02}\"}}")
        })
        .collect();
    format!("{{\"partner\":\"partner-{}\",\"items\":[{}]}}", partner + 1, items.join(","))
}

/// Offers of each partner.
pub(super) const PARTNER_OFFERS: u32 = 5;

/// One offer of a partner; `None` if there is none of this number.
pub(super) fn offer(partner: usize, number: u32) -> Option<String> {
    if !(1..=PARTNER_OFFERS).contains(&number) {
        return None;
    }
    let Product { sku, name, cents, in_stock } = Product::new(partner, number);
    let (units, cents, currency) = (cents / 100, cents % 100, Currency::of_shop(partner).code());
    Some(format!(
        "{{\"partner\":\"partner-{}\",\"offer\":{{\"sku\":\"{sku}\",\"name\":\"{name}\",\"qty\":{in_stock},\
         \"price\":{{\"amount\":\"{units}.{cents:02}\",\"currency\":\"{currency}\"}}}}}}",
        partner + 1
    ))
}

/// A page with nothing on it but its title.
pub(super) fn plain(title: &str) -> String {
    document(title, &format!("<h1>{title}</h1>\n"))
}

/// The page of an error status.
pub(super) fn error(status: u16) -> String {
    plain(&format!("Status {status}"))
}

/// Text with all that means something in HTML, JSON or a header left out.
pub(super) fn escape(text: &str) -> String {
    text.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '-').collect()
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <title>{title}</title></head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// Two numbers into one that looks random (the finaliser of SplitMix64).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_written_as_the_place_writes_them() {
        let cases = [
            (Currency::Euro, 123_456, "1.234,56 €"),
            (Currency::Dollar, 123_405, "$1,234.05"),
            (Currency::Pound, 499, "£4.99"),
            (Currency::Franc, 100_000, "CHF 1’000.00"),
        ];
        for (currency, cents, expected) in cases {
            assert_eq!(currency.shown(cents), expected);
        }
    }

    #[test]
    fn every_product_of_a_listing_has_its_page() {
        for page in 1..=SHOP_PAGES {
            let listing = listing(5, page).unwrap();
            let skus: Vec<&str> = listing
                .split("data-sku=\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap())
                .collect();
            assert_eq!(skus.len(), PAGE_PRODUCTS as usize);
            assert!(skus.iter().all(|sku| product(5, sku).is_some()));
        }
        assert!(
            ["S05-0121", "S05-0000", "S04-0001", "x", "S05-1"]
                .iter()
                .all(|sku| product(5, sku).is_none())
        );
        assert!(listing(5, 0).is_none() && listing(5, SHOP_PAGES + 1).is_none());
    }

    #[test]
    fn prices_are_json_and_stay_the_same() {
        for symbol in SYMBOLS {
            let price = price(2, symbol).unwrap();
            let read: serde_json::Value = serde_json::from_str(&price).unwrap();
            assert_eq!(read["symbol"], *symbol);
            assert!(read["price"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
            assert_eq!(super::price(2, symbol), Some(price));
        }
        assert_eq!(price(2, "NONE"), None);
    }
}
