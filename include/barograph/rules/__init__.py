"""Rules and their judgement: pure, no clock, no input or output."""
