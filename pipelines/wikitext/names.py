"""Names that MediaWiki gives to things: namespaces with their aliases in other languages, tags, URL schemes."""

from __future__ import annotations

# https://www.mediawiki.org/wiki/Help:Namespaces: valid in every wiki, whatever its language.
CANONICAL_NAMESPACES = {
    -2: "media", -1: "special", 1: "talk", 2: "user", 3: "user talk", 4: "project", 5: "project talk",
    6: "file", 7: "file talk", 8: "mediawiki", 9: "mediawiki talk", 10: "template", 11: "template talk",
    12: "help", 13: "help talk", 14: "category", 15: "category talk",
}  # fmt: skip

# Namespace names that a wiki accepts in addition to the one in its dump's siteinfo, from the $namespaceNames and
# $namespaceAliases of MediaWiki's message files and the wikis' settings. Only files and categories matter to the text.
_FILE, _CATEGORY = 6, 14
NAMESPACE_ALIASES: dict[str, dict[str, int]] = {
    "ar": {"ملف": _FILE, "صورة": _FILE, "تصنيف": _CATEGORY},
    "bg": {"файл": _FILE, "картинка": _FILE, "категория": _CATEGORY},
    "bn": {"চিত্র": _FILE, "বিষয়শ্রেণী": _CATEGORY},
    "ca": {"fitxer": _FILE, "imatge": _FILE, "categoria": _CATEGORY},
    "cs": {"soubor": _FILE, "obrázek": _FILE, "kategorie": _CATEGORY},
    "da": {"fil": _FILE, "billede": _FILE, "kategori": _CATEGORY},
    "de": {"datei": _FILE, "bild": _FILE, "kategorie": _CATEGORY},
    "el": {"αρχείο": _FILE, "εικόνα": _FILE, "κατηγορία": _CATEGORY},
    "es": {"archivo": _FILE, "imagen": _FILE, "categoría": _CATEGORY},
    "et": {"fail": _FILE, "pilt": _FILE, "kategooria": _CATEGORY},
    "fa": {"پرونده": _FILE, "تصویر": _FILE, "رده": _CATEGORY},
    "fi": {"tiedosto": _FILE, "kuva": _FILE, "luokka": _CATEGORY},
    "fr": {"fichier": _FILE, "catégorie": _CATEGORY},
    "he": {"קובץ": _FILE, "תמונה": _FILE, "קטגוריה": _CATEGORY},
    "hi": {"चित्र": _FILE, "श्रेणी": _CATEGORY},
    "hr": {"datoteka": _FILE, "slika": _FILE, "kategorija": _CATEGORY},
    "hu": {"fájl": _FILE, "kép": _FILE, "kategória": _CATEGORY},
    "id": {"berkas": _FILE, "gambar": _FILE, "kategori": _CATEGORY},
    "it": {"immagine": _FILE, "categoria": _CATEGORY},
    "ja": {"ファイル": _FILE, "画像": _FILE, "カテゴリ": _CATEGORY},
    "ko": {"파일": _FILE, "그림": _FILE, "분류": _CATEGORY},
    "nl": {"bestand": _FILE, "afbeelding": _FILE, "categorie": _CATEGORY},
    "nn": {"fil": _FILE, "bilde": _FILE, "bilete": _FILE, "kategori": _CATEGORY},
    "no": {"fil": _FILE, "bilde": _FILE, "kategori": _CATEGORY},
    "nb": {"fil": _FILE, "bilde": _FILE, "kategori": _CATEGORY},
    "pl": {"plik": _FILE, "grafika": _FILE, "kategoria": _CATEGORY},
    "pt": {"ficheiro": _FILE, "arquivo": _FILE, "imagem": _FILE, "categoria": _CATEGORY},
    "ro": {"fișier": _FILE, "fişier": _FILE, "imagine": _FILE, "categorie": _CATEGORY},
    "ru": {"файл": _FILE, "изображение": _FILE, "категория": _CATEGORY, "к": _CATEGORY},
    "sk": {"súbor": _FILE, "obrázok": _FILE, "kategória": _CATEGORY},
    "sl": {"slika": _FILE, "kategorija": _CATEGORY},
    "sr": {"датотека": _FILE, "слика": _FILE, "категорија": _CATEGORY},
    "sv": {"fil": _FILE, "bild": _FILE, "kategori": _CATEGORY},
    "tr": {"dosya": _FILE, "resim": _FILE, "kategori": _CATEGORY},
    "uk": {"файл": _FILE, "зображення": _FILE, "категорія": _CATEGORY},
    "vi": {"tập tin": _FILE, "hình": _FILE, "thể loại": _CATEGORY},
    "zh": {
        "文件": _FILE,
        "档案": _FILE,
        "檔案": _FILE,
        "图像": _FILE,
        "圖像": _FILE,
        "分类": _CATEGORY,
        "分類": _CATEGORY,
    },
}

_OPAQUE = """
    ref references gallery timeline syntaxhighlight source pre score hiero imagemap graph mapframe maplink
    templatestyles templatedata inputbox indicator categorytree includeonly style script rt rp phonos rss charinsert
"""
# Tags whose content is not prose (or is shown elsewhere): dropped with what they hold.
OPAQUE_TAGS = frozenset(_OPAQUE.split())

# Functions of the parser that show something.
FUNCTIONS = ("formatnum",)

# Tags that hold formulas.
FORMULA_TAGS = ("math", "chem", "ce")

_BLOCK = "p div li ul ol dl dt dd blockquote center h1 h2 h3 h4 h5 h6 hr poem table caption tr onlyinclude"
# Tags that begin a new line when rendered; of others only the tag itself goes.
BLOCK_TAGS = frozenset(_BLOCK.split())
SPACE_TAGS = frozenset(("br", "td", "th"))

_MEDIA = """
    jpg jpeg jpe png gif svg tif tiff webp xcf bmp pdf djvu ogg oga ogv opus webm mp3 mp4 mpg mpeg wav flac mid midi stl
"""
MEDIA_EXTENSIONS = tuple(_MEDIA.split())

_SCHEMES = """
    http https ftp ftps sftp irc ircs gopher telnet nntp worldwind svn git mms news mailto tel geo magnet urn xmpp
"""
# Schemes of URLs that make an external link.
SCHEMES = tuple(_SCHEMES.split())
