//! The rules behind single columns, one claim a test. Plain copies are in the fixtures.

use super::row::{self, check};

const ORG: &str = "6f0c2e5e-3d1b-4b55-9e33-6c0a7b1b0a11";

#[test]
fn the_family_comes_from_the_type() {
    for (event_type, family) in [
        ("finding.created", "finding"),
        ("finding.some_future_thing", "finding"),
        ("Finding.Created", "finding"),
        ("posture.grade_changed", "posture"),
        ("drift.detected", "drift"),
        ("campaign.completed", "campaign"),
        ("ascam.paused", "ascam"),
        ("ascam.phase_changed", "ascam"),
        ("quality.degraded", "quality"),
        ("finding", "finding"),
        ("capabilities.changed", "other"),
        ("findings.created", "other"),
        ("x", "other"),
        (".", "other"),
        (".finding", "other"),
        ("ping", "test"),
        ("PING", "test"),
        ("test", "test"),
        ("webhook.test", "test"),
        ("webhook.ping", "test"),
        ("test.event", "test"),
        ("finding.test", "test"),
        ("pinging", "other"),
        ("contest.started", "other"),
        ("finding.tested", "finding"),
    ] {
        check(
            &format!(r#"{{"event_type":"{event_type}"}}"#),
            &[("EventFamily", &format!("\"{family}\"")), ("EventType", &format!("\"{event_type}\""))],
        );
    }
}

#[test]
fn a_severity_is_a_label_in_lower_case_or_comes_from_the_number() {
    for (severity, label, rank, score) in [
        (r#""critical""#, r#""critical""#, "4", "null"),
        (r#""High""#, r#""high""#, "3", "null"),
        (r#"" MEDIUM ""#, r#""medium""#, "2", "null"),
        (r#""low""#, r#""low""#, "1", "null"),
        (r#""info""#, r#""info""#, "0", "null"),
        (r#""Informational""#, r#""informational""#, "-1", "null"),
        (r#""CRITIQUÉ""#, r#""critiquÉ""#, "-1", "null"),
        ("100", r#""critical""#, "4", "100.0"),
        ("75", r#""critical""#, "4", "75.0"),
        ("74.999", r#""high""#, "3", "74.999"),
        ("50", r#""high""#, "3", "50.0"),
        ("25.0", r#""medium""#, "2", "25.0"),
        ("1", r#""low""#, "1", "1.0"),
        ("0.5", r#""info""#, "0", "0.5"),
        ("0", r#""info""#, "0", "0.0"),
        ("7.5e1", r#""critical""#, "4", "75.0"),
        ("-1", "null", "-1", "-1.0"),
        ("1e309", "null", "-1", "null"),
        (r#""62.5""#, r#""high""#, "3", "62.5"),
        (r#""""#, "null", "-1", "null"),
        ("null", "null", "-1", "null"),
        ("[]", "null", "-1", "null"),
        ("true", "null", "-1", "null"),
    ] {
        check(
            &format!(r#"{{"event_type":"drift.detected","severity":{severity}}}"#),
            &[
                ("Severity", label),
                ("SeverityRank", rank),
                ("SeverityScore", score),
                ("FindingSeverity", "null"),
            ],
        );
    }
}

#[test]
fn a_regressed_finding_keeps_its_own_severity() {
    for (data, own) in [
        (r#"{"severity_label":"Critical","severity":10}"#, r#""critical""#),
        (r#"{"severity":88}"#, r#""critical""#),
        (r#"{"severity":"low"}"#, r#""low""#),
        (r#"{"finding":{"severity":30}}"#, r#""medium""#),
        (r#"{"severity":null}"#, "null"),
        ("{}", "null"),
    ] {
        check(
            &format!(r#"{{"event_type":"finding.regressed","severity":"high","data":{data}}}"#),
            &[("Severity", r#""high""#), ("FindingSeverity", own)],
        );
    }
}

#[test]
fn only_a_created_finding_takes_its_severity_from_the_event() {
    for event_type in ["finding.assigned", "finding.regressed", "quality.regression", "posture.grade_changed"]
    {
        check(
            &format!(r#"{{"event_type":"{event_type}","severity":"high"}}"#),
            &[("FindingSeverity", "null")],
        );
    }
    check(r#"{"event_type":"finding.created","severity":61}"#, &[("FindingSeverity", r#""high""#)]);
    check(
        r#"{"event_type":"posture.grade_changed","severity":"low","data":{"severity":90}}"#,
        &[("FindingSeverity", "null")],
    );
}

#[test]
fn ids_are_in_lower_case_and_words_as_sent() {
    check(
        r#"{"event_type":"finding.assigned","organisation_id":"ORG-1","project_id":"PROJ","event_id":"Evt",
            "category":"Prompt_Injection","data":{"finding_id":"F","assignee_id":"M","assessment_id":"A","status":"Open"}}"#,
        &[
            ("OrganisationId", r#""org-1""#),
            ("ProjectId", r#""proj""#),
            ("SourceEventId", r#""Evt""#),
            ("Category", r#""Prompt_Injection""#),
            ("FindingId", r#""f""#),
            ("AssigneeId", r#""m""#),
            ("CampaignId", r#""a""#),
            ("FindingStatus", r#""Open""#),
            ("AdditionalFields", "null"),
        ],
    );
}

#[test]
fn the_same_name_means_another_thing_in_another_event() {
    let data = r#"{"id":"X-1","status":"completed","title":"T","score":7,"outcome":"o"}"#;
    for (
        event_type,
        finding_id,
        campaign_id,
        finding_status,
        campaign_status,
        title,
        drift,
        score,
        outcome,
    ) in [
        (
            "finding.assigned",
            r#""x-1""#,
            "null",
            r#""completed""#,
            "null",
            r#""T""#,
            "null",
            "null",
            r#""o""#,
        ),
        (
            "quality.regression",
            r#""x-1""#,
            "null",
            r#""completed""#,
            "null",
            r#""T""#,
            "null",
            "7.0",
            r#""o""#,
        ),
        ("quality.degraded", "null", "null", r#""completed""#, "null", r#""T""#, "null", "7.0", r#""o""#),
        ("campaign.completed", "null", r#""x-1""#, "null", r#""completed""#, "null", "null", "7.0", "null"),
        ("ascam.activity_started", "null", r#""x-1""#, "null", "null", "null", "null", "null", "null"),
        ("drift.detected", "null", "null", "null", "null", "null", "7.0", "null", "null"),
        ("posture.grade_changed", "null", "null", "null", "null", "null", "null", "7.0", "null"),
        ("insight.created", "null", "null", "null", "null", "null", "null", "null", "null"),
    ] {
        check(
            &format!(r#"{{"event_type":"{event_type}","data":{data}}}"#),
            &[
                ("FindingId", finding_id),
                ("CampaignId", campaign_id),
                ("FindingStatus", finding_status),
                ("CampaignStatus", campaign_status),
                ("FindingTitle", title),
                ("DriftScore", drift),
                ("CurrentScore", score),
                ("RetestOutcome", outcome),
            ],
        );
    }
}

#[test]
fn the_envelope_wins_over_data() {
    check(
        r#"{"event_type":"finding.created","project_id":"top","category":"top","owasp_category":"LLM01","title":"top","severity":"low",
            "data":{"project_id":"data","category":"data","owasp_category":"LLM02","title":"data","severity":90,"description":"data"}}"#,
        &[
            ("ProjectId", r#""top""#),
            ("Category", r#""top""#),
            ("OwaspId", r#""LLM01""#),
            ("EventTitle", r#""top""#),
            ("Severity", r#""low""#),
            ("FindingTitle", r#""data""#),
            ("FindingSeverity", r#""critical""#),
            ("SeverityScore", "90.0"),
            ("Description", r#""data""#),
        ],
    );
}

#[test]
fn the_first_usable_name_wins() {
    check(
        r#"{"event_type":"posture.grade_changed","data":{"previous_grade":null,"old_grade":7,"from_grade":" ","grade_before":"C",
            "grade":"","posture_after":{"grade":"b","score":"60","posture":61}}}"#,
        &[("PreviousGrade", r#""C""#), ("CurrentGrade", r#""B""#), ("CurrentScore", "61.0")],
    );
}

#[test]
fn a_finding_title_is_what_follows_the_first_colon() {
    for (title, finding_title) in [
        ("New critical finding: Prompt Injection", "Prompt Injection"),
        ("A: B: C", "B: C"),
        ("Prompt Injection", "Prompt Injection"),
        ("12:30 report", "12:30 report"),
    ] {
        check(
            &format!(r#"{{"event_type":"finding.created","title":"{title}"}}"#),
            &[("FindingTitle", &format!("\"{finding_title}\"")), ("EventTitle", &format!("\"{title}\""))],
        );
    }
    check(r#"{"event_type":"drift.detected","title":"A: B"}"#, &[("FindingTitle", "null")]);
}

#[test]
fn a_finding_key_is_the_best_identity_there_is() {
    let project = format!(r#""project_id":"{ORG}","#);
    for (members, key) in [
        (format!(r#"{project}"data":{{"finding_id":"F-1","threat_class":"t"}}"#), r#""f-1""#.to_owned()),
        (
            format!(r#"{project}"category":"c","data":{{"threat_class":"t","title":"x"}}"#),
            format!("\"{ORG}:t\""),
        ),
        (format!(r#"{project}"category":"c","title":"New: x""#), format!("\"{ORG}:c:x\"")),
        (format!(r#"{project}"title":"x""#), format!("\"{ORG}::x\"")),
        (format!(r#"{project}"category":"c""#), "null".to_owned()),
        (r#""data":{"threat_class":"t"}"#.to_owned(), r#"":t""#.to_owned()),
    ] {
        for event_type in ["finding.assigned", "quality.regression"] {
            check(&format!(r#"{{"event_type":"{event_type}",{members}}}"#), &[("FindingKey", &key)]);
        }
        check(&format!(r#"{{"event_type":"campaign.completed",{members}}}"#), &[("FindingKey", "null")]);
    }
}

#[test]
fn grades_are_read_from_the_text_where_a_side_is_missing() {
    let change = r#""title":"Grade changed","description":"It went from B to D""#;
    for event_type in ["posture.grade_changed", "campaign.completed", "quality.degraded"] {
        for (data, previous, current) in [
            ("null", r#""B""#, r#""D""#),
            (r#"{"grade":"F"}"#, r#""B""#, r#""F""#),
            (r#"{"previous_grade":"A","grade":"C"}"#, r#""A""#, r#""C""#),
        ] {
            check(
                &format!(r#"{{"event_type":"{event_type}",{change},"data":{data}}}"#),
                &[("PreviousGrade", previous), ("CurrentGrade", current)],
            );
        }
    }
    for event_type in ["finding.created", "drift.detected", "ascam.activity_started", "insight.created"] {
        check(
            &format!(r#"{{"event_type":"{event_type}",{change}}}"#),
            &[("PreviousGrade", "null"), ("CurrentGrade", "null")],
        );
    }
}

#[test]
fn the_dimension_is_as_sent_or_quality_for_quality() {
    for (event_type, data, dimension) in [
        ("posture.grade_changed", r#"{"dimension":"security","domain":"quality"}"#, r#""security""#),
        ("posture.grade_changed", r#"{"posture":{"dimension":"agent_security"}}"#, r#""agent_security""#),
        ("posture.grade_changed", "{}", "null"),
        ("campaign.completed", r#"{"domain":["security"]}"#, r#""security""#),
        ("campaign.completed", r#"{"domain":["security","quality"]}"#, "null"),
        ("campaign.completed", r#"{"domain":[]}"#, "null"),
        ("quality.degraded", "{}", r#""quality""#),
        ("quality.degraded", r#"{"domain":["quality"]}"#, r#""quality""#),
        ("quality.regression", r#"{"domain":{}}"#, r#""quality""#),
        ("quality.regression", r#"{"domain":"Security"}"#, r#""security""#),
    ] {
        check(&format!(r#"{{"event_type":"{event_type}","data":{data}}}"#), &[("Dimension", dimension)]);
    }
}

#[test]
fn an_integer_column_takes_whole_numbers_of_32_bits() {
    for (sent, taken) in [
        ("5", "5"),
        ("5.0", "5"),
        ("5e1", "50"),
        ("-2147483648", "-2147483648"),
        ("2147483647", "2147483647"),
        ("2147483648", "null"),
        ("5.5", "null"),
        ("1e400", "null"),
        ("\"5\"", "5"),
        ("true", "null"),
        ("[5]", "null"),
    ] {
        let body = format!(r#"{{"event_type":"campaign.completed","data":{{"test_count":{sent}}}}}"#);
        check(&body, &[("TestCount", taken)]);
        let flat = format!(r#"{{"event_type":"campaign.completed","test_count":{sent}}}"#);
        let row = row::of(&flat);
        assert_eq!(row::cell(&row, "TestCount"), taken, "{flat}");
        assert_eq!(row.contains_key("AdditionalFields"), taken == "null" || sent.starts_with('"'), "{flat}");
    }
}

#[test]
fn a_real_column_takes_what_an_f64_holds() {
    for (sent, taken) in [
        ("-0.31000000000000005", "-0.31000000000000005"),
        ("0.2", "0.2"),
        ("3", "3.0"),
        ("1E-7", "1e-7"),
        ("1e309", "null"),
        ("0.20000000000000000001", "null"),
        ("1e-400", "null"),
        ("\"0.2\"", "0.2"),
        ("\"NaN\"", "null"),
        ("null", "null"),
    ] {
        check(
            &format!(r#"{{"event_type":"drift.detected","data":{{"threshold":{sent}}}}}"#),
            &[("Threshold", taken)],
        );
    }
}

/// Nothing is lost when a number becomes the text that was sent, or a quoted number the number.
#[test]
fn a_scalar_that_converts_without_loss_is_taken() {
    let body = r#"{"event_type":"finding.created","title":12345,
        "data":{"finding_id":77,"occurrence_count":"9","threat_class":1.50}}"#;
    check(
        body,
        &[
            ("FindingId", r#""77""#),
            ("FindingKey", r#""77""#),
            ("EventTitle", r#""12345""#),
            ("OccurrenceCount", "9"),
            ("ThreatClass", r#""1.50""#),
        ],
    );
    check(r#"{"event_type":"drift.detected","data":{"magnitude":"0.44"}}"#, &[("DriftScore", "0.44")]);
}

#[test]
fn a_person_is_named_by_an_e_mail_where_one_came() {
    for (data, assignee, actor) in [
        (
            r#"{"assignee_name":"Dev","assignee_email":"d@x.example","assigned_by":"M-2"}"#,
            r#""d@x.example""#,
            r#""M-2""#,
        ),
        (
            r#"{"assignee_name":"Dev","actor":{"id":"M-2","email":"a@x.example"}}"#,
            r#""Dev""#,
            r#""a@x.example""#,
        ),
        (r#"{"assignee":{"name":"Dev"},"user":{"id":"M-2","name":""}}"#, r#""Dev""#, r#""M-2""#),
        (r#"{"assignee":"d@x.example","triggered_by":"schedule"}"#, r#""d@x.example""#, r#""schedule""#),
        (r#"{"assignee":7,"actor":{}}"#, r#""7""#, "null"),
    ] {
        check(
            &format!(r#"{{"event_type":"finding.assigned","data":{data}}}"#),
            &[("AssigneeName", assignee), ("Actor", actor)],
        );
    }
}
