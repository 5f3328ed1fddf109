"""What must be remembered exactly, in SQL: the ledger of batches, alarms, reports, backups."""
