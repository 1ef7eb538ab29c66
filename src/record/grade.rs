//! Posture grades, `A` to `F`.

use super::columns::Text;

/// A single letter in upper case, anything else as sent.
pub(super) fn normalize(grade: Text<'_>) -> Text<'_> {
    match grade.as_bytes() {
        [b'a'..=b'z'] => Text::Owned(grade.to_ascii_uppercase()),
        _ => grade,
    }
}

/// The first change of grade that `text` mentions, such as `B -> D`, `B → D` or `from B to D`.
pub(super) fn change_in(text: &str) -> Option<(char, char)> {
    ["->", "=>", "→", " to "].into_iter().find_map(|arrow| {
        text.match_indices(arrow).find_map(|(at, _)| {
            let (left, right) = text.split_at_checked(at)?;
            let right = right.strip_prefix(arrow)?;
            Some((lone_grade(left.trim_end().chars().rev())?, lone_grade(right.trim_start().chars())?))
        })
    })
}

/// The first of `chars` if it is a grade and not a part of a word.
fn lone_grade(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let grade = chars.next().filter(|c| matches!(c, 'A'..='F'))?;
    (!chars.next().is_some_and(|c| c.is_alphanumeric() || c == '_')).then_some(grade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_change_in_a_sentence() {
        for (text, expected) in [
            ("Posture grade changed: B -> D", ('B', 'D')),
            ("B->D", ('B', 'D')),
            ("(A → C)", ('A', 'C')),
            ("Grade fell from B to D.", ('B', 'D')),
            ("C => A!", ('C', 'A')),
            ("Assess -> Investigate, then F -> C", ('F', 'C')),
            ("Campaign completed: C -> B", ('C', 'B')),
        ] {
            assert_eq!(change_in(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn takes_no_word_for_a_grade() {
        for text in [
            "",
            "->",
            "Assess -> Investigate",
            "B ->",
            "-> D",
            "AB -> D",
            "B -> Done",
            "b -> d",
            "A to Zed",
            "G -> H",
            "Change A to Config",
            "Add to Agent",
            "plan_A -> B",
        ] {
            assert_eq!(change_in(text), None, "{text}");
        }
    }
}
