//! Which currency a sign, a code or a place means: ISO 4217.

mod signs;

use std::collections::HashMap;
use std::sync::LazyLock;

use self::signs::SIGNS;

/// The currency a sign stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// One currency, wherever it is seen.
    Of(&'static str),
    /// Several: by country, else the default, which may be none.
    Shared(&'static [(&'static str, &'static str)], Option<&'static str>),
    /// A unit of money without a code in ISO 4217: tomans, pence, bitcoin.
    Uncoded,
}

/// How sure a sign is to be money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A letter: only where a number and it are all there is.
    Letter,
    /// A word or code: only beside a number.
    Word,
    /// A sign that means nothing else.
    Symbol,
}

/// The codes of ISO 4217, with those that old pages still have.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL \
    BSD BTN BWP BYN BYR BZD CAD CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DEM DJF DKK DOP DZD EGP \
    ERN ETB EUR FJD FKP FRF GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR \
    ISK ITL JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD \
    MMK MNT MOP MRO MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN \
    PTE PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SKK SLE SLL SOS SRD SSP STN SVC SYP SZL \
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER \
    ZAR ZMW ZWL";

/// What money is called in a country.
const COUNTRIES: &[(&str, &[&str])] = &[
    (
        "EUR",
        &[
            "AT", "BE", "CY", "DE", "EE", "ES", "EU", "FI", "FR", "GR", "HR", "IE", "IT", "LT",
            "LU", "LV", "MT", "NL", "PT", "SI", "SK",
        ],
    ),
    ("GBP", &["GB", "UK"]),
    ("USD", &["US"]),
    ("CHF", &["CH", "LI"]),
    ("PLN", &["PL"]),
    ("CZK", &["CZ"]),
    ("HUF", &["HU"]),
    ("RON", &["RO"]),
    ("BGN", &["BG"]),
    ("SEK", &["SE"]),
    ("NOK", &["NO"]),
    ("DKK", &["DK"]),
    ("ISK", &["IS"]),
    ("RUB", &["RU"]),
    ("UAH", &["UA"]),
    ("BYN", &["BY"]),
    ("TRY", &["TR"]),
    ("RSD", &["RS"]),
    ("BAM", &["BA"]),
    ("MKD", &["MK"]),
    ("ALL", &["AL"]),
    ("MDL", &["MD"]),
    ("GEL", &["GE"]),
    ("KZT", &["KZ"]),
    ("ILS", &["IL"]),
    ("AED", &["AE"]),
    ("SAR", &["SA"]),
    ("EGP", &["EG"]),
    ("MAD", &["MA"]),
    ("ZAR", &["ZA"]),
    ("NGN", &["NG"]),
    ("KES", &["KE"]),
    ("INR", &["IN"]),
    ("PKR", &["PK"]),
    ("LKR", &["LK"]),
    ("BDT", &["BD"]),
    ("JPY", &["JP"]),
    ("CNY", &["CN"]),
    ("HKD", &["HK"]),
    ("TWD", &["TW"]),
    ("KRW", &["KR"]),
    ("SGD", &["SG"]),
    ("MYR", &["MY"]),
    ("IDR", &["ID"]),
    ("THB", &["TH"]),
    ("VND", &["VN"]),
    ("PHP", &["PH"]),
    ("AUD", &["AU"]),
    ("NZD", &["NZ"]),
    ("CAD", &["CA"]),
    ("MXN", &["MX"]),
    ("BRL", &["BR"]),
    ("ARS", &["AR"]),
    ("CLP", &["CL"]),
    ("COP", &["CO"]),
    ("PEN", &["PE"]),
    ("UYU", &["UY"]),
    ("KWD", &["KW"]),
    ("QAR", &["QA"]),
    ("OMR", &["OM"]),
    ("BHD", &["BH"]),
    ("JOD", &["JO"]),
    ("TND", &["TN"]),
    ("DZD", &["DZ"]),
    ("IRR", &["IR"]),
];

/// The country that a language by itself means. English, French, Spanish, Portuguese, Arabic and
/// Chinese mean several.
const LANGUAGES: &[(&str, &str)] = &[
    ("de", "DE"),
    ("it", "IT"),
    ("nl", "NL"),
    ("fi", "FI"),
    ("el", "GR"),
    ("et", "EE"),
    ("lv", "LV"),
    ("lt", "LT"),
    ("sk", "SK"),
    ("sl", "SI"),
    ("hr", "HR"),
    ("pl", "PL"),
    ("cs", "CZ"),
    ("hu", "HU"),
    ("ro", "RO"),
    ("bg", "BG"),
    ("sv", "SE"),
    ("nb", "NO"),
    ("nn", "NO"),
    ("no", "NO"),
    ("da", "DK"),
    ("is", "IS"),
    ("ru", "RU"),
    ("uk", "UA"),
    ("be", "BY"),
    ("tr", "TR"),
    ("sr", "RS"),
    ("mk", "MK"),
    ("sq", "AL"),
    ("ka", "GE"),
    ("kk", "KZ"),
    ("he", "IL"),
    ("fa", "IR"),
    ("ja", "JP"),
    ("ko", "KR"),
    ("th", "TH"),
    ("vi", "VN"),
    ("id", "ID"),
    ("ms", "MY"),
    ("hi", "IN"),
];

/// Top-level domains that stand for no country although they have two letters.
const GENERIC: &[&str] = &["IO", "CO", "TV", "ME", "CC", "AI", "FM", "GG", "TO", "LY", "SH", "AC"];

/// Money with three decimal places.
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Signs by their text. Characters of the longest: [`SIGN_CHARS_MAX`].
static BY_SIGN: LazyLock<HashMap<&'static str, Sign>> =
    LazyLock::new(|| SIGNS.iter().copied().collect());

/// Characters of a sign, at most.
pub(super) const SIGN_CHARS_MAX: usize = 11;

/// What a text by itself stands for, as a sign or a code.
pub(super) fn sign(text: &str) -> Option<(Sign, Strength)> {
    if let Some(sign) = BY_SIGN.get(text) {
        let mut chars = text.chars();
        let first = chars.next().is_some_and(char::is_alphabetic);
        let strength = match first || text.ends_with(char::is_alphabetic) {
            _ if !text.chars().all(|c| c.is_alphabetic() || c == '.' || c == '\'') => {
                Strength::Symbol
            }
            true if chars.next().is_none() && text.is_ascii() => Strength::Letter,
            true => Strength::Word,
            false => Strength::Symbol,
        };
        return Some((*sign, strength));
    }
    code(text).map(|code| (Sign::Of(code), Strength::Word))
}

/// A code of ISO 4217, in upper or lower case.
pub(super) fn code(text: &str) -> Option<&'static str> {
    if text.len() != 3 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    CODES.split_ascii_whitespace().find(|code| **code == upper)
}

impl Sign {
    /// The code, in a country.
    pub(super) fn code(self, country: Option<&str>) -> Option<&'static str> {
        match self {
            Self::Of(code) => Some(code),
            Self::Shared(by_country, default) => {
                let here = by_country.iter().find(|(known, _)| Some(*known) == country);
                here.map(|(_, code)| *code).or(default)
            }
            Self::Uncoded => None,
        }
    }

    /// Whether another sign may say more.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::Shared(..))
    }
}

/// The currency of a country by its two letters.
pub(super) fn of_country(country: &str) -> Option<&'static str> {
    COUNTRIES.iter().find(|(_, all)| all.contains(&country)).map(|(code, _)| *code)
}

/// The country that a language tag such as `de-CH`, or else the end of a host's name, stands for.
pub(super) fn country(language: Option<&str>, host: Option<&str>) -> Option<&'static str> {
    let known = |name: &str| {
        let name = name.to_ascii_uppercase();
        let mut all = COUNTRIES.iter().flat_map(|(_, all)| all.iter().copied());
        all.find(|country| *country == name)
    };
    let mut parts = language.unwrap_or_default().split(['-', '_']);
    let spoken = parts.next().unwrap_or_default();
    let region = parts.filter(|part| part.len() == 2).find_map(known);
    let top = host.and_then(|host| host.trim_end_matches('.').rsplit('.').next());
    let top = top.filter(|top| top.len() == 2);
    let top = top.filter(|top| !GENERIC.contains(&&*top.to_ascii_uppercase())).and_then(known);
    region.or(top).or_else(|| {
        let spoken = spoken.to_ascii_lowercase();
        LANGUAGES.iter().find(|(known, _)| *known == spoken).map(|(_, country)| *country)
    })
}

/// Decimal places of a currency: three, or what is usual.
pub(super) fn has_thousandths(code: &str) -> bool {
    THOUSANDTHS.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_signs_has_each_once_with_a_known_code() {
        assert_eq!(BY_SIGN.len(), SIGNS.len(), "a sign is there twice");
        for (text, of) in SIGNS {
            assert!(text.chars().count() <= SIGN_CHARS_MAX, "{text}");
            let codes: Vec<_> = match of {
                Sign::Of(code) => vec![*code],
                Sign::Shared(all, default) => {
                    all.iter().map(|(_, code)| *code).chain(*default).collect()
                }
                Sign::Uncoded => continue,
            };
            for known in codes {
                assert_eq!(code(known), Some(known), "{text}");
            }
        }
        for (known, _) in COUNTRIES {
            assert_eq!(code(known), Some(*known));
        }
        for (language, country) in LANGUAGES {
            assert!(of_country(country).is_some(), "{language}");
        }
    }

    #[test]
    fn a_country_is_told_by_region_then_by_domain_then_by_language() {
        let cases = [
            (Some("de-CH"), Some("shop.example.de"), Some("CH")),
            (Some("de"), Some("shop.example.at"), Some("AT")),
            (Some("de"), Some("shop.example.com"), Some("DE")),
            (Some("en"), Some("shop.example.com"), None),
            (Some("zh-Hant-TW"), None, Some("TW")),
            (None, Some("shop.io"), None),
            (None, Some("shop.co.uk."), Some("UK")),
            (None, None, None),
        ];
        for (language, host, want) in cases {
            assert_eq!(country(language, host), want, "{language:?} {host:?}");
        }
    }
}
