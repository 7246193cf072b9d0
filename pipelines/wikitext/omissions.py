"""Words that extraction omits, because templates that show nothing hold them: by template, for a part or a corpus."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from berth import storage
from berth.stage.output import Output

# Number of templates that the report lists; the others are added up.
MAX_LISTED = 1000
# Directory of the omissions of each part, until all parts are extracted.
DIRECTORY = ".omissions"


def omissions_name(shard: str) -> str:
    """The file with the omissions of a shard; it is complete if the shard is."""
    return f"{DIRECTORY}/{shard}.json"


class Omissions:
    """Uses and words of dropped templates, by name, and the number of words that were kept."""

    def __init__(self) -> None:
        self.kept = 0
        self.uses: Counter[str] = Counter()
        self.words: Counter[str] = Counter()

    def add(self, dropped: Iterable[tuple[str, int, int]]) -> None:
        """Add the dropped templates of one page: name, uses, and words in the arguments."""
        for name, uses, words in dropped:
            self.uses[name] += uses
            self.words[name] += words

    def write(self, output: Output, name: str) -> None:
        """Write the omissions of one part."""
        templates = {key: [self.uses[key], self.words[key]] for key in sorted(self.uses)}
        with output.shard(name) as shard:
            shard.write(json.dumps({"kept": self.kept, "templates": templates}).encode())

    def read(self, output: Output, name: str) -> None:
        """Add the omissions of one part."""
        content = json.loads(storage.read_bytes(output.path(name)))
        self.kept += content["kept"]
        for key, (uses, words) in content["templates"].items():
            self.uses[key] += uses
            self.words[key] += words

    def write_report(self, output: Output, name: str) -> None:
        """Write :meth:`report` as indented JSON."""
        with output.shard(name) as shard:
            shard.write(json.dumps(self.report(), ensure_ascii=False, indent=1).encode("utf-8", "replace"))

    def report(self) -> dict[str, object]:
        """Words kept and dropped, and the templates that held them, those with most words first."""
        ranked = sorted(self.uses, key=lambda name: (-self.words[name], -self.uses[name], name))
        listed, others = ranked[:MAX_LISTED], ranked[MAX_LISTED:]
        dropped = self.words.total()
        total = self.kept + dropped
        return {
            "words_kept": self.kept,
            "words_dropped": dropped,
            "share_dropped": round(dropped / total, 6) if total else 0.0,
            "templates": [{"name": name, "uses": self.uses[name], "words": self.words[name]} for name in listed],
            "other_templates": {
                "templates": len(others),
                "uses": sum(self.uses[name] for name in others),
                "words": sum(self.words[name] for name in others),
            },
        }
