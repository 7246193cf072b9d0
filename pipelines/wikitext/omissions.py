"""What extraction leaves out: the words in templates that show nothing, by template, over parts and over the corpus."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from berth import storage
from berth.stage.output import Output

# The report names this many templates; the rest is summed.
MAX_NAMED = 1000
# Where each part's share stands until all parts are extracted.
PIECES = ".losses"


class Losses:
    """Uses and words of dropped templates, by name, and the words that stayed."""

    def __init__(self) -> None:
        self.kept = 0
        self.uses: Counter[str] = Counter()
        self.words: Counter[str] = Counter()

    def add(self, dropped: Iterable[tuple[str, int, int]]) -> None:
        """Add what was dropped of one page: names of templates, uses, and words in their arguments."""
        for name, uses, words in dropped:
            self.uses[name] += uses
            self.words[name] += words

    def write(self, output: Output, name: str) -> None:
        """Write the share of one part."""
        templates = {key: [self.uses[key], self.words[key]] for key in sorted(self.uses)}
        with output.shard(name) as shard:
            shard.write(json.dumps({"kept": self.kept, "templates": templates}).encode())

    def read(self, output: Output, name: str) -> None:
        """Add the share of one part."""
        content = json.loads(storage.read_bytes(output.path(name)))
        self.kept += content["kept"]
        for key, (uses, words) in content["templates"].items():
            self.uses[key] += uses
            self.words[key] += words

    def write_report(self, output: Output, name: str) -> None:
        """Write the report of the corpus for people and programs."""
        with output.shard(name) as shard:
            shard.write(json.dumps(self.report(), ensure_ascii=False, indent=1).encode("utf-8", "replace"))

    def report(self) -> dict[str, object]:
        """Words kept and dropped, and the templates that dropped them, those with most words first."""
        ranked = sorted(self.uses, key=lambda name: (-self.words[name], -self.uses[name], name))
        named, others = ranked[:MAX_NAMED], ranked[MAX_NAMED:]
        dropped = self.words.total()
        total = self.kept + dropped
        return {
            "words_kept": self.kept,
            "words_dropped": dropped,
            "share_dropped": round(dropped / total, 6) if total else 0.0,
            "templates": [{"name": name, "uses": self.uses[name], "words": self.words[name]} for name in named],
            "other_templates": {
                "templates": len(others),
                "uses": sum(self.uses[name] for name in others),
                "words": sum(self.words[name] for name in others),
            },
        }
