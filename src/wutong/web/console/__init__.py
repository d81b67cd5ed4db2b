"""The centre's console: what its own people see and do, each by their role. Everything here is about all organisations at once."""
