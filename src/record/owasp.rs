//! The identifiers of OWASP's two top ten lists for AI, in the many ways they are written.

/// `LLM01` to `LLM10` or `ASI01` to `ASI10` if `category` names one, the first one if it names several.
///
/// It recognises, among others, `llm001`, `LLM01:2025`, `owasp-llm:LLM01`, `LLM-1` and `ASI01 - Agent Goal Hijack`, but
/// not the `t01`… of the platform's test catalogue, because OWASP's own T1… mean something else.
/// Lists: <https://genai.owasp.org/llm-top-10/>, <https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/>.
pub(super) fn id(category: &str) -> Option<String> {
    let mut words = category.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let Some((list, digits)) = word.split_at_checked(3) else { continue };
        let list = list.to_ascii_uppercase();
        if list != "LLM" && list != "ASI" {
            continue;
        }
        let digits = if digits.is_empty() { words.peek().copied().unwrap_or_default() } else { digits };
        if let Ok(number @ 1..=10) = digits.parse::<u32>() {
            return Some(format!("{list}{number:02}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_ways_the_lists_are_written() {
        for (category, expected) in [
            ("LLM01", "LLM01"),
            ("llm001", "LLM01"),
            ("LLM1", "LLM01"),
            ("LLM010", "LLM10"),
            ("LLM10", "LLM10"),
            ("LLM01:2025", "LLM01"),
            ("owasp-llm:LLM01", "LLM01"),
            ("LLM01: Prompt Injection", "LLM01"),
            ("LLM-01", "LLM01"),
            ("llm_07", "LLM07"),
            ("LLM 02", "LLM02"),
            ("LLM01 — Prompt Injection", "LLM01"),
            ("LLM001 - Jailbreaking", "LLM01"),
            ("asi01", "ASI01"),
            ("ASI001", "ASI01"),
            ("ASI10", "ASI10"),
            ("ASI01 - Agent Goal Hijack", "ASI01"),
            ("owasp-agentic:ASI01", "ASI01"),
            ("[LLM06]", "LLM06"),
            ("OWASP Top 10 for LLM 2025: LLM05", "LLM05"),
            ("LLM01, ASI02", "LLM01"),
        ] {
            assert_eq!(id(category).as_deref(), Some(expected), "{category}");
        }
    }

    #[test]
    fn invents_no_identifier() {
        for category in [
            "",
            "LLM",
            "LLM00",
            "LLM11",
            "LLM100",
            "LLM0100",
            "ASI0",
            "XLLM01",
            "LLM01x",
            "llm:2025",
            "t01",
            "wf03",
            "AML.T0051.001",
            "prompt_injection",
            "LLM Top 10",
            "A01:2021",
            "llm-1a",
            "ＬＬＭ01",
        ] {
            assert_eq!(id(category), None, "{category}");
        }
    }
}
