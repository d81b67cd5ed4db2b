"""What can be shown of a file on a page. Files are hostile: only their beginning is read, with bounds on all that is made of it."""
