"""The centre's books as a whole, read from end to end: once a day and when somebody asks. What was found is kept."""
