"""The servers of one machine: how they are made ready, started, watched and stopped. Docker Compose does the same."""
