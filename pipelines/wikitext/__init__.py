"""Wikipedia dumps: reading them in parts, and turning wikitext into plain text."""
