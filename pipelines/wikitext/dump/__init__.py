"""MediaWiki XML dumps: files, parts, pages, and the description of the wiki."""
