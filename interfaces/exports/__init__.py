"""What an auditor takes away: tables for audit software, events for process mining."""
