//! Tests of amounts, currencies, the catalogue and allocation.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use proptest::prelude::*;

use super::{
    AllocationRefusal, Amount, AmountBound, AmountRefusal, AssetSetting, BasisPoints, CatalogueRefusal, Currency,
    CurrencyCatalogue, CurrencyCode, CurrencyScale,
    allocation::{allocate, split_percentage},
};
use crate::types::{Invalid, limits::AMOUNT_MINOR_MAX};

fn code(text: &str) -> CurrencyCode {
    CurrencyCode::parse(text).unwrap()
}

fn iso(text: &str) -> Currency {
    Currency::iso(code(text)).unwrap()
}

fn asset(text: &str, scale: u8) -> Currency {
    Currency::asset(code(text), CurrencyScale::new(scale).unwrap()).unwrap()
}

/// One row per text: its value as an amount in US dollars, in minor units, or the refusal.
const TEXTS: &[(&str, Result<i128, AmountRefusal>)] = &[
    ("12.34", Ok(1_234)),
    ("12.3", Ok(1_230)),
    ("12", Ok(1_200)),
    ("0.01", Ok(1)),
    ("10000000000000000000000000.00", Ok(AMOUNT_MINOR_MAX)),
    ("", Err(AmountRefusal::Empty)),
    ("\u{ff11}\u{ff12}", Err(AmountRefusal::NotAscii)),
    ("\u{661}", Err(AmountRefusal::NotAscii)),
    ("12\u{a0}", Err(AmountRefusal::NotAscii)),
    ("-5", Err(AmountRefusal::Negative)),
    ("-0", Err(AmountRefusal::Negative)),
    ("-5.005", Err(AmountRefusal::Negative)),
    ("1e3", Err(AmountRefusal::Exponent)),
    ("-1.5E+3", Err(AmountRefusal::Exponent)),
    ("NaN", Err(AmountRefusal::NotFinite)),
    ("-inf", Err(AmountRefusal::NotFinite)),
    ("Infinity", Err(AmountRefusal::NotFinite)),
    ("+5", Err(AmountRefusal::NotDecimal)),
    (" 5", Err(AmountRefusal::NotDecimal)),
    ("5 ", Err(AmountRefusal::NotDecimal)),
    ("5.", Err(AmountRefusal::NotDecimal)),
    (".5", Err(AmountRefusal::NotDecimal)),
    (".", Err(AmountRefusal::NotDecimal)),
    ("-", Err(AmountRefusal::NotDecimal)),
    ("1.2.3", Err(AmountRefusal::NotDecimal)),
    ("1,000", Err(AmountRefusal::NotDecimal)),
    ("1_000", Err(AmountRefusal::NotDecimal)),
    ("0x10", Err(AmountRefusal::NotDecimal)),
    ("1e", Err(AmountRefusal::NotDecimal)),
    ("e3", Err(AmountRefusal::NotDecimal)),
    ("1e1.5", Err(AmountRefusal::NotDecimal)),
    ("5\0", Err(AmountRefusal::NotDecimal)),
    ("5\n", Err(AmountRefusal::NotDecimal)),
    ("10.00 USD", Err(AmountRefusal::NotDecimal)),
    ("007", Err(AmountRefusal::LeadingZero)),
    ("00", Err(AmountRefusal::LeadingZero)),
    ("10000000000000000000000000.01", Err(AmountRefusal::TooLarge)),
    ("999999999999999999999999999", Err(AmountRefusal::TooLarge)),
    ("1000000000000000000000000000", Err(AmountRefusal::TooLarge)),
    ("10.005", Err(AmountRefusal::TooPrecise { scale: 2 })),
    ("10.000", Err(AmountRefusal::TooPrecise { scale: 2 })),
    ("0", Err(AmountRefusal::Zero)),
    ("0.00", Err(AmountRefusal::Zero)),
];

#[test]
fn each_text_is_an_amount_or_has_a_refusal_of_its_own() {
    for (text, expected) in TEXTS {
        assert_eq!(Amount::parse(text, iso("USD")).map(Amount::minor), *expected, "{text:?}");
    }
    let mut codes: Vec<_> = TEXTS.iter().filter_map(|(_, expected)| expected.err().map(AmountRefusal::code)).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 10, "every refusal is shown: {codes:?}");
}

#[test]
fn digits_behind_the_point_are_those_of_the_currency() {
    let parse = |text: &str, currency| Amount::parse(text, currency).map(Amount::minor);
    assert_eq!(parse("12", iso("JPY")), Ok(12));
    assert_eq!(parse("12.0", iso("JPY")), Err(AmountRefusal::TooPrecise { scale: 0 }));
    assert_eq!(parse("999999999999999999999999999", iso("JPY")), Ok(AMOUNT_MINOR_MAX - 1));
    assert_eq!(parse("1.234", iso("BHD")), Ok(1_234));
    assert_eq!(parse("0.000000000001", asset("POINTS", 12)), Ok(1));
    assert_eq!(parse("999999999999999999999999999", asset("POINTS", 12)), Err(AmountRefusal::TooLarge));
    let fraction = format!("1.{}", "0".repeat(100_000));
    assert_eq!(parse(&fraction, asset("POINTS", 12)), Err(AmountRefusal::TooPrecise { scale: 12 }));
}

#[test]
fn a_threshold_may_be_zero() {
    assert_eq!(AmountBound::parse("0", iso("USD")), Ok(AmountBound::ZERO));
    assert_eq!(AmountBound::parse("0.00", iso("USD")), Ok(AmountBound::ZERO));
    assert_eq!(AmountBound::parse("1.50", iso("USD")).map(AmountBound::minor), Ok(150));
    assert_eq!(AmountBound::parse("-1", iso("USD")), Err(AmountRefusal::Negative));
    assert_eq!(AmountBound::from_minor(AMOUNT_MINOR_MAX + 1), Err(AmountRefusal::TooLarge));
}

#[test]
fn output_always_has_all_digits() {
    for (minor, expected) in [(0, "0.00"), (5, "0.05"), (1_230, "12.30"), (-5, "-0.05"), (-1_234, "-12.34")] {
        assert_eq!(iso("USD").format(minor), expected);
    }
    assert_eq!(iso("JPY").format(-12), "-12");
    assert_eq!(asset("POINTS", 12).format(1), "0.000000000001");
    assert_eq!(iso("USD").format(i128::MIN), "-1701411834604692317316873037158841057.28");
}

#[test]
fn stored_values_are_checked_when_they_are_read() {
    assert_eq!(serde_json::from_str::<Amount>("5").unwrap().minor(), 5);
    for wrong in ["0", "-1", "1000000000000000000000000001"] {
        assert!(serde_json::from_str::<Amount>(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<AmountBound>("-1").is_err());
    assert!(serde_json::from_str::<CurrencyCode>("\"usd\"").is_err());
    assert!(serde_json::from_str::<CurrencyScale>("13").is_err());
    assert!(serde_json::from_str::<BasisPoints>("10001").is_err());
    assert_eq!(serde_json::to_string(&Amount::from_minor(5).unwrap()).unwrap(), "5");
    assert_eq!(serde_json::to_string(&AmountBound::from_minor(5).unwrap()).unwrap(), "5");
    assert_eq!(Amount::from_minor(-1), Err(AmountRefusal::Negative));
    assert_eq!(AmountBound::from_minor(-1), Err(AmountRefusal::Negative));
    let points = BasisPoints::new(250).unwrap();
    assert_eq!((points.points(), serde_json::to_string(&points).unwrap().as_str()), (250, "250"));
    let text = serde_json::to_string(&iso("USD")).unwrap();
    assert_eq!(text, r#"{"code":"USD","scale":2}"#);
    assert_eq!(serde_json::from_str::<Currency>(&text).unwrap(), iso("USD"));
}

#[test]
fn codes_have_one_form() {
    for good in ["USD", "POINTS", "A1_", "ABCDEFGHIJKLMNOP"] {
        assert_eq!(code(good).as_str(), good);
    }
    for wrong in ["", "US", "usd", "1AB", "_AB", "ABCDEFGHIJKLMNOPQ", "US D", "\u{ff35}SD", "USD\0", "U-D"] {
        assert_eq!(CurrencyCode::parse(wrong).unwrap_err().code, "currency_format", "{wrong:?}");
    }
    assert!(code("ABC") < code("ABCD") && code("ABCD") < code("ABD"));
}

#[test]
fn exponents_are_those_of_iso_4217() {
    for (text, scale) in [("USD", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4), ("ISK", 0), ("MGA", 2), ("IQD", 3)] {
        assert_eq!(iso(text).scale().digits(), scale, "{text}");
    }
    for not_money in ["XAU", "XTS", "ABC", "POINTS"] {
        assert_eq!(Currency::iso(code(not_money)), None, "{not_money}");
    }
    for taken in ["USD", "XAU", "XTS"] {
        assert_eq!(Currency::asset(code(taken), CurrencyScale::new(0).unwrap()), None, "{taken}");
    }
}

#[test]
fn the_catalogue_finds_what_is_configured_and_what_was_ever_used() {
    let setting = AssetSetting { code: code("POINTS"), scale: CurrencyScale::new(1).unwrap() };
    let catalogue = CurrencyCatalogue::new(&[code("USD")], &[setting], &[asset("MILES", 0), iso("EUR")]).unwrap();
    assert_eq!(catalogue.iter().map(|found| found.to_string()).collect::<Vec<_>>(), ["EUR", "MILES", "POINTS", "USD"]);
    assert_eq!(catalogue.find("MILES"), Ok(asset("MILES", 0)));
    assert_eq!(catalogue.find_open("POINTS"), Ok(asset("POINTS", 1)));
    let refused = |found: Result<Currency, Invalid>| found.unwrap_err().code;
    assert_eq!(refused(catalogue.find_open("EUR")), "currency_closed");
    for unknown in ["", "usd", "GBP", "USDX", "\u{ff35}\u{ff33}\u{ff24}"] {
        assert_eq!(refused(catalogue.find(unknown)), "unknown_currency", "{unknown:?}");
        assert_eq!(refused(catalogue.find_open(unknown)), "unknown_currency", "{unknown:?}");
    }
}

#[test]
fn a_scale_is_fixed_at_first_use() {
    let points = |scale| AssetSetting { code: code("POINTS"), scale: CurrencyScale::new(scale).unwrap() };
    let scale = |digits| CurrencyScale::new(digits).unwrap();
    assert_eq!(
        CurrencyCatalogue::new(&[], &[points(3)], &[asset("POINTS", 2)]),
        Err(CatalogueRefusal::ScaleChanged { code: code("POINTS"), recorded: scale(2), configured: scale(3) })
    );
    assert_eq!(
        CurrencyCatalogue::new(&[], &[points(1), points(2)], &[]),
        Err(CatalogueRefusal::ScaleChanged { code: code("POINTS"), recorded: scale(1), configured: scale(2) })
    );
    // As if ISO 4217 had changed since: what was recorded holds.
    let recorded: Currency = serde_json::from_str(r#"{"code":"USD","scale":3}"#).unwrap();
    let catalogue = CurrencyCatalogue::new(&[code("USD")], &[], &[recorded]).unwrap();
    assert_eq!(catalogue.find_open("USD"), Ok(recorded));
    let usd = AssetSetting { code: code("USD"), scale: scale(2) };
    assert_eq!(CurrencyCatalogue::new(&[], &[usd], &[]), Err(CatalogueRefusal::IsoCodeOfAsset { code: code("USD") }));
    for not_iso in ["POINTS", "XAU"] {
        let refused = CurrencyCatalogue::new(&[code(not_iso)], &[], &[asset("POINTS", 2)]);
        assert_eq!(refused, Err(CatalogueRefusal::NotIso { code: code(not_iso) }));
    }
}

#[test]
fn what_is_left_goes_to_the_largest_remainders() {
    let parts = |total, weights: &[u32]| allocate(Amount::from_minor(total).unwrap(), weights);
    assert_eq!(parts(100, &[1, 1, 1]), Ok(vec![34, 33, 33]));
    assert_eq!(parts(5, &[1, 1]), Ok(vec![3, 2]));
    assert_eq!(parts(10, &[1, 2, 4]), Ok(vec![1, 3, 6]));
    assert_eq!(parts(1, &[1, 0, 9]), Ok(vec![0, 0, 1]));
    assert_eq!(parts(7, &[0, 5]), Ok(vec![0, 7]));
    assert_eq!(parts(7, &[]), Err(AllocationRefusal::PartCount { count: 0 }));
    assert_eq!(parts(7, &[1; 1_001]), Err(AllocationRefusal::PartCount { count: 1_001 }));
    assert_eq!(parts(7, &[0, 0]), Err(AllocationRefusal::NoWeight));
}

#[test]
fn percentages_are_rounded_half_to_even() {
    let split = |total, points| {
        let split = split_percentage(Amount::from_minor(total).unwrap(), BasisPoints::new(points).unwrap());
        (split.part_minor, split.rest_minor)
    };
    // 10 percent of 5, 15, 25 and 26 minor units: 0.5, 1.5, 2.5 and 2.6.
    assert_eq!(split(5, 1_000), (0, 5));
    assert_eq!(split(15, 1_000), (2, 13));
    assert_eq!(split(25, 1_000), (2, 23));
    assert_eq!(split(26, 1_000), (3, 23));
    assert_eq!(split(24, 1_000), (2, 22));
    assert_eq!(split(7, 0), (0, 7));
    assert_eq!(split(7, 10_000), (7, 0));
    assert_eq!(split(AMOUNT_MINOR_MAX, 1), (AMOUNT_MINOR_MAX / 10_000, AMOUNT_MINOR_MAX / 10_000 * 9_999));
    assert!(BasisPoints::new(10_001).is_err());
}

/// Texts near the border between accepted and refused ones.
fn near_amounts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,30}(\\.[0-9]{0,14})?",
        "[-+ ]?[0-9]{1,3}([.,eE_ ][-+]?[0-9]{0,3}){0,2}",
        "[0-9.]{0,6}\\PC[0-9.]{0,6}",
        "\\PC{0,40}",
        ".{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_is_taken_is_what_would_be_written(text in near_amounts(), scale in 0_u8..=12) {
        let currency = asset("POINTS", scale);
        if let Ok(amount) = Amount::parse(&text, currency) {
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let point = if scale == 0 { "" } else { "." };
            let written = format!("{whole}{point}{fraction:0<width$}", width = usize::from(scale));
            prop_assert_eq!(currency.format(amount.minor()), written);
        }
    }

    #[test]
    fn what_the_strict_form_allows_is_taken(
        whole in "0|[1-9][0-9]{0,14}", fraction in "[0-9]{1,12}", scale in 0_u8..=12,
    ) {
        let fits = fraction.len() <= usize::from(scale);
        let parsed = AmountBound::parse(&format!("{whole}.{fraction}"), asset("POINTS", scale));
        if fits {
            prop_assert!(parsed.is_ok());
        } else {
            prop_assert_eq!(parsed, Err(AmountRefusal::TooPrecise { scale }));
        }
        prop_assert!(AmountBound::parse(&whole, asset("POINTS", scale)).is_ok());
    }

    #[test]
    fn what_is_written_is_read_back(minor in 1..AMOUNT_MINOR_MAX, scale in 0_u8..=12) {
        let currency = asset("POINTS", scale);
        prop_assert_eq!(Amount::parse(&currency.format(minor), currency).map(Amount::minor), Ok(minor));
        prop_assert_eq!(currency.format(-minor), format!("-{}", currency.format(minor)));
    }

    #[test]
    fn parts_add_up_and_none_is_a_unit_off(
        total in prop_oneof![1..100_i128, 1..=AMOUNT_MINOR_MAX],
        weights in prop::collection::vec(prop_oneof![0..4_u32, any::<u32>()], 1..20),
    ) {
        let parts = allocate(Amount::from_minor(total).unwrap(), &weights);
        let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if sum == 0 {
            prop_assert_eq!(parts, Err(AllocationRefusal::NoWeight));
        } else {
            let parts = parts.unwrap();
            prop_assert_eq!(parts.iter().sum::<i128>(), total);
            for (part, weight) in parts.iter().zip(&weights) {
                // The difference to the exact share, times the sum of all weights, is less than that sum.
                prop_assert!((part * sum - total * i128::from(*weight)).abs() < sum);
            }
        }
    }

    #[test]
    fn a_percentage_and_the_rest_add_up(total in 1..=AMOUNT_MINOR_MAX, points in 0_u16..=10_000) {
        let split = split_percentage(Amount::from_minor(total).unwrap(), BasisPoints::new(points).unwrap());
        prop_assert_eq!(split.part_minor + split.rest_minor, total);
        prop_assert!(split.part_minor >= 0 && split.rest_minor >= 0);
        prop_assert!((split.part_minor * 10_000 - total * i128::from(points)).abs() <= 5_000);
    }
}
