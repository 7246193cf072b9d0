"""The published algorithm in plain Python, slow and obvious: what the compiled kernels are compared with.

Tokenization and instance creation of BERT as google-research/bert and MLPerf training v1.0 define them, written for
these tests from the algorithm. Records are compared as dictionaries of features.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_ideograph(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in IDEOGRAPHS)


def is_punctuation(character: str) -> bool:
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character).startswith("P")


def is_dropped(character: str) -> bool:
    if character in "\x00\ufffd":
        return True
    return character not in "\t\n\r" and unicodedata.category(character) in ("Cc", "Cf")


def basic_tokens(text: str, lower_case: bool) -> list[str]:
    """Words and punctuation marks, normalized."""
    kept = "".join(
        " " if character in " \t\n\r" or unicodedata.category(character) == "Zs" else character
        for character in text
        if not is_dropped(character)
    )
    spaced = "".join(f" {character} " if is_ideograph(character) else character for character in kept)
    tokens = []
    for word in spaced.split():
        if lower_case:
            decomposed = unicodedata.normalize("NFD", word.lower())
            word = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
        tokens.extend(
            "".join(f" {character} " if is_punctuation(character) else character for character in word).split()
        )
    return tokens


def word_pieces(word: str, vocabulary: dict[str, int]) -> list[str]:
    """Greedy longest match first; [UNK] where some part of the word is not in the vocabulary."""
    if len(word) > 200:
        return ["[UNK]"]
    pieces = []
    begin = 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = ("##" if begin else "") + word[begin:end]
            if piece in vocabulary:
                pieces.append(piece)
                begin = end
                break
        else:
            return ["[UNK]"]
    return pieces


def tokenize(text: str, vocabulary: dict[str, int], lower_case: bool) -> list[str]:
    return [piece for word in basic_tokens(text, lower_case) for piece in word_pieces(word, vocabulary)]


def read_documents(text: bytes, vocabulary: dict[str, int], lower_case: bool) -> list[list[list[str]]]:
    """Documents of sentences of tokens; blank lines separate documents, sentences without tokens are left out."""
    documents: list[list[list[str]]] = [[]]
    lines = text.decode("utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()
    for line in lines:
        if not line.strip():
            documents.append([])
        elif tokens := tokenize(line.strip(), vocabulary, lower_case):
            documents[-1].append(tokens)
    return [document for document in documents if document]


@dataclass(frozen=True)
class Settings:
    max_seq_length: int
    max_predictions: int
    masked_lm_prob: float = 0.15
    short_seq_prob: float = 0.1
    dupe_factor: int = 10
    whole_word_mask: bool = False


@dataclass(frozen=True)
class Instance:
    tokens: list[str]
    segment_ids: list[int]
    is_random_next: bool
    positions: list[int]
    labels: list[str]


def create_instances(
    documents: list[list[list[str]]], words: Sequence[str], settings: Settings, rng: random.Random
) -> list[Instance]:
    """All instances of all duplicates, shuffled; ``words`` are what random replacements are drawn from."""
    documents = list(documents)
    rng.shuffle(documents)
    instances = [
        instance
        for _ in range(settings.dupe_factor)
        for index in range(len(documents))
        for instance in instances_of_document(documents, index, words, settings, rng)
    ]
    rng.shuffle(instances)
    return instances


def instances_of_document(
    documents: list[list[list[str]]], index: int, words: Sequence[str], settings: Settings, rng: random.Random
) -> list[Instance]:
    document = documents[index]
    room = settings.max_seq_length - 3  # [CLS] A [SEP] B [SEP]
    target = rng.randint(2, room) if rng.random() < settings.short_seq_prob else room
    instances = []
    chunk: list[list[str]] = []
    i = 0
    while i < len(document):
        chunk.append(document[i])
        if i == len(document) - 1 or sum(map(len, chunk)) >= target:
            a_end = rng.randint(1, len(chunk) - 1) if len(chunk) >= 2 else 1
            a = joined(chunk[:a_end])
            is_random_next = len(chunk) == 1 or rng.random() < 0.5
            if is_random_next:
                for _ in range(10):
                    other = rng.randint(0, len(documents) - 1)
                    if other != index:
                        break
                b: list[str] = []
                for sentence in documents[other][rng.randint(0, len(documents[other]) - 1) :]:
                    b = b + sentence
                    if len(b) >= target - len(a):
                        break
                i -= len(chunk) - a_end  # the sentences of the chunk that were not used come again
            else:
                b = joined(chunk[a_end:])
            a, b = truncate_pair(a, b, room, rng)
            tokens = ["[CLS]", *a, "[SEP]", *b, "[SEP]"]
            masked, positions, labels = mask(tokens, words, settings, rng)
            segment_ids = [0] * (len(a) + 2) + [1] * (len(b) + 1)
            instances.append(Instance(masked, segment_ids, is_random_next, positions, labels))
            chunk = []
        i += 1
    return instances


def joined(sentences: list[list[str]]) -> list[str]:
    return [token for sentence in sentences for token in sentence]


def truncate_pair(a: list[str], b: list[str], room: int, rng: random.Random) -> tuple[list[str], list[str]]:
    a, b = list(a), list(b)
    while len(a) + len(b) > room:
        longer = a if len(a) > len(b) else b
        del longer[0 if rng.random() < 0.5 else -1]
    return a, b


def mask(
    tokens: list[str], words: Sequence[str], settings: Settings, rng: random.Random
) -> tuple[list[str], list[int], list[str]]:
    """Masked tokens, masked positions and the tokens that stood there."""
    candidates: list[list[int]] = []
    for position, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]"):
            continue
        if settings.whole_word_mask and candidates and token.startswith("##"):
            candidates[-1].append(position)
        else:
            candidates.append([position])
    rng.shuffle(candidates)
    wanted = min(settings.max_predictions, max(1, round(len(tokens) * settings.masked_lm_prob)))
    masked = list(tokens)
    chosen: list[int] = []
    for candidate in candidates:
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(candidate) > wanted:
            continue
        for position in candidate:
            if rng.random() < 0.8:
                masked[position] = "[MASK]"
            elif rng.random() >= 0.5:
                masked[position] = words[rng.randint(0, len(words) - 1)]
            chosen.append(position)
    positions = sorted(chosen)
    return masked, positions, [tokens[position] for position in positions]


def features(instance: Instance, vocabulary: dict[str, int], settings: Settings) -> dict[str, list[float]]:
    """The features of one record, padded."""

    def padded(values: Sequence[float], length: int) -> list[float]:
        return [*values, *[0] * (length - len(values))]

    length, predictions = settings.max_seq_length, settings.max_predictions
    return {
        "input_ids": padded([vocabulary[token] for token in instance.tokens], length),
        "input_mask": padded([1] * len(instance.tokens), length),
        "segment_ids": padded(instance.segment_ids, length),
        "masked_lm_positions": padded(instance.positions, predictions),
        "masked_lm_ids": padded([vocabulary[token] for token in instance.labels], predictions),
        "masked_lm_weights": padded([1.0] * len(instance.positions), predictions),
        "next_sentence_labels": [int(instance.is_random_next)],
    }
