//! What waited long: the time that a row leaves the spool with.

use humanbound_sentinel::record;
use serde_json::Value;
use time::OffsetDateTime;

use super::leave;
use crate::rig::{Rig, event};

/// The row of `event(n)` that happened and was received `hours` ago, with `Data` that looks like the column.
fn row_from(n: usize, hours: i64) -> Vec<u8> {
    let then = OffsetDateTime::now_utc() - time::Duration::hours(hours);
    let mut event: Value = serde_json::from_slice(&event(n)).unwrap();
    event["timestamp"] = then.unix_timestamp().into();
    event["data"]["hostile"] = r#"{"TimeGenerated":"2000-01-01T00:00:00Z","#.into();
    record::map(&serde_json::to_vec(&event).unwrap(), then).unwrap().row
}

fn time_of(row: &Value, column: &str) -> OffsetDateTime {
    let text = row[column].as_str().unwrap();
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap()
}

/// An analytic rule sees 47 h of `TimeGenerated` and Azure Monitor replaces what is over 48 h old: in between nobody
/// would look at the row.
#[tokio::test]
async fn a_row_that_waited_too_long_for_the_rules_gets_a_new_time_generated() {
    let rig = Rig::start().await;
    let ages = [0, 1, 45, 47, 45, 47];
    let rows: Vec<_> = ages.iter().enumerate().map(|(n, hours)| row_from(n, *hours)).collect();
    leave(rig.spool.path(), &rows);
    let before = OffsetDateTime::now_utc();
    rig.drain().await;
    let stored = rig.rows().await;
    assert_eq!(stored.len(), ages.len());
    for (row, age) in rows.iter().zip(ages) {
        let mut row: Value = serde_json::from_slice(row).unwrap();
        let mut stored =
            stored.iter().find(|stored| stored["EventId"] == row["EventId"]).expect("the row").clone();
        let [old, new] = [time_of(&row, "TimeGenerated"), time_of(&stored, "TimeGenerated")];
        if age > 46 {
            let pushed = before - time::Duration::SECOND..OffsetDateTime::now_utc();
            assert!(pushed.contains(&new), "{age} h: {new}");
        } else {
            assert_eq!(new, old, "{age} h");
        }
        for column in ["EventTime", "ReceivedTime"] {
            assert_eq!(time_of(&stored, column), time_of(&row, column), "{age} h: {column}");
        }
        for row in [&mut row, &mut stored] {
            let members = row.as_object_mut().unwrap();
            members.retain(|name, _| !["TimeGenerated", "ReceivedTime", "EventTime"].contains(&&**name));
        }
        for (name, value) in row.as_object().unwrap() {
            assert_eq!(stored[name], *value, "{age} h: {name}");
        }
    }
}
