"""Documents before segmentation: reading them in units, normalising their text, finding duplicates, leaving out."""
