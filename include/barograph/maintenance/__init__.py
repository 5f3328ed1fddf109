"""What keeps the archive small, fast and proven: compaction, vacuum and retention, and a count of it all."""
