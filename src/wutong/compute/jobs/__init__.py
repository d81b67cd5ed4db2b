"""Jobs: what tenants run, from acceptance to result. It asks the centre to run and the hub to keep; it never talks to an engine to start one."""
