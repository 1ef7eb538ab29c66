//! JSON read without the reader under test: `serde_json` takes objects and arrays apart, one level at a time, into raw text.
//! (Its own `Value` would take an object for a number if the key is the private name of one.)

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON value; a number keeps its text, and of repeated keys the last one wins.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

impl Tree {
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let json = json.trim_matches([' ', '\t', '\r', '\n']);
        Ok(match json.as_bytes().first() {
            Some(b'{') => {
                let members = members(json)?.into_iter();
                Tree::Object(
                    members
                        .map(|(key, raw)| Ok((key, Tree::parse(&raw)?)))
                        .collect::<Result<_, serde_json::Error>>()?,
                )
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json)?;
                Tree::Array(items.into_iter().map(|raw| Tree::parse(raw.get())).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Tree::Text(serde_json::from_str(json)?),
            Some(b't' | b'f') => Tree::Bool(serde_json::from_str(json)?),
            Some(b'n') => serde_json::from_str(json).map(|()| Tree::Null)?,
            _ => Tree::Number(serde_json::from_str::<&RawValue>(json)?.get().to_owned()),
        })
    }

    pub fn object(&self) -> &BTreeMap<String, Tree> {
        let Tree::Object(members) = self else { panic!("no object: {self:?}") };
        members
    }

    pub fn text(&self) -> &str {
        let Tree::Text(text) = self else { panic!("no text: {self:?}") };
        text
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(value) => write!(f, "{value}"),
            Tree::Number(number) => f.write_str(number),
            Tree::Text(text) => f.write_str(&quoted(text)),
            Tree::Array(items) => {
                let items: Vec<String> = items.iter().map(Tree::to_string).collect();
                write!(f, "[{}]", items.join(","))
            }
            Tree::Object(members) => {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
                write!(f, "{{{}}}", members.join(","))
            }
        }
    }
}

/// The members of an object as they stand: keys decoded, values as raw text.
pub fn members(object: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    serde_json::from_str::<Members>(object).map(|members| members.0)
}

struct Members(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, raw.get().to_owned()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
