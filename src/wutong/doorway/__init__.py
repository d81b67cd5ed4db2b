"""What the two HTTP doors share: the process's context, who is asking, the one way to a transaction, the frame. It renders nothing."""
