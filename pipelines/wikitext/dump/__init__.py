"""MediaWiki XML dumps: files, parts, pages, and what a dump says of its wiki."""
