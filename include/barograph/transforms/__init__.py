"""DataFrame in, DataFrame out: no session, no clock, no settings, no input or output."""
