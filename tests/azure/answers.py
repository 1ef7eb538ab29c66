"""What every host answers with."""

from typing import Any

#: Status, headers and what is shown as JSON.
Answer = tuple[int, dict[str, str], Any]


def error(status: int, code: str, message: str) -> Answer:
    return status, {"x-ms-error-code": code}, {"error": {"code": code, "message": message}}
