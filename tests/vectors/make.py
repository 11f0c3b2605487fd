"""Makes the vector files: `python -m tests.vectors.make`. A test checks that they are what this gives."""

import json
from pathlib import Path

from tests.vectors import forged, scenarios, valid

FOLDER = Path(__file__).parent


def files() -> dict[str, str]:
    """The content of each file, by name."""
    contents: dict[str, object] = {
        "keys.json": {
            "about": "The keys of all vectors. The seeds are public: never use them.",
            "keys": valid.keys(),
        },
        "valid.json": {
            "about": "Accept each: envelope by key as typ, SHA-256, and what it means. Bytes are hex.",
            "cases": list(valid.cases()),
        },
        "forged.json": {
            "about": "Refuse each, for the reason in refused_as. The station's key is trusted for records and"
            " heads, the centre's for receipts; `station` is what the topic says.",
            "cases": list(forged.cases()),
            "refused_keys": forged.refused_keys(),
            "unreadable": list(forged.unreadable()),
        },
        "scenarios.json": {
            "about": "Give the envelopes to a receiver in this order. `verdict`: new, duplicate, fork, head, or why it"
            " is refused. `expect`: per ledger, more than ten minutes after the last one arrived.",
            "cases": list(scenarios.cases()),
        },
    }
    return {
        name: json.dumps(content, indent=1, ensure_ascii=False) + "\n" for name, content in contents.items()
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} characters")
