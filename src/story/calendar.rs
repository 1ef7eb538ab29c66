//! Seconds since 1970 and the hours in which people work and tests run.

use super::dice::Dice;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// The story's length.
pub(super) const LENGTH: i64 = 90 * DAY;

/// The next moment from `at` on within working hours: Monday to Friday, 08:00 to 17:00 UTC.
pub(super) fn office(at: i64, dice: &mut Dice) -> i64 {
    let hour = at.rem_euclid(DAY) / HOUR;
    let mut midnight = at - at.rem_euclid(DAY);
    if (8..17).contains(&hour) && !is_weekend(midnight) {
        return at;
    }
    if hour >= 17 {
        midnight += DAY;
    }
    while is_weekend(midnight) {
        midnight += DAY;
    }
    midnight + 8 * HOUR + dice.between(0, 100) * MINUTE + dice.between(0, 59)
}

/// Day `day` of a story that begins at `start`, in the hours of the nightly campaign.
pub(super) fn night(start: i64, day: i64, dice: &mut Dice) -> i64 {
    let at = start + day * DAY;
    at - at.rem_euclid(DAY) + 2 * HOUR + dice.between(0, 3 * HOUR)
}

fn is_weekend(midnight: i64) -> bool {
    // 1970-01-01 was a Thursday.
    let weekday = midnight.div_euclid(DAY).rem_euclid(7);
    weekday == 2 || weekday == 3
}
