"""Punkt's defaults for a language: sentence-end characters, and abbreviations too rare to learn."""

from __future__ import annotations

LATIN_ENDS = (".", "?", "!")

# In addition to the Latin ones, which Wikipedias in these scripts use too.
_ENDS: dict[str, tuple[str, ...]] = {
    "ar": ("؟",),
    "arz": ("؟",),
    "fa": ("؟",),
    "ckb": ("؟",),
    "ps": ("؟",),
    "ur": ("؟", "۔"),
    "sd": ("؟", "۔"),
    "pnb": ("؟", "۔"),
    "hi": ("।", "॥"),
    "mr": ("।", "॥"),
    "ne": ("।", "॥"),
    "sa": ("।", "॥"),
    "bn": ("।", "॥"),
    "as": ("।", "॥"),
    "pa": ("।", "॥"),
    "or": ("।", "॥"),
    "mai": ("।", "॥"),
    "bh": ("।", "॥"),
    "hy": ("։", "՞"),
    "am": ("።", "፧", "፨"),
    "ti": ("።", "፧", "፨"),
    "my": ("။",),
    "km": ("។", "៕"),
    "bpy": ("।", "॥"),
    "new": ("।", "॥"),
    "sat": ("᱾", "᱿"),
    "mni": ("꯫",),
    "bo": ("།", "༎"),
    "dz": ("།", "༎"),
    "ug": ("؟",),
    "azb": ("؟",),
    "mzn": ("؟",),
    "el": (";", "\u037e"),
    "zh": ("。", "！", "？"),
    "ja": ("。", "！", "？", "｡"),
    "yue": ("。", "！", "？"),
    "zh-yue": ("。", "！", "？"),
    "wuu": ("。", "！", "？"),
    "gan": ("。", "！", "？"),
    "zh-classical": ("。", "！", "？"),
    "lzh": ("。", "！", "？"),
}

# Characters that end a sentence even without a following space.
ENDS_WITHOUT_SPACE = "。！？｡"
CLOSING_QUOTES = "」』”’）〕】》)]"

_ENGLISH = (
    "mr mrs ms dr prof st sr jr rev hon gen col maj capt cpt lt sgt cmdr adm gov sen rep pres supt messrs mme "
    "mlle fr ph.d vs etc e.g i.e cf viz al ca approx ed eds vol vols pp no nos fig figs ch inc ltd co corp "
    "bros dept univ assn est jan feb apr jun jul aug sep sept oct nov dec u.s u.k u.n a.m p.m b.c a.d d.c c r "
    "fl ft mt mts ave blvd rd"
)
# Written in lower case without the final period, as Punkt keeps them. Where one also ends a sentence, Punkt decides by
# the next word.
_ABBREVIATIONS: dict[str, str] = {
    "en": _ENGLISH,
    "simple": _ENGLISH,
    "de": (
        "dr prof hr fr frl st nr bzw ca d.h z.b u.a usw etc vgl evtl ggf inkl max min mio mrd s o.g sog u.ä v.a "
        "v.chr n.chr abs art bd bde hrsg jh geb gest str jan feb apr jun jul aug sep sept okt nov dez tsd zzgl "
        "allg ehem insb röm griech lat"
    ),
    "fr": (
        "m mm mme mlle dr pr st ste av apr j.-c env etc p.ex cf éd vol p pp n art chap fig janv févr juil sept "
        "oct nov déc"
    ),
    "es": (
        "sr sra srta dr dra prof d dña ud uds etc p.ej ej aprox av avda núm pág págs vol cap fig a.c d.c ee.uu "
        "s.a gral ing lic"
    ),
    "it": (
        "sig sig.ra dott prof ing avv on s ss ecc es cfr pag pagg vol cap fig art n a.c d.c ca gen feb mar apr "
        "giu lug ago set ott nov dic"
    ),
    "pt": (
        "sr sra dr dra prof profa d etc p.ex ex aprox av pág págs vol cap fig art n a.c d.c eua séc ltda gen cel cap"
    ),
    "nl": (
        "dhr mevr mr dr drs ir ing prof st ca bijv d.w.z enz etc o.a m.b.t i.p.v nr blz jl jan feb apr jun jul "
        "aug sep sept okt nov dec v.chr n.chr"
    ),
    "sv": (
        "dr prof bl.a d.v.s dvs etc ex f.d fr.o.m m.fl m.m o.d osv p.g.a s.k t.ex t.o.m ca kl nr sid st f.kr e.kr "
        "jan feb apr aug sept okt nov dec"
    ),
    "no": (
        "dr prof bl.a d.v.s dvs etc f.eks f.kr e.kr m.fl m.m osv o.l pga s.k st ca kl nr s jf jfr jan feb apr aug "
        "sept okt nov des hhv f mill mrd"
    ),
    "da": (
        "dr prof bl.a dvs etc f.eks f.kr e.kr m.fl m.m osv o.l pga s.k skt st ca kl nr s jf jfr jan feb apr aug "
        "sept okt nov dec mio mia"
    ),
    "fi": "dr prof esim jne ym yms mm ts eli nk ns n s ks vrt vs eaa jaa ekr jkr klo nro puh synt kuol milj mrd os",
    "ru": (
        "г гг в вв т.е т.к т.д т.п др пр см ср напр им ул д обл р стр с тыс млн млрд руб коп акад проф доц ген "
        "полк кап н.э"
    ),
    "uk": "р рр ст т.д т.п др ін див напр ім вул д обл стор с тис млн млрд грн акад проф доц ген н.е",
    "bg": "г гг в вв т.е т.н т.г др пр вж напр ул бул обл стр с хил млн млрд лв акад проф доц ген пр.хр сл.хр св",
    "pl": (
        "dr prof mgr inż np itd itp m.in tj tzn ok r w św ul al nr str s t ww zob por godz tys mln mld zł p.n.e "
        "n.e gen płk"
    ),
    "cs": "dr prof ing mgr bc např atd apod tj tzv mj cca r st sv ul č str s sv tis mil mld kč př.n.l n.l gen plk",
    "tr": "dr prof doç sn vb vs bkz örn m.ö m.s yy no sf cad sok mah alb gen hz av",
}
_ABBREVIATIONS["nb"] = _ABBREVIATIONS["nn"] = _ABBREVIATIONS["no"]


def sentence_end_characters(language: str) -> tuple[str, ...]:
    """The characters that may end a sentence in a language."""
    return LATIN_ENDS + _ENDS.get(language, ())


def seed_abbreviations(language: str) -> frozenset[str]:
    """Known abbreviations of a language, lower-case without the final period; empty if there is no list."""
    return frozenset(_ABBREVIATIONS.get(language, "").split())
