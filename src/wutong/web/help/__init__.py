"""Help: tickets for organisations and for those of the centre who answer, what one was told, and announcements."""
