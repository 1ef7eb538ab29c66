"""What an OWASP category is about in other frameworks, as public mappings have it."""

from __future__ import annotations

from hb_content.documents.files import data


def mapped(category: str) -> tuple[str, str, str, str]:
    """The tactic of a category, and what it is mapped to in NIST AI 600-1, ISO/IEC 42001 and the EU AI Act, as people read it."""
    lists = data("frameworks.json")["mappings"]
    found = lists["categories"][category]
    articles = ", ".join(str(article) for article in found["eu"])
    return (
        found["tactic"],
        ", ".join(f"{risk} {lists['nist'][risk]}" for risk in found["nist"]),
        ", ".join(found["iso"]),
        f"Art. {articles}" if articles else "",
    )
