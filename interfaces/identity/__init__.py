"""Who calls: people with a session, systems with a token."""
