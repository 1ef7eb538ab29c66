//! Tolerant access to an event's fields.
//!
//! A value that a column cannot hold is skipped. A member of the envelope that a column holds exactly is noted, so that
//! `AdditionalFields` can hold all the others.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::family::Family;
use super::sources::{Place, Source};
use super::{instant, number};
use crate::event::{Object, Value};

/// A value for a column, and whether the column then holds all that was sent.
type Taken<T> = Option<(T, bool)>;

pub(super) struct Fields<'e> {
    places: [Option<&'e Object<'e>>; Place::COUNT],
    pub(super) event_type: Option<&'e str>,
    pub(super) family: Family,
    /// For each member of the envelope, whether a column holds it.
    consumed: Vec<bool>,
}

impl<'e> Fields<'e> {
    pub(super) fn new(top: &'e Object<'e>) -> Self {
        let sent = top.get("event_type").unwrap_or(&Value::Null);
        let event_type = word(sent).map(|(word, _)| word);
        let family = match event_type {
            Some(event_type) => Family::of(event_type),
            None if is_nothing(sent) => Family::Test,
            None => Family::Other,
        };
        let mut fields =
            Self { places: [None; Place::COUNT], event_type, family, consumed: vec![false; top.len()] };
        fields.set(Place::Top, Some(top));
        let Some(data) = member(Some(top), "data") else { return fields };
        fields.set(Place::Data, Some(data));
        let [assessment, campaign] = ["assessment", "campaign"].map(|name| member(Some(data), name));
        let snapshot =
            |name| [Some(data), assessment, campaign].into_iter().find_map(|record| member(record, name));
        fields.set(Place::Before, snapshot("posture_before"));
        fields.set(Place::After, snapshot("posture_after"));
        fields.set(Place::Assessment, assessment);
        fields.set(Place::Campaign, campaign);
        fields.set(Place::Finding, member(Some(data), "finding"));
        fields.set(Place::Posture, member(Some(data), "posture"));
        fields.set(Place::Retest, member(Some(data), "retest"));
        fields.set(Place::Project, member(Some(data), "project"));
        fields.set(Place::Assignee, member(Some(data), "assignee"));
        let of_results = |record| member(member(record, "results"), "regression");
        fields.set(
            Place::Regression,
            member(Some(data), "regression")
                .or_else(|| of_results(Some(data)))
                .or_else(|| of_results(member(Some(data), "experiment"))),
        );
        fields
    }

    /// Text as it was sent, for prose.
    pub(super) fn prose(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| {
            let text = text_or_number(value).filter(|text| !text.trim().is_empty())?;
            Some((Cow::Borrowed(text), value.as_text().is_some()))
        })
    }

    /// Text without blanks around it, for names and labels.
    pub(super) fn word(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| word(value).map(|(word, exact)| (Cow::Borrowed(word), exact)))
    }

    /// A word that was sent as text, for grades, which are no numbers.
    pub(super) fn letter(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| {
            value.as_text()?;
            word(value).map(|(word, exact)| (Cow::Borrowed(word), exact))
        })
    }

    /// A word in lower case: identifiers differ in case from one endpoint of the platform to another.
    pub(super) fn id(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| word(value).map(|(word, exact)| (lower_case(word), exact)))
    }

    /// A severity's label in lower case, or `None` if only numbers were sent.
    pub(super) fn label(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| {
            word(value)
                .filter(|(word, _)| value.as_text().is_some() && number::finite(word).is_none())
                .map(|(word, exact)| (lower_case(word), exact))
        })
    }

    /// A severity's number, in quotes or not, and whether an `f64` holds it exactly.
    pub(super) fn score(&mut self, sources: &[Source]) -> Option<(f64, bool)> {
        self.find(sources, |value| {
            let text = digits(value)?;
            let score = number::finite(text)?;
            let exact = number::is_exact(text, score);
            Some(((score, exact), exact && matches!(value, Value::Number(_))))
        })
    }

    /// A number that an `f64` holds exactly.
    pub(super) fn real(&mut self, sources: &[Source]) -> Option<f64> {
        self.find(sources, |value| {
            let text = digits(value)?;
            let real = number::finite(text).filter(|real| number::is_exact(text, *real))?;
            Some((real, matches!(value, Value::Number(_))))
        })
    }

    /// A whole number of 32 bits.
    pub(super) fn int(&mut self, sources: &[Source]) -> Option<i32> {
        self.find(sources, |value| {
            number::whole(digits(value)?).map(|whole| (whole, matches!(value, Value::Number(_))))
        })
    }

    pub(super) fn time(&mut self, sources: &[Source]) -> Option<OffsetDateTime> {
        self.time_until(sources, None)
    }

    /// A time not after `latest`.
    pub(super) fn time_until(
        &mut self,
        sources: &[Source],
        latest: Option<OffsetDateTime>,
    ) -> Option<OffsetDateTime> {
        self.find(sources, |value| {
            let instant = instant::read(value)?;
            let late = latest.is_some_and(|latest| instant.time > latest);
            (!late).then_some((instant.time, instant.exact))
        })
    }

    /// Text, or a number's text.
    pub(super) fn scalar(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| match value {
            Value::Text(text) => Some((Cow::Borrowed(text.as_ref()), true)),
            Value::Number(number) => Some((Cow::Borrowed(*number), true)),
            _ => None,
        })
    }

    /// A word in lower case, or the only item of a list.
    pub(super) fn only_word(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| match value {
            Value::Array(items) => match items.as_slice() {
                [only] => word(only).map(|(word, _)| (lower_case(word), false)),
                _ => None,
            },
            _ => word(value).map(|(word, exact)| {
                let lower = lower_case(word);
                let exact = exact && *lower == *word;
                (lower, exact)
            }),
        })
    }

    /// A person: text, or the most telling member of a record.
    pub(super) fn person(&mut self, sources: &[Source]) -> Option<Cow<'e, str>> {
        self.find(sources, |value| match value {
            Value::Object(record) => ["email", "name", "username", "id"]
                .into_iter()
                .find_map(|key| word(record.get(key)?))
                .map(|(word, _)| (Cow::Borrowed(word), false)),
            _ => word(value).map(|(word, exact)| (Cow::Borrowed(word), exact)),
        })
    }

    /// Whether a column holds the envelope's member at `at`.
    pub(super) fn is_consumed(&self, at: usize) -> bool {
        self.consumed.get(at).copied().unwrap_or_default()
    }

    /// Notes that a column holds the envelope's member at `at`.
    pub(super) fn consume(&mut self, at: usize) {
        if let Some(consumed) = self.consumed.get_mut(at) {
            *consumed = true;
        }
    }

    fn find<T>(&mut self, sources: &[Source], take: impl Fn(&'e Value<'e>) -> Taken<T>) -> Option<T> {
        for source in sources {
            if !source.scope.covers(self.family, self.event_type.unwrap_or_default()) {
                continue;
            }
            for place in source.places {
                let object = self.places.get(*place as usize).copied().flatten();
                let Some((at, value)) = object.and_then(|object| object.find(source.name)) else { continue };
                if *place == Place::Top && is_nothing(value) {
                    self.consume(at);
                    continue;
                }
                let Some((taken, exact)) = take(value) else { continue };
                if *place == Place::Top && exact {
                    self.consume(at);
                }
                return Some(taken);
            }
        }
        None
    }

    fn set(&mut self, place: Place, object: Option<&'e Object<'e>>) {
        if let Some(slot) = self.places.get_mut(place as usize) {
            *slot = object;
        }
    }
}

fn member<'e>(object: Option<&'e Object<'e>>, name: &str) -> Option<&'e Object<'e>> {
    object?.get(name)?.as_object()
}

/// Null or empty text. A column without a value means the same, since KQL has no null strings.
fn is_nothing(value: &Value<'_>) -> bool {
    matches!(value, Value::Null) || value.as_text() == Some("")
}

fn word<'e>(value: &'e Value<'e>) -> Taken<&'e str> {
    let text = text_or_number(value)?;
    let word = text.trim();
    // A number's text does not say that it was a number.
    let exact = word.len() == text.len() && value.as_text().is_some();
    (!word.is_empty()).then_some((word, exact))
}

/// Text, or a number by the text that was sent: a `string` column loses nothing of it.
fn text_or_number<'e>(value: &'e Value<'e>) -> Option<&'e str> {
    match value {
        Value::Number(text) => Some(text),
        _ => value.as_text(),
    }
}

/// A number, in quotes or not.
fn digits<'e>(value: &'e Value<'e>) -> Option<&'e str> {
    match value {
        Value::Number(text) => Some(text),
        _ => value.as_text().map(str::trim),
    }
}

fn lower_case(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}
