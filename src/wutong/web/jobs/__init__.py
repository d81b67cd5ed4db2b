"""Pages of jobs: the list, submitting, one job with all that is known of it, comparing several."""
