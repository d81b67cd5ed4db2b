"""Notices: what one person is told of, in the portal and by mail, each once; and which of it they do not want."""
