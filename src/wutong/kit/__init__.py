"""What any product could use: settings, database, clock, money, ids, errors, paging, logs, leases. It knows nothing of computing centres."""
