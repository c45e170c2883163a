"""The settings by which clients ask a mirror, as texts and as changes of files that are there."""
