"""The CRM sync: what would change (plan), doing it (apply), and what became of it (deliveries)."""
