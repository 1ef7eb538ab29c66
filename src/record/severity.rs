//! Severity: five labels and the numbers behind them.

/// The label for a severity number; `None` for a negative one, which has no meaning.
///
/// Boundaries 75, 50, 25 and 1, as in `humanbound_cli/engine/schemas.py` and the platform's glossary:
/// <https://github.com/humanbound/humanbound/blob/60bab95/docs/docs/reference/glossary.md>.
pub(super) fn label(score: f64) -> Option<&'static str> {
    match score {
        75.0.. => Some("critical"),
        50.0.. => Some("high"),
        25.0.. => Some("medium"),
        1.0.. => Some("low"),
        0.0.. => Some("info"),
        _ => None,
    }
}

/// 4 for `critical` down to 0 for `info`, and -1 for every other label.
pub(super) fn rank(label: &str) -> i32 {
    match label {
        "critical" => 4,
        "high" => 3,
        "medium" => 2,
        "low" => 1,
        "info" => 0,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_belongs_to_the_label_above_it() {
        let expected = [
            (1e300, Some("critical")),
            (100.0, Some("critical")),
            (75.0, Some("critical")),
            (74.999, Some("high")),
            (50.0, Some("high")),
            (49.9, Some("medium")),
            (25.0, Some("medium")),
            (24.9, Some("low")),
            (1.0, Some("low")),
            (0.99, Some("info")),
            (0.0, Some("info")),
            (-0.0, Some("info")),
            (-0.1, None),
            (f64::NAN, None),
        ];
        for (score, name) in expected {
            assert_eq!(label(score), name, "{score}");
        }
    }

    #[test]
    fn ranks_the_five_labels_and_no_other() {
        let ranks: Vec<i32> = ["critical", "high", "medium", "low", "info"].map(rank).into();
        assert_eq!(ranks, [4, 3, 2, 1, 0]);
        assert_eq!(rank("urgent"), -1);
        assert_eq!(rank(""), -1);
    }
}
