"""Rules over the past: back-tests, and how an alarm came about. Reads the archive; writes no state, tells nobody."""
