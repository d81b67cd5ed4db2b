"""What people need around their account: tickets, announcements, notices, webhooks. It reads what happened below and changes nothing there."""
