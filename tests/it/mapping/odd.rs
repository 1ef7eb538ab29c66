//! Bodies that are no JSON object, and bodies that are one only just.

use humanbound_sentinel::record::{self, NotAnObject};

use super::row::{self, RECEIVED};

#[test]
fn rejects_what_is_no_json_object() {
    let rejected: [&[u8]; 34] = [
        b"",
        b" ",
        b"\n",
        b"null",
        b"true",
        b"1",
        b"\"{}\"",
        b"[]",
        b"[{}]",
        b"{",
        b"}",
        b"{}}",
        b"{}{}",
        b"{} x",
        b"{,}",
        b"{\"a\":1,}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":1.}",
        b"{\"a\":.5}",
        b"{\"a\":+1}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":tru}",
        b"{\"a\":\"\x00\"}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\\x41\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":1} // comment",
        b"{\"a\":\"",
        b"event_type=ping",
    ];
    for body in rejected {
        assert_eq!(
            record::map(body, RECEIVED).unwrap_err(),
            NotAnObject,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

/// RFC 8259, section 8.1: JSON is UTF-8.
#[test]
fn rejects_what_is_not_utf_8() {
    let rejected: [&[u8]; 7] = [
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc3\"}",
        b"{\"a\xc0\xaf\":1}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
        b"\xff\xfe{\x00}\x00",
        b"{\"a\":1}\xff",
    ];
    for body in rejected {
        assert_eq!(
            record::map(body, RECEIVED).unwrap_err(),
            NotAnObject,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn ignores_one_byte_order_mark_and_no_more() {
    let plain = record::map(b"{\"a\":1}", RECEIVED).unwrap();
    assert_eq!(record::map(b"\xef\xbb\xbf{\"a\":1}", RECEIVED).unwrap().event_id, plain.event_id);
    assert!(record::map(b"\xef\xbb\xbf\xef\xbb\xbf{\"a\":1}", RECEIVED).is_err());
    assert!(record::map(b" \xef\xbb\xbf{\"a\":1}", RECEIVED).is_err());
}

#[test]
fn nesting_over_64_is_left_out_and_the_rest_is_read() {
    let nested = |levels: usize| {
        format!(
            r#"{{"data":{{"finding_id":"F-1","x":{}{}}},"event_type":"finding.created"}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    row::check(&nested(62), &[("Truncated", "false"), ("FindingId", r#""f-1""#)]);
    for levels in [63, 64, 65, 127, 128, 129, 10_000] {
        let row = row::of(nested(levels));
        assert_eq!(row::cell(&row, "Truncated"), "true", "{levels}");
        assert_eq!(row::cell(&row, "EventType"), r#""finding.created""#, "{levels}");
        assert_eq!(row::cell(&row, "FindingId"), r#""f-1""#, "{levels}");
        assert!(row::cell(&row, "Data").contains(r#"[{"_truncated":true}]"#), "{levels}");
    }
}

/// A megabyte of brackets would overflow the stack of a reader that recurses as deep as it is told to.
#[test]
fn a_megabyte_of_nesting_does_no_harm() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"\":[", "]}]")] {
        let levels = 1_000_000 / (open.len() + close.len());
        let middle = if open.ends_with(':') { "1" } else { "" };
        let body =
            format!(r#"{{"event_type":"x.y","a":{}{middle}{}}}"#, open.repeat(levels), close.repeat(levels));
        row::check(&body, &[("EventType", r#""x.y""#), ("Truncated", "true")]);
        let unclosed = format!(r#"{{"event_type":"x.y","a":{}"#, open.repeat(levels));
        assert!(record::map(unclosed.as_bytes(), RECEIVED).is_err());
    }
}

#[test]
fn a_lone_surrogate_is_replaced_and_the_rest_is_read() {
    for (text, read) in [
        (r"\ud800", "\u{fffd}"),
        (r"\uDFFF.", "\u{fffd}."),
        (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
        (r"\ud800\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ud800A", "\u{fffd}A"),
        (r"\ud800\n\udc00", "\u{fffd}\n\u{fffd}"),
        (r"\\ud800 \ud800", "\\ud800 \u{fffd}"),
    ] {
        let row = row::of(format!(
            r#"{{"event_type":"drift.detected","title":"{text}","data":{{"drift_score":1}}}}"#
        ));
        assert_eq!(row["EventTitle"].text(), read);
        assert_eq!(row::cell(&row, "DriftScore"), "1.0");
        assert_eq!(row::cell(&row, "Truncated"), "true");
    }
}

#[test]
fn no_other_escape_makes_a_body_odd() {
    for (text, read) in [
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\uD83D\uDE00\u00e9", "\u{1f600}é"),
        (r"\\ud800", "\\ud800"),
        (r"\uffff", "\u{ffff}"),
        (r"\ufffd", "\u{fffd}"),
        (r"\u0000", "\0"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\ue000", "\u{e000}"),
    ] {
        let row = row::of(format!(r#"{{"event_type":"drift.detected","title":"{text}"}}"#));
        assert_eq!(row["EventTitle"].text(), read);
        assert_eq!(row::cell(&row, "Truncated"), "false");
    }
}

#[test]
fn a_value_lost_to_a_repeated_key_makes_the_row_truncated() {
    let lost = r#"{"a":{"x":1,"x":2}}"#;
    row::check(lost, &[("Truncated", "true"), ("AdditionalFields", r#"{"a":{"x":2}}"#)]);
    let said_twice = r#"{"a":{"x":1,"\u0078":1},"a":{"x":1}}"#;
    row::check(said_twice, &[("Truncated", "false"), ("AdditionalFields", r#"{"a":{"x":1}}"#)]);
}

/// With its features `arbitrary_precision` and `raw_value`, `serde_json` reads an object with one of these keys as a number
/// or as JSON text.
#[test]
fn private_names_of_serde_json_mean_nothing() {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        for key in [
            name.to_owned(),
            name.replace('$', "\\u0024"),
            name.replace('N', "\\u004e").replace('R', "\\u0052"),
        ] {
            for value in [r#""1""#, r#""{}""#, r#""not json""#, "1", "null", r#"{"x":[]}"#] {
                let object = format!(r#"{{"{key}":{value}}}"#);
                let kept = format!(r#"{{"{name}":{value}}}"#);
                row::check(
                    &format!(r#"{{"data":{object},"other":{object},"list":[{object}]}}"#),
                    &[
                        ("Data", kept.as_str()),
                        ("AdditionalFields", &format!(r#"{{"list":[{kept}],"other":{kept}}}"#)),
                        ("Truncated", "false"),
                    ],
                );
                row::check(&object, &[("AdditionalFields", kept.as_str())]);
            }
        }
    }
}

#[test]
fn an_event_type_that_cannot_be_read_is_unknown() {
    row::check(r#"{"event_type":1,"x":"\ud800"}"#, &[("EventType", r#""1""#), ("EventFamily", r#""other""#)]);
    for (event_type, family) in
        [("null", "test"), (r#""""#, "test"), (r#""  ""#, "other"), ("{}", "other"), ("[\"ping\"]", "other")]
    {
        row::check(
            &format!(r#"{{"event_type":{event_type},"x":"\ud800"}}"#),
            &[
                ("EventType", r#""unknown""#),
                ("EventFamily", &format!("\"{family}\"")),
                ("Truncated", "true"),
            ],
        );
    }
    row::check("{}", &[("EventType", r#""unknown""#), ("EventFamily", r#""test""#), ("Truncated", "false")]);
}

#[test]
fn a_member_that_its_column_cannot_hold_is_in_the_additional_fields() {
    for member in [
        r#""event_type":7"#,
        r#""organisation_id":42"#,
        r#""project_id":["p"]"#,
        r#""severity":{"label":"high"}"#,
        r#""severity":"62.5""#,
        r#""title":false"#,
        r#""description":"  ""#,
        r#""category":" c""#,
        r#""owasp_category":[]"#,
        r#""id":17"#,
        r#""timestamp":1785981600.00000001"#,
        r#""finding_id":{"a":[null,1.0,"x"]}"#,
        r#""anything":null"#,
    ] {
        row::check(&format!("{{{member}}}"), &[("AdditionalFields", &format!("{{{member}}}"))]);
    }
}
