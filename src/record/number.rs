//! Converts decimal numbers, given as the text that was sent, to the types of the columns.

/// The number of digits up to which any decimal number survives the conversion to `f64` and back (C's `DBL_DIG`).
const ALWAYS_EXACT_DIGITS: usize = 15;

/// The number in `text`, if it is within the range of `f64`. Words that Rust reads as well (`inf`, `nan`) are no numbers.
pub(super) fn finite(text: &str) -> Option<f64> {
    let starts_as_number = text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    if !starts_as_number {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether `number` is exactly what `text` says: written in the fewest digits that distinguish it from its neighbors, it is
/// the same decimal number. This holds for any number that the sender itself had in an `f64`.
pub(super) fn is_exact(text: &str, number: f64) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= ALWAYS_EXACT_DIGITS && !text.contains(['e', 'E']) {
        return true;
    }
    let again = decimal(&format!("{number:e}"));
    again.is_some() && decimal(text) == again
}

/// The number as an `int` column holds it, in any notation (`3`, `3.0`, `3e0`).
pub(super) fn whole(text: &str) -> Option<i32> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number = finite(text).filter(|number| number.fract() == 0.0 && is_exact(text, *number))?;
    let in_range = number >= f64::from(i32::MIN) && number <= f64::from(i32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range, as just checked")]
    in_range.then_some(number as i32)
}

/// The significant digits of a JSON number and the power of ten of the last one; equal for equal numbers but for the sign.
fn decimal(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String =
        whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).map(char::from).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some((String::new(), 0));
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let shift = i64::try_from(trailing).ok()? - i64::try_from(fraction.len()).ok()?;
    Some((significant.to_owned(), exponent.parse::<i64>().ok()?.checked_add(shift)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> bool {
        is_exact(text, finite(text).unwrap())
    }

    #[test]
    fn whatever_was_an_f64_is_exact() {
        for number in [
            0.1 + 0.2,
            -78.399_999_999_999_99,
            1e-7,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            1e22,
            0.0,
            -0.0,
            2e15,
        ] {
            for text in
                [format!("{number}"), format!("{number:e}"), format!("{number:E}"), format!("{number:?}")]
            {
                assert!(exact(&text), "{text}");
            }
        }
        for text in [
            "88",
            "88.0",
            "88.00",
            "0.50",
            "-0",
            "0e5",
            "0.000e-99999",
            "1E+2",
            "9007199254740992",
            "1e0000000000000000000",
        ] {
            assert!(exact(text), "{text}");
        }
    }

    #[test]
    fn more_digits_than_an_f64_has_are_not_exact() {
        for text in [
            "18446744073709551616",
            "9007199254740993",
            "0.1000000000000000055511151231257827",
            "88.12345678901234567",
            "1e-400",
            "4.9e-324",
            "12345678901234567890.5",
            "1e-99999999999999999999",
        ] {
            assert!(!exact(text), "{text}");
        }
    }

    #[test]
    fn no_word_is_a_number() {
        for text in [
            "", "-", "inf", "-inf", "NaN", "infinity", "+1", ".5", "1e", "1_000", "0x10", " 1", "1e400",
            "-1e999",
        ] {
            assert_eq!(finite(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_number_of_32_bits_is_one_however_it_is_written() {
        for (text, expected) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("3e0", Some(3)),
            ("0.3E1", Some(3)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("1e2", Some(100)),
            ("2147483647", Some(i32::MAX)),
            ("-2147483648.0", Some(i32::MIN)),
            ("2147483648", None),
            ("-2147483649", None),
            ("2147483647.5", None),
            ("1.5", None),
            ("1e-400", None),
            ("1e400", None),
            ("3.00000000000000000001", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
