"""Punkt's decision whether a sentence ends: NLTK's rules, on facts that are computed once a token."""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

from pipelines.sentences.nltk_punkt import punkt
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_token import NUMBER, Token

# Number of tokens (and of contexts) that are cached; the rare rest is computed each time.
MAX_REMEMBERED = 1 << 20


class Facts(NamedTuple):
    """The facts about a token that the rules use; the names are NLTK's."""

    sentbreak: bool
    abbr_or_ellipsis: bool
    period_final: bool
    type_no_period: str
    type_no_sentperiod: str
    is_initial: bool
    orthography: bool | None  # whether it begins a sentence by its case: yes, no, unknown
    is_starter: bool
    is_never_lower: bool


class Decision:
    """Decides on contexts: the word before a possible sentence end, the end, and the word after it.

    As ``PunktSentenceTokenizer.text_contains_sentbreak`` (Kiss and Strunk 2006, section 4).
    """

    def __init__(self, model: PunktModel, variables: Any) -> None:
        self._model = model
        self._tokenize = re.compile(variables._word_tokenizer_re().pattern, re.UNICODE | re.VERBOSE).findall
        self._tokens: dict[str, Facts] = {}

    def is_end(self, context: str) -> bool:
        """Whether a sentence ends within the context, which has no line feed."""
        tokens = [self._tokens.get(token) or self._facts(token) for token in self._tokenize(context)]
        return any(self._ends(first, second) for first, second in itertools.pairwise(tokens))

    def _ends(self, token: Facts, following: Facts) -> bool:
        """As ``_second_pass_annotation``: whether a sentence ends with ``token``."""
        if not token.period_final:
            return token.sentbreak
        # A collocation such as ("j", "bach") is no end.
        if (token.type_no_period, following.type_no_sentperiod) in self._model.collocations:
            return False
        # After an abbreviation or ellipsis, the next word decides.
        if token.abbr_or_ellipsis and not token.is_initial and (following.orthography or following.is_starter):
            return True
        # Initials and ordinals are no ends unless the next word is likely to begin a sentence.
        if token.is_initial or token.type_no_period == NUMBER:
            if following.orthography is False:
                return False
            if following.orthography is None and token.is_initial and following.is_never_lower:
                return False
        return token.sentbreak

    def _facts(self, text: str) -> Facts:
        model = self._model
        token = Token(text)
        kind, is_ellipsis, period_final = token.type, bool(token.is_ellipsis), token.period_final
        sentbreak = abbreviation = ellipsis = False
        if text in model.end_characters:
            sentbreak = True
        elif is_ellipsis:
            ellipsis = True
        elif period_final and not text.endswith(".."):
            word = text[:-1].lower()
            abbreviation = word in model.abbreviations or word.split("-")[-1] in model.abbreviations
            sentbreak = not abbreviation
        no_period = kind[:-1] if len(kind) > 1 and kind[-1] == "." else kind
        no_sentperiod = no_period if sentbreak else kind
        contexts = model.orthographic_contexts.get(no_sentperiod, 0)
        first_upper = text[0].isupper()
        learned = Facts(
            sentbreak=sentbreak,
            abbr_or_ellipsis=abbreviation or ellipsis,
            period_final=period_final,
            type_no_period=no_period,
            type_no_sentperiod=no_sentperiod,
            is_initial=bool(token.is_initial),
            orthography=_orthography(text, contexts),
            is_starter=first_upper and no_sentperiod in model.sentence_starters,
            is_never_lower=first_upper and not contexts & punkt._ORTHO_LC,
        )
        if len(self._tokens) < MAX_REMEMBERED:
            self._tokens[text] = learned
        return learned


def _orthography(text: str, contexts: int) -> bool | None:
    """As ``_ortho_heuristic``: whether a word begins a sentence by its case and the cases it was seen in."""
    if text in punkt.PunktSentenceTokenizer.PUNCTUATION:
        return False
    if text[0].isupper() and contexts & punkt._ORTHO_LC and not contexts & punkt._ORTHO_MID_UC:
        return True
    if text[0].islower() and (contexts & punkt._ORTHO_UC or not contexts & punkt._ORTHO_BEG_LC):
        return False
    return None
